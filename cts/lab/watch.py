"""Watches one director from inside its network namespace and writes down what changed, and when.

watch.py RECORD [SECONDS_BETWEEN]

The lines are `TIME watch begins`, and `TIME watch ends` where the lab has switched the host off; `TIME address + 10.9.0.100 eth0 32` and `TIME address - 10.9.0.100 eth0 32` (the
prefix), each as the kernel announced it; `TIME table SERVICE=DESTINATION:WEIGHT,... ...` for every change of the
kernel's IPVS table; and `TIME promoted RESOURCE ...` for every change of the resources that are promoted here. Table and
roles are read from files, so no process is started and no change is missed for longer than the pause.
"""

import glob
import json
import os
import select
import socket
import struct
import sys
import time

RTMGRP_IPV4_IFADDR, RTM_NEWADDR, RTM_DELADDR, IFA_LOCAL = 0x10, 20, 21, 2
SO_RCVBUFFORCE = 33
TABLE = "/proc/net/ip_vs"
ROLES = "/run/lvs-agents/services/*.role"


def addresses(data):
    """Yields (sign, address, interface, prefix) of every address message in one datagram."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        prefix, index = data[17], struct.unpack_from("=I", data, 20)[0]
        attributes, data = data[24:length], data[(length + 3) & ~3:]
        while kind in (RTM_NEWADDR, RTM_DELADDR) and len(attributes) >= 4:
            size, name = struct.unpack_from("=HH", attributes)
            if name == IFA_LOCAL:
                sign, address = "+" if kind == RTM_NEWADDR else "-", socket.inet_ntoa(attributes[4:8])
                yield sign, address, socket.if_indextoname(index), str(prefix)
            attributes = attributes[max(4, (size + 3) & ~3):]


def endpoint(word):
    """Returns 0A090064:0CEA as 10.9.0.100:3306, and IPv6 as the kernel prints it."""
    host, _, port = word.rpartition(":")
    if host.startswith("["):
        return f"{host}:{int(port, 16)}"
    return f"{socket.inet_ntoa(bytes.fromhex(host))}:{int(port, 16)}"


def table(text):
    services = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] in (["TCP"], ["UDP"]):
            services.append([f"{words[0].lower()}/{endpoint(words[1])}", []])
        elif words[:1] == ["FWM"]:
            services.append([f"fwmark/{int(words[1], 16)}", []])
        elif words[:1] == ["->"] and services and words[1] != "RemoteAddress:Port":
            services[-1][1].append(f"{endpoint(words[1])}:{words[3]}")
    return " ".join(f"{name}={','.join(sorted(servers))}" for name, servers in sorted(services)) or "empty"


def promoted():
    """Returns the resources that have the promoted role, as the agents have recorded it."""
    names = []
    for path in glob.glob(ROLES):
        try:
            with open(path) as file:
                if json.load(file)["promoted"]:
                    names.append(os.path.basename(path).removesuffix(".role"))
        except (OSError, ValueError, KeyError):
            # It is gone, or is being written.
            continue
    return " ".join(sorted(names))


def write(record, kind, rest):
    os.write(record, f"{time.time():.6f} {kind} {rest}\n".encode())


def main():
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.03
    record = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    monitor = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    # Hundreds of addresses may come at once.
    monitor.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    monitor.bind((0, RTMGRP_IPV4_IFADDR))
    write(record, "watch", "begins")
    before, roles = None, ""
    while True:
        # Waiting messages come before anything that takes long: the time of an address is that of reading its message.
        while select.select([monitor], [], [], pause)[0]:
            for change in addresses(monitor.recv(65536)):
                write(record, "address", " ".join(change))
        here = promoted()
        if here != roles:
            write(record, "promoted", here)
            roles = here
        if not os.path.exists(TABLE):
            continue
        with open(TABLE) as file:
            now = table(file.read())
        if now != before:
            write(record, "table", now)
            before = now


main()
