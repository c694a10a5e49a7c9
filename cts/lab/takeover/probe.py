"""Opens a TCP connection to the VIP every few milliseconds, and writes down when it was answered.

probe.py ADDRESS PORT RECORD [SECONDS_BETWEEN]

Each attempt that had an answer has a line in RECORD: when it was made, and when the handshake was over (seconds since the
epoch), or "refused" behind them. An attempt is one packet: the kernel sends it again after a second, and its answer counts
as well, because the VIP has answered.
"""

import os
import select
import socket
import struct
import sys
import time

TIMEOUT = 3.0
# The record lies outside of the emulated kernel, where a write takes long.
BETWEEN_WRITES = 0.1
# A close sends RST, so that nothing of an attempt stays behind.
AT_ONCE = struct.pack("ii", 1, 0)


class Probe:
    """Attempts under way by their descriptors. It makes as few system calls as it can: in the emulated kernel its time is
    taken from the directors."""

    def __init__(self, address):
        self.address, self.poll, self.attempts = address, select.epoll(), {}

    def begin(self):
        attempt = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        attempt.connect_ex(self.address)
        self.poll.register(attempt, select.EPOLLOUT)
        self.attempts[attempt.fileno()] = attempt, time.time()

    def answers(self, seconds):
        """Waits so long and yields the line of each answer."""
        for descriptor, event in self.poll.poll(seconds):
            attempt, begin = self.attempts.pop(descriptor)
            attempt.close()
            yield f"{begin:.4f} {time.time():.4f}{' refused' if event & select.EPOLLERR else ''}\n"

    def give_up(self):
        """Ends the attempts that take too long; the oldest comes first."""
        for descriptor, (attempt, begin) in list(self.attempts.items()):
            if begin > time.time() - TIMEOUT:
                break
            attempt.close()
            del self.attempts[descriptor]


def main():
    probe = Probe((sys.argv[1], int(sys.argv[2])))
    pause = float(sys.argv[4]) if len(sys.argv) > 4 else 0.005
    record = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    lines, written, due = [], 0.0, time.monotonic()
    while True:
        lines.extend(probe.answers(max(0.0, due - time.monotonic())))
        now = time.monotonic()
        if now >= due:
            probe.begin()
            # A machine that was too slow skips attempts instead of making them all at once.
            due = max(due + pause, now)
        if now >= written + BETWEEN_WRITES:
            os.write(record, "".join(lines).encode())
            lines, written = [], now
            probe.give_up()


main()
