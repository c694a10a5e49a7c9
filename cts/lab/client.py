"""The client of the lab: asks the database behind the VIP again and again, and writes down every attempt.

client.py ADDRESS PORT PASSWORD RECORD [SECONDS_BETWEEN]

The client is one process, because a process costs 12 ms to start in the emulated kernel. It has a few threads, because
an attempt that waits for a dead director must not keep the next one from seeing a live one. Each attempt is a new
connection and one `SELECT server FROM a`, and has one line in RECORD: start, end (seconds since the epoch), outcome,
server or error. The outcome `held` is a timeout of an attempt during which this machine did not run the client
for a second or more, and no server either for all that is known. SIGUSR1 has the client rest, and SIGUSR2 go on.
"""

import os
import queue
import signal
import sys
import threading
import time

import pymysql

TIMEOUT = 2.0
THREADS = 24
# A client that is so late has not run for half the time of an attempt.
LATE = TIMEOUT / 2


class Beat:
    """The main thread's last awakening: a machine that does not run it in time runs no server in time either."""

    def __init__(self):
        self.due = self.late_at = time.monotonic()

    def note(self, due):
        """Notes when the next awakening is due."""
        self.due = due

    def look(self):
        """The thread of an attempt may run first after a halt."""
        now = time.monotonic()
        if now - self.due > LATE:
            self.late_at = now

    def was_late_since(self, start):
        self.look()
        return self.late_at > start


def attempt(address, port, password):
    """Returns (outcome, detail) of one connection."""
    try:
        connection = pymysql.connect(
            host=address, port=port, user="monitor", password=password, database="test",
            connect_timeout=TIMEOUT, read_timeout=TIMEOUT, write_timeout=TIMEOUT, autocommit=None,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT server FROM a")
            return "ok", cursor.fetchone()[0]
    except pymysql.Error as error:
        cause = getattr(error, "original_exception", None) or error
        if isinstance(cause, ConnectionRefusedError):
            return "refused", "-"
        if isinstance(cause, TimeoutError) or "timed out" in str(cause):
            return "timeout", "-"
        return "lost", type(cause).__name__ + ":" + str(cause).replace("\n", " ").replace(" ", "_")


def work(jobs, record, beat, arguments):
    while True:
        jobs.get()
        start, since = time.time(), time.monotonic()
        outcome, detail = attempt(*arguments)
        if outcome == "timeout" and beat.was_late_since(since):
            outcome = "held"
        os.write(record, f"{start:.3f} {time.time():.3f} {outcome} {detail}\n".encode())


def main():
    address, port, password, path = sys.argv[1:5]
    pause = float(sys.argv[5]) if len(sys.argv) > 5 else 0.1
    record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    jobs, beat, rests = queue.Queue(), Beat(), threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: rests.set())
    signal.signal(signal.SIGUSR2, lambda *_: rests.clear())
    for _ in range(THREADS):
        arguments = (jobs, record, beat, (address, int(port), password))
        threading.Thread(target=work, args=arguments, daemon=True).start()
    due = time.monotonic()
    while True:
        # An attempt that begins after a halt is none of those that the halt has spoiled.
        beat.look()
        # A machine that was too slow skips attempts instead of making them all at once.
        if jobs.qsize() < 3 and not rests.is_set():
            jobs.put(None)
        due = max(due + pause, time.monotonic())
        beat.note(due)
        time.sleep(max(0.0, due - time.monotonic()))


main()
