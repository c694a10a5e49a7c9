# a real server dies, then the active director, one is parted from a real server, then a health monitor goes for good: no client is sent to a server known to be dead
ONLY_RS2="tcp/$VIP:$PORT=$RS2:3"

scenario() {
	local active standby host mac removed died returned counted lacked dump answers
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	# Only frames for rs1 itself: the bridge shows it those for a director that is gone, too.
	mac=$(on rs1 cat /sys/class/net/eth0/address)
	on rs1 tcpdump -tt -n -l -i eth0 "ether dst $mac and dst host $VIP and tcp dst port $PORT and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn" \
		>"$OUT/rs1/syns" 2>"$OUT/rs1/tcpdump.log" &
	dump=$!
	must 30 "tcpdump on rs1 sees clients" test -s "$OUT/rs1/syns"

	died=$EPOCHREALTIME
	database_on rs1 stop || failed "stop MariaDB on rs1"
	for host in n1 n2; do must 30 "rs1 leaves $host's table" table_is "$host" "$ONLY_RS2"; done
	removed=$(moment_of "$active" "$died" absent "$RS1")
	seen "rs1's database stopped; it left $active's table after $(time_of "$active" "$died" absent "$RS1") s and the standby's" \
		"after $(time_of "$standby" "$died" absent "$RS1") s: the checks of both directors are independent of each other"

	must 20 "answers without a failure" client_is_steady 2
	died=$EPOCHREALTIME
	host_kill "$active"
	must 60 "$standby promoted" promoted_on "$standby"
	must 30 "answers without a failure" client_is_steady 2
	lacked=$(table_lacked "$standby" "$ONLY_RS2" "$died")
	[[ -z $lacked ]] || failed "$standby had the address and another table: $lacked"
	seen "$active died: $(client_outage "$died" "$standby")"
	counted=$(syns_since "$removed")
	answers=$(client_counts "$removed")
	((counted == 0)) || failed "$counted connections were directed to rs1 after its removal"
	[[ $answers != *"rs1"* ]] || failed "rs1 has answered: $answers"
	seen "since rs1 was out: $answers; connections directed to rs1: 0; $standby had the old director's table from its first packet"

	director_revive "$active" || failed "$active rejoins"
	read -r active standby <<<"$standby $active"
	must 120 "$standby stands by" pair_is "$active" "$standby"
	must 30 "the standby finds rs1 dead itself" table_is "$standby" "$ONLY_RS2"
	returned=$EPOCHREALTIME
	database_on rs1 start
	for host in n1 n2; do must 60 "rs1 is back in $host's table" table_has "$host" "$RS1:1"; done
	seen "rs1 came back: in $active's table after $(time_of "$active" "$returned" present "$RS1:1") s, in the standby's" \
		"after $(time_of "$standby" "$returned" present "$RS1:1") s"
	must 30 "clients at rs1 again" syns_came "$returned"
	kill "$dump"
	no_failed_actions
	director_that_sees_less_gives_way
	unchecked_director_gives_way
}

# director_that_sees_less_gives_way: parts the active director from rs1, which the other one reaches.
director_that_sees_less_gives_way() {
	local from
	quietly_on "$active" crm resource param db-health set attribute_dampening 2s || failed "crm resource param"
	quietly_on "$active" crm configure location db-sees-all db-lvs-clone rule "\$role=Promoted" -500: "$WEIGHT" lt 4 ||
		failed "crm configure location"
	for host in n1 n2; do must 90 "the weight that $host sees" weight_is "$host" 4; done
	must 60 "both directors" pair_is "$active" "$standby"
	from=$EPOCHREALTIME
	on "$active" ip route add unreachable "${RS1%:*}/32" || failed "ip route add"
	must 120 "$standby takes over" pair_is "$standby" "$active"
	weight_is "$active" 3 || failed "$active sees another weight than 3"
	weight_is "$standby" 4 || failed "$standby sees another weight than 4"
	seen "$active was parted from rs1 and gave way after $(since "$from") s; crm_mon -A shows 3 of 4 for it, and 4 for $standby"
	on "$active" ip route del unreachable "${RS1%:*}/32"
	must 60 "$active sees all again" weight_is "$active" 4
	pair_is "$standby" "$active" || failed "the address moved again"
	read -r active standby <<<"$standby $active"
	quietly_on "$active" crm configure delete db-sees-all || failed "crm configure delete"
	quietly_on "$active" crm resource param db-health delete attribute_dampening || failed "crm resource param"
	for host in n1 n2; do must 60 "no attribute of $host" weight_is "$host" none; done
	must 60 "both health monitors" pair_is_whole
	must 60 "$active is checked again" is_checked "$active"
}

WEIGHT=lvs-weight-tcp_${VIP}_$PORT
# weight_is HOST VALUE: the cluster has this value; "none": it has no attribute, or an empty one.
weight_is() {
	local found
	found=$(on "$1" cibadmin --query --local --xpath "//node_state[@uname='$1']//nvpair[@name='$WEIGHT']" 2>/dev/null)
	if [[ $2 == none ]]; then [[ $found != *'value="'[0-9]* ]]; else [[ $found == *"value=\"$2\""* ]]; fi
}

# unchecked_director_gives_way: takes the health monitor of the active director away.
unchecked_director_gives_way() {
	local from=$EPOCHREALTIME
	quietly_on "$active" crm_resource --ban --resource db-health-clone --node "$active" || failed "crm_resource --ban"
	must 90 "$standby takes over" promoted_on "$standby"
	must 30 "the address on $standby" pair_is "$standby" "$active"
	seen "without its health monitor $active gave way after $(since "$from") s: $(client_outage "$from" "$standby")"
	must 30 "the reason in crm_mon" status_says "health monitor: none runs on this node"
	quietly_on "$active" crm_resource --clear --resource db-health-clone || failed "crm_resource --clear"
	must 60 "both health monitors" pair_is_whole
	must 60 "$active is checked again" is_checked "$active"
	quietly_on "$active" crm_resource --cleanup
	must 60 "both directors" pair_is "$standby" "$active"
	read -r active standby <<<"$standby $active"
	roles_are_right
}
status_says() { [[ $(cluster_status) == *"$1"* ]]; }

is_checked() { [[ $(on "$1" cat /run/lvs-agents/services/db-lvs.role) == *'"unchecked_since":null'* ]]; }

table_is() { [[ $(last_table "$1") == *" $2" ]]; }

# moment_of HOST SINCE present|absent TEXT: prints the time that time_of counts from SINCE.
moment_of() { awk -v since="$2" -v after="$(time_of "$@")" 'BEGIN { printf "%.3f", since + after }'; }

syns_since() { awk -v since="$1" '$1 >= since { count++ } END { print count + 0 }' "$OUT/rs1/syns"; }
syns_came() { (($(syns_since "$1") > 0)); }
