"""TCP connections through the VIP that must outlive a change of the director.

connections.py RECORD TALKING IDLE SERVICE... [--sources ADDRESS...]

Each SERVICE, NAME=ADDRESS:PORT, gets TALKING connections that ask four times a second, and IDLE ones that ask once when
they are open and are silent then. A question is a number that counts up; the answer has to be the same number, from the
real server that answered first. At SIGTERM every connection asks once more, and RECORD gets a line for each service: how
many connections have answered to the end, and the longest time that one of those that talked waited for an answer. "ready" in
RECORD means that all are open. The sources are used in turn, each for services of its family.
"""

import argparse
import asyncio
import itertools
import os
import resource
import signal
import time

PAUSE = 0.25
# The emulated kernel of a busy machine may need long for a take-over; the silence is measured.
PATIENCE = 60
# So many connections are opened at once, and so many idle ones ask at once at the end: real servers have a backlog.
AT_ONCE = 200
# Each connection has one.
DESCRIPTORS = 1 << 16


class Schedule:
    """What the connections wait for."""

    def __init__(self, count):
        self.few, self.ready, self.end = asyncio.Semaphore(AT_ONCE), asyncio.Event(), asyncio.Event()
        self.unopened = count

    def opened(self):
        self.unopened -= 1
        if not self.unopened:
            self.ready.set()


class Connection(asyncio.Protocol):
    def __init__(self, name, talks):
        self.name, self.talks = name, talks
        self.transport = self.server = self.answered = self.error = None
        self.number, self.longest, self.survived = 0, 0.0, False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        server, number = data.decode().split()
        if int(number) != self.number or server != (self.server or server):
            self.lose(ValueError(f"question {self.number} to {self.server} was answered by {data!r}"))
            return
        self.server = server
        self.answered.set_result(None)

    def connection_lost(self, error):
        self.lose(error or ConnectionError("closed by the other side"))

    def lose(self, error):
        self.error = self.error or error
        if self.answered and not self.answered.done():
            self.answered.set_exception(self.error)

    async def ask(self):
        if self.error:
            raise self.error
        begin = time.monotonic()
        self.number += 1
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(b"%d\n" % self.number)
        await self.answered
        self.longest = max(self.longest, time.monotonic() - begin)

    async def open(self, address, source, schedule):
        async with schedule.few:
            await asyncio.get_running_loop().create_connection(lambda: self, *address, local_addr=source)
            await self.ask()
        schedule.opened()

    async def live(self, address, source, schedule):
        try:
            await self.open(address, source, schedule)
        except (OSError, ValueError) as error:
            raise SystemExit(f"{self.name}: open a connection: {error!r}")
        try:
            while self.talks and not schedule.end.is_set():
                await asyncio.sleep(PAUSE)
                await self.ask()
            await schedule.end.wait()
            async with schedule.few:
                await self.ask()
            self.survived = True
        except (OSError, ValueError) as error:
            print(f"{time.time():.3f} {self.name}, question {self.number}: {error!r}", flush=True)


def service(word):
    name, _, address = word.partition("=")
    host, _, port = address.rpartition(":")
    return name, (host.strip("[]"), int(port))


def line(name, connections):
    def count(kind):
        return f"{sum(connection.survived for connection in kind)} of {len(kind)}"
    talking, idle = ([c for c in connections if c.name == name and c.talks == talks] for talks in (True, False))
    longest = max((c.longest for c in talking if c.survived), default=0.0)
    return f"{name}: {count(talking)} talking, {count(idle)} idle, longest silence {longest:.2f} s"


def write(path, lines):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write("".join(f"{line}\n" for line in lines))
    os.rename(path + ".new", path)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("record")
    parser.add_argument("talking", type=int)
    parser.add_argument("idle", type=int)
    parser.add_argument("services", type=service, nargs="+")
    parser.add_argument("--sources", nargs="*", default=[])
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    schedule = Schedule((asked.talking + asked.idle) * len(asked.services))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, schedule.end.set)
    connections, lives = [], []
    for name, address in asked.services:
        own = itertools.cycle([(source, 0) for source in asked.sources if (":" in source) == (":" in address[0])] or [None])
        for number in range(asked.talking + asked.idle):
            connections.append(Connection(name, number < asked.talking))
            lives.append(asyncio.create_task(connections[-1].live(address, next(own), schedule)))
    await schedule.ready.wait()
    write(asked.record, ["ready"])
    await schedule.end.wait()
    await asyncio.wait(lives, timeout=PATIENCE)
    write(asked.record, [line(name, connections) for name, _ in asked.services])


asyncio.run(main())
