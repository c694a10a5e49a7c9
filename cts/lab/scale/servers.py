"""The real servers are one listener behind all of 10.200.0.0/16, on this host."""

import os
import signal
import struct
import time

from process import FOLDER, background, end, until

PROGRAM, COUNTERS, STAMPS = (f"{FOLDER}/{name}" for name in ("listener", "counters", "stamps"))


class Servers:
    def __enter__(self):
        self.pid = background([PROGRAM, COUNTERS, STAMPS], "listener.log")
        if until(10, self.listens) is None:
            with open(f"{FOLDER}/listener.log") as file:
                raise SystemExit("the listener does not start: " + file.read())
        return self

    def listens(self):
        with open(f"{FOLDER}/listener.log") as file:
            return "listening" in file.read()

    def __exit__(self, *_):
        end(self.pid)

    def stop(self):
        os.kill(self.pid, signal.SIGUSR1)

    def start(self):
        os.kill(self.pid, signal.SIGUSR2)

    def counts(self):
        """Returns (connections accepted, requests answered) so far."""
        with open(COUNTERS, "rb") as file:
            return struct.unpack("=QQ", file.read(16))

    def rate(self, seconds):
        """Returns the connections per second within the next SECONDS."""
        before, start = self.counts()[0], time.perf_counter()
        time.sleep(seconds)
        return (self.counts()[0] - before) / (time.perf_counter() - start)

    def lateness(self, interval, since):
        """Returns (number, median, p99, largest) of how far the time between two checks of one server was from INTERVAL
        seconds, in ms, for checks after SINCE (monotonic seconds)."""
        last, found = {}, []
        with open(STAMPS) as file:
            for line in file:
                words = line.split()
                if not line.endswith("\n") or len(words) != 2 or int(words[1]) < since * 1e6:
                    continue
                time_us = int(words[1])
                if words[0] in last:
                    found.append(abs(time_us - last[words[0]] - interval * 1e6) / 1000)
                last[words[0]] = time_us
        found.sort()
        if not found:
            return 0, None, None, None
        return len(found), found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)], found[-1]
