#!/bin/bash
# This story lets the director of two echo services change, by a planned move and by two crashes, in each kind of cluster
# that STEPS names (clone, group, peers, stub) behind the numbers of connections of each service that talk and that idle. A
# line of JSON for each change is appended to $OUT/changes. The agents of stub do nothing: it says what is the cluster's own.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
. "$CTS/lab/takeover.sh"

read -r TALKING IDLE KINDS <<<"$STEPS"
# What belongs to a take-over first, on the new director.
declare -A CALL=([clone]=promote:db-lvs [stub]=promote:db-lvs [group]=start:db-lvs [peers]=start:db-vip)

give_up() {
	warn "$kind, $event: $*"
	exit 1
}

# node_up HOST: switches a director on, and waits until the cluster has it.
node_up() {
	host_start "$1" director && watch_start "$1" 0.5 && director_forwards "$1" &&
		wait_for 300 "cluster: $1 joins" cluster_has "$1"
}
cluster_has() { [[ $(cluster_status) =~ Online:\ \[[^]]*\ $1\  ]]; }

# stands ACTIVE STANDBY: succeeds when ACTIVE directs and STANDBY can take over.
stands() {
	directs "$1" && cluster_has "$2" || return
	! is_clone || [[ $(cluster_status) == *"Unpromoted: [ $2 ]"* ]] || return
	case $kind in
	clone) echo_serves "$1" && echo_serves "$2" ;;
	stub) ;;
	*) echo_serves "$1" ;;
	esac
}
directs() { [[ $(cluster_node_of db-vip) == "$1" ]]; }
is_clone() { [[ $kind == clone || $kind == stub ]]; }
# The score of a director that was rebooted follows with a monitor.
stands_by() { [[ $kind != clone ]] || { knows_all "$1" && has_score "$1" 1000; }; }

# answers_since TIME: succeeds when the last twenty answers were to attempts made after TIME, and none of them was a refusal.
answers_since() {
	tail -n 20 "$OUT/client/probe" | awk -v since="$1" 'NF == 2 && $1 > since { good++ } END { exit good < 20 }'
}

# change EVENT COMMAND...: opens the connections, runs the command, by which $standby becomes the director, and measures. Then
# `active` and `standby` change their names.
change() {
	local event=$1 since floor=''
	shift
	wait_for 300 "$active directs, $standby stands by" stands "$active" "$standby" || give_up "not ready"
	[[ $kind == stub ]] || connections_start "$TALKING" "$IDLE" || give_up "connections"
	if [[ $event == crash-after-reboot ]]; then
		host_kill "$standby"
		node_up "$standby" || give_up "$standby"
		wait_for 300 "$standby stands by" stands "$active" "$standby" || give_up "not ready"
	fi
	wait_for 300 "$standby knows all connections" stands_by "$standby" || give_up "not ready"
	# A surviving DC sleeps for a second before it plans; token is 1 s.
	if [[ $event != move ]]; then
		floor=3.2
		[[ $(cluster_status) != *"Current DC: $active "* ]] || floor=2.2
	fi
	follow_log "$standby"
	since=$EPOCHREALTIME
	"$@" || give_up "$*"
	wait_for 300 "db-vip is started on $standby" has_started_vip "$standby" || give_up "no start"
	wait_for 300 "answers by $standby" has_answered "$since" || give_up "no answer"
	wait_for 30 "the cluster knows of it" directs "$standby" || give_up "db-vip is elsewhere"
	if [[ $kind != stub ]]; then
		wait_for 300 "answers without a failure" answers_since "$EPOCHREALTIME"
		connections_end || give_up "connections"
	fi
	# shellcheck disable=SC2086
	"$PYTHON" "$CTS/lab/takeover/measure.py" "$event" "$kind" "$since" "${CALL[$kind]}" "$OUT" "$active" "$standby" $floor |
		tee -a "$OUT/changes"
	read -r active standby <<<"$standby $active"
}
has_answered() { [[ $kind == stub ]] || answers_since "$1"; }

# follow_log HOST: opens pacemaker's log behind what it says by now. To ask the cluster again and again, and even to start a
# grep ten times a second, would keep the one processor busy that the take-over needs.
follow_log() {
	[[ -z ${LOG:-} ]] || exec {LOG}<&-
	exec {LOG}<"$OUT/$1/log/pacemaker/pacemaker.log" && cat <&"$LOG" >/dev/null
	HALF_LINE=''
}
# has_started_vip HOST: succeeds when the log says so, as far as it has not been read. A line may come in two halves.
has_started_vip() {
	local line
	while IFS= read -r line <&"$LOG"; do
		[[ $HALF_LINE$line != *"Result of start operation for db-vip on $1: ok"* ]] || return 0
		HALF_LINE=''
	done
	HALF_LINE+=$line
	return 1
}

# move: asks the cluster to let the other director take over.
move() {
	if is_clone; then
		quietly_on "$active" crm_resource --move --promoted --resource db-lvs-clone
	else
		quietly_on "$active" crm_resource --move --resource db --node "$standby"
	fi
}
unmove() {
	local resource=db
	! is_clone || resource=db-lvs-clone
	quietly_on "$active" crm_resource --clear --resource "$resource"
}

crash() { host_kill "$active"; }

# play_kind: plays the changes with the cluster's configuration $kind.
play_kind() {
	local active standby=n1 file=takeover-$kind.crm
	if [[ $kind == stub ]]; then
		stub_install || give_up "build it"
		file=$L/takeover-stub.crm
		sed 's/ocf:rust:/ocf:stub:/' "$CTS/config/takeover-clone.crm" >"$file"
	fi
	cluster_use "$file" || give_up "crm configure load update"
	wait_for 300 "the address" cluster_node_of db-vip >/dev/null || give_up "no director"
	active=$(cluster_node_of db-vip)
	[[ $active == n2 ]] || standby=n2
	change move move
	unmove || give_up "crm_resource --clear"
	change crash crash
	node_up "$standby" || give_up "$standby"
	change crash-after-reboot crash
	node_up "$standby" || give_up "$standby"
	cluster_clear
}

network_up
product_install && echo_file || exit 1
cluster_prepare
# The token goes round 30 times after each message before it rests, which keeps the one processor of all hosts busy for longer
# than an action does.
sed -i 's/token: 1000/&\n    seqno_unchanged_const: 3/' "$L/corosync.conf" && grep -q seqno_unchanged_const "$L/corosync.conf" || exit 1
for host in rs1 rs2; do host_start "$host" && realserver_by_hand "$host" || exit 1; done
echo_start
for host in n1 n2; do node_up "$host" || exit 1; done
wait_for 300 "cluster: both nodes online" cluster_has_both || exit 1
# The cluster does one thing at a time on a node that is busy, and one processor with three hosts always is.
quietly_on n1 crm_attribute --type crm_config --name load-threshold --update 1000% || exit 1
network_plug client && mkdir -p "$OUT/client"
ip netns exec client "$PYTHON" "$CTS/lab/takeover/probe.py" "$VIP" "$GATE" "$OUT/client/probe" 0.02 >>"$OUT/client/output.log" 2>&1 &
begin=$EPOCHREALTIME
on n1 "$BASH" -c 'for _ in {1..20}; do lvs-agents --version; done' >/dev/null
say "starting a process takes $(awk -v s="$(since "$begin")" 'BEGIN { printf "%.0f", s / 20 * 1000 }') ms here"
for kind in $KINDS; do
	event=begin
	play_kind
done
