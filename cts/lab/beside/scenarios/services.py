"""Kinds of services and real servers."""

import subprocess

from scenario import (B, FALLBACK, HTTP, Scenario, Step, close, fail, file, open_again, recover, section, start)


def address(sign, word):
    return lambda side: subprocess.run(["ip", "addr", sign, f"{word}/32", "dev", "lo"], check=True)


def section6(*lines):
    return section(*lines, vip="[fd00:9::1]:80").replace("virtual=", "virtual6=", 1)


SHARED = ("real=10.1.0.2:80 gate", "real=10.1.0.3:80 gate", *HTTP)

SCENARIOS = [
    Scenario(
        "two services share a real server", file(
            section(*SHARED), section(*SHARED, vip="shop"), head=["failurecount=4", "quiescent=yes"]),
        Step("start", start, "shop(a=1 b=1) web(a=1 b=1)"),
        Step("a fails three times", fail("a", times=3), "shop(a=1 b=1) web(a=1 b=1)"),
        Step("a fails for good", fail("a"), "shop(a=0 b=1) web(a=0 b=1)"),
        Step("a is back", recover("a"), "shop(a=1 b=1) web(a=1 b=1)"),
        table="web(a=1 b=1) shop(a=1 b=1)"),
    Scenario(
        "a firewall mark", file(
            section("real=10.1.0.2 gate 2", "real=10.1.0.3 gate", "fallback=127.0.0.1 gate", "checkport=80", *HTTP, vip="7")),
        Step("start", start, "fwmark(a=2 b=1)"),
        Step("a fails", fail("a"), "fwmark(b=1)"),
        Step("both fail", fail("a", "b"), "fwmark(fallback=1)"),
        Step("a is back", recover("a"), "fwmark(a=2)"),
        table="fwmark(a=2 b=1)"),
    Scenario(
        "UDP, checked by ping", file(
            section("real=10.1.0.2:53 gate", "real=10.1.0.4:53 gate", "protocol=udp", "checktype=connect", vip="10.1.9.1:53"),
            section(B, *HTTP, vip="shop")),
        Step("start", start, "dns(a=1 c=1) shop(b=1)"),
        Step("c leaves", address("del", "10.1.0.4"), "dns(a=1) shop(b=1)"),
        Step("c is back", address("add", "10.1.0.4"), "dns(a=1 c=1) shop(b=1)"),
        table="dns(a=1 c=1) shop(b=1)"),
    Scenario(
        "IPv6", file(
            section6("real6=[fd00::2]:80 gate", "real6=[fd00::3]:80 masq 4", "fallback6=[::1]:80 gate", "checktype=connect")),
        Step("start", start, "web6(a=1 b=4m)"),
        Step("a refuses", close("a"), "web6(b=4m)"),
        Step("a listens again", open_again("a"), "web6(a=1 b=4m)"),
        table="web6(a=1 b=4m)"),
    Scenario(
        "masq to other ports, weights, thresholds", file(
            section("real=10.1.0.2:8080 masq 10", "real=10.1.0.3:80 masq 20 l:5 u:9", "real=10.1.0.4:80 ipip 30", FALLBACK,
                    "scheduler=sh", "persistent=600", "netmask=255.255.255.0", "quiescent=yes", *HTTP)),
        Step("start", start, "web[sh,persistent](a:8080=10m b=20m c=30i)"),
        Step("a fails", fail("a"), "web[sh,persistent](a:8080=0m b=20m c=30i)"),
        Step("c fails", fail("a", "c"), "web[sh,persistent](a:8080=0m b=20m c=0i)"),
        Step("both are back", recover("a", "c"), "web[sh,persistent](a:8080=10m b=20m c=30i)"),
        table="web[sh](a:8080=10m b=20m c=30i)"),
    Scenario(
        "a range of real servers, with requests of their own", file(
            section('real=10.1.0.2->10.1.0.4:80 gate 2 "one.html", "ok"', 'real=10.1.0.5:80 gate "two.html", "never"',
                    "service=http")),
        Step("start", start, "web(a=2 b=2 c=2)"),
        Step("b fails", fail("b"), "web(a=2 c=2)"),
        Step("b is back", recover("b"), "web(a=2 b=2 c=2)"),
        table="web(a=2 b=2 c=2)"),
]
