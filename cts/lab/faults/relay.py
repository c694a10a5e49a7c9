"""Stands between the health monitor and a real server, and spoils the server's own answers."""

import asyncio
import contextlib
import ssl

FOLDER = "/run/faults"
# What a TLS client says first: a record of type 22 (handshake) of version 3.
CLIENT_HELLO = b"\x16\x03"
TLS_SERVICES = ("https", "imaps", "pops", "ldaps")
# Seconds: longer than a check waits.
PATIENCE = 15
# Seconds from one byte of a slow answer to the next. A whole answer takes longer than this suite looks at it: when it ends,
# the reason changes for a moment.
SLOWNESS = 4


class Relay:
    """The way to the real server of one row. It is well until `spoil` is called, and again after `mend`."""

    def __init__(self, row):
        self.row, self.asked, self.fault = row, 0, None
        self.listener, self.conversations = None, set()

    async def spoil(self):
        await self.become(self.row.kind if self.row.is_spoilt else None)

    async def mend(self):
        await self.become(None)

    async def become(self, fault):
        await self.close()
        self.fault = fault
        if fault != "refused":
            self.listener = await self.listen()

    async def close(self):
        if self.listener:
            self.listener.close()
            self.listener = None
            # A socket of datagrams is closed by the loop's next turn.
            await asyncio.sleep(0)
        for conversation in self.conversations:
            conversation.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    def target(self):
        """The server's address, and its port. A server that listens on every address is asked at the row's."""
        server = self.row.server if self.fault or not self.row.is_spoilt else self.row.check.server
        host, port = server.rsplit(":", 1)
        return self.row.address if host == "*" else host, int(port)


class Stream(Relay):
    """Over TCP."""

    def listen(self):
        outside = context(ssl.PROTOCOL_TLS_SERVER, self.certificate()) if self.certificate() else None
        return asyncio.start_server(self.converse, self.row.address, self.row.check.port, ssl=outside)

    def certificate(self):
        """Returns what to show where the relay itself speaks TLS with both: to show another certificate than the server's,
        and to tell the answers inside apart. Otherwise it brings the server's own bytes."""
        if self.fault and self.row.variant.isdigit() and self.row.directives.get("service") in TLS_SERVICES:
            return "good"
        return self.row.variant if self.fault and self.row.variant in ("stranger", "expired") else None

    async def converse(self, *client):
        self.asked += 1
        task = asyncio.current_task()
        self.conversations.add(task)
        try:
            if self.fault == "silent" and not self.row.variant:
                # No answer of the server is needed. The client may end its side and still wait.
                await client[0].read()
                await asyncio.sleep(PATIENCE)
                return
            inside = context(ssl.PROTOCOL_TLS_CLIENT) if self.certificate() else None
            server = await asyncio.open_connection(*self.target(), ssl=inside)
            try:
                await Conversation(self.fault, self.row.variant, client, server).hold()
            finally:
                server[1].close()
        except OSError:
            pass
        finally:
            client[1].close()
            self.conversations.discard(task)


def context(side, certificate=None):
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if certificate:
        made.load_cert_chain(f"{FOLDER}/{certificate}.pem", f"{FOLDER}/{certificate}.key")
    return made


