"""Reads pacemaker's log. In the emulated kernel its stamps are exact to 10 ms."""

import datetime
import re

CHANGES = ("start", "stop", "promote", "demote")


def stamp(line, since):
    """Returns the seconds since the epoch. Pacemaker's stamp has no year."""
    year = datetime.datetime.fromtimestamp(since, datetime.timezone.utc).year
    found = datetime.datetime.strptime(f"{year} {line[:19]}", "%Y %b %d %H:%M:%S.%f")
    return found.replace(tzinfo=datetime.timezone.utc).timestamp()


def actions(path, since):
    """Returns the changing actions that began after SINCE, as [operation:resource, begin, end]; the end may be None."""
    found = []
    with open(path, errors="replace") as file:
        for line in file:
            match = re.search(r"(Requesting local execution|Result) of (\w+) operation for (\S+) on", line)
            # The coarse stamp of what began just now may lie before it.
            if not match or match[2] not in CHANGES or stamp(line, since) < since - 0.01:
                continue
            name = f"{match[2]}:{match[3]}"
            if match[1] != "Result":
                found.append([name, stamp(line, since), None])
                continue
            for action in found:
                if action[0] == name and action[2] is None:
                    action[2] = stamp(line, since)
    return found
