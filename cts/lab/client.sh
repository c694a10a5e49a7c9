# This file starts the client of the lab and the observers on the directors, and asks their records. It is sourced in
# the lab.

CLIENT_RECORD=$OUT/client/answers

client_start() {
	network_plug client
	mkdir -p "$OUT/client"
	ip netns exec client "$PYTHON" "$CTS/lab/client.py" "$VIP" "$PORT" "$DATABASE_PASSWORD" "$CLIENT_RECORD" \
		>>"$OUT/client/output.log" 2>&1 &
	CLIENT_PID=$!
}

# client_rests: has the client rest, and waits until none of its attempts is under way. The kernel goes on with those of a process
# that is stopped: it asks for a connection again and again, and the attempt has one when the address is there.
client_rests() {
	kill -USR1 "$CLIENT_PID" || return
	wait_for 30 "client: rest" fails client_asks
}
client_asks() { [[ $(ip netns exec client ss -Htnp state syn-sent state established dst "$VIP") == *"pid=$CLIENT_PID,"* ]]; }
client_goes_on() { kill -USR2 "$CLIENT_PID"; }

# watch_start HOST [SECONDS]: starts the watcher there, which records every change of the address and of the table and ends with
# the host. It looks at the table every so many seconds.
watch_start() {
	on "$1" "$PYTHON" "$CTS/lab/watch.py" "$OUT/$1/changes" ${2:+"$2"} >>"$OUT/$1/watch.log" 2>&1 &
}

# watch_ends HOST: notes that HOST, whose watcher has ended with it, has lost everything that was recorded of it.
watch_ends() { printf '%s watch ends\n' "$EPOCHREALTIME" >>"$OUT/$1/changes"; }

# client_counts FROM [TO]: prints the answers of each server, the failures and the longest gap.
client_counts() { "$PYTHON" "$CTS/lab/report.py" counts "$CLIENT_RECORD" "$@"; }

# client_outage EVENT NEW_NODE [--json]: prints what the client saw around EVENT, with its parts.
client_outage() {
	local event=$1 node=$2
	shift 2
	"$PYTHON" "$CTS/lab/report.py" outage "$CLIENT_RECORD" "$event" \
		"$OUT/$node/log/corosync/corosync.log" "$OUT/$node/changes" "$@"
}

# client_last: sets LAST_OUTCOME and LAST_SERVER to those of the newest attempt.
client_last() {
	read -r LAST_START _ LAST_OUTCOME LAST_SERVER < <(tail -n 1 "$CLIENT_RECORD" 2>/dev/null)
}

# client_answered_by PATTERN SINCE: succeeds when the newest attempt began after SINCE and was answered by a server that
# matches.
client_answered_by() {
	client_last
	[[ $LAST_OUTCOME == ok && $LAST_SERVER =~ ^($1)$ ]] && ((${LAST_START/./}000 > ${2/./}))
}

# client_is_steady SECONDS: succeeds when the last SECONDS had no failure and more than three answers.
client_is_steady() {
	local start outcome from
	from=$((${EPOCHREALTIME/./} - $1 * 1000000))
	tail -n 40 "$CLIENT_RECORD" | {
		local good=0
		while read -r start _ outcome _; do
			((${start/./}000 >= from)) || continue
			[[ $outcome == ok ]] || return 1
			good=$((good + 1))
		done
		((good > 3))
	}
}

# client_ratio FROM A B LOW HIGH: succeeds when the answers of B per answer of A since FROM lie between LOW and HIGH.
client_ratio() {
	awk -v since="$1" -v a="$2" -v b="$3" -v low="$4" -v high="$5" '
		$1 >= since && $3 == "ok" { count[$4]++ }
		END { exit !(count[a] > 0 && count[b] / count[a] >= low && count[b] / count[a] <= high) }
	' "$CLIENT_RECORD"
}

# table_gaps HOST FROM TO SERVER...: prints every moment at which one of the servers was not in HOST's table. An empty
# output is good.
table_gaps() {
	local host=$1
	shift
	"$PYTHON" "$CTS/lab/report.py" gaps "$OUT/$host/changes" "$@"
}

# table_lacked HOST TABLE SINCE [FROM TO...]: prints every time, outside of the times FROM-TO, within which HOST had the
# address and another table. An empty output is good.
table_lacked() { "$PYTHON" "$CTS/lab/report.py" lacking "$OUT/$1/changes" "$VIP" "${@:2}"; }

# client_never_failed SINCE: ends the scenario unless every attempt since then was answered.
client_never_failed() {
	local counts
	counts=$(client_counts "$1")
	[[ $counts == *"failed: none"* && $counts != "no answer"* ]] || failed "the client saw failures: $counts"
}

# no_flaps OUTAGE_JSON: ends the scenario when a connection failed after the first answer. Ours promises that none does;
# the peers promise nothing.
no_flaps() {
	[[ $PRODUCT == peers || $(<"$1") == *'"refused_after": 0, "director_after": 0, "failed_after": 0,'* ]] ||
		failed "connections failed after the first answer (see the client's record)"
}

# within SECONDS LIMIT: succeeds when SECONDS are at most LIMIT; both may have decimals.
within() { awk -v seconds="$1" -v limit="$2" 'BEGIN { exit !(seconds != "" && seconds <= limit) }'; }
