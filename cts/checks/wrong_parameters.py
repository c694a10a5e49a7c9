"""wrong_parameters.py TABLE: plays every row against the installed agents and says what was not as promised.

For each row: start, validate-all, monitor (interval 10 s), probe (interval 0), stop. Promised are: the row's exit codes;
monitor never answers 2 to 6, a probe answers 7, stop 0; start and validate-all give exactly one exit reason, which holds
the row's word; and the kernel (addresses, IPVS table, sysctls) is the same afterwards.
"""

import glob
import os
import shlex
import subprocess
import sys

AGENTS = "/usr/lib/ocf/resource.d/rust"
SERVICE = "virtual=10.9.0.50:80\n\treal=10.9.0.21:80 gate\n"
FILES = {
    "good": SERVICE,
    "unknown": SERVICE + "\tmonkey=7\n",
    "negative": "checkinterval=-1\n" + SERVICE,
    "bare": "virtual=10.9.0.50:80\n\treal=10.9.0.21:80\n",
    "orphan": "\treal=10.9.0.21:80 gate\n",
    "binary": b"\xff\xfe\x00configfile".decode("latin-1"),
    "taken": "virtual=10.9.0.60:80\n\treal=10.9.0.22:80 gate\n",
}
PREFIX = "ocf-exit-reason:"


def run(agent, action, parameters, instance, interval="0"):
    """(exit code, exit reasons, all of stderr)"""
    environment = {
        "PATH": os.environ["PATH"], "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1",
        "OCF_RESOURCE_INSTANCE": instance, "OCF_RESOURCE_TYPE": agent, "OCF_RESOURCE_PROVIDER": "rust",
        "OCF_RESKEY_CRM_meta_interval": interval, "OCF_RESKEY_CRM_meta_timeout": "20000", "HA_logfacility": "none",
    }
    environment |= {f"OCF_RESKEY_{name}": value for name, value in parameters.items()}
    done = subprocess.run([f"{AGENTS}/{agent}", action], env=environment, capture_output=True, text=True, timeout=60)
    reasons = [line[len(PREFIX):] for line in done.stderr.splitlines() if line.startswith(PREFIX)]
    return done.returncode, reasons, done.stderr.strip()


def kernel():
    """What an agent could have changed."""
    state = {}
    for path in ["/proc/net/ip_vs", "/proc/net/fib_trie", "/proc/net/if_inet6"]:
        with open(path) as file:
            state[path] = file.read()
    for pattern in ["/proc/sys/net/ipv4/conf/*/arp_*", "/proc/sys/net/ipv4/vs/*", "/proc/sys/net/ipv4/ip_forward"]:
        for path in glob.glob(pattern):
            try:
                with open(path) as file:
                    state[path] = file.read()
            except OSError:
                pass
    return state


def parameters_of(words):
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if value.startswith("%"):
            path = f"/etc/ha.d/{value[1:]}.cf"
            with open(path, "w", encoding="latin-1") as file:
                file.write(FILES[value[1:]])
            value = path
        found[name] = value
    return found


def problems(agent, codes, word, parameters):
    """What was not as promised in one row."""
    found = []
    before = kernel()
    start, _, validate = codes.partition("/")
    for action, expected in (("start", start), ("validate-all", validate or start)):
        code, reasons, stderr = run(agent, action, parameters, "wrong")
        if str(code) != expected:
            found.append(f"{action}: exit code {code}, expected {expected}: {stderr}")
        elif code != 0 and (len(reasons) != 1 or word not in reasons[0]):
            found.append(f"{action}: expected one reason with \"{word}\": {reasons or stderr}")
        if code == 0 and action == "validate-all" and stderr:
            found.append(f"validate-all: not silent on success: {stderr}")
    for interval, expected in (("10000", (1, 7)), ("0", (7,))):
        code, _, stderr = run(agent, "monitor", parameters, "wrong", interval)
        if code not in expected:
            found.append(f"monitor with interval {interval}: exit code {code}, expected one of {expected}: {stderr}")
    code, _, stderr = run(agent, "stop", parameters, "wrong")
    if code != 0:
        found.append(f"stop: exit code {code}, expected 0: {stderr}")
    after = kernel()
    found.extend(f"kernel changed: {path}" for path in before if before[path] != after.get(path))
    return found


def main():
    os.makedirs("/etc/ha.d", exist_ok=True)
    # The other owner of the rows about 10.9.0.60.
    other = {"virtual": "10.9.0.60:80", "real": "10.9.0.21 gate"}
    code, _, stderr = run("lvs", "start", other, "other")
    if code != 0:
        sys.exit(f"lvs start of the other owner: exit code {code}: {stderr}")
    rows = bad = 0
    with open(sys.argv[1]) as file:
        for line in file:
            if not line.strip() or line.startswith("#"):
                continue
            agent, codes, word, *words = shlex.split(line)
            rows += 1
            found = problems(agent, codes, word, parameters_of(words))
            bad += bool(found)
            for problem in found:
                print(f"{line.strip()}\n    {problem}")
    print(f"{rows} rows, {bad} not as promised")
    sys.exit(bad != 0 or rows < 40)


main()
