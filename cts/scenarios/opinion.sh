# the active director loses its uplink to the real servers: the standby is asked, nothing is removed and the address moves; a link that flaps moves nothing, and real deaths are believed
. "$CTS/lab/clone.sh"

WEIGHT=lvs-weight-tcp_${VIP}_$PORT
BOTH="$RS1:1,$RS2:3"
FLAPS=${FLAPS:-100}

scenario() {
	local active standby
	sed -e 's/failurecount=3/failurecount=3 secondopinion=yes/' -e 's/ocf:rust:ldirectord /&params attribute_dampening=2s /' \
		"$CTS/config/clone.crm" >"$L/opinion.crm"
	cluster_use "$L/opinion.crm" || failed "crm configure load update (see n1/commands.log)"
	must_have_roles
	quietly_on "$active" crm configure location db-sees-any db-lvs-clone rule "\$role=Promoted" -2000: "$WEIGHT" lt 1 ||
		failed "crm configure location"
	for host in n1 n2; do must 90 "the weight that $host sees" weight_is "$host" 4; done
	must 60 "both directors" pair_is "$active" "$standby"

	uplink_is_cut
	link_flaps
	both_die
	# The 190 of a monitor stays in crm_mon until it is cleaned up.
	quietly_on "$active" crm_resource --cleanup
	cluster_clear
}

# uplink_is_cut: the active director reaches no real server. Its table stays, and the address moves to the other one.
uplink_is_cut() {
	local from=$EPOCHREALTIME
	uplink "$active" cut
	must 60 "$active's status: the other one reaches them" says "$active" "the fault is sought at this node, .* the director [^ ]+ reaches one"
	must 30 "the reason in crm_mon" status_says "the fault is sought at this node"
	must 120 "$standby takes over" pair_is "$standby" "$active"
	weight_is "$active" 0 || failed "$active sees another weight than 0"
	never_changed "$active" "the cut"
	never_changed "$standby" "the cut"
	seen "$active was parted from both real servers: the address moved after $(since "$from") s, and nothing was removed;" \
		"$(client_outage "$from" "$standby")"
	uplink "$active" restored
	must 60 "$active sees all again" weight_is "$active" 4
	must 60 "$active's status: all is well" says "$active" "$RS1 .*configured"
	never_changed "$active" "the end of the cut"
	pair_is "$standby" "$active" || failed "the address moved back"
	quietly_on "$active" crm_resource --cleanup
	must 90 "both directors" pair_is "$standby" "$active"
	read -r active standby <<<"$standby $active"
}

# link_flaps: the uplink of the active director flaps, each time for less than the dampening.
link_flaps() {
	local from=$EPOCHREALTIME host flap moves periods
	for ((flap = 0; flap < FLAPS; flap++)); do
		uplink "$active" cut
		sleep "0.$((RANDOM % 3 + 1))"
		uplink "$active" restored
		sleep "0.$((RANDOM % 3 + 1))"
	done
	# One real server alone may fail three checks in a row, and leaves then; the last one never does.
	for host in n1 n2; do
		[[ $(changes_since "$host" "$from") != *"$FALLBACK"* ]] ||
			failed "the flaps took the last real server out on $host: $(changes_since "$host" "$from")"
	done
	moves=$(promotions_since "$from")
	periods=$(awk -v time="$(since "$from")" 'BEGIN { print int(time / 2) + 1 }')
	((moves <= periods)) || failed "$moves moves in $periods periods of the dampening"
	seen "$FLAPS flaps of $active's uplink in $(since "$from") s: moves of the address: $moves," \
		"at most $periods (one in each period of the dampening); the last real server stayed in"
	quietly_on "$active" crm_resource --cleanup
	must 120 "a promoted director" pair_is_whole
	pair_read
	both_have "$BOTH"
	for host in n1 n2; do must 60 "the weight that $host sees" weight_is "$host" 4; done
}

# both_die: both databases stop. Both directors believe it, and say how long the question took.
both_die() {
	local host from
	quietly_on "$active" crm_resource --cleanup
	must 90 "both directors" pair_is "$active" "$standby"
	from=$EPOCHREALTIME
	FALLBACK_TIMES=("$from")
	for host in rs1 rs2; do database_on "$host" stop || failed "stop MariaDB on $host"; done
	for host in n1 n2; do must 60 "the fallback alone in $host's table" table_has "$host" "=$FALLBACK:1"; done
	for host in n1 n2; do
		seen "both databases stopped: $host had the fallback after $(time_of "$host" "$from" present "$FALLBACK:1") s;" \
			"from the last failing check to the removal: $(question_took "$host" "$from") ms, of which none without the question"
	done
	for host in rs1 rs2; do database_on "$host" start || failed "start MariaDB on $host"; done
	both_have "$BOTH"
	FALLBACK_TIMES+=("$EPOCHREALTIME")
}

# question_took HOST SINCE: prints the milliseconds from the last `down` there to the last removal of a real server.
question_took() {
	on "$1" lvs-agents events --json | "$PYTHON" -c '
import datetime, json, sys
since, last = float(sys.argv[1]), {}
for line in sys.stdin:
    event = json.loads(line)
    time = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    if time >= since and event["kind"] in ("down", "real-server-removed"):
        last[event["kind"]] = time
print(round(1000 * (last["real-server-removed"] - last["down"])) if len(last) == 2 else "unknown")
' "$2"
}

# uplink HOST cut|restored: its way to both real servers.
uplink() {
	local real verb=add
	[[ $2 == cut ]] || verb=del
	for real in "$RS1" "$RS2"; do printf 'route %s unreachable %s/32\n' "$verb" "${real%:*}"; done |
		on "$1" ip -batch - || failed "ip route $verb on $1"
}

# weight_is HOST VALUE: the cluster has this value.
weight_is() {
	local found
	found=$(on "$1" cibadmin --query --local --xpath "//node_state[@uname='$1']//nvpair[@name='$WEIGHT']" 2>/dev/null)
	[[ $found == *"value=\"$2\""* ]]
}

# promotions_since TIME: prints how many times the watchers saw a promotion.
promotions_since() {
	cat "$OUT"/n[12]/changes | awk -v since="$1" '$2 == "promoted" && NF > 2 && $1 >= since { count++ } END { print count + 0 }'
}

# never_changed HOST WHAT: ends the scenario when its table has changed since `from`.
never_changed() {
	[[ -z $(changes_since "$1" "$from") ]] || failed "$2 changed the table of $1: $(changes_since "$1" "$from")"
}

says() { [[ $(on "$1" lvs-agents status) =~ $2 ]]; }
status_says() { [[ $(cluster_status) == *"$1"* ]]; }
