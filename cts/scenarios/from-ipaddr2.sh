# a running resource of IPaddr2 becomes one of vip by sed on the live configuration
scenario() {
	local from
	cluster_clear
	printf 'primitive web ocf:heartbeat:IPaddr2 params ip=10.9.0.101 cidr_netmask=24 nic=eth0 iflabel=web arp_count=2 op monitor interval=5s\n' >"$L/ipaddr2.crm"
	cluster_use "$L/ipaddr2.crm" || failed "crm configure load update (see n1/commands.log)"
	must 90 "IPaddr2 runs" cluster_node_of web >/dev/null
	from=$EPOCHREALTIME
	document_stand_ins
	document_play docs/from-ipaddr2.md n1
	must 60 "vip has the address" vip_has_it
	must 60 "the cluster is satisfied" settled
	seen "after $(since "$from") s: $(cluster_status | sed -n 's/.*\* web/web/p')"
	seen "every change of the address since: $(awk -v since="$from" '$1 >= since && $2 == "address" && $4 == "10.9.0.101" { printf "%s%s at %.2f s, ", $3, $5, $1 - since }' "$OUT"/n[12]/changes)"
	cluster_clear
	[[ $(on n1 ip addr)$(on n2 ip addr) != *10.9.0.101* ]] || failed "the address is left behind"
}

# vip_has_it: succeeds when the agent has a record of its own and the address is as declared.
vip_has_it() {
	local node
	node=$(cluster_node_of web) && [[ -e $L/hosts/$node/run/lvs-agents/vip/web.json ]] &&
		[[ $(ip -n "$node" -4 -oneline addr show dev eth0) == *"10.9.0.101/24"*"eth0:web"* ]]
}

settled() { [[ $(on n1 crm_mon -1rf) == *"web"*"(ocf:rust:vip):"*Started* && $(on n1 crm_mon -1rf) != *fail-count* ]]; }
