"""The scale bench plays ours beside the peers with thousands of services and real servers.

scale steps LETTER RUNS     prints the names of the steps of a part, one a line; each wants a kernel of its own
scale STEP RUNS SECONDS     plays a step, in the lab, on a host without a cluster; an overload lasts SECONDS
scale fills FILE            prints the table of what the steps of part c printed
"""

import os
import subprocess
import sys

import checks
import fill
import overload
import services
from process import FOLDER
from products import Keepalived, Ours
from servers import PROGRAM, Servers

FILLS = ((1000, 10), (10000, 5))
# The emulated kernel can carry the checks of 10,000 real servers at these intervals.
INTERVAL = {"tcp": 10, "http": 20}
CONNECT = {"checktype": "connect", "interval": 10}


def steps(letter, runs):
    if letter == "c":
        return [f"c-{product}-{count}-{reals}" for _ in range(runs) for count, reals in FILLS
                for product in ("ours", "ipvsadm", "keepalived")]
    return {"a": ["a-pair", "a-alone"], "b": ["b-pair", "b-alone"], "d": ["d-tcp", "d-http"], "e": ["e-ours", "e-keepalived"],
            "f": ["f"], "g": ["g"]}[letter]


def prepare(with_servers):
    os.makedirs(FOLDER, exist_ok=True)
    if with_servers:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "listener.c")
        subprocess.run(["gcc", "-O2", "-o", PROGRAM, source], check=True)
        subprocess.run(["ip", "route", "add", "local", "10.200.0.0/16", "dev", "lo"], check=True)


def play(step, runs, seconds):
    letter, *words = step.split("-")
    prepare(letter in "bdeg")
    if letter == "a":
        services.way(words[0], "1000 services of 10, checktype=on", 1000, 10, runs, checktype="on")
    elif letter == "b":
        with Servers():
            services.way(words[0], "1000 services of 10, a connect check in 10 s each", 1000, 10, runs, **CONNECT)
    elif letter == "c":
        fill.fill(words[0], int(words[1]), int(words[2]))
    elif letter == "d":
        checks.cost(words[0], INTERVAL[words[0]])
    elif letter == "e":
        checks.gone_and_back({"ours": Ours, "keepalived": Keepalived}[words[0]]())
    elif letter == "f":
        services.by_size((10, 100, 1000, 10000), 5, runs)
    elif letter == "g":
        overload.overload(seconds)


def main():
    if sys.argv[1] == "steps":
        print("\n".join(steps(sys.argv[2], int(sys.argv[3]))))
    elif sys.argv[1] == "fills":
        fill.summary(sys.argv[2])
    else:
        play(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))


main()
