# a real server is drained from either director: its sessions go on, new clients go elsewhere, and no client sees a failure
TALKING=10 IDLE=10

scenario() {
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	read -r active standby <<<"$(pair)"
	both_have "$RS1:1,$RS2:3"
	must 30 "answers without a failure" client_is_steady 2
	begin=$EPOCHREALTIME
	sessions_open $TALKING $IDLE

	# rs2 has three quarters of the sessions.
	order 0 "$standby" drain "$RS2" --reason "replaces the disk"
	[[ $(<"$OUT/order") == *"kept by the cluster, on n1 and n2"* ]] || failed "the order is not kept by the cluster: $(<"$OUT/order")"
	obeyed "$RS1:1,$RS2:0"
	[[ $(on "$active" lvs-agents status) == *"drained by "*": replaces the disk"* ]] || failed "status does not say why"
	screens "$active"
	must 30 "rs1 answers" client_answered_by rs1 "$EPOCHREALTIME"
	order 3 "$active" drain "$RS2" --wait 2s --reason "replaces the disk"
	seen "the time of --wait is over: exit status 3, $(tail -n 1 "$OUT/order")"
	order 1 "$standby" drain "$RS2" --wait 2s
	seen "a standby does not wait: $(tail -n 1 "$OUT/order")"

	outlives "kill -9 of the health monitor" kill_health_monitor
	outlives "a reload" reload_weight
	# A take-over costs new clients what it costs without a drain.
	client_never_failed "$begin"
	outlives "a take-over" take_over
	must 30 "answers without a failure" client_is_steady 2
	begin=$EPOCHREALTIME

	on "$active" lvs-agents drain "$RS2" --wait 10m >"$OUT/wait" 2>&1 &
	waiting=$!
	must 60 "the sessions are counted" grep -q "connections$" "$OUT/wait"
	sessions_must_survive $TALKING $IDLE
	seen "sessions: $(<"$SESSIONS")"
	wait "$waiting" || failed "drain --wait ended with $?: $(<"$OUT/wait")"
	seen "the sessions have ended: exit status 0, $(tail -n 1 "$OUT/wait")"

	order 0 "$standby" enable "$RS2"
	obeyed "$RS1:1,$RS2:3"
	order 0 "$active" weight "$RS2" 7 --for 1h
	obeyed "$RS1:1,$RS2:7"
	order 0 "$standby" drain "$RS2" --for 30s
	obeyed "$RS1:1,$RS2:0"
	both_have "$RS1:1,$RS2:3"
	seen "an order for 30 s has ended by itself"
	order 0 "$active" orders
	[[ $(<"$OUT/order") == *"its time is over"* ]] || failed "orders: $(<"$OUT/order")"
	order 0 "$active" enable "$RS2"
	[[ $(on "$active" cibadmin --query --local --scope nodes) != *lvs-order* ]] || failed "an order is left in the configuration"

	client_never_failed "$begin"
	seen "the client: $(client_counts "$begin")"
	no_failed_actions
	# The resources of the next scenario have the same names.
	cluster_clear
}

# order STATUS NODE COMMAND...: gives an order on NODE, or ends the scenario unless it ends with STATUS.
order() {
	local expected=$1 node=$2 status=0
	shift 2
	from=$EPOCHREALTIME
	on "$node" lvs-agents "$@" >"$OUT/order" 2>&1 || status=$?
	took=$(since "$from")
	((status == expected)) || failed "lvs-agents $* on $node: exit status $status: $(<"$OUT/order")"
}

