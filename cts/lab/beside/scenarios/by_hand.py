"""An administrator changes the table by ipvsadm."""

from scenario import (A, B, FALLBACK, HTTP, Scenario, Step, by_hand, fail, file, hang_up, recover, section, start)
from tables import ABSENT

WEB = file(section(A, B, FALLBACK, *HTTP, "quiescent=yes"))
OUT = "a failed server's entry of weight 0 is deleted"


def readdquiescent(value):
    return file(section(A, B, FALLBACK, *HTTP), head=["quiescent=yes", f"readdquiescent={value}"])


SCENARIOS = [
    Scenario(
        "servers by hand", WEB,
        Step("start", start, "web(a=1 b=1)"),
        Step("a gets weight 0", by_hand("web/a", "0"), "web(a=1 b=1)", original="web(a=0 b=1)"),
        Step("a fails and comes back", fail("a", times=1), "web(a=1 b=1)"),
        Step("a gets weight 7", by_hand("web/a", "7"), "web(a=1 b=1)", original="web(a=7 b=1)"),
        Step("a is deleted", by_hand("web/a", ABSENT), "web(a=1 b=1)", original="web(b=1)"),
        Step("c is added", by_hand("web/c", "1"), "web(a=1 b=1)", original="web(b=1 c=1)"),
        Step("reload", hang_up, "web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "services by hand", WEB,
        Step("start", start, "web(a=1 b=1)"),
        Step("the scheduler changes", by_hand("web", "rr"), "web(a=1 b=1)", original="web[rr](a=1 b=1)"),
        Step("a service is added", by_hand("shop", "rr"), "shop[rr]() web(a=1 b=1)", original="shop[rr]() web[rr](a=1 b=1)"),
        Step("reload", hang_up, "shop[rr]() web(a=1 b=1)"),
        Step("the service is deleted", by_hand("web", ABSENT), "shop[rr]() web(a=1 b=1)", original="shop[rr]()"),
        Step("reload again", hang_up, "shop[rr]() web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "readdquiescent=no", readdquiescent("no"),
        Step("start", start, "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(a=0 b=1)"),
        Step(OUT, by_hand("web/a", ABSENT), "web(b=1)"),
        Step("a is back", recover("a"), "web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "readdquiescent=yes", readdquiescent("yes"),
        Step("start", start, "web(a=1 b=1)"),
        Step("a is deleted", by_hand("web/a", ABSENT), "web(a=1 b=1)", original="web(b=1)"),
        Step("a fails", fail("a"), "web(a=0 b=1)"),
        Step(OUT, by_hand("web/a", ABSENT), "web(a=0 b=1)", original="web(b=1)"),
        Step("a is back", recover("a"), "web(a=1 b=1)"),
        table="web(a=1 b=1)"),
]
