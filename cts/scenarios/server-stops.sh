# MariaDB on rs2 stops, and comes back
scenario() {
	local from took
	must_be_ready
	from=$EPOCHREALTIME
	database_on rs2 stop || failed "stop MariaDB on rs2"
	must 30 "rs2 leaves the table" fails table_has n1 "$RS2"
	took=$(time_of n1 "$from" absent "$RS2")
	seen "stopped it; $took s later rs2 is out of the table (checkinterval + checktimeout: 4 s)"
	show_reason n1 "${RS2%:*}"
	[[ $PRODUCT == peers ]] || documents_say_so
	show_table n1
	[[ $PRODUCT == peers ]] || within "$took" 4.5 || failed "rs2 left only after $took s"
	must 20 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	database_on rs2 start
	must 60 "rs2 is back" table_has n1 "$RS2:3"
	seen "started it; $(time_of n1 "$from" present "$RS2:3") s later (MariaDB's own start included) rs2 is back with its weight"
	must 20 "answers without a failure" client_is_steady 2
}

# documents_say_so: what the documents show of a real server that is out is what an operator sees.
documents_say_so() {
	document_stand_ins
	document_play README.md n1
	document_play docs/status.md n1
	document_play docs/events.md n1
}
