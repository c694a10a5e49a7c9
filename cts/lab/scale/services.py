"""Times start, monitor, status, an edit, a no-op and a hole of many services, and lvs monitor by number of services."""

import json
import re
import time

import tables
from process import FOLDER, agent, daemon_pid, median, memory, run, ticks, until
from rows import head, row, say

FILE = f"{FOLDER}/ldirectord.cf"
LIST = ["ipvsadm", "-Ln"]


def in_turn(runs, **calls):
    """Returns {name: median milliseconds} of RUNS rounds of all calls, and says when one failed."""
    taken, codes = {name: [] for name in calls}, {}
    for _ in range(runs):
        for name, call in calls.items():
            done = call()
            taken[name].append(done.wall)
            if done.code != 0:
                codes[name] = f"{done.code}: {done.text.strip()[:200]}"
    for name, code in codes.items():
        say(f"{name} answered {code}")
    return {name: median(values) for name, values in taken.items()}


def started(name, **parameters):
    done = agent(name, "start", **parameters)
    row(f"{name} start", done.wall / 1000, note=f"code {done.code} {done.text.strip()[:150] if done.code else ''}")
    return done.code == 0


def monitored(times=20, **parameters):
    """Runs ldirectord monitor TIMES times, half a second apart."""
    done = []
    for _ in range(times):
        done.append(agent("ldirectord", "monitor", limit=30, **parameters))
        time.sleep(0.5)
    wrong = [one for one in done if one.code != 0]
    walls = [one.wall / 1000 for one in done]
    row(f"ldirectord monitor, {times} times: median", median(walls), note=f"largest {max(walls):.3f}, not 0: {len(wrong)}")
    if wrong:
        say(f"the first that was not 0 answered {wrong[0].code}: {wrong[0].text.strip()[:200]}")


def status_times(runs):
    taken = in_turn(runs, status=lambda: run(["lvs-agents", "status"]), peer=lambda: run(LIST))
    row("lvs-agents status | ipvsadm -Ln", taken["status"] / 1000, taken["peer"] / 1000)


def no_ops(runs):
    taken = in_turn(runs, start=lambda: agent("lvs", "start", configfile=FILE),
                    monitor=lambda: agent("lvs", "monitor", configfile=FILE), peer=lambda: run(LIST))
    for action in ("start", "monitor"):
        row(f"lvs {action}, nothing to do | ipvsadm -Ln", taken[action] / 1000, taken["peer"] / 1000)


def hole(services, reals, runs):
    """Deletes a real server by hand, from a service in the middle, and times its return."""
    number = services // 2
    server, taken = tables.real(number * reals), []
    for _ in range(runs):
        run(["ipvsadm", "-d", "-t", f"{tables.virtual(number)}:80", "-r", f"{server}:8000"])
        if tables.weight(server) is not None:
            return say("ipvsadm -d deleted nothing, or it was mended at once")
        taken.append(until(60, lambda: tables.weight(server) is not None))
    row("a real server deleted by hand is back", None if None in taken else median(taken))


def edited(services, reals, runs, apply, **configuration):
    """Changes one weight in the file, calls APPLY(), which is what the administrator does besides, and times both."""
    server, taken = tables.real(services * reals // 2), []
    for turn in range(runs):
        tables.ldirectord(FILE, services, reals, {server: 7 + turn}, **configuration)
        start = time.perf_counter()
        apply()
        taken.append(None if until(120, lambda: tables.weight(server) == 7 + turn) is None else time.perf_counter() - start)
    return None if None in taken else median(taken)


def figures(services, reals, runs, configfile, **configuration):
    """Prints what a running health monitor answers and does. With CONFIGFILE it owns its services."""
    monitored(**({"configfile": FILE} if configfile else {}))
    status_times(runs)
    hole(services, reals, runs)
    if configfile:
        row("one weight edited in the file, autoreload: the kernel has it", edited(services, reals, runs, lambda: None, **configuration))
    else:
        no_ops(runs)
        row("one weight edited in the file, lvs start: the kernel has it",
            edited(services, reals, runs, lambda: agent("lvs", "start", configfile=FILE), **configuration))
    pid = daemon_pid()
    if pid:
        say(f"VmRSS {memory(pid):.1f} MB; {late()}; CPU ticks by thread: {json.dumps(ticks(pid))}")


def late():
    """Returns what the health monitor says of its own lateness."""
    found = re.search(r'"late_seconds": *([0-9.eE+-]+)', run(["lvs-agents", "status", "--json"]).text)
    return f"late_seconds {found[1]}" if found else "status --json has no late_seconds"


def stopped(name, **parameters):
    done = agent(name, "stop", **parameters)
    row(f"{name} stop", done.wall / 1000, note=f"code {done.code}; real servers left in the table: {tables.entries()}")


def way(name, title, services, reals, runs, **configuration):
    """Plays one way: `pair` is lvs and ldirectord, `alone` is ldirectord, which creates all services itself."""
    tables.ldirectord(FILE, services, reals, **configuration)
    if name == "pair":
        head(f"{title}: lvs and ldirectord", "ipvsadm", "s")
        if started("lvs", configfile=FILE) and started("ldirectord"):
            figures(services, reals, runs, False, **configuration)
        stopped("ldirectord")
        stopped("lvs", configfile=FILE)
    else:
        head(f"{title}: ldirectord configfile=", "ipvsadm", "s")
        if started("ldirectord", configfile=FILE):
            figures(services, reals, runs, True, **configuration)
        stopped("ldirectord", configfile=FILE)


def by_size(sizes, reals, runs):
    """Times lvs monitor by size. The table only grows: one that was emptied fills slowly, which is another figure."""
    head(f"lvs monitor by number of services, {reals} real servers each", "ipvsadm -Ln", "ms")
    for services in sizes:
        tables.ldirectord(FILE, services, reals, checktype="on")
        done = agent("lvs", "start", configfile=FILE)
        if done.code != 0:
            return say(f"lvs start with {services} services: {done.code}: {done.text.strip()[:200]}")
        taken = in_turn(runs, monitor=lambda: agent("lvs", "monitor", configfile=FILE), peer=lambda: run(LIST))
        each = taken["monitor"] * 1000 / (services * (reals + 1))
        row(f"{services} services, {services * (reals + 1)} entries", taken["monitor"], taken["peer"], f"{each:.1f} us per entry")
    agent("lvs", "stop", configfile=FILE)
