"""Real servers that fail and come back."""

from scenario import (A, B, C, FALLBACK, HTTP, Scenario, Step, both, close, command, fail, file, open_again, recover, section,
                      start, stop)
from side import FOLDER

TOLD = FOLDER + "/told"


def web(*lines, head=(), reals=(A, B)):
    return file(section(*reals, FALLBACK, *HTTP, *lines), head=head)


SCENARIOS = [
    Scenario(
        "quiescent=no", web(head=["quiescent=no"]),
        Step("start", start, "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(b=1)", looks_at=("log",)),
        Step("both fail", fail("a", "b"), "web(fallback=1)", looks_at=("log",)),
        Step("b is back", recover("b"), "web(b=1)", looks_at=("log",)),
        Step("a is back", recover("a"), "web(a=1 b=1)", looks_at=("log",)),
        Step("stop", stop, "empty", looks_at=("log",)),
        table="web(a=1 b=1)"),
    Scenario(
        "quiescent=yes and the order of recovery", web(head=["quiescent=yes"], reals=(A, B, C)),
        Step("start", start, "web(a=1 b=1 c=1)"),
        Step("a fails", fail("a"), "web(a=0 b=1 c=1)", looks_at=("log",)),
        Step("all fail", fail("a", "b", "c"), "web(a=0 b=0 c=0 fallback=1)", looks_at=("log",)),
        Step("c is back", recover("c"), "web(a=0 b=0 c=1)", looks_at=("log",)),
        Step("a is back", recover("a"), "web(a=1 b=0 c=1)"),
        Step("b is back", recover("b"), "web(a=1 b=1 c=1)"),
        table="web(a=1 b=1 c=1)"),
    Scenario(
        "quiescent of a section", file(
            section(B, *HTTP), section(A, B, *HTTP, "quiescent=no", vip="shop"), head=["quiescent=yes"]),
        Step("start", start, "shop(a=1 b=1) web(b=1)"),
        Step("a fails", fail("a"), "shop(b=1) web(b=1)"),
        Step("both fail", fail("a", "b"), "shop() web(b=0)")),
    Scenario(
        "failurecount", web(head=["failurecount=3", "quiescent=yes"]),
        Step("start", start, "web(a=1 b=1)"),
        Step("a fails twice", fail("a", times=2), "web(a=1 b=1)", looks_at=("log",)),
        Step("a fails for good", fail("a"), "web(a=0 b=1)", looks_at=("log",)),
        Step("a is back", recover("a"), "web(a=1 b=1)", looks_at=("log",)),
        table="web(a=1 b=1)"),
    Scenario(
        "fallback of all services", file(
            section("real=10.1.0.2:80 gate", *HTTP), section(B, *HTTP, vip="shop"),
            head=["fallback=127.0.0.1:80 masq"]),
        Step("start", start, "shop(b=1) web(a=1)"),
        Step("a fails", fail("a"), "shop(b=1) web(fallback=1m)"),
        Step("b fails", fail("b"), "shop(fallback=1m) web(fallback=1m)"),
        Step("a is back", recover("a"), "shop(fallback=1m) web(a=1)"),
        table="web(a=1) shop(b=1)"),
    Scenario(
        "a start onto dead servers", web(f"fallbackcommand={TOLD}"),
        Step("all fail before", both(fail("a", "b"), command(TOLD)), "empty"),
        Step("start", start, "web(fallback=1)", looks_at=("calls",)),
        Step("a is back", recover("a"), "web(a=1)", looks_at=("calls",))),
    Scenario(
        "weight 0, and no fallback", file(
            section("real=10.1.0.2:80 gate 0", "real=10.1.0.3:80 gate 3", FALLBACK, *HTTP),
            section(A, B, *HTTP, vip="shop")),
        Step("start", start, "shop(a=1 b=1) web(a=0 b=3)"),
        Step("b fails", fail("b"), "shop(a=1) web(a=0 fallback=1)", original="shop(a=1) web(a=0)"),
        Step("a fails too", fail("a", "b"), "shop() web(fallback=1)"),
        Step("b is back", recover("b"), "shop(b=1) web(b=3)"),
        table="web(a=0 b=3) shop(a=1 b=1)"),
    Scenario(
        "checktype off, on, connect, 2", file(
            section(A, FALLBACK, "checktype=off"), section(A, B, FALLBACK, *HTTP, "checktype=2", vip="shop"),
            section("real=10.1.0.2:80 gate 2", FALLBACK, "checktype=on", vip="mail"),
            section(A, FALLBACK, "checktype=connect", vip="news")),
        Step("start", start, "mail(a=2) news(a=1) shop(a=1 b=1) web()",
             original="mail(a=2) news(a=1) shop(a=1 b=1) web(fallback=1)"),
        Step("a answers an error", fail("a"), "mail(a=2) news(a=1) shop(b=1) web()",
             original="mail(a=2) news(a=1) shop(b=1) web(fallback=1)"),
        Step("a refuses", close("a"), "mail(a=2) news(fallback=1) shop(b=1) web()",
             original="mail(a=2) news(fallback=1) shop(b=1) web(fallback=1)"),
        Step("a is back", both(recover("a"), open_again("a")),
             "mail(a=2) news(a=1) shop(a=1 b=1) web()",
             original="mail(a=2) news(a=1) shop(a=1 b=1) web(fallback=1)"),
        table="mail(a=2) news(a=1) shop(a=1 b=1)"),
]
