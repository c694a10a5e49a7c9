#!/bin/bash
# This story opens STEPS idle connections, reboots the standby of the promotable clone, says when it knows all of them,
# and lets the director die: all have to answer, from the same real servers.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
. "$CTS/lab/takeover.sh"

# The client has several addresses, because a persistent service sends all connections of one to the same real server.
SOURCES=({10.9.0.22,2001:db8::e}{5,6,7,8})
HELD=7003
SERVICES=("gate=$VIP:$GATE" "masq=$VIP:$MASQ" "persistent=$VIP:$HELD" "gate6=[2001:db8::100]:$GATE" "persistent-masq6=[2001:db8::100]:$MASQ")

# What the addresses of the real servers begin with, by family.
declare -A REAL=([4]="10.9.0.2" [6]="[2001:db8::2")

# ipv6_up HOST: gives the host an address of the lab's second family.
ipv6_up() { ip -n "$1" addr add "2001:db8::${ADDRESS[$1]##*.}/64" dev eth0 nodad; }

node_up() {
	host_start "$1" director && watch_start "$1" && ipv6_up "$1" && director_forwards "$1" &&
		on "$1" "$BASH" -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
}

# realserver_up HOST: starts a real server. A director cannot be kept from IPv6's redirects, so it does not heed them.
realserver_up() {
	host_start "$1" && realserver_by_hand "$1" && ipv6_up "$1" &&
		on "$1" "$BASH" -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_redirects' &&
		ip -n "$1" addr add 2001:db8::100/128 dev lo nodad &&
		ip -n "$1" route add 10.9.0.224/28 via "$GATEWAY" table 100 &&
		ip -n "$1" -6 rule add ipproto tcp sport "$MASQ" lookup 100 &&
		ip -n "$1" -6 route add 2001:db8::e0/124 via 2001:db8::99 table 100
}

# services: prints ldirectord.cf.
services() {
	local service name port six forwarding server
	printf 'checktimeout=3\ncheckinterval=1\nfailurecount=3\n'
	for service in "${SERVICES[@]}"; do
		name=${service%%=*} port=${service##*:} six='' forwarding=gate
		[[ $name != *6 ]] || six=6
		[[ $name != *masq* ]] || forwarding=masq
		printf 'virtual%s=%s\n' "$six" "${service#*=}"
		for server in "${REAL[${six:-4}]}"{1,2}"${six:+]}"; do printf '\treal%s=%s:%s %s\n' "$six" "$server" "$port" $forwarding; done
		printf '\tscheduler=wrr\n\tprotocol=tcp\n\tchecktype=connect\n'
		[[ $name != persistent* ]] || printf '\tpersistent=600\n'
	done
}

# entries HOST: prints the open connections that HOST knows, with their real servers.
entries() { on "$1" awk '$8 == "ESTABLISHED" { print $2, $3, $4, $5, $6, $7 }' /proc/net/ip_vs_conn | sort; }

is_whole() { [[ $(last_table "$1") =~ ^\ *(\ [^ ]+=[^ ]+:1,[^ ]+:1){5}$ ]]; }
is_pair() { [[ $(cluster_node_of db-vip) == "$1" && $(cluster_status) == *"Unpromoted: [ $2 ]"* ]] && is_whole "$1" && is_whole "$2"; }
is_promoted() { [[ $(cluster_node_of db-vip) == "$1" ]]; }

network_up
product_install || exit 1
cluster_prepare
for host in rs1 rs2; do realserver_up "$host" || exit 1; done
echo_start $HELD
for host in n1 n2; do
	mkdir -p "$L/hosts/$host/etc-ha.d"
	services >"$L/hosts/$host/etc-ha.d/ldirectord.cf"
	node_up "$host" || exit 1
done
wait_for 300 "cluster: both nodes online" cluster_has_both || exit 1
network_plug client && mkdir -p "$OUT/client" && ipv6_up client
# Those of IPv6 are found to be unique long before the cluster is ready.
for source in "${SOURCES[@]}"; do ip -n client addr add "$source" dev eth0; done
sed 's|10.9.0.99"|10.9.0.99 2001:db8::100/128 2001:db8::99/128"|' "$CTS/config/takeover-clone.crm" >"$L/takeover-idle.crm"
cluster_use "$L/takeover-idle.crm" && wait_for 300 "the address" cluster_node_of db-vip >/dev/null || exit 1
active=$(cluster_node_of db-vip) standby=n1
[[ $active == n2 ]] || standby=n2
wait_for 300 "$standby stands by" is_pair "$active" "$standby" || exit 1

begin=$EPOCHREALTIME
connections_open 0 $((STEPS / ${#SERVICES[@]})) "${SERVICES[@]}" --sources "${SOURCES[@]}" || exit 1
say "$STEPS idle connections are open after $(since "$begin") s"
host_kill "$standby"
begin=$EPOCHREALTIME
node_up "$standby" || exit 1
known=$(on "$standby" "$PYTHON" "$CTS/lab/takeover/warm.py" "$STEPS" "$begin" "$OUT/$standby/log/pacemaker/pacemaker.log") || exit 1
say "the rebooted standby knows $STEPS connections: $known"
entries "$active" >"$OUT/entries.active"
entries "$standby" >"$OUT/entries.standby"
say "connections of the director that the standby does not know at the same real server: $(comm -23 "$OUT"/entries.{active,standby} | wc -l) of $(wc -l <"$OUT/entries.active")"
wait_for 300 "$standby stands by" is_pair "$active" "$standby" || exit 1
host_kill "$active"
wait_for 300 "$standby directs" is_promoted "$standby" || exit 1
connections_end || exit 1
say "after the director's death, from the same real servers:"
sed 's/0 of 0 talking, //; s/ idle, .*/ answer/' "$CONNECTIONS" | indent
