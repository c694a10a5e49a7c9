"""warm.py COUNT SINCE LOG: waits until the real servers of this host's table have COUNT connections, and prints how long after
the start of db-lvs and of db-health that was. LOG is pacemaker's; only what began after SINCE counts.
"""

import sys
import time

from pacemaker import actions

TABLE = "/proc/net/ip_vs"
PATIENCE = 180


def counted():
    # At a second piece the kernel leaves out services where those of other namespaces lie between them.
    try:
        with open(TABLE, buffering=1 << 16) as file:
            lines = file.read(1 << 16).splitlines()
    except FileNotFoundError:
        return 0
    words = [line.split() for line in lines]
    return sum(int(word[-1]) + int(word[-2]) for word in words if word[:1] == ["->"] and word[-1].isdigit())


def main():
    count, since, log = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    deadline = time.time() + PATIENCE
    while counted() < count:
        if time.time() > deadline:
            sys.exit(f"{counted()} of {count} connections are known after {PATIENCE} s")
        time.sleep(0.02)
    known = time.time()
    begins = {name: begin for name, begin, _ in actions(log, since)}
    print(", ".join(f"{known - begins[name]:.2f} s after {name}" for name in ("start:db-lvs", "start:db-health")))


main()
