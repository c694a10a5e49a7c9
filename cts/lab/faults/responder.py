"""Stands in for a news server, whose package cannot be installed on a host without a domain name."""

import asyncio
import contextlib

PORT = 10119


async def news(reader, writer):
    writer.write(b"200 news.example.test ready\r\n")
    with contextlib.suppress(OSError):
        if (await reader.readline()).strip() == b"QUIT":
            writer.write(b"205 bye\r\n")
    writer.close()


async def start():
    return await asyncio.start_server(news, "127.0.0.1", PORT)
