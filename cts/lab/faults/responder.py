"""Stands in for a news server, whose package cannot be installed on a host without a domain name, and is an agent."""

import asyncio
import contextlib

PORT = 10119
AGENT_PORT = 10120


async def news(reader, writer):
    writer.write(b"200 news.example.test ready\r\n")
    with contextlib.suppress(OSError):
        if (await reader.readline()).strip() == b"QUIT":
            writer.write(b"205 bye\r\n")
    writer.close()


async def agent(_reader, writer):
    writer.write(b"up 75% # well enough\n")
    writer.close()


async def start():
    return [
        await asyncio.start_server(news, "127.0.0.1", PORT),
        await asyncio.start_server(agent, "127.0.0.1", AGENT_PORT),
    ]
