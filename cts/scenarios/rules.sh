# backups, a quorum, a cap for failed checks and slow start: the tables of both directors, status and monitor say what each does
. "$CTS/lab/clone.sh"

scenario() {
	sed -e 's/failurecount=3/failurecount=2/' \
		-e 's/real="[^"]*"/real="10.9.0.21 gate 10, 10.9.0.22 gate 30 backup" quorum=10 slowstart=8/' \
		"$CTS/config/clone.crm" >"$L/rules.crm"
	cluster_use "$L/rules.crm" || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	read -r active standby <<<"$(pair)"
	both_have "$RS1:10,$RS2:0"
	must 30 "answers without a failure" client_is_steady 2

	backup
	quorum_and_slow_start
	cap
	# The 190 of a monitor stays in crm_mon until it is cleaned up.
	quietly_on "$active" crm_resource --cleanup
	cluster_clear
}

# backup: rs2 serves while rs1 does not, and the fallback never does.
backup() {
	both_say "$RS2 .*backup: not needed"
	stopped rs1
	both_have "$RS2:30"
	both_say "$RS2 .*backup: needed"
	started rs1 "$RS1:10,$RS2:0"
	never_had "$FALLBACK" "the fallback beside a backup"
	seen "backup: rs2 served from $(time_of "$active" "$from" present "$RS2:30") s after rs1 stopped," \
		"on the standby from $(time_of "$standby" "$from" present "$RS2:30") s"
}

# quorum_and_slow_start: the weight of rs1 alone is too little, so the fallback serves; the weight of rs2 rises when it is back.
quorum_and_slow_start() {
	sets real "10.9.0.21 gate 10, 10.9.0.22 gate 30" quorum 30
	both_have "$RS1:10,$RS2:30"
	FALLBACK_TIMES=("$EPOCHREALTIME")
	stopped rs2
	both_have "$RS1:0,$FALLBACK:1"
	both_say "$RS1 .*quorum lost: weight 10, needs 30"
	must 30 "the reason in crm_mon" status_says "quorum lost: weight 10, needs 30"
	from=$EPOCHREALTIME
	started rs2 "$RS1:10,$RS2:30"
	FALLBACK_TIMES+=("$EPOCHREALTIME")
	for host in n1 n2; do rises "$host"; done
	seen "quorum: below weight 30 the fallback served, and monitor said why;" \
		"slow start: the weights of rs2 on $active: $(weights "$active"); on $standby: $(weights "$standby")"
}

# cap: every check of both directors fails by a slip in the configuration, and the clients do not notice it.
cap() {
	must 30 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	sets maxejected 40% passwd wrong
	both_say "$RS1 .*kept in: 2 of 2 real servers fail, more than maxejected=40%"
	both_say "$RS2 .*kept in: 2 of 2 real servers fail, more than maxejected=40%"
	must 30 "the reason in crm_mon" status_says "more than maxejected=40%"
	never_changed "the cap"
	client_never_failed "$from"
	seen "cap: a wrong password of the checks took nobody out: $(client_counts "$from")"
}

# sets NAME VALUE...: changes parameters of db-lvs in one step. Two in a row, the second while the first is reloaded, make
# pacemaker 2.1.5 demote and promote, and the load of a whole configuration costs crmsh longer than all the rest.
sets() {
	local set=db-lvs-instance_attributes text
	text="<primitive id=\"db-lvs\"><instance_attributes id=\"$set\">"
	while (($#)); do
		text+="<nvpair id=\"$set-$1\" name=\"$1\" value=\"$2\"/>"
		shift 2
	done
	quietly_on "$active" cibadmin --modify --allow-create --xml-text "$text</instance_attributes></primitive>" ||
		failed "cibadmin --modify (see $active/commands.log)"
}

# stopped HOST: stops its database, and sets `from`.
stopped() {
	from=$EPOCHREALTIME
	database_on "$1" stop || failed "stop MariaDB on $1"
}
# started HOST SERVERS: starts its database, and waits until both directors have these real servers.
started() {
	database_on "$1" start || failed "start MariaDB on $1"
	both_have "$2"
}

both_say() {
	local host
	for host in n1 n2; do must 60 "$host's status: $1" says "$host" "$1"; done
}
says() { [[ $(on "$1" lvs-agents status) =~ $2 ]]; }
status_says() { [[ $(cluster_status) == *"$1"* ]]; }

# never_had TEXT WHAT: ends the scenario when a director had it in its table since `from`.
never_had() {
	local host
	for host in n1 n2; do
		[[ $(changes_since "$host" "$from") != *"$1"* ]] || failed "$2 on $host: $(changes_since "$host" "$from")"
	done
}
# never_changed WHAT: ends the scenario when the table of a director has changed since `from`.
never_changed() {
	local host
	for host in n1 n2; do
		[[ -z $(changes_since "$host" "$from") ]] || failed "$1 changed the table of $host: $(changes_since "$host" "$from")"
	done
}

# weights HOST: prints the weights that rs2 has had there since `from`.
weights() { changes_since "$1" "$from" | sed -n "s/.*$RS2:\([0-9]*\).*/\1/p" | paste -sd ' '; }
# rises HOST: ends the scenario unless the weight of rs2 began low, rose, and ended at the whole one. A busy watcher misses some.
rises() {
	local seen last=0 weight
	seen=$(weights "$1")
	[[ $seen == *" 30" && ${seen%% *} -lt 15 && $(wc -w <<<"$seen") -ge 4 ]] ||
		failed "slow start on $1: the weights of rs2: $seen"
	for weight in $seen; do
		((weight > last)) || failed "slow start on $1: the weights of rs2: $seen"
		last=$weight
	done
}
