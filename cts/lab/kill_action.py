"""Kills an action of an agent while it runs, in the namespaces of one host.

kill_action.py AGENT ACTION DELAY SECONDS READY

It makes the file READY when it looks. The next process of that agent and action gets SIGKILL, DELAY seconds after it was
seen. The exit status is 0 when it was killed, 3 when it had ended by then, and 4 when none was seen for SECONDS.
"""

import os
import signal
import sys
import time

LOOK = 0.002
HAD_ENDED = 3
NONE_SEEN = 4


def find(link, action):
    """Returns the number of such a process and its pidfd, which cannot hit another one that gets its number."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            process = os.pidfd_open(int(name))
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().split(b"\0")[:2] == [link, action]:
                    return name, process
            os.close(process)
        except OSError:
            continue
    return None


def main():
    agent, action, delay, seconds, ready = sys.argv[1:]
    link = f"/usr/lib/ocf/resource.d/rust/{agent}".encode()
    deadline = time.monotonic() + float(seconds)
    open(ready, "w").close()
    while (found := find(link, action.encode())) is None:
        if time.monotonic() >= deadline:
            return NONE_SEEN
        time.sleep(LOOK)
    number, process = found
    time.sleep(float(delay))
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            # One that has ended and is not reaped yet has none.
            if not file.read():
                return HAD_ENDED
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return HAD_ENDED
    return 0


sys.exit(main())
