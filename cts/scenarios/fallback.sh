# both databases stop: the fallback takes over, and leaves again when one returns
scenario() {
	local from both
	must_be_ready
	from=$EPOCHREALTIME both=$EPOCHREALTIME
	database_on rs1 stop &
	database_on rs2 stop
	wait $!
	must 30 "the fallback is in the table" table_has n1 "=$FALLBACK:1"
	must 30 "the fallback answers" client_answered_by n1 "$from"
	seen "stopped both; $(time_of n1 "$from" present "=$FALLBACK:1") s later:"
	show_table n1
	from=$EPOCHREALTIME
	database_on rs1 start
	must 60 "rs1 replaces the fallback" fails table_has n1 "$FALLBACK"
	FALLBACK_TIMES=("$both" "$EPOCHREALTIME")
	must 30 "rs1 answers" client_answered_by rs1 "$from"
	seen "started rs1; $(time_of n1 "$from" absent "$FALLBACK") s later the fallback is gone:"
	show_table n1
	database_on rs2 start
	must 60 "rs2 is back" table_has n1 "=$RS1:1,$RS2:3"
	must 20 "answers without a failure" client_is_steady 2
}
