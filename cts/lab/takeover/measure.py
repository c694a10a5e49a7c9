"""Says what one change of the director was like, as a line of JSON.

measure.py EVENT KIND SINCE CALL OUT OLD NEW [FLOOR]

KIND is the cluster's configuration, and EVENT happened at SINCE. Behind the agents of the kind "stub" nothing answers: what
counts in their place is when the old VIP begins to stop and when the new one has started. CALL is the first action on the NEW director that belongs to
the take-over, such as promote:db-lvs. The records are those below OUT: what the probe and the connections saw, and both
directors' pacemaker logs. FLOOR, in seconds, is what detecting a crash takes at least.
"""

import json
import re
import sys

from pacemaker import actions


def longest_gap(path, since):
    """Returns the ends of the longest time without an answered attempt; the last attempt before SINCE counts as well."""
    before, answers = 0.0, []
    with open(path) as file:
        for words in map(str.split, file):
            if len(words) != 2:
                continue
            answered = float(words[1])
            if answered < since:
                before = max(before, answered)
            else:
                answers.append(answered)
    answers = [before, *sorted(answers)]
    return max(zip(answers, answers[1:]), key=lambda gap: gap[1] - gap[0])


def busy(spans):
    """Returns the length of the union of the spans."""
    total, reached = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def stub_gap(event, since, old, new):
    """Returns the ends of the time in which the VIP of the stubs was on neither director."""
    lost = since if event != "move" else next(begin for name, begin, _ in old if name == "stop:db-vip")
    return lost, next(end for name, _, end in new if name == "start:db-vip")


def connections(path):
    """Returns what became of the connections of each service."""
    found = {}
    with open(path) as file:
        for line in file:
            name, *counts = re.match(r"(\w+): (\d+ of \d+) talking, (\d+ of \d+) idle, longest silence ([\d.]+) s", line).groups()
            found[name] = {"talking": counts[0], "idle": counts[1], "silence": float(counts[2])}
    return found


def measure(event, kind, since, call, out, old, new, floor=None):
    own = actions(f"{out}/{new}/log/pacemaker/pacemaker.log", since)
    others = actions(f"{out}/{old}/log/pacemaker/pacemaker.log", since)
    both = own + others
    lost, found = stub_gap(event, since, others, own) if kind == "stub" else longest_gap(f"{out}/client/probe", since)
    called = next(begin for name, begin, _ in own if name == call)
    # Until the last of them begins, the time in which none of our actions runs is pacemaker's.
    last = max((begin for _, begin, _ in both if begin <= found), default=found)
    spans = [(max(begin, lost), min(end or found, last)) for _, begin, end in both if begin < last and (end or found) > lost]
    seen = {
        "event": event, "kind": kind,
        "command to call": called - since,
        "call to answer": found - called,
        "gap": found - lost,
        "gap not pacemaker's": found - max(last, lost) + busy(spans),
    }
    if floor:
        seen |= {"floor": float(floor), "gap beyond floor": seen["gap"] - float(floor)}
    if kind != "stub":
        seen |= connections(f"{out}/client/connections")
    seen["actions"] = [[name, round(begin - since, 2), end and round(end - begin, 2)] for name, begin, end in sorted(both, key=lambda action: action[1])]
    return seen


def main():
    event, kind, since, *others = sys.argv[1:]
    print(json.dumps(measure(event, kind, float(since), *others)))


main()
