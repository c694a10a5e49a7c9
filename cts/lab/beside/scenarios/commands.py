"""What the file names outside itself: commands, folders, files."""

from scenario import (A, B, C, FALLBACK, HTTP, MAINTENANCE, Scenario, Step, both, command, fail, file, recover,
                      remove, section, start, stop, write)
from side import FOLDER, MONITOR_FILE

CHECK, TOLD = FOLDER + "/check", FOLDER + "/told"
# A file beside the command fails the check of the address that it names.
ILL = f"{CHECK}.10.1.0.2"

SCENARIOS = [
    Scenario(
        "external", file(section(A, B, FALLBACK, "checktype=external", f"checkcommand={CHECK}")),
        Step("a command", command(CHECK), "web(a=1 b=1)"),
        Step("start", start, "web(a=1 b=1)", looks_at=("calls",)),
        Step("a fails", write("", ILL), "web(b=1)", looks_at=("calls",)),
        Step("a is back", remove(ILL), "web(a=1 b=1)", looks_at=("calls",)),
        witness="calls", table="web(a=1 b=1)"),
    Scenario(
        "an external command that vanishes", file(
            section(A, FALLBACK, "checktype=external", f"checkcommand={CHECK}"), section(B, *HTTP, vip="shop")),
        Step("a command", command(CHECK), "shop(b=1) web(a=1)"),
        Step("start", start, "shop(b=1) web(a=1)"),
        Step("it vanishes", remove(CHECK), "shop(b=1) web(fallback=1)", looks_at=("log",)),
        Step("it is back", command(CHECK), "shop(b=1) web(a=1)"),
        table="web(a=1) shop(b=1)"),
    Scenario(
        "maintenancedir", file(
            section(A, B, FALLBACK, *HTTP), section(C, *HTTP, vip="shop"),
            head=["quiescent=yes", "failurecount=3", f"maintenancedir={MAINTENANCE}"]),
        Step("a folder", write("", MAINTENANCE + "/README"), "shop(c=1) web(a=1 b=1)"),
        Step("start", start, "shop(c=1) web(a=1 b=1)"),
        Step("a file for a", write("", MAINTENANCE + "/10.1.0.2"), "shop(c=1) web(a=0 b=1)", looks_at=("log",)),
        Step("a file for b:80", write("", MAINTENANCE + "/10.1.0.3:80"), "shop(c=1) web(a=0 b=0 fallback=1)"),
        Step("no file for a", remove(MAINTENANCE + "/10.1.0.2"), "shop(c=1) web(a=1 b=0)"),
        Step("a fails", fail("a"), "shop(c=1) web(a=0 b=0 fallback=1)"),
        Step("no file for b", remove(MAINTENANCE + "/10.1.0.3:80"), "shop(c=1) web(a=0 b=1)"),
        witness="c", table="web(a=1 b=1) shop(c=1)"),
    Scenario(
        "monitorfile", file(section(A, B, FALLBACK, *HTTP, f'monitorfile="{MONITOR_FILE}"')),
        Step("start", start, "web(a=1 b=1)", looks_at=("monitorfile",)),
        Step("a fails", fail("a"), "web(b=1)", looks_at=("monitorfile",)),
        Step("a is back", recover("a"), "web(a=1 b=1)", looks_at=("monitorfile",)),
        table="web(a=1 b=1)"),
    Scenario(
        "a monitorfile that cannot be written", file(
            section(A, B, FALLBACK, *HTTP, f'monitorfile="{FOLDER}/results/file"')),
        Step("a folder", write("", FOLDER + "/results/file"), "web(a=1 b=1)"),
        Step("start", start, "web(a=1 b=1)"),
        Step("the folder goes", both(remove(FOLDER + "/results/file"), remove(FOLDER + "/results")),
             "web(a=1 b=1)"),
        Step("a fails", fail("a"), "web(b=1)", original="web(a=1 b=1)"),
        table="web(a=1 b=1)"),
    Scenario(
        "fallbackcommand", file(
            section(A, B, FALLBACK, *HTTP, f'fallbackcommand="{TOLD} web"'), section(A, *HTTP, vip="shop"),
            head=[f"fallbackcommand={TOLD}"]),
        Step("a command", command(TOLD), "shop(a=1) web(a=1 b=1)"),
        Step("start", start, "shop(a=1) web(a=1 b=1)", looks_at=("calls",)),
        Step("a fails", fail("a"), "shop() web(b=1)", looks_at=("calls",)),
        Step("both fail", fail("a", "b"), "shop() web(fallback=1)", looks_at=("calls",)),
        Step("b is back", recover("b"), "shop() web(b=1)", looks_at=("calls",)),
        Step("b fails again", fail("b"), "shop() web(fallback=1)", looks_at=("calls",)),
        Step("stop", stop, "empty", looks_at=("calls",)),
        table="shop(a=1) web(a=1 b=1)"),
]
