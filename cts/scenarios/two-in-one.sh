# directors and real servers on the same two nodes: the director moves ten times, and each node always has the address
N1=${ADDRESS[n1]}:3306 N2=${ADDRESS[n2]}:3306
# The real servers of the configuration before answer until it is gone.
REAL_SERVERS='n[12]|rs[12]'

scenario() {
	local from operations windows=() capture=() to=n1 other=n2 turn begin host
	cluster_use two-in-one.crm || failed "crm configure load update (see n1/commands.log)"
	seen "loaded config/two-in-one.crm by crmsh: db-lvs, db-health, db-vip, and a clone of realserver on both nodes"
	must 90 "the group runs" cluster_node_of db-vip >/dev/null
	must 60 "real servers on both nodes" real_servers_run
	[[ $(cluster_node_of db-vip) == n2 ]] || to=n2 other=n1
	for host in n1 n2; do
		capture_start "$host"
		capture+=($!)
	done
	must_direct "$other"
	must 30 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME operations=$(realserver_operations)
	for turn in {1..10}; do
		begin=$EPOCHREALTIME
		quietly_on "$to" crm_resource --move --resource db --node "$to" || failed "crm_resource --move --node $to"
		must_direct "$to"
		# The stickiness holds it there; the constraint that the move left would hold it even when the node is ill.
		quietly_on "$to" crm_resource --clear --resource db || failed "crm_resource --clear"
		must 30 "answers without a failure" client_is_steady 1
		windows+=("$begin" "$EPOCHREALTIME")
		answers_arp "$to"
		seen "move $turn to $to, $(since "$begin") s: $(client_counts "$begin" "$EPOCHREALTIME")"
		read -r to other <<<"$other $to"
	done
	kill "${capture[@]}"
	wait "${capture[@]}"
	never_lost "$from"
	no_loop
	nothing_failed "$from" "${windows[@]}"
	# The directors' databases are not real servers in the next scenario.
	cluster_clear
}

# must_direct NODE: waits until NODE has the group and a table with both real servers, and the address on its eth0 only,
# and the other node has the address on lo.
must_direct() {
	local backup=n1
	[[ $1 == n2 ]] || backup=n2
	must 90 "both real servers in $1's table" table_has "$1" "=$N1:1,$N2:1"
	must 60 "the group on $1" cluster_runs "$1" db-lvs db-health db-vip
	[[ $(nics_of "$1") == *eth0* ]] || failed "$1 has $VIP on: $(nics_of "$1")"
	[[ $(nics_of "$backup") == lo ]] || failed "$backup has $VIP on: $(nics_of "$backup")"
}

# nics_of NODE: prints the interfaces that have the address.
nics_of() { ip -n "$1" -4 -oneline addr show to "$VIP" | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $2 }'; }

real_servers_run() { [[ $(cluster_status) == *"Clone Set: db-rs-clone"*"Started: [ n1 n2 ]"* ]]; }

mac_of() { ip -n "$1" -brief link show eth0 | awk '{ print $3 }'; }

# answers_arp NODE: ends the scenario unless NODE, and no other host, answers the client's question who has the address.
answers_arp() {
	local answers
	answers=$(on client arping -b -c 2 -w 5 -I eth0 "$VIP" | tee -a "$OUT/client/arping" |
		sed -n 's/.*reply from .*\[\(.*\)\].*/\1/p' | tr '[:upper:]' '[:lower:]' | sort -u)
	[[ $answers == "$(mac_of "$1")" ]] || failed "ARP for $VIP is answered by: ${answers//$'\n'/, }; $1 is $(mac_of "$1")"
}

# capture_start NODE: captures every frame to the address that the other node sends to NODE. A director's frames belong
# to the real server there, and none may come back.
capture_start() {
	local sender=n1
	[[ $1 == n2 ]] || sender=n2
	: >"$OUT/$1/tcpdump.log"
	ip netns exec "$1" tcpdump -tt -n -e -l -i eth0 "ether src $(mac_of "$sender") and ip dst $VIP" \
		>"$OUT/$1/from-$sender" 2>"$OUT/$1/tcpdump.log" &
	wait_for 30 "tcpdump on $1" grep -q 'listening on' "$OUT/$1/tcpdump.log"
}

# never_lost SINCE: ends the scenario unless each node had the address on eth0 or on lo all the time.
never_lost() {
	local host gaps
	for host in n1 n2; do
		gaps=$("$PYTHON" "$CTS/lab/addresses.py" lost "$OUT/$host/changes" "$1" "$EPOCHREALTIME" "$VIP")
		[[ -z $gaps ]] || failed "$host had $VIP neither on eth0 nor on lo: $gaps"
	done
	seen "each node had $VIP on eth0 or on lo all the time"
}

# no_loop: ends the scenario when a frame of one node came to the other while that one was the director.
no_loop() {
	local forwarded returned more back
	read -r forwarded returned < <("$PYTHON" "$CTS/lab/addresses.py" frames "$OUT/n1/changes" "$OUT/n1/from-n2" "$VIP")
	read -r more back < <("$PYTHON" "$CTS/lab/addresses.py" frames "$OUT/n2/changes" "$OUT/n2/from-n1" "$VIP")
	seen "frames from director to real server: $((forwarded + more)); back to a director: $((returned + back))"
	((returned + back == 0)) || failed "packets came back to the director"
	((forwarded > 0 && more > 0)) || failed "no frames were counted"
}

# nothing_failed SINCE FROM TO...: ends the scenario when an attempt failed while the director did not move, or when the
# cluster saw any failure.
nothing_failed() {
	local strays status
	strays=$("$PYTHON" "$CTS/lab/report.py" strays "$CLIENT_RECORD" "$@")
	[[ -z $strays ]] || failed "the client's attempts failed outside of a move: $strays"
	no_failed_actions
	status=$(on n1 crm_mon -1rf)
	[[ $status == *"Started: [ n1 n2 ]"* && $status != *fail-count* ]] || failed "not all is well: $status"
	[[ $(realserver_operations) == "$operations" ]] || failed "realserver was started or stopped meanwhile"
	seen "realserver stayed Started on both nodes, without a failure"
}

realserver_operations() { cat "$OUT"/n[12]/log/pacemaker/pacemaker.log | grep -cE 'Result of (start|stop) operation for db-rs'; }
