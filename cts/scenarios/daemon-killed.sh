# the health monitor is killed (-9): pacemaker starts one again; the table stays whole, and no client sees a failure
scenario() {
	local from before after missing
	must_be_ready
	before=$(daemon_pids n1)
	[[ $before =~ ^[0-9]+$ ]] || failed "not exactly one daemon before: \"$before\""
	from=$EPOCHREALTIME
	quietly_on n1 kill -KILL "$before"
	must 30 "pacemaker notices" failure_was_recorded n1 db-health
	seen "killed pid $before; pacemaker showed the failed monitor $(since "$from") s later (monitor interval 5 s)"
	must 60 "a new daemon" daemon_is_new n1 "$before"
	must_serve n1
	after=$(daemon_pids n1)
	[[ $after =~ ^[0-9]+$ ]] || failed "not exactly one daemon after recovery: \"$after\""
	must 10 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
	nap 3
	seen "one daemon again: pid $after; client since the kill: $(client_counts "$from")"
	missing=$(table_gaps n1 "$from" "$EPOCHREALTIME" "$RS1" "$RS2")
	[[ -z $missing ]] || failed "the table had gaps: $missing"
	seen "the table of n1, read every 30 ms, never lacked a real server"
	client_never_failed "$from"
	quietly_on n1 crm_resource --cleanup --resource db-health
}

failure_was_recorded() { [[ $(on "$1" crm_mon -1rf 2>/dev/null) == *"$2: migration-threshold"*fail-count=* ]]; }
