"""Measures the first fill of a fresh kernel, one fill per kernel: an emptied kernel fills 20 to 100 times slower.

A fill prints one line, `fill PRODUCT SERVICES REALS SECONDS`; the table is made of such lines on the machine.
"""

import collections
import time

import tables
from process import FOLDER, agent, background, end, median, run, until
from rows import head, row, say


def ours(services, reals):
    file = tables.ldirectord(f"{FOLDER}/ldirectord.cf", services, reals, checktype="on")
    done = agent("lvs", "start", configfile=file)
    return done.wall / 1000 if done.code == 0 else say(done.text.strip()[:200])


def ipvsadm(services, reals):
    file = tables.ipvsadm(f"{FOLDER}/rules", services, reals)
    done = run(["ipvsadm", "--restore"], stdin=file)
    return done.wall / 1000 if done.code == 0 else say(done.text.strip()[:200])


def keepalived(services, reals):
    file = tables.keepalived(f"{FOLDER}/keepalived.conf", services, reals)
    start = time.perf_counter()
    pid = background(["keepalived", "-n", "-l", "-G", "-C", "-f", file], "keepalived.log")
    complete = until(240, lambda: tables.entries() >= services * reals)
    taken = time.perf_counter() - start
    end(pid)
    return taken if complete is not None else None


def fill(product, services, reals):
    taken = {"ours": ours, "ipvsadm": ipvsadm, "keepalived": keepalived}[product](services, reals)
    if taken is not None and product != "keepalived" and tables.entries() != services * reals:
        say(f"the table has {tables.entries()} real servers")
        taken = None
    print(f"fill {product} {services} {reals} {'never' if taken is None else f'{taken:.3f}'}", flush=True)


def summary(path):
    """Prints the table of all fills whose lines are in PATH."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path) as file:
        for line in file:
            words = line.split()
            if words[:1] == ["fill"] and words[-1] != "never":
                found[words[2], words[3]][words[1]].append(float(words[4]))
    for peer in ("ipvsadm", "keepalived"):
        head("first fill of a fresh kernel: lvs start configfile=", peer, "s")
        for (services, reals), taken in found.items():
            middle = [median(taken[name]) if taken[name] else None for name in ("ours", peer)]
            row(f"{services} services of {reals}, medians of {len(taken['ours'])} kernels", *middle)
