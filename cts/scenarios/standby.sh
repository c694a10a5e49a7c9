# n1 goes to standby: everything moves to n2, and back
scenario() {
	local from
	must_be_ready
	from=$EPOCHREALTIME
	quietly_on n1 crm node standby n1 || failed "crm node standby n1"
	must_serve n2
	must 60 "both real servers in n2's table" table_has n2 "=$RS1:1,$RS2:3"
	must 60 "answers without a failure" client_is_steady 3
	seen "client: $(client_outage "$from" n2)"
	client_outage "$from" n2 --json >"$OUT/outage-standby.json"
	[[ $(on n1 ip -4 -oneline addr show dev eth0) != *"$VIP"* ]] || failed "n1 still has the address"
	[[ $(last_table n1) == *empty ]] || failed "n1's table is not empty: $(last_table n1)"
	seen "n1: no $VIP, IPVS table empty; n2:"
	show_table n2
	no_flaps "$OUT/outage-standby.json"
	quietly_on n2 crm node online n1 || failed "crm node online n1"
	must_serve n1
	seen "n1 is online again and has the group back"
}
