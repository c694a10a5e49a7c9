# the same configuration is made by pcs
scenario() {
	local from
	cluster_use ours.pcs || failed "pcs resource create (see n1/commands.log)"
	seen "ran config/ours.pcs"
	must 90 "the group on n1" cluster_runs n1 db-lvs db-health db-vip
	must 60 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
	must 30 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	nap 4
	seen "client, 4 s: $(client_counts "$from")"
	show_table n1
}
