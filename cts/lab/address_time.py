"""Times start, monitor and stop of one ocf:rust:vip with many addresses, beside `ip -batch` in its best order, in turn.

address_time.py [RUNS [COUNT...]]    makes RUNS (3) of each COUNT; the counts are 1 100 1000 4000, and 16000 of IPv4

The first table has each count for IPv4 and IPv6, with the addresses alone in their subnet, and beside two that are not
the resource's: one that came first, so that it is the primary one, and one that came last. `ip -batch` adds in
ascending and deletes in descending order, which costs the kernel least; beside monitor stands `ip -o address`, which
only reads and prints. Announcements, duplicate detection and address labels are off, because `ip` does none of it. "!"
marks a ratio above 2. "own" is what the agent itself takes of its time; the rest is the kernel's, which walks a list of all
addresses for each one.

The second table has the resource as it is by default, with all that. The node's pace spreads announcements, 4000
addresses in a second.
"""

import ipaddress
import os
import statistics
import subprocess
import sys
import tempfile
import time

AGENT = os.environ.get("AGENT", "/usr/lib/ocf/resource.d/rust/vip")
NIC, ACTIONS = "v0", ("start", "monitor", "stop")
# The agent refuses more IPv6 addresses.
COUNTS = {"IPv4": (1, 100, 1000, 4000, 16000), "IPv6": (1, 100, 1000, 4000)}
FIRST = {"IPv4": ipaddress.ip_address("10.60.0.10"), "IPv6": ipaddress.ip_address("2001:db8:60::10")}
LENGTH = {"IPv4": 16, "IPv6": 64}
SILENT = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]


def spawn(words, environment=os.environ):
    """Returns the seconds that the process took, and those of them in which it ran itself, and not the kernel for it."""
    start = time.perf_counter()
    # posix_spawn keeps our own time out of the figures: subprocess takes half a millisecond more.
    child = os.posix_spawnp(words[0], words, environment, file_actions=SILENT)
    _, status, usage = os.wait4(child, 0)
    taken = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{' '.join(words)}: exit code {os.waitstatus_to_exitcode(status)}")
    return taken, usage.ru_utime


def shell(script):
    subprocess.run(["sh", "-ec", script], check=True)


BARE = {"nodad": "yes", "arp_count": "0", "lvs_ipv6_addrlabel": "no"}


def environment_of(family, count, options):
    parameters = {"ip": f"{FIRST[family]}-{FIRST[family] + (count - 1)}/{LENGTH[family]}", "nic": NIC} | options
    return os.environ | {
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1", "HA_LOGFACILITY": "none",
        "OCF_RESOURCE_INSTANCE": "many", "OCF_RESOURCE_TYPE": "vip", "OCF_RESKEY_CRM_meta_interval": "10000",
        "OCF_RESKEY_CRM_meta_timeout": "600000",
    } | {f"OCF_RESKEY_{name}": value for name, value in parameters.items()}


def batches(folder, family, count):
    """Returns the command of ip for each action."""
    numbers = range(count)
    line = "address {} {}/{} dev " + NIC + "{}\n"
    options = " nodad" if family == "IPv6" else ""
    files = {}
    for action, verb, order in (("start", "add", numbers), ("stop", "del", reversed(numbers))):
        files[action] = os.path.join(folder, action)
        with open(files[action], "w") as file:
            file.writelines(line.format(verb, FIRST[family] + n, LENGTH[family], options if verb == "add" else "")
                            for n in order)
    return {
        "start": ["ip", "-batch", files["start"]],
        "monitor": ["ip", "-o", "address", "show"],
        "stop": ["ip", "-batch", files["stop"]],
    }


def interface_up():
    shell(f"ip link add {NIC} type veth peer name cable && ip link set {NIC} up && ip link set cable up")


def remove_interface(others):
    """Removes the interface; the program ends when another number of addresses than OTHERS is left on it."""
    left = subprocess.run(["ip", "-o", "address", "show", "dev", NIC, "scope", "global"], check=True, capture_output=True,
                          text=True).stdout.splitlines()
    if len(left) != others:
        sys.exit(f"{len(left)} addresses are left in place of {others}, the first: {left[:1]}")
    shell(f"ip link del {NIC}")


def measure(family, count, beside, runs):
    """Returns the median milliseconds of ours and of ip by action, and those of them that the process ran itself."""
    taken = {(who, action): [] for who in ("vip", "ip") for action in ACTIONS}
    environment = environment_of(family, count, BARE)
    others = [f"{FIRST[family] - n}/{LENGTH[family]}" for n in (1, 2)]
    with tempfile.TemporaryDirectory() as folder:
        words = batches(folder, family, count)
        for _ in range(runs):
            for who in ("vip", "ip"):
                interface_up()
                if beside:
                    shell(f"ip address add {others[0]} dev {NIC}")
                for action in ACTIONS:
                    if action == "monitor" and beside:
                        shell(f"ip address add {others[1]} dev {NIC}")
                    command = [AGENT, action] if who == "vip" else words[action]
                    taken[who, action].append(spawn(command, environment))
                remove_interface(2 if beside else 0)
    return {key: [statistics.median(part) * 1000 for part in zip(*values)] for key, values in taken.items()}


def beside_ip(runs, counts):
    print(f"medians of {runs} runs in turn, milliseconds; ip is ip -batch for start and stop, ip -o address for monitor")
    print(f"{'':26}" + "".join(f"{action:>9} {'ip':>9} {'ratio':>6} {'own':>6}" for action in ACTIONS))
    for family in FIRST:
        for beside in (False, True):
            for count in counts or COUNTS[family]:
                taken = measure(family, count, beside, runs)
                row = f"{family} {count:6} {'beside others' if beside else 'alone':14}"
                for action in ACTIONS:
                    (ours, own), (peer, _) = taken["vip", action], taken["ip", action]
                    row += f"{ours:9.2f} {peer:9.2f} {ours / peer:6.2f}{'!' if ours > 2 * peer else ' '}{own:6.1f}"
                print(row, flush=True)


def by_default(counts):
    print("as by default, with announcements, duplicate detection and address labels; one run")
    for family in FIRST:
        for count in counts or COUNTS[family]:
            interface_up()
            environment = environment_of(family, count, {})
            times = [spawn([AGENT, action], environment)[0] * 1000 for action in ACTIONS]
            remove_interface(0)
            print(f"{family} {count:6}" + "".join(f" {action} {taken:9.2f}" for action, taken in zip(ACTIONS, times)),
                  flush=True)


def main():
    numbers = [int(word) for word in sys.argv[1:]]
    beside_ip(numbers[0] if numbers else 3, numbers[1:])
    by_default(numbers[1:])


main()
