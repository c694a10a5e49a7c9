# one resource with 400 addresses; its node dies
scenario() {
	local from
	printf 'primitive many ocf:rust:vip params ip="%s" cidr_netmask=32 nic=eth0 op monitor interval=5s\nlocation many-prefers-n1 many 50: n1\n' \
		"$(many_ranges 400)" >"$L/many.crm"
	cluster_clear
	from=$EPOCHREALTIME
	cluster_use "$L/many.crm" || failed "crm configure load update (see n1/commands.log)"
	must 120 "400 addresses on n1" many_are 400 n1
	must 60 "the resource is Started" cluster_runs n1 many
	many_arrivals "$from" n1
	seen "$COUNT addresses on n1, the last $LAST s after the configuration (crmsh's own time included)"
	from=$EPOCHREALTIME
	host_kill n1
	must 120 "400 addresses on n2" many_are 400 n2
	many_arrivals "$from" n2
	seen "killed n1: the first of $COUNT came to n2 $FIRST s later, the last $LAST s later"
	director_revive n1 || failed "n1 rejoins"
	must 60 "the resource is back on n1" cluster_runs n1 many
	many_are 400 n1 n2 || failed "not each address on one node: n1 $(many_on n1 | wc -l), n2 $(many_on n2 | wc -l)"
	seen "n1 joined again and has them back; n2 has none"
	cluster_clear
	many_are 0 n1 n2 || failed "left after stop: n1 $(many_on n1 | wc -l), n2 $(many_on n2 | wc -l)"
}
