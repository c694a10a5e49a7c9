"""monitor_time.py [RUNS]: times `monitor` of ocf:rust:vip, ocf:heartbeat:IPaddr2 and, where the kernel has IPVS,
ocf:rust:lvs in turn, each with its address or service up."""

import os
import statistics
import subprocess
import sys
import time

ADDRESS = {"OCF_RESKEY_cidr_netmask": "32", "OCF_RESKEY_nic": "eth0"}
AGENTS = {
    "ocf:rust:vip": ("/usr/lib/ocf/resource.d/rust/vip", ADDRESS | {"OCF_RESKEY_ip": "10.9.0.50"}),
    "ocf:heartbeat:IPaddr2": ("/usr/lib/ocf/resource.d/heartbeat/IPaddr2", ADDRESS | {"OCF_RESKEY_ip": "10.9.0.51"}),
}
if os.path.exists("/proc/net/ip_vs"):
    SERVICE = {"OCF_RESKEY_virtual": "10.9.0.50:80", "OCF_RESKEY_real": "10.9.0.21 gate 1, 10.9.0.22 gate 3"}
    AGENTS["ocf:rust:lvs"] = ("/usr/lib/ocf/resource.d/rust/lvs", SERVICE)


def run(path, parameters, action):
    name = os.path.basename(path)
    environment = os.environ | {
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1", "HA_LOGFACILITY": "none",
        "OCF_RESOURCE_INSTANCE": name, "OCF_RESOURCE_TYPE": name, "OCF_RESKEY_CRM_meta_interval": "10000",
        "OCF_RESKEY_CRM_meta_timeout": "20000",
    } | parameters
    start = time.perf_counter()
    code = subprocess.run([path, action], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    milliseconds = (time.perf_counter() - start) * 1000
    if code != 0:
        sys.exit(f"{path} {action}: exit code {code}")
    return milliseconds


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for path, parameters in AGENTS.values():
        run(path, parameters, "start")
    taken = {name: [] for name in AGENTS}
    for _ in range(runs):
        for name, (path, parameters) in AGENTS.items():
            taken[name].append(run(path, parameters, "monitor"))
    for name, values in taken.items():
        values.sort()
        print(f"{name:22} monitor, whole process, {runs} runs in turn: median {statistics.median(values):6.2f} ms "
              f"(p10 {values[runs // 10]:.2f}, p90 {values[runs * 9 // 10]:.2f})")
    for path, parameters in AGENTS.values():
        run(path, parameters, "stop")


main()
