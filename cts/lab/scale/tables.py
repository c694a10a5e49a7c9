"""Writes configurations of many services in each product's language, and reads what the kernel holds of them.

Virtual service number n is 10.100.x.y:80; its real servers are consecutive addresses of 10.200.0.0/16, port 8000.
"""

import os

TABLE = "/proc/net/ip_vs"
CHECK = {
    "tcp": "TCP_CHECK {\n connect_timeout 1\n retry 0\n }",
    "http": "HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 1\n retry 0\n }",
    None: "",
}


def virtual(number):
    return f"10.100.{number // 250}.{number % 250 + 1}"


def real(number):
    return f"10.200.{number // 250}.{number % 250 + 1}"


def shape(services, reals):
    """Yields (virtual address, [real addresses]) of each service."""
    for number in range(services):
        yield virtual(number), [real(number * reals + i) for i in range(reals)]


def write(path, text):
    """Replaces the file at once, as an editor does."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
    return path


def ldirectord(path, services, reals, weights=None, interval=10, **directives):
    """Writes a ldirectord.cf. WEIGHTS is {real address: weight}; others have 1."""
    weights = weights or {}
    lines = ["checktimeout=5", f"checkinterval={interval}", "autoreload=yes", "quiescent=no", 'logfile="/run/scale/ldirectord.log"']
    for address, servers in shape(services, reals):
        lines.append(f"\nvirtual={address}:80")
        lines.extend(f"\treal={server}:8000 masq {weights.get(server, 1)}" for server in servers)
        lines.extend(f"\t{name}={value}" for name, value in ({"scheduler": "wrr"} | directives).items())
    return write(path, "\n".join(lines) + "\n")


def ipvsadm(path, services, reals):
    lines = []
    for address, servers in shape(services, reals):
        lines.append(f"-A -t {address}:80 -s wrr")
        lines.extend(f"-a -t {address}:80 -r {server}:8000 -m -w 1" for server in servers)
    return write(path, "\n".join(lines) + "\n")


def keepalived(path, services, reals, check=None, interval=10):
    lines = ["global_defs {\n router_id scale\n}"]
    for address, servers in shape(services, reals):
        lines.append(f"virtual_server {address} 80 {{\n delay_loop {interval}\n lb_algo wrr\n lb_kind NAT\n protocol TCP")
        lines.extend(f" real_server {server} 8000 {{\n weight 1\n {CHECK[check]}\n }}" for server in servers)
        lines.append("}")
    return write(path, "\n".join(lines) + "\n")


def table():
    """Returns the kernel's table as text, by one read and without a process."""
    with open(TABLE) as file:
        return file.read()


def entries():
    """Returns the number of real servers in the kernel's table, whose heading has one arrow."""
    return table().count("  -> ") - 1


def line_of(address):
    """Returns a real server as the table writes it, up to its forwarding method."""
    return "".join(f"{int(part):02X}" for part in address.split(".")) + ":1F40 "


def weight(address):
    """Returns the weight of that real server in the kernel's table, or None when it is not in it."""
    for line in table().splitlines():
        if line_of(address) in line:
            return int(line.split()[3])
    return None
