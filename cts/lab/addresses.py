"""Says what the watchers' records tell about addresses.

addresses.py lost WATCH FROM TO ADDRESS         prints every time within which that host had ADDRESS on no interface
addresses.py both WATCH WATCH FROM TO ADDRESS   prints every time within which both hosts had ADDRESS on eth0, or were both
                                                promoted
addresses.py frames WATCH CAPTURE ADDRESS       prints how many frames of CAPTURE (tcpdump -tt) came while ADDRESS was
                                                not on eth0 there, and how many while it was
addresses.py arrivals SINCE PREFIX WATCH...     prints how many addresses that begin with PREFIX came to the hosts, and
                                                when the first and the last of them did, in seconds after SINCE
Times are seconds since the epoch.
"""

import sys

END = float("inf")


def changes(path):
    """Yields (time, sign, address, place). Sign and the rest are None where a watch begins or ends: no address is there.
    A place is an interface and a prefix: in the middle of a change, an interface has an address twice."""
    with open(path) as file:
        for line in file:
            words = line.split()
            if words[1] == "address":
                yield float(words[0]), words[2], words[3], (words[4], words[5])
            elif words[1] == "watch":
                yield float(words[0]), None, None, None


def places(path, address):
    """Yields (from, to, places that have the address) for all of the record's time."""
    since, held = 0.0, frozenset()
    for time, sign, changed, place in changes(path):
        if changed not in (address, None):
            continue
        yield since, time, held
        since = time
        held = {"+": held | {place}, "-": held - {place}, None: frozenset()}[sign]
    yield since, END, held


def lost(path, begin, end, address):
    for since, until, held in places(path, address):
        since, until = max(since, begin), min(until, end)
        if not held and since < until:
            print(f"{since:.6f} for {(until - since) * 1000:.1f} ms")


def times_on_eth0(path, address):
    return [(since, until) for since, until, held in places(path, address) if "eth0" in dict(held)]


def times_promoted(path):
    """Returns the times (from, to) within which a resource was promoted on that host."""
    times, since = [], None
    with open(path) as file:
        for line in file:
            words = line.split()
            if words[1] in ("promoted", "watch"):
                if since is not None:
                    times.append((since, float(words[0])))
                since = float(words[0]) if words[1] == "promoted" and words[2:] else None
    return times + ([(since, END)] if since is not None else [])


def both(one, other, begin, end, address):
    for what, times in (("had " + address, lambda path: times_on_eth0(path, address)), ("were promoted", times_promoted)):
        for first in times(one):
            for second in times(other):
                since, until = max(first[0], second[0], begin), min(first[1], second[1], end)
                if since < until:
                    print(f"both {what}: {since:.6f} for {(until - since) * 1000:.1f} ms")


def frames(path, capture, address):
    director = times_on_eth0(path, address)
    with open(capture) as file:
        times = [float(line.split()[0]) for line in file if line.strip()]
    while_director = sum(any(since <= time < until for since, until in director) for time in times)
    print(len(times) - while_director, while_director)


def arrivals(event, prefix, paths):
    came = {}
    for path in paths:
        for time, sign, address, _ in changes(path):
            if sign == "+" and time >= event and address.startswith(prefix):
                came.setdefault(address, time - event)
    times = came.values()
    print(len(times), f"{min(times, default=0):.2f} {max(times, default=0):.2f}")


def main():
    command, *words = sys.argv[1:]
    if command == "lost":
        lost(words[0], float(words[1]), float(words[2]), words[3])
    elif command == "both":
        both(words[0], words[1], float(words[2]), float(words[3]), words[4])
    elif command == "frames":
        frames(*words)
    elif command == "arrivals":
        arrivals(float(words[0]), words[1], words[2:])


main()
