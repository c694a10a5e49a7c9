# This file asks for the roles of the promotable clone of config/clone.crm. It is sourced in the lab.

# pair: prints the promoted and the other director.
pair() {
	local status active other=n1
	status=$(cluster_status)
	[[ $status =~ Promoted:\ \[\ (n[12])\ \] ]] || return
	active=${BASH_REMATCH[1]}
	[[ $active == n2 ]] || other=n2
	# One whose monitor says 190 has a line of its own, in which its monitor goes on for ever.
	[[ $status == *"Unpromoted: [ $other ]"* || $status == *"Unpromoted $other (Monitoring)"* ]] || return
	[[ $(cluster_node_of db-vip) == "$active" ]] || return
	printf '%s %s\n' "$active" "$other"
}
# pair_read: sets `active` and `standby`.
pair_read() { read -r active standby <<<"$(pair)"; }
pair_is_whole() { pair >/dev/null && [[ $(cluster_status) == *"Clone Set: db-health-clone"*"Started: [ n1 n2 ]"* ]]; }
pair_is() { [[ $(pair) == "$1 $2" ]]; }
promoted_on() { [[ $(cluster_status) == *"Promoted: [ $1 ]"* ]]; }

# must_have_roles: waits until one director is promoted and the other one stands by; sets `active` and `standby`.
must_have_roles() {
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
}

# roles_are_right: ends the scenario unless both directors have the whole table, and each its own sync daemon only.
roles_are_right() {
	local host
	for host in n1 n2; do
		must 60 "both real servers in $host's table" table_has "$host" "=$RS1:1,$RS2:3"
	done
	[[ $(sync_daemons "$active") == master ]] || failed "$active is promoted, its sync daemons: $(sync_daemons "$active")"
	[[ $(sync_daemons "$standby") == backup ]] || failed "$standby stands by, its sync daemons: $(sync_daemons "$standby")"
}
sync_daemons() { on "$1" ipvsadm -L --daemon | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }'; }

# no_failed_actions: crm_mon lists those that answered 190 as well. A busy machine may answer so that its checks are late, or
# that one could not be made in time.
no_failed_actions() {
	local failed
	failed=$(cluster_status | grep " returned '" |
		grep -vE "'OCF_DEGRADED' \((checks are late by |a check could not be made: .*: this machine was too busy )")
	[[ -z $failed ]] || failed "actions have failed: $failed"
}