# screens HOST: keeps what an operator sees there while rs2 is drained, in $OUT/screens: status, its JSON, top in a
# terminal, and events.
screens() {
	local folder=$OUT/screens top="lvs-agents top --sort connections"
	mkdir -p "$folder"
	on "$1" lvs-agents status >"$folder/status" || failed "lvs-agents status"
	grep -qE "$RS2 .*drained by [^ ]+@$standby since .*: replaces the disk" "$folder/status" ||
		failed "status does not say who and since when: $(<"$folder/status")"
	on "$1" lvs-agents status --json >"$folder/status.json" || failed "lvs-agents status --json"
	on "$1" lvs-agents status --exit-code --wrong >"$folder/wrong"
	[[ $? == 3 && $(<"$folder/wrong") != *"$RS1"* ]] || failed "status --exit-code --wrong: $(<"$folder/wrong")"
	on "$1" env LC_ALL=C.UTF-8 tmux -L top new-session -d -x 100 -y 24 "$top" || failed "tmux"
	must 30 "top shows rates" top_shows "$1" top "$RS1 +up +[0-9]+ +[0-9]+ +[0-9]+ +[0-9.k]+ "
	on "$1" tmux -L top send-keys w
	must 30 "top shows only what is wrong" top_shows_not "$1" top-wrong "$RS1"
	on "$1" tmux -L top send-keys q
	must 30 "top ends" fails quietly_on "$1" tmux -L top has-session
	on "$1" lvs-agents events >"$folder/events" || failed "lvs-agents events"
	grep -qE "$RS2 .*replaces the disk" "$folder/events" || failed "events do not say why: $(<"$folder/events")"
	seen "status, status --json, top and events are in ${folder##*/}/"
}
# top_shows HOST FILE PATTERN: keeps the screen of top as FILE, and succeeds when it has a line like PATTERN.
top_shows() {
	on "$1" tmux -L top capture-pane -p >"$OUT/screens/$2" && grep -qE "$3" "$OUT/screens/$2"
}
top_shows_not() { on "$1" tmux -L top capture-pane -p >"$OUT/screens/$2" && ! grep -qE "$3" "$OUT/screens/$2"; }

# obeyed SERVERS: waits until both directors have these real servers, and says when each kernel had them. The command itself,
# whose programs start slowly here, ends before or after that.
obeyed() {
	local host times=()
	both_have "$1"
	for host in n1 n2; do times+=("$host after $(time_of "$host" "$from" present "=$1") s"); done
	seen "$(head -n 1 "$OUT/order"): in the kernel of ${times[0]} and of ${times[1]}; the command took $took s"
}

# outlives WHAT COMMAND: does it, and ends the scenario unless rs2 is drained on both directors at every moment after.
outlives() {
	local after=$EPOCHREALTIME host
	"$2"
	both_have "$RS1:1,$RS2:0"
	for host in n1 n2; do
		awk -v since="$after" -v served="$RS2:[1-9]" '$1 >= since && $2 == "table" && $0 ~ served { exit 1 }' "$OUT/$host/changes" ||
			failed "$host sent clients to the drained server after $1"
	done
	must 30 "rs1 answers" client_answered_by rs1 "$EPOCHREALTIME"
	seen "the order outlives $1"
}

kill_health_monitor() {
	local before
	before=$(daemon_pids "$active")
	quietly_on "$active" kill -KILL "$before"
	must 60 "a new health monitor" daemon_is_new "$active" "$before"
	quietly_on "$active" crm_resource --cleanup --resource db-health
}

reload_weight() {
	local real
	real=$(on "$active" crm_resource --resource db-lvs --get-parameter real)
	set_real "${real/gate 1/gate 2}"
	both_have "$RS1:2,$RS2:0"
	set_real "$real"
}
set_real() {
	quietly_on "$active" crm_resource --resource db-lvs --set-parameter real --parameter-value "$1" || failed "set real of db-lvs"
}

take_over() {
	must_be_equals
	quietly_on "$active" crm_resource --move --promoted --resource db-lvs-clone || failed "crm_resource --move --promoted"
	must 60 "$standby promoted, with the address" pair_is "$standby" "$active"
	quietly_on "$active" crm_resource --clear --resource db-lvs-clone || failed "crm_resource --clear"
	read -r active standby <<<"$standby $active"
}
