# This file gives the pair of directors two services of echo servers, gate and masq, with connections that have to outlive
# a change of the director. It is sourced in the lab.
#
# What masqueraded real servers answer has to pass the director, which is their gateway for these answers: GATEWAY moves
# with the VIP. The client is on the same cable, and a redirect would show the real servers the short way.

GATE=7001 MASQ=7002 GATEWAY=10.9.0.99

# echo_start [PORT...]: starts the echo servers of rs1 and rs2, with these ports beside the two.
echo_start() {
	local host
	for host in rs1 rs2; do
		ip -n "$host" rule add ipproto tcp sport $MASQ lookup 100
		ip -n "$host" route add "${ADDRESS[client]}" via $GATEWAY table 100
		on "$host" "$PYTHON" "$CTS/lab/takeover/echo.py" "$host" $GATE $MASQ "$@" >>"$OUT/$host/echo.log" 2>&1 &
	done
}

# director_forwards HOST: lets a director pass on what masqueraded servers answer.
director_forwards() {
	on "$1" "$BASH" -c 'cd /proc/sys/net/ipv4 && echo 1 >ip_forward && for name in all eth0; do echo 0 >conf/$name/send_redirects; done'
}

# echo_file: adds the services to ldirectord.cf of both directors.
echo_file() {
	local node
	for node in n1 n2; do
		mkdir -p "$L/hosts/$node/etc-ha.d"
		cat "$CTS/config/takeover.cf" >>"$L/hosts/$node/etc-ha.d/ldirectord.cf"
	done
}

# echo_serves HOST: succeeds when HOST's table has all echo servers.
echo_serves() { table_has "$1" "=10.9.0.21:$GATE:1,10.9.0.22:$GATE:3" && table_has "$1" "=10.9.0.21:$MASQ:1,10.9.0.22:$MASQ:3"; }

# connections_open TALKING IDLE SERVICE...: opens so many connections of each service (see connections.py).
connections_open() {
	CONNECTIONS=$OUT/client/connections
	rm -f "$CONNECTIONS"
	ip netns exec client "$PYTHON" "$CTS/lab/takeover/connections.py" "$CONNECTIONS" "$@" >>"$OUT/client/output.log" 2>&1 &
	CONNECTIONS_PID=$!
	wait_for 600 "connections: open" connections_are_tried
	[[ -e $CONNECTIONS ]] || { warn "connections: not all could be opened (see client/output.log)" && return 1; }
}
connections_are_tried() { [[ -e $CONNECTIONS ]] || ! kill -0 "$CONNECTIONS_PID" 2>/dev/null; }
connections_start() { connections_open "$1" "$2" "gate=$VIP:$GATE" "masq=$VIP:$MASQ"; }

# connections_end: lets every connection ask once more, and counts those that have answered to the end in $CONNECTIONS.
connections_end() {
	kill -TERM "$CONNECTIONS_PID"
	wait_for 90 "connections: end" connections_are_counted
}
connections_are_counted() { [[ $(<"$CONNECTIONS") != ready ]]; }

# knows_all HOST: succeeds when HOST knows every connection that is open on the client's machine, but for the attempts of
# client.py: these come and go, and the kernel may send one of them when it has ended.
knows_all() {
	local known open source
	open=$(ip netns exec client ss -Htnp state established dst "$VIP" |
		awk -v attempts="pid=$CLIENT_PID," '!index($0, attempts) { sub(/.*:/, "", $3); print $3 }')
	known=$(on "$1" awk '$1 == "TCP" && $8 == "ESTABLISHED" { print $3 }' /proc/net/ip_vs_conn)
	for source in $open; do
		printf -v source %04X "$source"
		[[ $known == *"$source"* ]] || return
	done
}

# stub_install: makes agents ocf:stub:* that do nothing (see stub.c). Nothing else tells the cluster whom it may promote.
stub_install() {
	local folder=/usr/lib/ocf/resource.d/stub agent node
	mkdir -p "$folder"
	for agent in lvs ldirectord vip; do
		gcc -O2 -static -DMETA_DATA="\"$CTS/../heartbeat-metadata\"" -o "$folder/$agent" "$CTS/lab/takeover/stub.c" || return
	done
	for node in n1 n2; do quietly_on "$node" crm_attribute --node "$node" --name master-db-lvs --update 100 || return; done
}
