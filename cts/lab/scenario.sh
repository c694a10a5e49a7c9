# A scenario is a file of scenarios/ that defines scenario() and begins with its title in a comment. It runs in a
# subshell of the story, so it may end itself (failed), and what it keeps for later is a file. This file, the frame of a
# scenario, is sourced in the lab.

RS1=10.9.0.21:3306 RS2=10.9.0.22:3306 FALLBACK=127.0.0.1:3306

scenario_file() { case $1 in */*) printf '%s' "$CTS/$1.sh" ;; *) printf '%s' "$CTS/scenarios/$1.sh" ;; esac }
scenario_title() { sed -n '1s/^# //p' "$(scenario_file "$1")"; }

# scenario_play NAME: plays it and returns its status. NAME is a file of scenarios/ or, with its folder, of checks/.
# REAL_SERVERS is a pattern for the names of those that may answer the client while the scenario plays; a scenario whose
# directors are the real servers sets its own. A director's database may answer in FALLBACK_TIMES only: from, to, from,
# to.
scenario_play() {
	(
		REAL_SERVERS='rs[12]' FALLBACK_TIMES=()
		. "$(scenario_file "$1")"
		begin=$EPOCHREALTIME
		scenario || exit
		only_real_servers_answered "$begin"
	)
}

# only_real_servers_answered SINCE: ends the scenario when a client was answered by a director's own database while a
# real server was up. Ours promises that this does not happen, because the address comes last and leaves first; the
# peers promise nothing.
only_real_servers_answered() {
	local others
	[[ $PRODUCT == ours && -e $CLIENT_RECORD ]] || return 0
	others=$("$PYTHON" "$CTS/lab/report.py" others "$CLIENT_RECORD" "$REAL_SERVERS" "$1" "${FALLBACK_TIMES[@]}")
	[[ -z $others ]] || failed "$(wc -l <<<"$others") answers of a director's own database while a real server was up:" "$others"
}

seen() { say "  ${*//$'\n'/$'\n    '}"; }

# failed WHAT: ends the scenario and shows what an administrator would look at first.
failed() {
	say "  FAILED: $*" "  the logs of every host are in $OUT_NAME"
	local host
	if cluster_member >/dev/null; then on "$(cluster_member)" crm_mon -1rA 2>&1 | indent; fi
	for host in n1 n2; do
		if host_is_alive "$host"; then show_table "$host"; fi
	done
	exit 1
}

# must SECONDS "WHAT" COMMAND...: waits until COMMAND succeeds, or ends the scenario.
must() { wait_for "$@" || failed "$2"; }

show_table() { table_of "$1" | tail -n +2 | indent; }

# must_serve NODE: waits until the group runs there and the client gets answers and no failures.
must_serve() {
	# shellcheck disable=SC2046
	must 90 "the group on $1" cluster_runs "$1" $(product_resources)
	must 30 "answers without a failure" client_is_steady 2
}

# must_be_ready: waits until the cluster runs the product's configuration on n1 and both servers serve. Most scenarios
# begin with it.
must_be_ready() {
	cluster_use "$PRODUCT.crm" || failed "crm configure load update (see n1/commands.log)"
	must_serve n1
	must 60 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
}
