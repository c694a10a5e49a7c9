"""Holds metrics, dashboard and rules against a real Prometheus and node_exporter.

metrics.py listen PORT...                    a server that takes connections on these ports
metrics.py same OURS THEIRS                  the series node_ipvs_* of two addresses are equal, with type, help, labels and value
metrics.py asked PROMETHEUS                  it has asked the health monitor
metrics.py queries PROMETHEUS FOLDER         every query of the dashboard and the rules of FOLDER finds something
metrics.py firing PROMETHEUS [ALERT...]      these alerts fire, and no others
"""

import json
import pathlib
import re
import socket
import sys
import urllib.parse
import urllib.request

# One host has no standby: promtool's tests have these.
OF_A_PAIR = re.compile(r"lvs_agents_(promoted|sync_\w+)")
COMPARISON = re.compile(r"\s(==|!=|>|<)\s[\d.]+")


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def listen(*ports):
    """Never accepts: the kernel takes the connections of checks, up to the backlog, and their ends."""
    listeners = [socket.create_server(("", int(port)), backlog=1000) for port in ports]
    print("listens", flush=True)
    while True:
        for listener in listeners:
            listener.settimeout(0.1)
            try:
                listener.accept()[0].close()
            except TimeoutError:
                pass


def ipvs(text):
    """Returns what is said of IPVS: the kind and the explanation of each metric, and each value by its labels in any order."""
    found = {}
    for line in text.splitlines():
        about = re.fullmatch(r"# (HELP|TYPE) (node_ipvs_\w+) (.*)", line)
        sample = re.fullmatch(r"(node_ipvs_\w+)(?:\{(.*)\})? (\S+)", line)
        if about:
            found[about[2], about[1]] = about[3]
        elif sample:
            found[sample[1], *sorted(re.findall(r'\w+="[^"]*"', sample[2] or ""))] = float(sample[3])
    return found


def same(ours, theirs):
    ours, theirs = ipvs(get(ours)), ipvs(get(theirs))
    keys = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
    print(f"{len(theirs)} lines of node_exporter about IPVS, {len(keys)} differ")
    if len(theirs) < 20:
        return ["there are hardly any"]
    return [f"{' '.join(key)}: ours {ours.get(key)}, theirs {theirs.get(key)}" for key in keys]


def ask(prometheus, query):
    answer = json.loads(get(f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})))
    return answer["data"]["result"]


def asked(prometheus):
    return [] if ask(prometheus, "lvs_agents_up == 1") else ["not yet"]


def of_dashboard(dashboard):
    for panel in dashboard["panels"]:
        assert panel["type"] in ("stat", "timeseries", "table") and panel["title"] and panel["targets"], panel
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from (("annotation " + one["name"], one["expr"]) for one in dashboard["annotations"]["list"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            yield "variable " + variable["name"], f'{metric}{{{label}!=""}}'


def queries(prometheus, folder):
    folder = pathlib.Path(folder)
    dashboard = json.loads((folder / "grafana-dashboard.json").read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    rules = json.loads(get(f"{prometheus}/api/v1/rules"))["data"]["groups"][0]["rules"]
    all_queries = [*of_dashboard(dashboard), *((rule["name"], rule["query"]) for rule in rules)]
    wrong, left = [], 0
    for title, query in all_queries:
        if OF_A_PAIR.search(query):
            left += 1
            continue
        query = COMPARISON.sub("", query.replace("$instance", ".*").replace("$service", ".*"))
        if not ask(prometheus, query):
            wrong.append(f"{title}: finds nothing: {query}")
    wrong += [f'{rule["name"]}: {rule.get("lastError")}' for rule in rules if rule["health"] != "ok"]
    wrong += [f'{rule["name"]}: no command' for rule in rules if not rule["annotations"].get("command")]
    print(f"{len(all_queries) - left} queries asked, {left} of a pair are promtool's, {len(wrong)} find nothing")
    return wrong


def firing(prometheus, *expected):
    found = sorted({one["metric"]["alertname"] for one in ask(prometheus, 'ALERTS{alertstate="firing"}')})
    return [] if found == sorted(expected) else [f"firing: {found}, expected: {sorted(expected)}"]


if __name__ == "__main__":
    problems = {"listen": listen, "same": same, "asked": asked, "queries": queries, "firing": firing}[sys.argv[1]](*sys.argv[2:])
    print("\n".join(problems), file=sys.stderr)
    sys.exit(bool(problems))
