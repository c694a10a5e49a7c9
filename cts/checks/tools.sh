# crmsh, pcs and crm_resource accept the agents
scenario() {
	local agent
	[[ $(on lone crm_resource --list-agents ocf:rust) == *ldirectord*lvs*realserver*vip* ]] || failed "crm_resource --list-agents"
	for agent in vip lvs ldirectord realserver; do
		tool 0 "<resource-agent name=\"$agent\"" crm_resource --show-metadata "ocf:rust:$agent"
		tool 0 "ocf:rust:$agent" crm ra info "ocf:rust:$agent"
		tool 0 "ocf:rust:$agent" pcs resource describe --full "ocf:rust:$agent"
	done
	tool 0 "" crm_resource --validate --class ocf --provider rust --agent vip --option ip=10.9.0.50 --option nic=eth0
	tool 6 "10.9.0.300" crm_resource --validate --class ocf --provider rust --agent vip --option ip=10.9.0.300
	offline
	renamed
}

# tool CODE TEXT COMMAND...: runs the command, which has to exit with CODE and to print TEXT.
tool() {
	local code=$1 text=$2 output
	shift 2
	say "\$ $*"
	output=$(on lone env CIB_file="$L/offline.xml" "$@" 2>&1)
	[[ $? == "$code" && $output == *"$text"* ]] || failed "$*: expected exit code $code and \"$text\", got: $output"
}

# renamed: a resource of IPaddr2 with most of its parameters runs as ours when its agent has another name.
renamed() {
	local moved=$L/offline.xml
	on lone cibadmin --empty >"$moved"
	tool 0 "" pcs -f "$moved" property set stonith-enabled=false
	tool 0 "" pcs -f "$moved" resource create old ocf:heartbeat:IPaddr2 ip=10.9.0.60 cidr_netmask=32 nic=eth0 iflabel=old \
		broadcast=10.9.0.255 lvs_support=false lvs_ipv6_addrlabel=false lvs_ipv6_addrlabel_value=98 unique_clone_address=false \
		arp_interval=100 arp_count=2 arp_count_refresh=1 arp_bg=true arp_sender=send_arp send_arp_opts=-A flush_routes=true \
		run_arping=true nodad=true noprefixroute=true preferred_lft=forever
	tool 0 "" crm_resource --force-start --resource old
	# pcs and crmsh write the attributes in different orders.
	sed -i '/type="IPaddr2"/{s//type="vip"/;s/provider="heartbeat"/provider="rust"/}' "$moved"
	tool 0 "provider=rust type=vip" pcs -f "$moved" resource config old
	tool 0 "" crm_verify --xml-file "$moved"
	# Our agent takes what IPaddr2 started for its own.
	tool 0 "" crm_resource --force-check --resource old
	tool 0 "" crm_resource --force-start --resource old
	[[ $(on lone ip -4 -oneline addr show dev eth0) == *"10.9.0.60/32 brd 10.9.0.255"*eth0:old* ]] || failed "old is not as declared"
	tool 0 "" crm_resource --force-stop --resource old
	[[ $(on lone ip addr show dev eth0) != *10.9.0.60* ]] || failed "old is still there"
}

# offline: crm_resource runs the agents from a configuration in a file, without a cluster.
offline() {
	on lone cibadmin --empty >"$L/offline.xml"
	tool 0 "" pcs -f "$L/offline.xml" property set stonith-enabled=false
	tool 0 "" pcs -f "$L/offline.xml" resource create v1 ocf:rust:vip ip=10.9.0.50 nic=eth0 --agent-validation
	tool 1 "10.9.0.300" pcs -f "$L/offline.xml" resource create v2 ocf:rust:vip ip=10.9.0.300 --agent-validation
	tool 0 "" crm configure primitive l1 ocf:rust:lvs params virtual=10.9.0.50:80 real="10.9.0.21 gate 1" op monitor interval=5s
	tool 7 "" crm_resource --force-check --resource v1
	tool 0 "" crm_resource --force-start --resource v1
	tool 0 "" crm_resource --force-check --resource v1
	tool 0 "" crm_resource --force-start --resource l1
	tool 0 "" crm_resource --force-check --resource l1
	[[ $(table_of lone) == *10.9.0.50:80* ]] || failed "l1 is not in the table"
	tool 0 "" crm_resource --force-stop --resource l1
	tool 7 "" crm_resource --force-check --resource l1
	tool 0 "" crm_resource --force-stop --resource v1
	tool 7 "" crm_resource --force-check --resource v1
}
