# the promotable clone: a planned move and two crashes, one of them right after the standby was rebooted, lose no connection
. "$CTS/lab/takeover.sh"
# Sessions with the database, and connections to the echo servers by gate and by masq.
TALKING=30 IDLE=30 ECHO_TALKING=30 ECHO_IDLE=15

scenario() {
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must_have_roles
	seen "loaded config/clone.crm by crmsh: db-lvs as a promotable clone, db-health as a clone, db-vip where db-lvs is promoted"
	seen "$active is promoted, $standby stands by with the same table; their sync daemons: master, backup"
	cluster_use clone.pcs || failed "the commands of pcs (see n1/commands.log)"
	must_have_roles
	seen "the same was made by pcs (config/clone.pcs)"

	director_file 1 3
	echo_file
	echo_start
	for node in n1 n2; do director_forwards "$node" || failed "$node forwards"; done
	cluster_use takeover-clone.crm || failed "crm configure load update (see n1/commands.log)"
	must_have_roles
	must 60 "echo servers in the table" echo_serves "$active"
	seen "the same from a file (config/takeover-clone.crm), with services by gate and by masq beside the database"

	sessions_start
	must_be_equals
	from=$EPOCHREALTIME
	quietly_on "$active" crm_resource --move --promoted --resource db-lvs-clone || failed "crm_resource --move --promoted"
	must 60 "$standby promoted, with the address" pair_is "$standby" "$active"
	must 30 "answers without a failure" client_is_steady 2
	seen "planned move to $standby: $(client_outage "$from" "$standby")"
	quietly_on "$active" crm_resource --clear --resource db-lvs-clone || failed "crm_resource --clear"
	sessions_survived
	read -r active standby <<<"$standby $active"
	roles_are_right

	sessions_start
	crash
	sessions_survived
	standby_revive || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	roles_are_right
	seen "$standby was switched on again and stands by; nothing moved"

	sessions_start
	host_kill "$standby"
	must 60 "$standby is offline" fails cluster_has_both
	standby_revive || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	must 30 "$standby knows all connections" knows_all "$standby"
	seen "$standby was rebooted while the sessions were open, and knows their connections again"
	crash
	sessions_survived
	standby_revive || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	no_failed_actions
	# The resources of the next scenario have the same names.
	cluster_clear
}

standby_revive() { director_revive "$standby" && director_forwards "$standby"; }

# crash: the active director dies; `active` and `standby` change their names.
crash() {
	local from=$EPOCHREALTIME
	host_kill "$active"
	must 60 "a real server answers" client_answered_by "rs1|rs2" "$from"
	must 60 "$standby promoted" promoted_on "$standby"
	must 30 "answers without a failure" client_is_steady 2
	seen "$active died: $(client_outage "$from" "$standby")"
	read -r active standby <<<"$standby $active"
}

# sessions_start: opens the sessions and the connections; returns when the standby knows all of them.
sessions_start() {
	sessions_open $TALKING $IDLE
	connections_start $ECHO_TALKING $ECHO_IDLE || failed "connections to the echo servers"
	open=$(ip netns exec client ss -Htn state established dst "$VIP" | wc -l)
	((open >= TALKING + IDLE + 2 * (ECHO_TALKING + ECHO_IDLE))) || failed "$open connections are open"
	must 30 "$standby knows all connections" knows_all "$standby"
}

# sessions_survived: ends them, and the scenario unless all have answered to the end.
sessions_survived() {
	local all="$ECHO_TALKING of $ECHO_TALKING talking, $ECHO_IDLE of $ECHO_IDLE idle, "
	connections_end || failed "the connections end"
	sessions_must_survive $TALKING $IDLE
	seen "database by gate: $(<"$SESSIONS")"$'\n'"$(<"$CONNECTIONS")"
	[[ $(<"$CONNECTIONS") == "gate: $all"*$'\n'"masq: $all"* ]] || failed "connections were lost"
}
