"""The daemon starts, stops, and is killed."""

from scenario import (A, B, FALLBACK, HTTP, Scenario, Step, command_line, fail, file, kill, recover, section,
                      start, stop)

WEB = section(A, B, FALLBACK, *HTTP)

SCENARIOS = [
    Scenario(
        "cleanstop=no", file(WEB, section(B, *HTTP, "cleanstop=yes", vip="shop"), head=["cleanstop=no", "quiescent=yes"]),
        Step("start", start, "shop(b=1) web(a=1 b=1)"),
        Step("a fails", fail("a"), "shop(b=1) web(a=0 b=1)"),
        Step("stop", stop, "web(a=0 b=1)"),
        Step("a warm start", start, "shop(b=1) web(a=0 b=1)"),
        Step("a is back", recover("a"), "shop(b=1) web(a=1 b=1)"),
        Step("stop again", stop, "web(a=1 b=1)"),
        Step("b fails", fail("b"), "web(a=1 b=1)"),
        Step("a warm start onto a dead server", start, "shop(b=0) web(a=1 b=0)"),
        table="web(a=1 b=1) shop(b=1)"),
    Scenario(
        "a warm start onto what others left", file(section(A, B, *HTTP), head=["failurecount=3", "quiescent=yes"]),
        Step("a fails", fail("a"), "shop[rr]() web[rr](a=1 c=1)"),
        Step("start", start, "shop[rr]() web(a=0 b=1)", looks_at=("log",)),
        Step("a is back", recover("a"), "shop[rr]() web(a=1 b=1)"),
        Step("stop", stop, "shop[rr]()"),
        table="web[rr](a=1 c=1) shop[rr]()"),
    Scenario(
        "a daemon that is killed", file(WEB, head=["failurecount=2", "quiescent=yes"]),
        Step("start", start, "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(a=0 b=1)"),
        Step("kill", kill, "web(a=0 b=1)"),
        Step("status", command_line("status"), "web(a=0 b=1)"),
        Step("start again", start, "web(a=0 b=1)"),
        Step("a is back", recover("a"), "web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "the command line", file(section(B, *HTTP)),
        Step("not running", command_line("status", "reload", "try-restart", "stop"), "web(b=1)"),
        Step("start", start, "web(b=1)"),
        Step("running", command_line("start", "status", "reload"), "web(b=1)"),
        Step("restart", command_line("restart"), "web(b=1)"),
        Step("stop", command_line("stop"), "empty"),
        Step("stopped", command_line("status"), "empty"),
        table="web(b=1)"),
]
