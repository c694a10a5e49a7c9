"""The original ldirectord beside ours: the same files, real servers and faults, in an IPVS table each.

beside FOLDER DIFFERENCES DOCUMENT [SCENARIO...]

It plays all scenarios, or those named, and compares how each entry of the table changed in each step, and what the
programs logged, called and wrote where a scenario is about that. DIFFERENCES lists what is meant to differ; DOCUMENT has
the reasons. Something that differs and is not listed fails, and so does something that is listed and does not differ.
FOLDER gets `stories`, and the logs of both programs.
"""

import doctest
import os
import subprocess
import sys
import time
from multiprocessing.connection import wait

import differences
import tables
from play import Play
from scenarios import SCENARIOS
from side import COMMANDS

# An emulated kernel has one processor, and most of a scenario is waiting.
AT_ONCE = 6
LIMIT = 1500


def build_recording(folder):
    """Builds what writes down the original's changes (recording.c), and returns where it is."""
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recording.c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", f'-DRECORD="{COMMANDS}"', "-o", folder + "/recording.so", source],
                   check=True)
    return folder + "/recording.so"


def play_all(scenarios, folder):
    """Plays the scenarios, some at a time, the longest first."""
    recording = build_recording(os.environ["L"] + "/beside")
    waiting = sorted(scenarios, key=lambda scenario: len(scenario.steps), reverse=True)
    deadline = time.monotonic() + LIMIT
    over, running = [], []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            scenario = waiting.pop(0)
            running.append(Play(scenario, f"{folder}/{scenario.name.replace('/', '-')}", recording))
        answers = {connection: play for play in running for connection in play.connections}
        for connection in wait(answers, timeout=max(0, deadline - time.monotonic())):
            # The other side's failure may have closed it.
            if connection in answers[connection].connections:
                answers[connection].receive(connection)
        if time.monotonic() > deadline:
            for play in running:
                play.fail(f"not over within {LIMIT} s")
        over += [play for play in running if play.is_over()]
        running = [play for play in running if not play.is_over()]
    return over


def judge(plays, listed, rows, names):
    """Returns what is wrong, a sentence each, and how many differences there were that are listed."""
    wrong, known = [f"{play.scenario.name}: {play.error}" for play in plays if play.error], 0
    for difference in (difference for play in plays for difference in play.differences()):
        found = [line for line in listed if line.matches(difference)]
        if found:
            found[0].occurs = True
            known += 1
        else:
            wrong.append("differs and is not listed: " + " | ".join(difference))
    for line in listed:
        if not line.occurs and (not names or line.concerns(names)):
            wrong.append(f"is listed and does not occur: {line.line}")
        if line.row not in rows:
            wrong.append(f'has no row "{line.row}" in the document: {line.line}')
    return wrong, known


def main():
    folder, list_path, document, *names = sys.argv[1:]
    # What compares is checked first, by the examples beside it.
    if doctest.testmod(tables).failed:
        sys.exit("tables.py: its examples fail")
    listed, rows = differences.read(list_path), differences.documented(document)
    unknown = set(names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}")
    plays = play_all([scenario for scenario in SCENARIOS if not names or scenario.name in names], folder)
    with open(f"{folder}/stories", "w") as file:
        file.write("\n".join(play.story() for play in plays))
    wrong, known = judge(plays, listed, rows, names)
    steps = sum(len(play.results) for play in plays)
    print(f"{len(plays)} scenarios, {steps} steps: the same but for {known} differences of "
          f"{sum(line.occurs for line in listed)} listed kinds")
    for sentence in wrong:
        print(sentence)
    sys.exit(1 if wrong else 0)


main()
