"""Long sessions with the database behind the VIP, which must outlive a change of the director.

sessions.py ADDRESS PORT PASSWORD TALKING IDLE RECORD

TALKING sessions ask `SELECT N` four times a second, with N counted by each, and IDLE ones log in and are silent. At
SIGTERM each idle session asks once as well; then RECORD gets one line: sessions that answered to the end, of how many,
for both kinds, and the longest time in seconds that a talking session waited for an answer. "ready" in RECORD means
that all are connected.
"""

import os
import signal
import sys
import threading
import time

import pymysql

PAUSE = 0.25
# The emulated kernel of a busy machine may need long for a take-over; the silence is measured.
PATIENCE = 60


class Session(threading.Thread):
    def __init__(self, arguments, talks, end):
        super().__init__(daemon=True)
        self.connection = pymysql.connect(**arguments)
        self.talks, self.end = talks, end
        self.survived, self.longest = False, 0.0

    def ask(self, number):
        begin = time.monotonic()
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {number}")
            if cursor.fetchone()[0] != number:
                raise ValueError("the answer is to another question")
        self.longest = max(self.longest, time.monotonic() - begin)

    def run(self):
        number = 0
        try:
            while self.talks and not self.end.wait(PAUSE):
                number += 1
                self.ask(number)
            self.end.wait()
            self.ask(number + 1)
            self.survived = True
        except (pymysql.Error, ValueError, OSError) as error:
            print(f"{time.time():.3f} {'talking' if self.talks else 'idle'}, question {number}: {error!r}", flush=True)


def main():
    address, port, password, talking, idle, path = sys.argv[1:7]
    arguments = {
        "host": address, "port": int(port), "user": "monitor", "password": password, "database": "test",
        "connect_timeout": PATIENCE, "read_timeout": PATIENCE, "write_timeout": PATIENCE, "autocommit": None,
    }
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    sessions = [Session(arguments, number < int(talking), end) for number in range(int(talking) + int(idle))]
    for session in sessions:
        session.start()
    write(path, "ready")
    end.wait()
    for session in sessions:
        session.join(2 * PATIENCE)
    kinds = [[session for session in sessions if session.talks == talks] for talks in (True, False)]
    counts = (f"{sum(session.survived for session in kind)} of {len(kind)}" for kind in kinds)
    longest = max((session.longest for session in kinds[0]), default=0.0)
    write(path, "{} talking, {} idle, longest silence {:.2f} s".format(*counts, longest))


def write(path, text):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.rename(path + ".new", path)


main()