class Conversation:
    """One connection. Answers are counted: one is all that the server says until the client speaks again."""

    def __init__(self, fault, variant, client, server):
        self.client, self.server, self.fault, self.variant = client, server, fault, variant if fault else ""
        self.spoilt = int(variant) if variant.isdigit() else 1
        self.answer, self.is_turn_of_client, self.speaks_tls = 0, True, False

    async def hold(self):
        asking, answering = asyncio.create_task(self.bring_requests()), asyncio.create_task(self.bring_answers())
        try:
            # The client may end its side and still wait for the answer.
            await answering
            if self.fault == "silent":
                await asking
            if not self.client[1].can_write_eof():
                # Over TLS there is no half of a connection that could end: it is cut off, without a goodbye.
                self.client[1].transport.abort()
                return
            end(self.client[1])
            # What the client sends meanwhile is read: closed with it unread, the connection would end with a reset.
            await asyncio.wait_for(asking, PATIENCE)
        except asyncio.TimeoutError:
            pass
        finally:
            asking.cancel()
            answering.cancel()

    async def bring_requests(self):
        with contextlib.suppress(OSError):
            while data := await self.client[0].read(65536):
                self.is_turn_of_client = True
                self.speaks_tls |= CLIENT_HELLO in data
                self.server[1].write(data)
        end(self.server[1])

    async def bring_answers(self):
        with contextlib.suppress(OSError):
            while data := await self.server[0].read(65536):
                self.answer += self.is_turn_of_client
                self.is_turn_of_client = False
                if not await self.bring(data):
                    break

    async def bring(self, data):
        """Returns whether the conversation goes on."""
        writer, is_spoilt = self.client[1], self.answer >= self.spoilt
        if self.fault == "silent" and is_spoilt:
            return True
        if self.fault == "closed" and is_spoilt:
            writer.write(data[:len(data) // 2])
            return False
        if self.fault == "slow" and is_spoilt:
            for byte in data:
                if writer.is_closing():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(SLOWNESS)
            return not writer.is_closing()
        if self.variant == "garbled" and self.speaks_tls:
            data = bytes(byte ^ 0xff for byte in data)
        writer.write(data)
        return True


def end(writer):
    """Says that nothing more comes."""
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


class Datagrams(Relay):
    """Over UDP: each client has a socket of its own to the server."""

    async def listen(self):
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Outside(self), (self.row.address, self.row.check.port))
        return transport

    def spoilt(self, answer):
        """Returns what is left of an answer."""
        return {"silent": b"", "closed": answer[:len(answer) // 2]}.get(self.fault, answer)


class Outside(asyncio.DatagramProtocol):
    def __init__(self, relay):
        self.relay = relay

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, client):
        self.relay.asked += 1
        task = asyncio.get_running_loop().create_task(self.bring(data, client))
        self.relay.conversations.add(task)
        task.add_done_callback(self.relay.conversations.discard)

    async def bring(self, data, client):
        loop = asyncio.get_running_loop()
        transport, inside = await loop.create_datagram_endpoint(Inside, remote_addr=self.relay.target())
        try:
            transport.sendto(data)
            async with asyncio.timeout(PATIENCE):
                answer = self.relay.spoilt(await inside.answer)
            if answer:
                self.transport.sendto(answer, client)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            transport.close()


class Inside(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, _):
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error):
        if not self.answer.done():
            self.answer.set_exception(error)


class Kernel:
    """The way to a host that is pinged: its fault is one of this host's kernel."""

    COUNTER = "/proc/net/snmp"

    def __init__(self, row):
        self.row = row

    @property
    def asked(self):
        """Echo requests and answers that came here: a check has one of the two."""
        with open(self.COUNTER) as file:
            names, numbers = (line.split() for line in file if line.startswith("Icmp:"))
        found = dict(zip(names, numbers))
        return int(found["InEchos"]) + int(found["InEchoReps"])

    async def spoil(self):
        if self.row.kind == "silent":
            ignore_echoes(1)
        elif self.row.kind == "refused":
            await command("ip", "route", "replace", "unreachable", self.row.address, "table", "local")

    async def mend(self):
        if self.row.kind == "silent":
            ignore_echoes(0)
        elif self.row.kind == "refused":
            await command("ip", "route", "flush", "table", "local", "type", "unreachable")

    async def close(self):
        await self.mend()


def ignore_echoes(value):
    with open("/proc/sys/net/ipv4/icmp_echo_ignore_all", "w") as file:
        file.write(str(value))


async def command(*words):
    """Returns what a command prints."""
    child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    return output.decode()


def of(row):
    """Returns what spoils this row: None where nothing is asked."""
    if row.server:
        return {"tcp": Stream, "udp": Datagrams}[row.check.transport](row)
    return Kernel(row) if row.check.is_asked else None
