"""Reads the client's and the watchers' records and says what they mean.

report.py counts RECORD FROM [TO]           prints answers per server, failures, and the longest gap between answers
report.py outage RECORD EVENT [LOG...]      prints what the client saw around EVENT, and its parts from corosync's log
                                            and a watcher's record (--json for machines)
report.py gaps WATCH FROM TO SERVER...      prints the times at which a real server was missing in the table
report.py lacking WATCH ADDRESS TABLE SINCE FROM TO...    prints the times, outside of all of the times FROM-TO, within
                                            which the host had ADDRESS on eth0 and another table than TABLE
report.py strays RECORD SINCE FROM TO...    prints failed attempts that lie outside all of the times FROM-TO
report.py others RECORD SERVERS SINCE FROM TO...    prints answers, outside all of the times FROM-TO, of a server whose
                                            name does not match SERVERS
Times are seconds since the epoch.
"""

import collections
import datetime
import json
import re
import sys

END = float("inf")


def all_attempts(path):
    found = []
    with open(path) as file:
        for line in file:
            words = line.split()
            if len(words) == 4:
                found.append((float(words[0]), float(words[1]), words[2], words[3]))
    return found


def attempts(path):
    """Returns those that say something of a server: one within which the machine held the client says nothing (client.py)."""
    return [attempt for attempt in all_attempts(path) if attempt[2] != "held"]


def longest_gap(good):
    ends = sorted(end for _, end, _, _ in good)
    return max((after - before for before, after in zip(ends, ends[1:])), default=0.0)


def counts(path, since, until=END):
    """Prints one line about the attempts that began and ended within the window."""
    window = [a for a in all_attempts(path) if a[0] >= since and a[1] <= until]
    held = sum(a[2] == "held" for a in window)
    window = [a for a in window if a[2] != "held"]
    good = [a for a in window if a[2] == "ok"]
    servers = collections.Counter(a[3] for a in good)
    failures = collections.Counter(a[2] for a in window if a[2] != "ok")
    text = ", ".join(f"{server} {count}" for server, count in sorted(servers.items())) or "no answer"
    text += "; failed: " + (", ".join(f"{count} {kind}" for kind, count in sorted(failures.items())) or "none")
    text += f"; held: {held}" if held else ""
    print(f"{text}; longest gap {longest_gap(good):.2f} s")


def outside(path, since, edges):
    """Yields attempts begun after SINCE that touch none of the times between an edge and the next one."""
    windows = list(zip(edges[::2], edges[1::2]))
    for attempt in attempts(path):
        start, end = attempt[:2]
        if start >= since and not any(start <= close and end >= open_ for open_, close in windows):
            yield attempt


def strays(path, since, edges):
    for start, end, outcome, detail in outside(path, since, edges):
        if outcome != "ok":
            print(f"{start:.3f} {end:.3f} {outcome} {detail}")


def others(path, servers, since, edges):
    for start, end, outcome, server in outside(path, since, edges):
        if outcome == "ok" and not re.fullmatch(servers, server):
            print(f"{start:.3f} {end:.3f} answered by {server}")


def outage_of(path, event):
    """Returns what the client saw after EVENT.

    Served means answered by a real server. A director's own database answers too, when its fallback entry is used and
    when the address is there but the virtual service is not; such answers are counted apart.
    The outage is the longest time without a real server's answer; whatever else fails once it is over is a flap.
    """
    record = [a for a in attempts(path) if a[1] >= event - 2]
    served = sorted(a[1] for a in record if a[2] == "ok" and a[3].startswith("rs"))
    before, first = max(zip(served, served[1:]), key=lambda pair: pair[1] - pair[0], default=(event, None))
    if first is None or served[-1] < event:
        return {"outage": None, "failed": dict(collections.Counter(a[2] for a in record if a[2] != "ok"))}
    bad = [a for a in record if a[2] != "ok" or not a[3].startswith("rs")]
    late = [a for a in bad if a[0] > first]
    return {
        "outage": round(first - before, 2),
        "failed": dict(collections.Counter(a[2] if a[2] != "ok" else "director" for a in bad if a[1] > event)),
        "refused_after": sum(a[2] == "refused" for a in late),
        "director_after": sum(a[2] == "ok" for a in late),
        "failed_after": sum(a[2] not in ("ok", "refused") for a in late),
        "stable_after": round(max((a[1] for a in late), default=first) - before, 2),
        "last": before,
        "first": first,
    }


def corosync_time(line, event):
    """corosync's hires stamp has no year."""
    match = re.match(r"(\w{3} +\d+ [\d:]{8}\.\d+)", line)
    if not match:
        return None
    year = datetime.datetime.fromtimestamp(event, datetime.timezone.utc).year
    stamp = datetime.datetime.strptime(f"{year} {match[1]}", "%Y %b %d %H:%M:%S.%f")
    return stamp.replace(tzinfo=datetime.timezone.utc).timestamp()


