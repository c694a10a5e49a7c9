# the promotable clone: a planned move and two crashes, one of them right after the standby was rebooted, lose no session
TALKING=30 IDLE=30

scenario() {
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	seen "loaded config/clone.crm by crmsh: db-lvs as a promotable clone, db-health as a clone, db-vip where db-lvs is promoted"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	seen "$active is promoted, $standby stands by with the same table; their sync daemons: master, backup"

	sessions_start
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
	director_revive "$standby" || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	roles_are_right
	seen "$standby was switched on again and stands by; nothing moved"

	sessions_start
	host_kill "$standby"
	must 60 "$standby is offline" fails cluster_has_both
	director_revive "$standby" || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	must 30 "$standby knows all connections" standby_is_warm
	seen "$standby was rebooted while the sessions were open, and knows their connections again"
	crash
	sessions_survived
	director_revive "$standby" || failed "$standby rejoins"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	no_failed_actions

	cluster_use clone.pcs || failed "the commands of pcs (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	seen "the same was made by pcs (config/clone.pcs)"
	# The resources of the next scenario have the same names.
	cluster_clear
}

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

sessions_start() {
	SESSIONS=$OUT/client/sessions
	rm -f "$SESSIONS"
	ip netns exec client "$PYTHON" "$CTS/lab/sessions.py" "$VIP" "$PORT" "$DATABASE_PASSWORD" $TALKING $IDLE "$SESSIONS" \
		>>"$OUT/client/output.log" 2>&1 &
	sessions=$!
	must 60 "sessions are open" test -e "$SESSIONS"
	open=$(ip netns exec client ss -Htn state established dst "$VIP" | wc -l)
	((open >= TALKING + IDLE)) || failed "$open connections are open"
	must 30 "$standby knows all connections" standby_is_warm
}

# sessions_survived: ends the sessions, and the scenario unless all have answered to the end.
sessions_survived() {
	kill -TERM "$sessions"
	must 60 "the sessions end" sessions_are_counted
	seen "sessions: $(<"$SESSIONS")"
	[[ $(<"$SESSIONS") == "$TALKING of $TALKING talking, $IDLE of $IDLE idle, "* ]] || failed "sessions were lost"
}
sessions_are_counted() { [[ $(<"$SESSIONS") != ready ]]; }

# standby_is_warm: succeeds when the standby knows every connection that the client has open. The client's own attempts come
# and go; those of a moment ago may not have been sent yet.
standby_is_warm() {
	local known open source
	open=$(ip netns exec client ss -Htn state established dst "$VIP" | awk '{ sub(/.*:/, "", $3); print $3 }')
	known=$(on "$standby" awk '$1 == "TCP" && $8 == "ESTABLISHED" { print $3 }' /proc/net/ip_vs_conn)
	for source in $open; do
		printf -v source %04X "$source"
		[[ $known == *"$source"* ]] || return
	done
}
