# a split network between the directors, in both directions and in one: one of them is fenced, once, and never both direct
#
# n1 has the delay (config/fencing.crm), so n2 is the one that is fenced, promoted or not.
scenario() {
	local failures
	failures=$(failed_actions)
	power_start
	trap fencing_end EXIT
	corosync_waits_for_all 1 || failed "corosync: wait_for_all (see n1/commands.log)"
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	quietly_on n1 crm configure load update "$CTS/config/fencing.crm" || failed "crm configure load update fencing.crm (see n1/commands.log)"
	must 60 "a fence device for n1 on n2, and one for n2 on n1" fence_devices_run
	seen "loaded config/clone.crm and config/fencing.crm: each director can fence the other, and n1 has the delay"

	direct_from n1
	split "nothing passes" to_n2 to_n1
	split "nothing passes from n1 to n2" to_n2
	split "nothing passes from n2 to n1" to_n1
	direct_from n2
	split "nothing passes" to_n2 to_n1
	no_failed_actions
	# A stop or a demotion that fails is what a node is fenced for.
	[[ $(failed_actions) == "$failures" ]] || failed "actions have failed: $(failed_actions)"
	dies n1 n2
}

# direct_from NODE: moves the promoted role there, unless it is there.
direct_from() {
	local other=n2
	[[ $1 == n1 ]] || other=n1
	must 60 "a promoted director with the address" pair_is_whole
	if ! pair_is "$1" "$other"; then
		quietly_on n1 crm_resource --move --promoted --resource db-lvs-clone --node "$1" || failed "crm_resource --move --promoted"
		must 60 "$1 promoted, with the address" pair_is "$1" "$other"
		quietly_on n1 crm_resource --clear --resource db-lvs-clone || failed "crm_resource --clear"
	fi
	must 30 "answers without a failure" client_is_steady 2
}

# split WHAT DIRECTION...: cuts the link between the directors, which both clients and real servers still reach. n2 is
# fenced. Where nothing passes, it comes back before the link is mended: alone it must neither direct nor fence.
split() {
	local what=$1 from=$EPOCHREALTIME active direction
	shift
	read -r active _ <<<"$(pair)"
	for direction; do "link_cut_$direction" || failed "tc: cut the link ($direction)"; done
	must 60 "n2 is switched off" was_fenced "$from"
	must 60 "n1 directs" promoted_on n1
	must 60 "a real server answers" client_answered_by "rs1|rs2" "$EPOCHREALTIME"
	(($# == 1)) || must 120 "n2 is up again, alone and without quorum" is_alone n2
	link_mend
	must 120 "n2 stands by" pair_is n1 n2
	must 30 "answers without a failure" client_is_steady 2
	[[ $(power_cuts "$from") == n2 ]] || failed "switched off: $(power_cuts "$from")"
	never_two_directors "$from"
	if [[ $active == n1 ]]; then
		client_never_failed "$from"
		seen "$what, n1 promoted: n2 was fenced after $(fenced_after "$from") s; no client noticed"
	else
		seen "$what, n2 promoted: it was fenced after $(fenced_after "$from") s; $(client_outage "$from" n1)"
	fi
}

# dies NODE OTHER: the promoted director really dies. The other one may direct when it has fenced the dead one.
dies() {
	local from=$EPOCHREALTIME
	host_kill "$1"
	watch_ends "$1"
	must 60 "a real server answers" client_answered_by "rs1|rs2" "$from"
	must 60 "$2 promoted" promoted_on "$2"
	must 30 "answers without a failure" client_is_steady 2
	must 120 "$1 stands by" pair_is "$2" "$1"
	[[ $(power_cuts "$from") == "$1" ]] || failed "switched off: $(power_cuts "$from")"
	never_two_directors "$from"
	seen "$1, which was promoted, died: it was fenced after $(fenced_after "$from") s; $(client_outage "$from" "$2")"
}

fence_devices_run() { cluster_runs n2 fence-n1 && cluster_runs n1 fence-n2; }
was_fenced() { [[ -n $(power_cuts "$1") ]]; }
fenced_after() { since "$1" "$(awk -v since="$1" '$1 >= since { print $1; exit }' "$POWER_RECORD")"; }

# is_alone NODE: succeeds when its pacemaker runs, sees no other node, and may do nothing.
is_alone() {
	local status
	host_is_alive "$1" && status=$(on "$1" crm_mon -1r 2>&1) && [[ $status == *"partition WITHOUT quorum"* && $status == *"Online: [ $1 ]"* ]]
}

# never_two_directors SINCE: ends the scenario when both had the address, or the promoted role, at one moment.
never_two_directors() {
	local found
	found=$("$PYTHON" "$CTS/lab/addresses.py" both "$OUT/n1/changes" "$OUT/n2/changes" "$1" "$EPOCHREALTIME" "$VIP")
	[[ -z $found ]] || failed "two directors: $found"
}

# failed_actions: prints the actions of ours that have failed since the lab was started.
failed_actions() {
	cat "$OUT"/n[12]/log/pacemaker/pacemaker.log | grep -E 'Result of (start|stop|promote|demote) operation for db-' | grep -v ': ok'
}

# The filters are at n1's port of the bridge, which stays when n2 is fenced. What comes from n1 enters the bridge there.
link_cut_to_n2() {
	link_filter ingress dst "${ADDRESS[n2]}"
	link_filter ingress dst 224.0.0.81
}
link_cut_to_n1() { link_filter egress src "${ADDRESS[n2]}"; }
link_filter() {
	tc qdisc show dev v-n1 | grep -q clsact || tc qdisc add dev v-n1 clsact || return
	tc filter add dev v-n1 "$1" protocol ip u32 match ip "$2" "$3/32" action drop
}
link_mend() { tc qdisc del dev v-n1 clsact 2>/dev/null; }

# corosync_waits_for_all 0|1: with 1, as without a word of it, a node that comes up alone has no quorum: it could not know
# that the other one directs, and would fence it.
corosync_waits_for_all() {
	local host
	sed -i "s/wait_for_all: ./wait_for_all: $1/" "$L/corosync.conf"
	for host in n1 n2; do
		! host_is_alive "$host" || quietly_on "$host" cp "$L/corosync.conf" /etc/corosync/ || return
	done
	quietly_on "$(cluster_member)" corosync-cfgtool -R
}

# fencing_end: leaves the cluster as the other scenarios want it, however this one ends.
fencing_end() {
	local node
	link_mend
	for node in n1 n2; do
		if ! host_is_alive "$node"; then power_up "$node"; fi
	done
	wait_for 150 "cluster: both nodes online" cluster_has_both
	corosync_waits_for_all 0
	node=$(cluster_member)
	quietly_on "$node" crm_attribute --type crm_config --name stonith-enabled --update false
	quietly_on "$node" crm_attribute --type crm_config --name no-quorum-policy --update ignore
	cluster_clear
	power_end
}
