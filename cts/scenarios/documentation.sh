# a stranger's way from nothing to a running pair: every command of the tutorial, and what other pages say of a pair, as it stands there
#
# The lab's own client rests at first: the tutorial counts which server has answered, and a standby knows every connection.
scenario() {
	local host
	cluster_clear
	# What the tutorial makes is cleared before the next configuration, however this ends.
	printf 'docs/tutorial.md\n' >"$L/cluster-configuration"
	document_stand_ins
	cp "$BINARY" /root/lvs-agents
	trap documentation_end EXIT
	client_rests || failed "the client does not rest"
	for host in rs1 rs2; do realserver_by_agent "$host" stop || failed "the VIP leaves $host"; done
	document_play docs/tutorial.md n1 n2 rs1 rs2 client
	document_play docs/connection-synchronisation.md n1 n2
	client_goes_on
	document_play docs/operating.md n1 n2
	document_play docs/from-keepalived.md n1
	document_play docs/real-servers.md rs1
	must 30 "answers without a failure" client_is_steady 2
	# The resources of the next scenario have the same names.
	cluster_clear
}

# documentation_end: where the tutorial has ended early, its health monitor and its address would be in the way of what comes next.
documentation_end() {
	client_goes_on
	quietly_on n1 pkill -f "^lvs-agents daemon --configfile"
	[[ $(cluster_node_of db-vip) == n1 ]] || quietly_on n1 ip address del "$VIP/32" dev eth0
}

# What the documents leave to the hands of a person.
lab_crash() { host_kill "$1"; }
lab_power_on() { director_revive "$1"; }
# lab_as_before HOST: takes away what docs/real-servers.md has made there.
lab_as_before() {
	on "$1" "$BASH" -ec '
		ip link del lvs0
		ip fou del port 6080
		ip -6 fou del port 6080
		ipvsadm --stop-daemon master
		ipvsadm --stop-daemon backup'
}
