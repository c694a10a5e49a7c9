"""Kills an action of an agent while it runs, in the namespaces of one host.

kill_action.py AGENT ACTION DELAY SECONDS

The next process of that agent and action gets SIGKILL, DELAY seconds after it was seen. The exit status is 0 when it was
killed, 2 when it had ended by then, and 1 when none was seen for SECONDS.
"""

import os
import signal
import sys
import time

LOOK = 0.002


def find(link, action):
    """Returns a pidfd of such a process, which cannot hit another one that gets its number."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            process = os.pidfd_open(int(name))
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().split(b"\0")[:2] == [link, action]:
                    return process
            os.close(process)
        except OSError:
            continue
    return None


def main():
    agent, action, delay, seconds = sys.argv[1:]
    link = f"/usr/lib/ocf/resource.d/rust/{agent}".encode()
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        process = find(link, action.encode())
        if process is None:
            time.sleep(LOOK)
            continue
        time.sleep(float(delay))
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            return 0
        except ProcessLookupError:
            return 2
    return 1


sys.exit(main())
