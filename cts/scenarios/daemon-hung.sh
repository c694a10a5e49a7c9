# the health monitor hangs (SIGSTOP): monitor fails, recovery leaves one that works, and no client sees a failure
scenario() {
	local from before missing
	must_be_ready
	before=$(daemon_pids n1)
	[[ $before =~ ^[0-9]+$ ]] || failed "not exactly one daemon before: \"$before\""
	from=$EPOCHREALTIME
	quietly_on n1 kill -STOP "$before"
	must 60 "a new daemon" daemon_is_new n1 "$before"
	seen "stopped pid $before; a new daemon was there $(since "$from") s later"
	must_serve n1
	must 10 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
	[[ $(daemon_pids n1) =~ ^[0-9]+$ ]] || failed "not exactly one daemon after recovery: \"$(daemon_pids n1)\""
	missing=$(table_gaps n1 "$from" "$EPOCHREALTIME" "$RS1" "$RS2")
	[[ -z $missing ]] || failed "the table had gaps: $missing"
	client_never_failed "$from"
	seen "client since the stop: $(client_counts "$from")"
	quietly_on n1 crm_resource --cleanup --resource db-health
}
