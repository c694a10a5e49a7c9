# a user's own ldirectord.cf, with comments behind //: ocf:rust:ldirectord configfile=... runs alone, with autoreload
scenario() {
	local from changes
	director_file 10 10
	its_comments_are_told
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

# its_comments_are_told: ends the scenario unless check-config has one warning for each value with a comment, and no
# other but that of the no-break spaces.
its_comments_are_told() {
	local told place
	told=$(on n1 lvs-agents check-config /etc/ha.d/ldirectord.cf) || failed "check-config: $told"
	for place in "line 1: checktimeout" "line 2: checkinterval" "line 3: autoreload" "line 4: quiescent"; do
		[[ $(grep -c "warning: $place: a comment behind the value" <<<"$told") == 1 ]] || failed "no warning of $place: $told"
	done
	[[ $(grep -c "warning: " <<<"$told") == 5 && $told == *"line 6: contains a no-break or wide space"* ]] ||
		failed "check-config has other warnings than expected: $told"
	seen "lvs-agents check-config says of the file:" "$told"
}
