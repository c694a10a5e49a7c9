"""Orders ten times more checks than the machine can make: does monitor answer, does memory grow, does it recover?"""

import collections
import re
import time

import tables
from process import FOLDER, agent, daemon_pid, memory, until
from rows import head, row, say
from servers import Servers

FILE = f"{FOLDER}/ldirectord.cf"


def monitor():
    return agent("ldirectord", "monitor", limit=30, configfile=FILE)


def overload(seconds, services=1000, reals=10, interval=1, bearable=10):
    head(f"{services * reals} connect checks in {interval} s each, for {seconds} s: ocf:rust:ldirectord configfile=", "", "s")
    with Servers() as servers:
        tables.ldirectord(FILE, services, reals, interval=interval, checktype="connect")
        done = agent("ldirectord", "start", configfile=FILE)
        row("start", done.wall / 1000, note=f"code {done.code} {done.text.strip()[:150]}")
        pid = daemon_pid()
        if not pid:
            return say("no health monitor runs")
        begin, made, answers, kept = time.monotonic(), servers.counts()[0], [], []
        while time.monotonic() - begin < seconds:
            due = time.monotonic() + 5
            answers.append(monitor())
            kept.append(memory(pid))
            time.sleep(max(0, due - time.monotonic()))
        row("checks made per second", (servers.counts()[0] - made) / (time.monotonic() - begin))
        report(answers)
        row("VmRSS in MB: smallest, largest, last", min(kept), note=f"{max(kept):.1f} {kept[-1]:.1f}")
        say(f"real servers in the table: {tables.entries()}")
        tables.ldirectord(FILE, services, reals, interval=bearable, checktype="connect")
        row(f"interval edited to {bearable} s: monitor says 0 after", until(120, lambda: monitor().code == 0, 0.5))
        row("checks made per second now", servers.rate(10))
        agent("ldirectord", "stop", configfile=FILE)


def report(answers):
    row("monitor, largest", max(one.wall for one in answers) / 1000, note=f"of {len(answers)}")
    codes = collections.Counter(one.code for one in answers)
    say("monitor's codes: " + ", ".join(f"{code}: {count} times" for code, count in codes.items()))
    for text in sorted({re.sub(r"[0-9.]+", "N", one.text.strip()) for one in answers if one.code != 0})[:5]:
        say(f"it said: {text[:200]}")
