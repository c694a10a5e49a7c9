"""Starts each of the two health monitors that are compared, and knows the process that does its checks."""

import tables
from process import FOLDER, agent, background, daemon_pid, end, until


class Ours:
    name = "ours"

    def start(self, services, reals, check, interval):
        kind = {"tcp": {"checktype": "connect"}, "http": {"checktype": "negotiate", "service": "http", "request": '"/"', "receive": '"ok"'}}
        self.file = tables.ldirectord(f"{FOLDER}/ldirectord.cf", services, reals, interval=interval, **kind[check])
        done = agent("ldirectord", "start", configfile=self.file)
        self.pid = daemon_pid()
        return None if done.code == 0 and self.pid else f"code {done.code}: {done.text.strip()[:200]}"

    def stop(self):
        agent("ldirectord", "stop", configfile=self.file)


class Keepalived:
    name = "keepalived"

    def start(self, services, reals, check, interval):
        file = tables.keepalived(f"{FOLDER}/keepalived.conf", services, reals, check, interval)
        self.parent = background(["keepalived", "-n", "-l", "-G", "-C", "-f", file], "keepalived.log")
        found = until(30, lambda: self.children(), 0.1)
        self.pid = self.children()[0] if found is not None else None
        return None if self.pid else "no checker process"

    def children(self):
        with open(f"/proc/{self.parent}/task/{self.parent}/children") as file:
            return [int(word) for word in file.read().split()]

    def stop(self):
        end(self.parent)
