"""Times actions of ocf:rust agents and of ocf:heartbeat:IPaddr2 in turn, as whole processes.

agent_time.py monitor [RUNS]    times `monitor` of vip, IPaddr2 and, where the kernel has IPVS, lvs
agent_time.py vip [RUNS]        times start, monitor and stop of vip and IPaddr2, for IPv4, and for IPv6 with and
                                without duplicate address detection (fewer runs: IPaddr2 takes seconds), and prints
                                time, CPU time, processes (clone and execve), and the ratio of the times
CPU time is that of the agent and of every process that it waited for; what stays behind to announce an address is not in it.
"""

import os
import re
import statistics
import sys
import tempfile
import time

VIP, PEER, LVS = "ocf:rust:vip", "ocf:heartbeat:IPaddr2", "ocf:rust:lvs"
PATH = {name: "/usr/lib/ocf/resource.d/" + name.removeprefix("ocf:").replace(":", "/") for name in (VIP, PEER, LVS)}
LVS_PARAMETERS = {"virtual": "10.9.0.50:80", "real": "10.9.0.21 gate 1, 10.9.0.22 gate 3"}


SILENT = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]


def address(ip, **more):
    return {"ip": ip, "cidr_netmask": "32" if "." in ip else "128", "nic": "eth0"} | more


def run(agent, parameters, action, wrapper=()):
    """Returns (wall, CPU) milliseconds."""
    name = os.path.basename(PATH[agent])
    environment = os.environ | {
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1", "HA_LOGFACILITY": "none",
        "OCF_RESOURCE_INSTANCE": name, "OCF_RESOURCE_TYPE": name, "OCF_RESKEY_CRM_meta_interval": "10000",
        "OCF_RESKEY_CRM_meta_timeout": "20000",
    } | {f"OCF_RESKEY_{key}": value for key, value in parameters.items()}
    words = [*wrapper, PATH[agent], action]
    start = time.perf_counter()
    # posix_spawn keeps our own time out of the figures: subprocess takes half a millisecond more.
    child = os.posix_spawnp(words[0], words, environment, file_actions=SILENT)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{agent} {action} {parameters}: exit code {os.waitstatus_to_exitcode(status)}")
    return wall * 1000, (used.ru_utime + used.ru_stime) * 1000


def processes(agent, parameters, action):
    """Returns how many (clone, execve) succeeded, the agent's own execve included."""
    with tempfile.NamedTemporaryFile("r") as trace:
        run(agent, parameters, action, ["strace", "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork,execve", "-o", trace.name])
        done = re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)\b.* = \d+$", trace.read(), re.MULTILINE)
    return sum(call != "execve" for call in done), done.count("execve")


def monitors(runs):
    agents = {VIP: address("10.9.0.50"), PEER: address("10.9.0.51")}
    if os.path.exists("/proc/net/ip_vs"):
        agents[LVS] = LVS_PARAMETERS
    for agent, parameters in agents.items():
        run(agent, parameters, "start")
    taken = {agent: [] for agent in agents}
    for _ in range(runs):
        for agent, parameters in agents.items():
            taken[agent].append(run(agent, parameters, "monitor")[0])
    for agent, values in taken.items():
        values.sort()
        print(f"{agent:22} monitor, whole process, {runs} runs in turn: median {statistics.median(values):6.2f} ms "
              f"(p10 {values[runs // 10]:.2f}, p90 {values[runs * 9 // 10]:.2f})")
    for agent, parameters in agents.items():
        run(agent, parameters, "stop")


def lives(title, runs, ours, peers):
    """Runs start, monitor and stop again and again, of both in turn, and prints a line for each action."""
    agents, actions = {VIP: ours, PEER: peers}, ("start", "monitor", "stop")
    taken = {(agent, action): [] for agent in agents for action in actions}
    for _ in range(runs):
        for agent, parameters in agents.items():
            for action in actions:
                taken[agent, action].append(run(agent, parameters, action))
    count = {(agent, action): processes(agent, agents[agent], action) for agent, action in taken}
    for action in actions:
        wall, cpu = ([statistics.median(value[i] for value in taken[agent, action]) for agent in agents] for i in (0, 1))
        print(f"{title:18} {action:8} {wall[0]:9.2f} {wall[1]:9.2f} {wall[1] / wall[0]:7.1f} {cpu[0]:9.2f} {cpu[1]:9.2f} "
              f"{cpu[1] / cpu[0]:7.1f}   {'%d/%d' % count[VIP, action]:>7} {'%d/%d' % count[PEER, action]:>7}")


def vips(runs):
    print(f"{'medians of ' + str(runs) + ' runs':27} {'wall ms':>9} {'IPaddr2':>9} {'ratio':>7} {'CPU ms':>9} {'IPaddr2':>9} "
          f"{'ratio':>7}   {'clones/execs':>12} IPaddr2")
    lives("IPv4", runs, address("10.9.0.50"), address("10.9.0.51"))
    lives("IPv6, nodad=yes", runs, address("fd09::50", nodad="yes"), address("fd09::51", nodad="yes"))
    lives("IPv6", max(3, runs // 6), address("fd09::50"), address("fd09::51"))


def main():
    part, default = {"monitor": (monitors, 50), "vip": (vips, 30)}[sys.argv[1]]
    part(int(sys.argv[2]) if len(sys.argv) > 2 else default)


main()
