# This file asks for the roles of the promotable clone of config/clone.crm, and opens sessions that must outlive their
# change. It is sourced in the lab.

# pair: prints the promoted and the other director.
pair() {
	local status active other=n1
	status=$(cluster_status)
	[[ $status =~ Promoted:\ \[\ (n[12])\ \] ]] || return
	active=${BASH_REMATCH[1]}
	[[ $active == n2 ]] || other=n2
	# One whose monitor says 190 has a line of its own, in which its monitor goes on for ever.
	[[ $status == *"Unpromoted: [ $other ]"* || $status == *"Unpromoted $other (Monitoring)"* ]] || return
	[[ $(cluster_node_of db-vip) == "$active" ]] || return
	printf '%s %s\n' "$active" "$other"
}
# pair_read: sets `active` and `standby`.
pair_read() { read -r active standby <<<"$(pair)"; }
pair_is_whole() { pair >/dev/null && [[ $(cluster_status) == *"Clone Set: db-health-clone"*"Started: [ n1 n2 ]"* ]]; }
pair_is() { [[ $(pair) == "$1 $2" ]]; }

# must_be_equals: waits until the cluster rates both directors highest.
must_be_equals() {
	local host
	for host in n1 n2; do must 60 "the highest score of $host" has_score "$host" 1000; done
}
# has_score HOST SCORE: succeeds when the cluster has this promotion score of it.
has_score() { [[ $(on "$1" attrd_updater --query --name master-db-lvs --node "$1" 2>&1) == *"value=\"$2\""* ]]; }
promoted_on() { [[ $(cluster_status) == *"Promoted: [ $1 ]"* ]]; }

# must_have_roles: waits until one director is promoted and the other one stands by; sets `active` and `standby`.
must_have_roles() {
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
}

# roles_are_right: ends the scenario unless both directors have the whole table, and each its own sync daemon only.
roles_are_right() {
	local host
	for host in n1 n2; do
		must 60 "both real servers in $host's table" table_has "$host" "=$RS1:1,$RS2:3"
	done
	[[ $(sync_daemons "$active") == master ]] || failed "$active is promoted, its sync daemons: $(sync_daemons "$active")"
	[[ $(sync_daemons "$standby") == backup ]] || failed "$standby stands by, its sync daemons: $(sync_daemons "$standby")"
}
# both_have SERVERS: waits until both directors have these real servers.
both_have() {
	local host
	for host in n1 n2; do must 60 "$1 in $host's table" table_has "$host" "=$1"; done
}
sync_daemons() { on "$1" ipvsadm -L --daemon | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }'; }

NOT_MADE="this machine was too busy |not asked: the thread of an earlier check still hangs"
# no_failed_actions [WORDS]: none but those with WORDS, which the scenario itself has caused. crm_mon lists those that answered
# 190 as well. A busy machine may answer so that its checks are late, or that one could not be made in time.
no_failed_actions() {
	local failed
	failed=$(cluster_status | grep -E " returned '| could not be executed " |
		grep -vE "'OCF_DEGRADED' \((checks are late by |a check could not be made: .*: ($NOT_MADE))${1:+|$1}")
	[[ -z $failed ]] || failed "actions have failed: $failed"
	must 60 "every check can be made" fails checks_are_not_made
}
checks_are_not_made() {
	local host
	for host in n1 n2; do [[ $(on "$host" lvs-agents status 2>&1) != *"could not be made"* ]] || return 0; done
	return 1
}

# sessions_open TALKING IDLE: opens so many sessions with the database (see sessions.py); they go on beside the scenario.
sessions_open() {
	SESSIONS=$OUT/client/sessions
	rm -f "$SESSIONS"
	ip netns exec client "$PYTHON" "$CTS/lab/sessions.py" "$VIP" "$PORT" "$DATABASE_PASSWORD" "$1" "$2" "$SESSIONS" \
		>>"$OUT/client/output.log" 2>&1 &
	SESSIONS_PID=$!
	must 60 "sessions are open" test -e "$SESSIONS"
}

# sessions_must_survive TALKING IDLE: ends them, and the scenario unless as many have answered to the end. $SESSIONS says it.
sessions_must_survive() {
	kill -TERM "$SESSIONS_PID"
	must 60 "the sessions end" sessions_are_counted
	[[ $(<"$SESSIONS") == "$1 of $1 talking, $2 of $2 idle, "* ]] || failed "sessions were lost: $(<"$SESSIONS")"
}
sessions_are_counted() { [[ $(<"$SESSIONS") != ready ]]; }
