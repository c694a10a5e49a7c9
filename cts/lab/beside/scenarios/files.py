"""The file changes."""

from scenario import (A, B, C, FALLBACK, HTTP, Scenario, Step, both, fail, file, hang_up, nothing, recover, reload, section,
                      start, write)

WEB = file(section(A, B, FALLBACK, *HTTP))

SCENARIOS = [
    Scenario(
        "reload", WEB,
        Step("start", start, "web(a=1 b=1)"),
        Step("a server more", reload(file(section(A, B, C, FALLBACK, *HTTP))), "web(a=1 b=1 c=1)", looks_at=("log",)),
        Step("a server less", reload(file(section(B, C, FALLBACK, *HTTP))), "web(b=1 c=1)"),
        Step("another weight", reload(file(section("real=10.1.0.3:80 gate 5", C, FALLBACK, *HTTP))), "web(b=5 c=1)"),
        Step("another scheduler", reload(file(section("real=10.1.0.3:80 gate 5", C, "scheduler=rr", "persistent=60", *HTTP))),
             "web[rr,persistent](b=5 c=1)"),
        Step("a service more", reload(file(section(B, *HTTP), section(A, *HTTP, vip="shop"))), "shop(a=1) web(b=1)"),
        Step("a service less", reload(file(section(B, *HTTP, vip="shop"))), "shop(b=1)", looks_at=("log",)),
        table="web(a=1 b=1)"),
    Scenario(
        "reload with a server that is out", file(section(A, B, FALLBACK, *HTTP), head=["quiescent=yes"]),
        Step("start", start, "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(a=0 b=1)"),
        Step("reload", hang_up, "web(a=0 b=1)"),
        Step("both fail", fail("a", "b"), "web(a=0 b=0 fallback=1)"),
        Step("reload again", hang_up, "web(a=0 b=0 fallback=1)"),
        Step("a is back", recover("a"), "web(a=1 b=0)"),
        table="web(a=1 b=1)"),
    Scenario(
        "autoreload", file(section(A, B, *HTTP), head=["autoreload=yes"]),
        Step("start", start, "web(a=1 b=1)"),
        # The original does not notice what changes before its first round is over.
        Step("a round later", nothing, "web(a=1 b=1)"),
        Step("the file changes", write(file(section(B, *HTTP), head=["autoreload=yes"])), "web(b=1)", looks_at=("log",)),
        Step("the file breaks", write(file(section(B, "gibberish"), head=["autoreload=yes"])), "web(b=1)"),
        Step("b fails", fail("b"), "web()", original="web(b=1)"),
        Step("the file is repaired", write(file(section(B, C, *HTTP), head=["autoreload=yes"])), "web(c=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "a broken reload", WEB,
        Step("start", start, "web(a=1 b=1)"),
        Step("the file breaks", reload(file(section(A, B, FALLBACK, *HTTP, "gibberish"))), "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(b=1)", original="web(a=1 b=1)"),
        Step("the file is repaired", reload(WEB), "web(b=1)"),
        Step("a is back", recover("a"), "web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "a file that is broken at the start", file(section(A, B), head=["gibberish=yes"]),
        Step("start", start, "web(b=1)"),
        Step("the file is repaired", both(write(file(section(B, *HTTP))), start), "web(b=1)"),
        table="web(b=1)"),
]
