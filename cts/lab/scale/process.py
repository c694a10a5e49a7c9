"""Runs the processes of the bench, measures what they take, keeps what they say, and ends each."""

import os
import signal
import statistics
import time

FOLDER = "/run/scale"
LIMIT = 300
AGENTS = "/usr/lib/ocf/resource.d/rust/"


class Done:
    """Says how a process ended: exit code (None when it was killed at its limit), milliseconds, what it wrote."""

    def __init__(self, code, wall, text):
        self.code, self.wall, self.text = code, wall, text


def run(words, environment=None, stdin=os.devnull, limit=LIMIT):
    """Runs one process from start to end, by posix_spawn: subprocess would add a fork of this one to each figure."""
    output = FOLDER + "/output"
    actions = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    start = time.perf_counter()
    child = os.posix_spawnp(words[0], words, environment or os.environ, file_actions=actions)
    killed = []
    signal.signal(signal.SIGALRM, lambda *_: (killed.append(1), os.kill(child, signal.SIGKILL)))
    signal.setitimer(signal.ITIMER_REAL, limit)
    _, status = os.waitpid(child, 0)
    wall = (time.perf_counter() - start) * 1000
    signal.setitimer(signal.ITIMER_REAL, 0)
    with open(output, errors="replace") as file:
        return Done(None if killed else os.waitstatus_to_exitcode(status), wall, file.read())


def agent(name, action, limit=LIMIT, **parameters):
    """Runs one action of ocf:rust:NAME as the cluster calls it."""
    return run([AGENTS + name, action], os.environ | {
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1", "HA_LOGFACILITY": "none",
        "OCF_RESOURCE_INSTANCE": "scale-" + name, "OCF_RESOURCE_TYPE": name, "OCF_RESOURCE_PROVIDER": "rust",
        "OCF_RESKEY_CRM_meta_interval": "10000", "OCF_RESKEY_CRM_meta_timeout": str(limit * 1000),
    } | {f"OCF_RESKEY_{key}": value for key, value in parameters.items()}, limit=limit)


def background(words, log):
    """Starts a process that stays, and returns its pid."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, f"{FOLDER}/{log}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawnp(words[0], words, os.environ, file_actions=actions)


def end(pid):
    """Sends SIGTERM, and SIGKILL when that is not enough."""
    os.kill(pid, signal.SIGTERM)
    if until(10, lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 0.05) is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def until(seconds, asked, pause=0.02):
    """Returns the seconds until ASKED() was true, or None when it was not within SECONDS. It pauses twice as long as
    asking takes, so that the watched processes have the machine."""
    start = time.perf_counter()
    while True:
        before = time.perf_counter()
        if asked():
            return time.perf_counter() - start
        now = time.perf_counter()
        if now - start > seconds:
            return None
        time.sleep(max(pause, 2 * (now - before)))


def median(values):
    return statistics.median(values) if values else float("nan")


def daemon_pid():
    """Returns the pid of the only health monitor on this host, found by its command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"daemon" in words and any(word.startswith(b"--instance=") for word in words):
            return int(pid)
    return None


def ticks(pid):
    """Returns CPU ticks by the names of threads, {name: ticks}."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat") as file:
                name, _, rest = file.read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        words = rest.split()
        found[name] = found.get(name, 0) + int(words[11]) + int(words[12])
    return found


def all_ticks(pid):
    """Returns the CPU ticks of all threads, including those that have ended."""
    with open(f"/proc/{pid}/stat") as file:
        words = file.read().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def memory(pid):
    """Returns VmRSS in MB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024
