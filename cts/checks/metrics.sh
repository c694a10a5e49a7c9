# Prometheus reads the metrics, which are node_exporter's for IPVS; dashboard and rules find them, and each alert fires for its fault
PLACE=127.0.0.1:9117 EXPORTER=127.0.0.1:9100 PROMETHEUS=http://127.0.0.1:9090 CF=/etc/ha.d/metrics.cf

scenario() {
	on lone promtool check rules "$CTS/../monitoring/alerts.yml" || failed "promtool check rules"
	on lone promtool test rules "$CTS/../monitoring/alerts-test.yml" || failed "promtool test rules"
	plant || failed "plant the servers"
	configuration >"$L/hosts/lone/etc-ha.d/metrics.cf"
	agent_run ldirectord start configfile=$CF || failed "ldirectord start"
	wait_for 30 "the same as node_exporter" same_as_exporter || failed "node_exporter differs: $(<"$L/same")"
	seen "$(<"$L/same")"
	prometheus_start
	must 60 "Prometheus has asked" prometheus_has_asked
	must 30 "no alert on a healthy node" fires
	seen "a healthy node: no alert fires"

	on lone pkill -f "metrics.py listen 8002" || failed "end the second real server"
	on lone ipvsadm -e -t 10.9.0.50:80 -r 10.9.0.41:8001 -m -w 7 || failed "ipvsadm -e"
	echo "virtual=nonsense" >>"$L/hosts/lone/etc-ha.d/metrics.cf"
	wait_for 60 "the alerts of what is planted" fires LvsRealServerDown LvsServiceUnserved LvsFallbackServes LvsTableDrifts \
		LvsConfigurationRefused LvsServiceRule || failed "$(<"$L/firing")"
	seen "a real server dead, an entry changed by ipvsadm, a wrong configuration: a quorum lost by that: their six alerts fire, and no other"
	wait_for 60 "every query of dashboard and rules finds something" all_queries || failed "$(<"$L/queries")"
	seen "$(<"$L/queries")"
	page
	daemon=$(daemon_pids lone)
	on lone kill -STOP "$daemon"
	must 60 "the alert of a health monitor that is stopped" fires LvsHealthMonitorUnreachable
	on lone kill -CONT "$daemon"
	on lone ipvsadm -e -t 10.9.0.50:80 -r 10.9.0.41:8001 -m -w 1 || failed "ipvsadm -e"
	listen 8002
	configuration >"$L/hosts/lone/etc-ha.d/metrics.cf"
	must 60 "no alert any more" fires
	seen "the health monitor stopped: its alert fires; all mended: none does"
	agent_run ldirectord stop configfile=$CF || failed "ldirectord stop"
	on lone pkill -f "metrics.py listen|prometheus"
}

configuration() {
	printf '%s\n' "checkinterval=1" "checktimeout=3" "autoreload=yes" "on_drift=report" "metrics=$PLACE" \
		"virtual=10.9.0.50:80" "	real=10.9.0.41:8001 masq 1" "	real=10.9.0.41:8002 masq 3" "	checktype=connect" "	quorum=4" \
		"virtual=10.9.0.51:80" "	real=10.9.0.41:8002 masq" "	checktype=connect" "	fallback=127.0.0.1:8001 masq" \
		"virtual=10.9.0.52:80" "	real=10.9.0.41:8002 masq" "	checktype=connect" \
		"virtual=7" "	real=10.9.0.41:8001 masq" "	checktype=connect" "	protocol=fwm"
}

measure() { on lone "$PYTHON" -B "$CTS/lab/metrics.py" "$@"; }

# listen PORT: a real server.
listen() {
	measure listen "$1" >"$OUT/lone/listen-$1.log" 2>&1 &
	wait_for 20 "port $1" test -s "$OUT/lone/listen-$1.log"
}

plant() {
	listen 8001 && listen 8002 || return
	on lone prometheus-node-exporter --collector.disable-defaults --collector.ipvs --web.listen-address=$EXPORTER \
		>"$OUT/lone/node-exporter.log" 2>&1 &
	wait_for 30 "node_exporter" on lone bash -c "</dev/tcp/${EXPORTER/://}" 2>/dev/null
}

# prometheus_start: it asks each second, and its rules are those of the file but for the time that they wait.
prometheus_start() {
	sed 's/^\( *for:\).*/\1 0s/' "$CTS/../monitoring/alerts.yml" >"$L/alerts.yml"
	printf '%s\n' "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}" "rule_files: [$L/alerts.yml]" \
		"scrape_configs:" "  - job_name: lvs-agents" "    static_configs: [{targets: ['$PLACE']}]" >"$L/prometheus.yml"
	on lone prometheus --config.file="$L/prometheus.yml" --storage.tsdb.path="$L/prometheus" --web.listen-address="${PROMETHEUS#http://}" \
		>"$OUT/lone/prometheus.log" 2>&1 &
}

same_as_exporter() { measure same "http://$PLACE/metrics" "http://$EXPORTER/metrics" >"$L/same" 2>&1; }
# prometheus_has_asked: rules are silent about what was never asked.
prometheus_has_asked() { measure asked "$PROMETHEUS" >/dev/null 2>&1; }
all_queries() { measure queries "$PROMETHEUS" "$CTS/../monitoring" >"$L/queries" 2>&1; }
fires() { measure firing "$PROMETHEUS" "$@" >"$L/firing" 2>&1; }

# page: keeps the page for browsers, and the metrics.
page() {
	on lone "$PYTHON" -c "import urllib.request as u; print(u.urlopen('http://$PLACE/').read().decode())" >"$OUT/stats-page.html" || failed "the page"
	grep -q 'class="down">down' "$OUT/stats-page.html" || failed "the page does not say what is down"
	on lone lvs-agents status --json >"$OUT/stats-page.json" || failed "lvs-agents status --json"
	cp "$L/queries" "$OUT/metrics-queries"
	on lone "$PYTHON" -c "import urllib.request as u; print(u.urlopen('http://$PLACE/metrics').read().decode())" >"$OUT/metrics.txt"
	# A browser does not get ready in an emulated kernel: `run` shows the page in one afterwards.
	seen "the page for browsers is in stats-page.html"
}