def membership_lost(path, event):
    """Returns when corosync told pacemaker that a node left."""
    with open(path, errors="replace") as file:
        for line in file:
            if "new membership" in line and "left" in line:
                stamp = corosync_time(line, event)
                if stamp and stamp >= event:
                    return stamp
    return None


def watched(path, event, wanted):
    with open(path) as file:
        for line in file:
            stamp, kind, rest = line.rstrip("\n").split(" ", 2)
            if float(stamp) >= event and wanted(kind, rest):
                return float(stamp)
    return None


def outage(path, event, corosync=None, watch=None, vip="10.9.0.100"):
    seen = outage_of(path, event)
    if seen["outage"] is None:
        return seen
    lost = membership_lost(corosync, event) if corosync else None
    marks = [("event", event), ("cluster detection", lost)] if lost else [("last answer", seen["last"])]
    if watch:
        marks.append(("address up", watched(watch, event, lambda kind, rest: kind == "address" and rest.startswith(f"+ {vip} eth0 "))))
        ready = re.compile(rf"/{re.escape(vip)}:\d+=\S*10\.9\.0\.2\d:\d+:[1-9]")
        marks.append(("real server in the table", watched(watch, event, lambda kind, rest: kind == "table" and ready.search(rest))))
    marks.append(("first answer", seen.get("first")))
    # A planned move begins when the old director stops answering, not when the command was typed.
    parts, last = {}, marks[0][1]
    for name, stamp in marks[1:]:
        if stamp:
            # The watcher looks every 30 ms, so an answer may be seen before the table that made it possible.
            parts[name] = round(max(0.0, stamp - last), 2)
            last = max(last, stamp)
    seen["parts"] = parts
    seen.pop("first", None)
    seen.pop("last", None)
    return seen


def print_outage(seen):
    if seen["outage"] is None:
        print(f"never served again; failed: {seen['failed']}")
        return
    print(f"outage {seen['outage']:.2f} s, stable after {seen['stable_after']:.2f} s; after the first answer: "
          f"{seen['refused_after']} refused, {seen['failed_after']} otherwise failed, "
          f"{seen['director_after']} answered by a director's own database")
    print("parts: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in seen["parts"].items()))


def gaps(path, since, until, servers):
    """Prints every moment at which one of `servers` was not in the table or had weight 0; nothing when there was none."""
    state = "empty"
    with open(path) as file:
        for line in file:
            stamp, kind, rest = line.rstrip("\n").split(" ", 2)
            if kind != "table" or float(stamp) > until:
                continue
            state = rest
            if float(stamp) < since:
                continue
            weights = dict(item.rsplit(":", 1) for service in state.split() if "=" in service for item in service.split("=")[1].split(",") if item)
            missing = [server for server in servers if weights.get(server, "0") == "0"]
            if missing:
                print(f"{stamp} without {', '.join(missing)}: {state}")


def times_lacking(path, address, table):
    """Yields (from, to, table) of each time within which a host had the address and another table."""
    held, state, begin = False, "empty", None
    with open(path) as file:
        for line in file:
            stamp, kind, rest = line.rstrip("\n").split(" ", 2)
            before = state
            if kind == "watch":
                held, state = False, "empty"
            elif kind == "address" and rest.split()[1:3] == [address, "eth0"]:
                held = rest.startswith("+")
            elif kind == "table":
                state = rest
            if begin is not None and (not held or state != before):
                yield begin, float(stamp), before
                begin = None
            if begin is None and held and state != table:
                begin = float(stamp)
    if begin is not None:
        yield begin, END, state


def lacking(path, address, table, since, edges):
    windows = list(zip(edges[::2], edges[1::2]))
    for begin, end, state in times_lacking(path, address, table):
        if end >= since and not any(begin <= close and end >= open_ for open_, close in windows):
            print(f"{begin:.3f} for {end - begin:.3f} s: {state}")


def main():
    words = [word for word in sys.argv[1:] if word != "--json"]
    if words[0] == "counts":
        counts(words[1], *map(float, words[2:4]))
    elif words[0] == "outage":
        seen = outage(words[1], float(words[2]), *words[3:])
        print(json.dumps(seen)) if "--json" in sys.argv else print_outage(seen)
    elif words[0] == "gaps":
        gaps(words[1], float(words[2]), float(words[3]), words[4:])
    elif words[0] == "lacking":
        lacking(*words[1:4], float(words[4]), [float(word) for word in words[5:]])
    elif words[0] == "strays":
        strays(words[1], float(words[2]), [float(word) for word in words[3:]])
    elif words[0] == "others":
        others(words[1], words[2], float(words[3]), [float(word) for word in words[4:]])


main()
