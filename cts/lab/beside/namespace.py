"""Runs a function in namespaces of its own: network (and with it an IPVS table), mounts, processes, IPC."""

import ctypes
import os
import signal
import subprocess

from tables import REAL_SERVERS, REAL_SERVERS6

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x8000000, 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind="", flags=0):
    """Mounts as mount(8) does; a process would take 12 ms in the emulated kernel."""
    must(LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, None), f"mount {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND)


def own(folder, target):
    """Lets FOLDER stand for TARGET."""
    os.makedirs(folder, exist_ok=True)
    bind(folder, target)


def network():
    """Makes every address of the scenarios local: nothing leaves the namespace."""
    addresses = [f"{address}/32" for address in REAL_SERVERS.values()]
    addresses += [f"{address}/128" for address in REAL_SERVERS6.values()]
    lines = ["link set lo up"] + [f"addr add {address} dev lo" for address in addresses]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def reap_until(child):
    """Is what pid 1 does: a daemon that ended and is not reaped would look alive."""
    while os.wait()[0] != child:
        pass


def run(work):
    """Returns the process that runs WORK() in the namespaces. All that WORK starts ends with it, and with this one."""
    outer = os.fork()
    if outer:
        return outer
    try:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        must(LIBC.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET), "unshare")
        first = os.fork()
        if first:
            os.waitpid(first, 0)
            os._exit(0)
        # The kernel kills a pid namespace with its pid 1.
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        worker = os.fork()
        if worker:
            reap_until(worker)
            os._exit(0)
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc")
        work()
    finally:
        os._exit(0)
