"""One side of a scenario: one of the two programs, with the real servers and the recorder, in namespaces of its own."""

import glob
import os
import signal
import subprocess
import time

import namespace
import tables
from readings import Reading, calls, lines, log, monitor_file
from recorder import Recorder
from servers import Servers

PROGRAMS = {"original": "/usr/sbin/ldirectord", "ours": "/usr/sbin/lvs-agents"}
FOLDER = "/run/beside"
CONFIG = "/etc/ha.d/ldirectord.cf"
PID_FILE = "/run/ldirectord.ldirectord.cf.pid"
LOG = "/var/log/ldirectord.log"
CALLS, MONITOR_FILE = FOLDER + "/calls", FOLDER + "/monitorfile"
COMMANDS = FOLDER + "/commands"
LIMIT = 120
PAUSE = 0.2
ROUNDS = 2


class Side:
    """What the actions of a scenario's steps work on."""

    def __init__(self, product, scenario, folder, recording):
        self.product, self.scenario, self.folder = product, scenario, folder
        os.makedirs(folder, exist_ok=True)
        namespace.network()
        namespace.mount("run", "/run", "tmpfs")
        namespace.own(folder + "/log", "/var/log")
        namespace.own(folder + "/etc-ha.d", "/etc/ha.d")
        os.makedirs(FOLDER)
        namespace.bind(PROGRAMS[product], PROGRAMS["original"])
        # Without PERLIO, the original starts itself again with it.
        self.environment = os.environ | {"PERLIO": "perlio"}
        if product == "original":
            self.environment["LD_PRELOAD"] = recording
        self.servers = Servers()
        self.restore(scenario.table)
        self.recorder = Recorder(product, COMMANDS)
        self.exits = []
        self.readings = [Reading("calls", CALLS, calls), Reading("log", LOG, log),
                         Reading("monitorfile", MONITOR_FILE, monitor_file)]

    # What the steps do.

    def write(self, text, path=CONFIG):
        """Writes a file as an editor does: a reader sees the old one or the new one."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def command_line(self, action):
        """Runs `ldirectord CONFIG ACTION`, and keeps its exit code."""
        with open(self.folder + "/command-line", "a") as output:
            done = subprocess.run([PROGRAMS["original"], CONFIG, action], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=output, timeout=LIMIT, env=self.environment)
        self.exits.append(f"{action}={done.returncode}")
        return done.returncode

    def until(self, what, seconds=LIMIT):
        deadline = time.monotonic() + seconds
        while not what() and time.monotonic() < deadline:
            time.sleep(PAUSE)

    def start(self):
        # The original's answers before its daemon has a pid file.
        if self.command_line("start") == 0:
            self.until(self.daemon)

    def stop(self):
        self.end(signal.SIGTERM)

    def daemon(self):
        """Returns the daemon's pid, or None."""
        try:
            with open(PID_FILE) as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline") as file:
                return pid if "ldirectord" in file.read() else None
        except (OSError, ValueError):
            return None

    def has_children(self):
        """Tells whether a command of the daemon's runs; one that has ended and is not reaped yet does not."""
        for path in glob.glob(f"/proc/{self.daemon()}/task/*/children"):
            for child in " ".join(lines(path)).split():
                if not " ".join(lines(f"/proc/{child}/stat")).rpartition(") ")[2].startswith("Z"):
                    return True
        return False

    def signal(self, number):
        """Returns the daemon's pid, or None."""
        daemon = self.daemon()
        if daemon:
            os.kill(daemon, number)
        return daemon

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, number):
        """Ends the daemon, and waits until it is reaped: before, it may have its lock still, and no command line."""
        daemon = self.signal(number)
        if daemon:
            self.until(lambda: not os.path.exists(f"/proc/{daemon}"))

    def ipvsadm(self, *words, lines=None):
        subprocess.run(["ipvsadm", *words], check=True, text=True, input=lines)

    def restore(self, table):
        """Fills the table, as a daemon that ended without cleaning up would leave it."""
        if table:
            self.ipvsadm("-R", lines=tables.commands(table))

    # What became of it.

    def asked(self):
        """Returns how often the scenario's witness has been asked: a real server, or calls of a command."""
        witness = self.scenario.witness
        return self.servers[witness].asked if witness in tables.REAL_SERVERS else len(lines(CALLS))

    def settle(self, wanted, seconds=LIMIT):
        """Waits until the table is as WANTED, nothing has changed for two rounds of checks, and no command runs."""
        changed, mark = None, 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.recorder.changed, len(lines(CALLS)) if self.scenario.witness != "calls" else 0
            if now != changed or not self.servers.are_done():
                changed, mark = now, self.asked()
            has_stayed = self.asked() >= mark + ROUNDS or not self.daemon()
            if has_stayed and tables.written(self.recorder.current) == wanted and not self.has_children():
                return
            time.sleep(PAUSE)

    def play(self, step):
        """Plays a step and returns what it did to each entry, and to what else the step looks at."""
        begin = time.monotonic()
        self.recorder.begin()
        step.action(self)
        # A table that does not change has to stay for two rounds after the action.
        self.recorder.begin()
        self.settle(step.wanted[self.product])
        result = tables.paths(self.recorder.take(), drains=self.product == "ours")
        if self.exits:
            result["exit"] = " ".join(self.exits)
            self.exits = []
        for reading in self.readings:
            new = reading.take()
            if reading.name in step.looks_at:
                result |= new
        return {"changes": result, "final": tables.written(self.recorder.current), "wanted": step.wanted[self.product],
                "seconds": time.monotonic() - begin}
