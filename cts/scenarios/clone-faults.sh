# random faults of nodes, daemons, agents and the table: the promoted director always has a full table, and no promotion fails
#
# KILLS is the number of faults and SEED the beginning of their order, which is printed: the same seed plays the same faults.
WHOLE_TABLE="tcp/$VIP:$PORT=$RS1:1,$RS2:3"

# Each is a function and the host that it is given.
KINDS=(
	"power active" "power standby" "corosync active" "corosync standby"
	"health_monitor active" "health_monitor standby"
	"daemon pacemaker-execd active" "daemon pacemaker-execd standby"
	"daemon pacemaker-controld active" "daemon pacemaker-controld standby" "daemon pacemaker-attrd active"
	"action lvs monitor active" "action lvs monitor standby" "action vip monitor active" "action ldirectord monitor active"
	"action_of_move lvs promote standby" "action_of_move lvs demote active" "action_of_move vip start standby"
	"action_of_start lvs start standby" "action_of_start ldirectord start standby"
	"move" "node_standby active" "node_standby standby"
	"empty_table active" "empty_table standby" "sync_daemon active" "sync_daemon standby"
)

scenario() {
	local active standby number fault begin earlier host
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	KILLS=${KILLS:-20} SEED=${SEED:-$((EPOCHSECONDS % 32768))} KILLED_PROMOTIONS=0
	seen "$KILLS faults, SEED=$SEED"
	RANDOM=$SEED begin=$EPOCHREALTIME earlier=$(failed_promotions | wc -l)
	# Chance hits no two daemons at once.
	play_through 0 "scores active"
	for ((number = 1; number <= KILLS; number++)); do
		fault=${KINDS[RANDOM % ${#KINDS[@]}]}
		# Most actions last 10 to 30 ms here.
		DELAY=0.0$((RANDOM % 2))$((RANDOM % 10))
		play_through "$number" "$fault"
	done
	for host in n1 n2; do never_without_table "$host"; done
	promotions_succeeded
	quietly_on "$active" crm_resource --cleanup
}

# play_through NUMBER FAULT: plays a fault, and waits until the pair is whole again. An action that ends before it is killed is
# no fault: that one is played again, with two thirds of the delay.
play_through() {
	local from ENDED_BEFORE tries=8
	say "  $1: $2 ($active is promoted)"
	while
		from=$EPOCHREALTIME ENDED_BEFORE=
		# shellcheck disable=SC2086
		play_fault $2
		whole_again
		[[ $ENDED_BEFORE ]]
	do
		say "     no fault: the action had ended within $DELAY s"
		((--tries)) || failed "$2: it always ends before it is killed"
		DELAY=$(awk -v delay="$DELAY" 'BEGIN { printf "%.4f", delay * 2 / 3 }')
	done
	say "     whole after $(since "$from") s, ${active} is promoted; $(client_counts "$from")"
}

# play_fault KIND [WORD...] active|standby: plays it on the host that has this role now.
play_fault() {
	local words=("$@")
	case ${words[-1]} in
	active) words[-1]=$active ;;
	standby) words[-1]=$standby ;;
	esac
	"fault_${words[0]}" "${words[@]:1}"
}

# whole_again: ends the scenario unless the pair becomes whole and clients are served.
whole_again() {
	must 120 "both directors in the cluster" cluster_has_both
	must 120 "the cluster has nothing left to do" cluster_is_settled
	must 120 "a promoted director with the address, a standby, two health monitors" pair_is_whole
	pair_read
	for host in n1 n2; do must 60 "the whole table on $host" table_is_whole "$host"; done
	must 60 "sync daemons: master on $active, backup on $standby" sync_daemons_are_right
	must 60 "answers without a failure" client_is_steady 1
	# The watcher may not have seen the end of a fault yet.
	must 10 "the record of $active's table" recorded_whole "$active"
}
cluster_is_settled() { quietly_on "$active" crm_resource --wait --timeout=100s; }
table_is_whole() { [[ $(on "$1" ipvsadm -Sn) == "$(whole_table)" ]]; }
whole_table() {
	printf '%s\n' "-A -t $VIP:$PORT -s wrr" "-a -t $VIP:$PORT -r $RS1 -g -w 1" "-a -t $VIP:$PORT -r $RS2 -g -w 3"
}
sync_daemons_are_right() { [[ $(sync_daemons "$active")/$(sync_daemons "$standby") == master/backup ]]; }
recorded_whole() { [[ $(last_table "$1") == *" $WHOLE_TABLE" ]]; }

# never_without_table HOST: ends the scenario when HOST had the address and not the whole table, except after a deliberate
# damage.
never_without_table() {
	local lacked
	lacked=$(table_lacked "$1" "$WHOLE_TABLE" "$begin" "${FALLBACK_TIMES[@]}")
	[[ -z $lacked ]] || failed "$1 had the address and another table:" "$lacked"
	seen "$1 never had the address without the whole table"
}

# promotions_succeeded: ends the scenario when a promotion failed that was not killed.
promotions_succeeded() {
	local failures=$(($(failed_promotions | wc -l) - earlier))
	((failures <= KILLED_PROMOTIONS)) || failed "$failures promotions failed, $KILLED_PROMOTIONS were killed:" "$(failed_promotions)"
	seen "$(promotions | wc -l) promotions; $failures failed, of which $KILLED_PROMOTIONS were killed"
}
promotions() { cat "$OUT"/n[12]/log/pacemaker/pacemaker.log | grep "pacemaker-controld.*Result of promote operation for db-lvs" | sort -u; }
failed_promotions() { promotions | grep -v ": ok"; }

# The attribute daemons of both nodes at once: the cluster forgets all promotion scores, and nobody tells it them but monitor. A
# score that is still to rise would be told for that.
fault_scores() {
	must_be_equals
	fault_daemon pacemaker-attrd "$active" &
	fault_daemon pacemaker-attrd "$standby"
	wait $! || failed "a new pacemaker-attrd on $active"
}

fault_power() {
	host_kill "$1"
	[[ $1 == "$standby" ]] || must 60 "$standby promoted" promoted_on "$standby"
	must 60 "a real server answers" client_is_steady 1
	director_revive "$1" || failed "$1 rejoins"
}

# Without corosync the node directs on, and the cluster has to fence it. Here the lab does, at once: until then both have the
# address.
fault_corosync() {
	quietly_on "$1" pkill -KILL -x corosync
	fault_power "$1"
}

fault_health_monitor() {
	local before
	before=$(daemon_pids "$1")
	quietly_on "$1" kill -KILL "$before"
	must 60 "a new health monitor" daemon_is_new "$1" "$before"
}

# fault_daemon NAME HOST: kills a daemon of pacemaker, which pacemakerd starts again.
fault_daemon() {
	local before
	before=$(on "$2" pgrep -x "${1:0:15}")
	quietly_on "$2" kill -KILL "$before"
	must 60 "a new $1" process_is_new "$2" "${1:0:15}" "$before"
}
process_is_new() {
	local now
	now=$(on "$1" pgrep -x "$2")
	[[ -n $now && $now != "$3" ]]
}

# fault_action AGENT ACTION HOST: kills a recurring action.
fault_action() {
	kill_action "$@" 12
	was_killed $? "$@"
}

# fault_action_of_move AGENT ACTION HOST: kills an action of a planned move.
fault_action_of_move() {
	local killer
	kill_next "$@"
	quietly_on "$active" crm_resource --move --promoted --resource db-lvs-clone
	wait "$killer"
	was_killed $? "$@"
	[[ $2 != promote || $ENDED_BEFORE ]] || KILLED_PROMOTIONS=$((KILLED_PROMOTIONS + 1))
	quietly_on "$active" crm_resource --clear --resource db-lvs-clone
	forget_failure "$1"
}

# fault_action_of_start AGENT ACTION HOST: kills an action of a node that comes back from standby.
fault_action_of_start() {
	local killer
	quietly_on "$3" crm_standby --update on
	must 60 "$3 is empty" node_is_empty "$3"
	kill_next "$@"
	quietly_on "$3" crm_standby --delete
	wait "$killer"
	was_killed $? "$@"
	forget_failure "$1"
}
node_is_empty() { [[ -z $(daemon_pids "$1") && $(on "$1" ipvsadm -Sn) == "" ]]; }

# forget_failure AGENT: pacemaker keeps a resource away from a node where its start has failed, until it is told otherwise.
forget_failure() {
	local -A resource=([lvs]=db-lvs [vip]=db-vip [ldirectord]=db-health)
	cluster_is_settled
	quietly_on "$active" crm_resource --cleanup --resource "${resource[$1]}"
}

# kill_action AGENT ACTION HOST SECONDS: kills the next one, DELAY seconds after it began.
kill_action() { quietly_on "$3" "$PYTHON" "$CTS/lab/kill_action.py" "$1" "$2" "$DELAY" "$4" "$OUT/killer"; }

# kill_next AGENT ACTION HOST: begins to look for it, beside what comes; sets `killer`. One that begins before would be missed.
kill_next() {
	rm -f "$OUT/killer"
	kill_action "$@" 30 &
	killer=$!
	must 30 "the killer of $2 looks" test -e "$OUT/killer"
}

# was_killed STATUS AGENT ACTION HOST: ends the scenario when kill_action saw none.
was_killed() {
	case $1 in
	0) ;;
	3) ENDED_BEFORE=1 ;;
	4) failed "no $3 of $2 was seen on $4" ;;
	*) failed "kill_action $2 $3 on $4 (see $4/commands.log)" ;;
	esac
}

fault_move() {
	local from=$active to=$standby
	quietly_on "$from" crm_resource --move --promoted --resource db-lvs-clone || failed "crm_resource --move --promoted"
	must 60 "$to promoted, with the address" pair_is "$to" "$from"
	quietly_on "$from" crm_resource --clear --resource db-lvs-clone || failed "crm_resource --clear"
}

fault_node_standby() {
	quietly_on "$1" crm_standby --update on
	must 60 "$1 is empty" node_is_empty "$1"
	quietly_on "$1" crm_standby --delete
}

# The virtual service is there again within the interval of the monitor; meanwhile an active director answers itself.
fault_empty_table() {
	local damaged=$EPOCHREALTIME is_active=
	[[ $1 != "$active" ]] || is_active=1
	quietly_on "$1" ipvsadm -C
	must 60 "the whole table on $1" table_is_whole "$1"
	must 10 "the record of $1's table" recorded_whole "$1"
	[[ -z $is_active ]] || FALLBACK_TIMES+=("$damaged" "$EPOCHREALTIME")
}

fault_sync_daemon() {
	local state=backup
	[[ $1 != "$active" ]] || state=master
	quietly_on "$1" ipvsadm --stop-daemon "$state"
}
