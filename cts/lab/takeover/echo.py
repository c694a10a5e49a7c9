"""The echo server of a real server, on every address: "NUMBER" is answered by "NAME NUMBER", a line each.

echo.py NAME PORT...
"""

import asyncio
import resource
import socket
import sys

# A connection is accepted with its first question: those of the probe, which asks nothing, cost no process anything.
SECONDS_DEFERRED = 30

# Each connection has one.
DESCRIPTORS = 1 << 16


class Connection(asyncio.Protocol):
    def __init__(self, name):
        self.name, self.transport = name, None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        # A line is a few bytes, which TCP never splits; several may come at once.
        self.transport.write(b"".join(b"%s %s\n" % (self.name, line) for line in data.splitlines()))


async def main():
    name, ports = sys.argv[1].encode(), [int(port) for port in sys.argv[2:]]
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    for port in ports:
        server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SECONDS_DEFERRED)
        await asyncio.get_running_loop().create_server(lambda: Connection(name), sock=server, backlog=4096)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
