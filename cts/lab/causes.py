"""Real servers that are ill, each on its port: a server answers what is said here, and keeps the connection open."""

import asyncio

HTTP = b"HTTP/1.1 %s\r\nContent-Length: 3\r\nConnection: close\r\n\r\n%s"
SERVERS = {
    8101: HTTP % (b"200 OK", b"yes"),
    8102: b"",
    8103: HTTP % (b"503 Service Unavailable", b"no\n"),
    8104: HTTP % (b"200 OK", b"no\n"),
    8105: b"HTTP/1.1 200 OK\r\nContent-Le",
    8106: b"\x17\0\0\0\xff\x10\x04Too many connections",
}


async def serve(port, answer):
    async def talk(reader, writer):
        if port != 8106:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()

    await asyncio.start_server(talk, "0.0.0.0", port)


async def main():
    for port, answer in SERVERS.items():
        await serve(port, answer)
    print("listens", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
