"""Reads the table of checks and faults, and makes an ldirectord.cf of it."""

import re

# What every check has a row for. A word behind it tells variants apart: a number is the answer that is spoilt, counted
# from the first that the server gives in one connection.
FAULTS = ("up", "wrong", "refused", "silent", "slow", "closed", "tls")
HEAD = re.compile(r"check (\S+) \((.+)\): (tcp|udp) (\d+)(?: to (\S+):(\d+))?")

GLOBAL = "checkinterval=20\nquiescent=no\n"


class Row:
    """One check with one fault: a virtual service with one real server, each with an address of its own."""

    def __init__(self, check, place, fault, state, reason, changes):
        self.check, self.fault, self.state, self.reason = check, fault, state, reason
        self.kind, _, self.variant = fault.partition(" ")
        # Otherwise the server itself gives the answer, all the time.
        self.is_spoilt = self.kind not in ("up", "wrong")
        self.directives = dict(check.directives) | changes
        self.server = self.directives.pop("server", check.server)
        self.address = self.directives.pop("real", f"127.1.{check.place}.{place}")
        self.service = f"{check.transport} 10.8.{check.place}.{place}:{check.port}"

    def __str__(self):
        return f"{self.check.name}, {self.fault}"

    def section(self):
        lines = [f"virtual={self.service.split()[1]}", f"real={self.address}:{self.check.port} gate"]
        lines += [f"protocol={self.check.transport}"] + [f"{name}={value}" for name, value in self.directives.items()]
        # A server that answers, however slowly the machine lets it, is no silent one.
        seconds = 10 if self.kind in ("silent", "slow") or "within" in self.reason else 30
        lines += [f"checktimeout={seconds}", f"negotiatetimeout={seconds}"]
        return "\n\t".join(lines) + "\n"


class Check:
    def __init__(self, place, words):
        self.place, self.rows, self.directives = place, [], {}
        self.name, self.program, self.transport, port, host, server_port = words
        self.port, self.server = int(port), f"{host}:{server_port}" if host else None

    @property
    def is_asked(self):
        return self.directives.get("checktype") not in ("on", "off")

    def add(self, line):
        """Takes a directive, or a row: FAULT | STATE | REASON, and further columns with directives for it alone."""
        if "|" not in line:
            self.directives |= directive(line)
            return
        fault, state, reason, *changes = (word.strip() for word in line.split("|"))
        if state not in ("up", "down", "unknown", "-") or (state != "up" and not reason):
            raise SystemExit(f"{self.name}: {line}: expected FAULT | up, down, unknown or - | REASON")
        changed = {name: value for change in changes for name, value in directive(change).items()}
        self.rows.append(Row(self, len(self.rows) + 1, fault, state, reason, changed))


def directive(text):
    name, found, value = text.partition("=")
    if not found:
        raise SystemExit(f"{text}: expected a directive, NAME=VALUE")
    return {name: value}


def read(file):
    """Returns the checks. Each must say something of every fault."""
    checks = []
    with open(file) as lines:
        for line in filter(None, (line.strip() for line in lines)):
            head = HEAD.fullmatch(line)
            if head:
                checks.append(Check(len(checks) + 1, head.groups()))
            elif not line.startswith("#"):
                checks[-1].add(line)
    for check in checks:
        missing = set(FAULTS) ^ {row.kind for row in check.rows}
        if missing:
            raise SystemExit(f"{check.name}: missing or unknown: {', '.join(sorted(missing))}")
    return checks


def played(checks):
    """Returns the rows that can be played."""
    return [row for check in checks for row in check.rows if row.state != "-"]


def configuration(checks):
    return GLOBAL + "".join(row.section() for row in played(checks))
