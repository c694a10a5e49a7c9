"""Measures what a check costs, how late it is, and what it takes when all servers of a service go and come."""

import json
import time

import tables
from process import FOLDER, all_ticks, memory, run, ticks, until
from products import Keepalived, Ours
from rows import head, row, say
from servers import Servers

WINDOW = 20


def calls_per_check(pid, count, seconds=8):
    """Returns the system calls per check by strace, which slows both: the number is the figure, not the time."""
    before, trace = count(), f"{FOLDER}/strace"
    run(["timeout", "-s", "INT", str(seconds), "strace", "-c", "-f", "-qq", "-o", trace, "-p", str(pid)], limit=seconds + 30)
    made = count() - before
    with open(trace) as file:
        total = next((line.split()[3] for line in file if line.rstrip().endswith(" total")), None)
    return int(total) / made if total and made else None


def cost_of(product, check, services, reals, interval):
    """Returns one product's figures by name."""
    with Servers() as servers:
        def count():
            return servers.counts()[check == "http"]

        error = product.start(services, reals, check, interval)
        if error:
            say(f"{product.name}: {error}")
            return {}
        until(interval * 3 + 60, lambda: count() >= 2 * services * reals, 0.5)
        begin, before, used = time.monotonic(), count(), all_ticks(product.pid)
        time.sleep(max(WINDOW, 3 * interval))
        seconds, made, used = time.monotonic() - begin, count() - before, all_ticks(product.pid) - used
        sampled, middle, p99, largest = servers.lateness(interval, begin)
        found = {
            "checks a second": made / seconds,
            "CPU ticks per 10,000 checks": used * 10000 / made if made else None,
            "VmRSS in MB": memory(product.pid),
            "checks of the sample of 100 servers": sampled,
            "deviation of the interval at the server: median ms": middle,
            "deviation of the interval at the server: p99 ms": p99,
            "deviation of the interval at the server: largest ms": largest,
            "real servers in the table": float(tables.entries()),
        }
        if product.name == "ours":
            from services import late
            say(f"ours: {late()}; CPU ticks by thread: {json.dumps(ticks(product.pid))}")
        found["system calls per check"] = calls_per_check(product.pid, count)
        product.stop()
        return found


def cost(check, interval, services=100, reals=100):
    head(f"{services * reals} real servers, one {check} check in {interval} s each", "keepalived")
    ours, peer = (cost_of(product, check, services, reals, interval) for product in (Ours(), Keepalived()))
    for name in ours or peer:
        row(name, ours.get(name), peer.get(name))


def gone_and_back(product, reals=10000, interval=10):
    """Stops all servers of one service at once and starts them again. The cost of idle checks is taken off."""
    head(f"{reals} servers of one service, a connect check in {interval} s each", "", "s", product.name)
    with Servers() as servers:
        error = product.start(1, reals, "tcp", interval)
        if error:
            return say(error)
        if until(120, lambda: tables.entries() >= reals and servers.counts()[0] >= 2 * reals, 0.2) is None:
            say(f"after 120 s {tables.entries()} real servers are in the table, {servers.counts()[0]} checks were made")
        before = ticks(product.pid)
        time.sleep(interval)
        spent = {key: (value - before.get(key, 0)) / interval for key, value in ticks(product.pid).items()}
        idle = sum(spent.values()) / 100
        row("CPU per second of idle checks", idle)
        for name, order, right in (("gone", servers.stop, lambda: tables.entries() <= 0),
                                   ("back", servers.start, lambda: tables.entries() >= reals)):
            threads, used = ticks(product.pid), all_ticks(product.pid)
            order()
            took = until(180, right, 0.05)
            used = (all_ticks(product.pid) - used) / 100
            row(f"{name}: until the table is right", took)
            row(f"{name}: CPU of that time, and without idle checks", used, note=f"{used - idle * (took or 180):.2f}")
            moved = {key: round(value - threads.get(key, 0) - spent.get(key, 0) * (took or 180))
                     for key, value in ticks(product.pid).items()}
            say(f"by thread, ticks without idle checks: {json.dumps(moved)}")
        product.stop()
