# the same comes from a file: ocf:rust:ldirectord configfile=/etc/ha.d/ldirectord.cf runs alone, with autoreload
scenario() {
	local from changes
	director_file 10 10
	cluster_use file.crm || failed "crm configure load update (see n1/commands.log)"
	seen "loaded config/file.crm by crmsh"
	must 90 "the group on n1" cluster_runs n1 db-file db-vip
	must 60 "both real servers in the table" table_has n1 "=$RS1:10,$RS2:10"
	must 30 "answers without a failure" client_is_steady 2
	show_table n1
	from=$EPOCHREALTIME
	director_file 10 30
	must 30 "the edited weight is in the kernel" table_has n1 "=$RS1:10,$RS2:30"
	seen "edited rs2's weight to 30 in the file; $(time_of n1 "$from" present "$RS2:30") s later (autoreload):"
	show_table n1
	must 30 "answers without a failure" client_is_steady 2
	changes=$(changes_since n1 "$from")
	seen "every change of the table since the edit:" "$changes"
	[[ $changes != *$'\n'* ]] || failed "the table changed more than once"
}
