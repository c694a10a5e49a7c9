# the active director dies: its link goes down and every process gets SIGKILL
scenario() {
	local from
	must_be_ready
	from=$EPOCHREALTIME
	host_kill n1
	must 120 "a real server answers" client_answered_by "rs1|rs2" "$from"
	must_serve n2
	must 60 "both real servers in n2's table" table_has n2 "=$RS1:1,$RS2:3"
	must 60 "answers without a failure" client_is_steady 3
	seen "client: $(client_outage "$from" n2)"
	client_outage "$from" n2 --json >"$OUT/outage-crash.json"
	show_table n2
	no_flaps "$OUT/outage-crash.json"
	director_revive n1 || failed "n1 rejoins"
	must_serve n1
	seen "n1 was switched on again, joined, and has the group back"
}
