"""Plays the table of checks and faults against real servers, with the health monitor as it is built.

faults configuration TABLE   prints the ldirectord.cf
faults play TABLE AGENT      plays it, in the lab, with a health monitor that AGENT starts with this configuration

First each row has its fault, then everything is well. A row is right when `lvs-agents status` has the state and the reason
that the table says, and the kernel has the real server or not accordingly. That must not be a moment's state: rows are
looked at until the health monitor has asked each that is up several times more.
"""

import asyncio
import contextlib
import json
import re
import sys
import time

import relay
import responder
import table

ROUNDS = 2
PATIENCE = 120
# Asking the health monitor takes a tenth of a second in an emulated kernel, which the servers need more.
PAUSE = 3


class Play:
    def __init__(self, checks):
        self.checks, self.rows = checks, table.played(checks)
        self.ways = {row: relay.of(row) for row in self.rows}
        self.is_spoilt = True

    async def play(self, agent):
        """Returns what is wrong."""
        await responder.start()
        for way in self.all_ways():
            await way.spoil()
        wrong = await self.wait_for_servers() or await run(agent, "start") or await self.phase("spoilt")
        if not wrong:
            self.is_spoilt = False
            for way in self.all_ways():
                await way.mend()
            wrong = await self.phase("well")
        for way in self.all_ways():
            await way.close()
        return wrong + await run(agent, "stop")

    async def wait_for_servers(self):
        """Waits until every server takes connections. One of UDP alone is waited for by its rows."""
        start, left = time.monotonic(), {row.server for row in self.rows if row.server and row.check.transport == "tcp"}
        while left and time.monotonic() < start + PATIENCE:
            for server in list(left):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(*server.replace("*", "127.0.0.1").split(":"))
                    writer.close()
                    left.discard(server)
            await asyncio.sleep(0.5)
        print(f"the servers are there after {time.monotonic() - start:.1f} s", flush=True)
        return [f"{server}: the server does not start" for server in left]

    async def phase(self, name):
        seconds, wrong = await self.settle()
        print(f"{name}: {len(self.rows)} rows after {seconds:.1f} s, {len(wrong)} of them wrong", flush=True)
        unasked = [f"{row}: was asked" for row, way in self.ways.items() if way and way.asked and not row.check.is_asked]
        if self.is_spoilt:
            wrong = wrong or await self.stay()
        return wrong or await self.compare_kernel() or unasked

    def all_ways(self):
        return [way for way in self.ways.values() if way]

    def wanted(self, row):
        """Returns the state and the reason that a row must have now."""
        if not self.is_spoilt and row.is_spoilt and row.check.is_asked:
            return "up", ""
        return row.state, row.reason

    async def settle(self):
        """Waits until every row is right. Returns the time, and what is wrong then."""
        start = time.monotonic()
        while left := await self.look():
            if time.monotonic() - start > PATIENCE:
                break
            await asyncio.sleep(PAUSE)
        return time.monotonic() - start, left

    async def look(self):
        """Returns the rows that are not right, as text."""
        found, wrong = await states(), []
        for row in self.rows:
            state, reason = found.get(row.service, ("missing", ""))
            wanted = self.wanted(row)
            if state != wanted[0] or (state != "up" and wanted[1] not in reason):
                wrong.append(f"{row}: wanted {' '.join(wanted)}\n    found {state} {reason}")
        return wrong

    async def stay(self):
        """Looks until those that are up have been asked ROUNDS times more, and returns what was wrong meanwhile."""
        before = {row: way.asked for row, way in self.ways.items() if way and self.wanted(row)[0] == "up"}
        deadline = time.monotonic() + PATIENCE
        while late := [row for row, asked in before.items() if self.ways[row].asked < asked + ROUNDS]:
            if time.monotonic() > deadline:
                return [f"{row}: asked {self.ways[row].asked - before[row]} times more" for row in late]
            if wrong := await self.look():
                return ["did not stay: " + text for text in wrong]
            await asyncio.sleep(PAUSE)
        return []

    async def compare_kernel(self):
        """The kernel's table has all services, and those real servers that are up."""
        wanted = {row.service: {f"{row.address}:{row.check.port}"} if self.wanted(row)[0] == "up" else set() for row in self.rows}
        found, service = {}, None
        for line in (await relay.command("ipvsadm", "-Ln")).splitlines():
            if match := re.match(r"(TCP|UDP)  (\S+)", line):
                service = f"{match[1].lower()} {match[2]}"
                found[service] = set()
            elif match := re.match(r"  -> (\d\S+)", line):
                found[service].add(match[1])
        return [f"kernel: {service}: wanted {wanted.get(service)}, found {found.get(service)}"
                for service in wanted.keys() | found.keys() if wanted.get(service) != found.get(service)]


async def states():
    """Returns what the health monitor says of each virtual service's only real server: its state, and why."""
    status = json.loads(await relay.command("lvs-agents", "status", "--json"))
    services = [service for monitor in status["monitors"] for service in monitor["services"]]
    return {service["service"]: (service["real_servers"][0]["health"], service["real_servers"][0]["reason"])
            for service in services}


async def run(agent, action):
    """Returns what is wrong."""
    child = await asyncio.create_subprocess_exec(agent, action)
    code = await child.wait()
    return [f"{agent} {action}: exit code {code}"] if code else []


def main():
    checks = table.read(sys.argv[2])
    if sys.argv[1] == "configuration":
        print(table.configuration(checks), end="")
        return
    wrong = asyncio.run(Play(checks).play(sys.argv[3]))
    print("\n".join(wrong))
    sys.exit(bool(wrong))


main()
