"""What stands in a table, in the words of the scenarios, and how it changes.

A table is a dictionary: `web` is a virtual service, with its scheduler as value, and `web/a` a real server in it, with
its weight as value, and `m` or `i` behind that when it is not `gate`. `written` makes a line of it: `web(a=1 b=0)`.
"""

import ipaddress
import itertools
import re

# ipvsadm's words for the virtual services of the scenarios, and the port of their real servers.
SERVICES = {"web": ("-t", "10.1.9.1:80"), "shop": ("-t", "10.1.9.2:80"), "mail": ("-t", "10.1.9.3:80"),
            "news": ("-t", "10.1.9.4:80"), "web6": ("-t", "[fd00:9::1]:80"), "dns": ("-u", "10.1.9.1:53"),
            "fwmark": ("-f", "7")}
VIPS = {name: address for name, (_, address) in SERVICES.items()}
PORTS = {"dns": 53, "fwmark": 0}
KERNEL_WORDS = {"-t": "TCP", "-u": "UDP", "-f": "FWM"}
SERVICE_NAMES = {f"{KERNEL_WORDS[option]} {address}": name for name, (option, address) in SERVICES.items()}
# The real servers' addresses; c and d are used by few scenarios.
REAL_SERVERS = {"a": "10.1.0.2", "b": "10.1.0.3", "c": "10.1.0.4", "d": "10.1.0.5"}
REAL_SERVERS6 = {"a": "fd00::2", "b": "fd00::3"}
FALLBACKS = ("127.0.0.1", "::1")
NAMES = ({address: name for names in (REAL_SERVERS, REAL_SERVERS6) for name, address in names.items()}
         | dict.fromkeys(FALLBACKS, "fallback"))
METHODS = {"Route": "", "Local": "", "Masq": "m", "Tunnel": "i"}
OPTIONS = {"": "-g", "m": "-m", "i": "-i"}
USUAL_SCHEDULER = "wrr"
ABSENT = "-"


def endpoint(word):
    """Returns address and port of the kernel's 0A010901:0050 or [fd00:…]:0050."""
    host, _, port = word.rpartition(":")
    if host.startswith("["):
        return str(ipaddress.ip_address(host[1:-1])), int(port, 16)
    return str(ipaddress.ip_address(bytes.fromhex(host))), int(port, 16)


def joined(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def service_name(words):
    key = f"FWM {int(words[1], 16)}" if words[0] == "FWM" else f"{words[0]} {joined(*endpoint(words[1]))}"
    return SERVICE_NAMES.get(key, key)


def server_name(service, word):
    address, port = endpoint(word)
    name = NAMES.get(address, address)
    return name if port == PORTS.get(service, 80) else f"{name}:{port}"


def table(text):
    """Returns the table of the text of /proc/net/ip_vs."""
    entries, service = {}, None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["->"] and service:
            entries[f"{service}/{server_name(service, words[1])}"] = words[3] + METHODS[words[2]]
        elif words and words[0] in ("TCP", "UDP", "FWM"):
            service = service_name(words)
            entries[service] = ",".join(word for word in words[2:] if word != "FFFFFFFF")
    return entries


def written(entries):
    """Returns the table as one line, such as `web(a=1 b=0)`; a scheduler that is not the usual one stands before the
    parenthesis."""
    services = []
    for service in sorted(entry for entry in entries if "/" not in entry):
        servers = sorted(entry for entry in entries if entry.startswith(service + "/"))
        # The kernel writes how long persistence lasts in ticks of its own.
        scheduler = re.sub(r"(persistent).*", r"\1", entries[service])
        scheduler = "" if scheduler == USUAL_SCHEDULER else f"[{scheduler}]"
        inside = " ".join(f"{server.partition('/')[2]}={entries[server]}" for server in servers)
        services.append(f"{service}{scheduler}({inside})")
    return " ".join(services) or "empty"


def commands(text):
    """Returns ipvsadm's commands that make the table of a line.

    >>> print(commands("web[rr](a:8080=2m) shop()"))
    -A -t 10.1.9.1:80 -s rr
    -a -t 10.1.9.1:80 -r 10.1.0.2:8080 -m -w 2
    -A -t 10.1.9.2:80 -s wrr
    """
    lines = []
    for service, scheduler, inside in re.findall(r"(\w+)(?:\[(\w+)\])?\((.*?)\)", text):
        where = " ".join(SERVICES[service])
        lines.append(f"-A {where} -s {scheduler or USUAL_SCHEDULER}")
        for server, weight, method in re.findall(r"(\S+)=(\d+)(\w?)", inside):
            lines.append(f"-a {where} -r {real_server(service, server)} {OPTIONS[method]} -w {weight}")
    return "\n".join(lines)


def real_server(service, word):
    """Returns address and port of `a`, `a:8080` or `fallback` in a service."""
    name, _, port = word.partition(":")
    addresses, fallback = (REAL_SERVERS6, FALLBACKS[1]) if service == "web6" else (REAL_SERVERS, FALLBACKS[0])
    return joined(addresses.get(name, fallback), port or PORTS.get(service, 80))


def paths(tables, drains=False):
    """Returns the way of each entry through the tables, such as {"web/a": "1 0"}; an entry that stays has none.

    This is what is compared. Both sides change several entries for one event, each in an order of its own: so each
    entry has a way of its own. The original may repeat a part of it (once for each real server, in the order of a Perl
    hash): what is the same as a step before is left out. So is the weight 0 of a real server that has just been put in
    and then gets its weight, since no client is sent there: whether it is seen depends on how fast the first check is.
    And so, of a side that drains, is the weight 0 of one that then leaves: it stays for no time where it has no connection.

    >>> paths([{"web": "wrr", "web/a": "1"}, {"web": "wrr"}, {"web": "wrr", "web/a": "1"}, {"web": "wrr"}])
    {'web/a': '1 - 1 -'}
    >>> paths([{}, {"web/a": "1"}, {}, {"web/a": "1"}, {}, {"web/a": "1"}])
    {'web/a': '- 1 - 1'}
    >>> paths([{}, {"web/a": "0"}, {"web/a": "1"}]), paths([{}, {"web/a": "0"}]), paths([{"web/a": "1"}])
    ({'web/a': '- 1'}, {'web/a': '- 0'}, {})
    >>> leaves = [{"web/a": "1"}, {"web/a": "0"}, {}]
    >>> paths(leaves), paths(leaves, drains=True), paths([{"web/a": "0"}, {}, {"web/a": "0"}], drains=True)
    ({'web/a': '1 0 -'}, {'web/a': '1 -'}, {'web/a': '0 - 0'})
    """
    def passes(before, value, after):
        comes = before == ABSENT and after not in (None, ABSENT)
        leaves = drains and after == ABSENT and before not in (None, ABSENT)
        return value.rstrip("mi") == "0" and (comes or leaves)

    ways = {}
    for entry in {entry for each in tables for entry in each}:
        values = [value for value, _ in itertools.groupby(each.get(entry, ABSENT) for each in tables)]
        values = [value for before, value, after in zip([None] + values, values, values[1:] + [None])
                  if not passes(before, value, after)]
        way, steps = values[:1], set()
        for before, after in zip(values, values[1:]):
            if (before, after) not in steps:
                steps.add((before, after))
                # A step that is left out may have been the way back.
                way += [after] if way[-1] == before else [before, after]
        if way[-1] != values[-1]:
            way.append(values[-1])
        if len(way) > 1:
            ways[entry] = " ".join(way)
    return ways
