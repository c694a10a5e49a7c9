"""table.py RECORD...: prints the medians of what measure.py has said, each kind of cluster beside the others."""

import json
import statistics
import sys

EVENTS = {
    "move": "planned move",
    "crash": "the director dies",
    "crash-after-reboot": "the director dies after the standby was rebooted",
}
FIGURES = {
    "gap": "the VIP had no answer for",
    "gap not pacemaker's": "  of it not pacemaker's",
    "gap beyond floor": "  beyond what detecting takes",
    "command to call": "from the event to promote (or start)",
    "call to answer": "from there to the first answer",
}


def seconds(values):
    return f"{statistics.median(values):.2f} s" if values else "-"


def survivors(counts):
    """Returns the worst of them."""
    return min(counts, key=lambda count: int(count.split()[0]), default="-")


def rows(runs, kinds):
    """Yields (title, a text for each kind)."""
    of_kind = [[run for run in runs if run["kind"] == kind] for kind in kinds]
    for service in ("gate", "masq"):
        for way in ("talking", "idle"):
            yield f"{service}: {way} connections that survived", [
                survivors([run[service][way] for run in own if service in run]) for own in of_kind]
    silences = [[max(run[name]["silence"] for name in ("gate", "masq") if name in run) for run in own if "gate" in run]
                for own in of_kind]
    yield "longest silence of a talking connection", [seconds([value for value in own if value]) for own in silences]
    for figure, title in FIGURES.items():
        if any(figure in run for run in runs):
            yield title, [seconds([run[figure] for run in own if figure in run]) for own in of_kind]
    stub = [run["gap"] - run.get("floor", 0) for run in runs if run["kind"] == "stub"]
    if stub:
        yield "  beyond the same cluster's with agents that do nothing", [
            seconds([run["gap"] - run.get("floor", 0) - statistics.median(stub) for run in own]) for own in of_kind]


def main():
    runs = []
    for path in sys.argv[1:]:
        with open(path) as file:
            runs += map(json.loads, file)
    kinds = list(dict.fromkeys(run["kind"] for run in runs))
    for event, title in EVENTS.items():
        own = [run for run in runs if run["event"] == event]
        if own:
            print(f"\n{title:<50}" + "".join(f"{kind:>14}" for kind in kinds))
            for name, texts in rows(own, kinds):
                print(f"  {name:<48}" + "".join(f"{text:>14}" for text in texts))


main()
