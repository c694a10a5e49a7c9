"""The words that scenarios are written in."""

import os
import signal

import tables
from servers import FOR_GOOD
from side import CALLS, CONFIG, FOLDER

A, B, C, _ = (f"real={address}:80 gate" for address in tables.REAL_SERVERS.values())
FALLBACK = "fallback=127.0.0.1:80 gate"
HTTP = ("service=http", 'request="/"')


def section(*lines, vip="web"):
    return "".join([f"virtual={tables.VIPS.get(vip, vip)}\n"] + [f"\t{line}\n" for line in lines])


def file(*parts, head=()):
    """Returns a file: an interval of a second, the global lines of HEAD, and the sections. No check is to run into its
    time limit, however slow the machine is."""
    lines = ("checkinterval=1", "checktimeout=20", "negotiatetimeout=20", *head)
    return "\n".join(lines) + "\n" + "".join(parts)


class Step:
    """Is one step: what is done, and the table that it leads to. ORIGINAL is the original's where that is another one.
    LOOKS_AT names what is compared beside the table: log, calls, monitorfile."""

    def __init__(self, title, action, table, original=None, looks_at=()):
        self.title, self.action, self.looks_at = title, action, looks_at
        self.wanted = {"ours": table, "original": table if original is None else original}


class Scenario:
    """Is one scenario. WITNESS is what tells that a round of checks is over: a real server that is asked in each step,
    or "calls" for the command of the file. TABLE is what stands in the table before: a daemon that finds its servers has
    less to do, which is most of what a scenario takes."""

    def __init__(self, name, text, *steps, witness="b", table=None):
        self.name, self.text, self.steps, self.witness, self.table = name, text, steps, witness, table


# Actions. Each is a function of a side.

def start(side):
    side.start()


def stop(side):
    side.stop()


def kill(side):
    side.kill()


def hang_up(side):
    side.signal(signal.SIGHUP)


def command_line(*actions):
    return lambda side: [side.command_line(action) for action in actions]


def fail(*names, times=FOR_GOOD):
    """Lets the real servers answer the next TIMES requests by an error."""
    return lambda side: [setattr(side.servers[name], "ill", times) for name in names]


def recover(*names):
    return fail(*names, times=0)


def close(*names):
    return lambda side: [side.servers.close(name) for name in names]


def open_again(*names):
    return lambda side: [side.servers.open(name) for name in names]


def write(text, path=CONFIG):
    return lambda side: side.write(text, path)


def reload(text):
    """Edits the file and tells the daemon."""
    return both(write(text), hang_up)


def command(path, code=0):
    """Makes a program at PATH that writes down what it is called with. It exits with the content of PATH.NAME, where
    NAME is its third argument, else with CODE."""
    text = f'#!/bin/sh\necho "$@" >>{CALLS}\n[ ! -e {path}.$3 ] || exit 1\nexit {code}\n'

    def make(side):
        side.write(text, path)
        os.chmod(path, 0o755)
    return make


def remove(path):
    return lambda side: os.rmdir(path) if os.path.isdir(path) else os.unlink(path)


def both(*actions):
    return lambda side: [action(side) for action in actions]


def nothing(side):
    pass


def by_hand(entry, value):
    """Changes one entry of the table by ipvsadm: ABSENT deletes it."""
    service, _, server = entry.partition("/")

    def change(side):
        def work():
            if server:
                side.ipvsadm(*real_server_words(side, service, server, value))
            else:
                side.ipvsadm(*service_words(side, service, value))
            gone = value == tables.ABSENT and not server
            inside = [name for name in side.recorder.current if name.startswith(service + "/")] if gone else []
            return {entry: value} | dict.fromkeys(inside, tables.ABSENT)
        side.recorder.by_hand(work)
    return change


def real_server_words(side, service, server, value):
    where = [*tables.SERVICES[service], "-r", tables.real_server(service, server)]
    if value == tables.ABSENT:
        return ["-d", *where]
    how = "-e" if f"{service}/{server}" in side.recorder.current else "-a"
    return [how, *where, "-g", "-w", value]


def service_words(side, service, value):
    where = [*tables.SERVICES[service]]
    if value == tables.ABSENT:
        return ["-D", *where]
    return ["-E" if service in side.recorder.current else "-A", *where, "-s", value]


MAINTENANCE = FOLDER + "/maintenance"
