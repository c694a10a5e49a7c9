#!/bin/bash
# The demo, in the lab: a pair of directors that balances MariaDB and survives. PRODUCT=ours|peers.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
: "${PRODUCT:=ours}"
RS1=10.9.0.21:3306 RS2=10.9.0.22:3306 FALLBACK=127.0.0.1:3306

step() { STEP=$1; say "" "Step $1: $2"; }
did() { say "  $*"; }
seen() { say "  ${*//$'\n'/$'\n    '}"; }
failed() {
	warn "step $STEP FAILED: $*" "the logs of every host are in $OUT_NAME"
	cluster_status | indent
	table_of "$(cluster_member)" | indent
	leave 1
}
leave() {
	[[ -z $KEEP ]] || keep_open
	exit "$1"
}

# must SECONDS "WHAT" COMMAND...
must() { wait_for "$@" || failed "$2"; }

show_table() { table_of "$1" | tail -n +2 | indent; }

step_1() {
	local from
	step 1 "the client is answered by both servers, 1:3"
	product_configure || failed "crm configure load update (see n1/commands.log)"
	did "loaded config/$PRODUCT.crm by crmsh"
	# shellcheck disable=SC2046
	must 90 "the group on n1" cluster_runs n1 $(product_resources)
	must 30 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
	must 30 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	nap 8
	seen "client, 8 s: $(client_counts "$from")"
	show_table n1
}

step_2() {
	local from
	step 2 "MariaDB on rs2 stops, and comes back"
	from=$EPOCHREALTIME
	database_on rs2 stop
	must 30 "rs2 leaves the table" fails table_has n1 "$RS2"
	seen "stopped it; $(time_of n1 "$from" absent "$RS2") s later rs2 is out of the table"
	show_reason n1 "$RS2"
	show_table n1
	must 20 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	database_on rs2 start
	must 40 "rs2 is back" table_has n1 "$RS2:3"
	seen "started it; $(time_of n1 "$from" present "$RS2:3") s later (MariaDB's own start included) rs2 is back with its weight"
	must 20 "answers without a failure" client_is_steady 2
}

step_3() {
	local from
	step 3 "both stop: the fallback takes over, and leaves again"
	from=$EPOCHREALTIME
	database_on rs1 stop & database_on rs2 stop
	wait $!
	must 30 "the fallback is in the table" table_has n1 "=$FALLBACK:1"
	must 30 "the fallback answers" client_answered_by "n1" "$from"
	seen "stopped both; $(time_of n1 "$from" present "=$FALLBACK:1") s later:"
	show_table n1
	from=$EPOCHREALTIME
	database_on rs1 start
	must 40 "rs1 replaces the fallback" table_has n1 "=$RS1:1"
	must 30 "rs1 answers" client_answered_by "rs1" "$from"
	seen "started rs1; $(time_of n1 "$from" present "=$RS1:1") s later the fallback is gone:"
	show_table n1
	database_on rs2 start
	must 40 "rs2 is back" table_has n1 "=$RS1:1,$RS2:3"
	must 20 "answers without a failure" client_is_steady 2
}

step_4() {
	local from
	step 4 "crm node standby n1: everything moves to n2"
	from=$EPOCHREALTIME
	quietly_on n1 crm node standby n1
	# shellcheck disable=SC2046
	must 90 "the group on n2" cluster_runs n2 $(product_resources)
	must 30 "answers without a failure" client_is_steady 3
	seen "client: $(client_outage "$from" n2)"
	if on n1 ip -4 addr show dev eth0 | grep -q "$VIP"; then failed "n1 still has the address"; fi
	[[ $(last_table n1) != *:3306* ]] || failed "n1's table is not empty: $(last_table n1)"
	seen "n1: no $VIP, IPVS table empty; n2:"
	show_table n2
	client_outage "$from" n2 --json >"$OUT/outage-standby.json"
	quietly_on n2 crm node online n1
	# shellcheck disable=SC2046
	must 90 "the group back on n1" cluster_runs n1 $(product_resources)
	must 30 "answers without a failure" client_is_steady 2
	seen "n1 back online, the group is there again"
}

step_5() {
	local from
	step 5 "the active director dies: SIGKILL to every process of it, link down"
	from=$EPOCHREALTIME
	host_kill n1
	must 120 "a server answers" client_answered_by "rs1|rs2" "$from"
	# shellcheck disable=SC2046
	must 90 "the group on n2" cluster_runs n2 $(product_resources)
	must 60 "answers without a failure" client_is_steady 3
	seen "client: $(client_outage "$from" n2)"
	client_outage "$from" n2 --json >"$OUT/outage-crash.json"
	show_table n2
	director_revive n1 || failed "n1 rejoins"
	# shellcheck disable=SC2046
	must 90 "the group back on n1" cluster_runs n1 $(product_resources)
	must 30 "answers without a failure" client_is_steady 2
	seen "n1 was switched on again, joined, and has the group back"
}

step_6() {
	local from
	step 6 "the same configuration by pcs"
	cluster_clear || failed "the resources of crmsh stop"
	[[ $(last_table n1) == *empty* ]] || failed "the table is not empty after stop: $(last_table n1)"
	quietly_on n1 "$BASH" -e "$CTS/config/ours.pcs" || failed "pcs resource create (see n1/commands.log)"
	did "ran config/ours.pcs"
	must 90 "the group on n1" cluster_runs n1 db-vip db-lvs db-health
	must 30 "both real servers in the table" table_has n1 "=$RS1:1,$RS2:3"
	must 30 "answers without a failure" client_is_steady 2
	from=$EPOCHREALTIME
	nap 4
	seen "client, 4 s: $(client_counts "$from")"
	show_table n1
}

step_7() {
	local from
	step 7 "the same from a file: ocf:rust:ldirectord configfile=/etc/ha.d/ldirectord.cf"
	cluster_clear || failed "the resources of pcs stop"
	product_file 10 10
	cluster_load file.crm || failed "crm configure load update (see n1/commands.log)"
	did "loaded config/file.crm by crmsh"
	must 90 "the group on n1" cluster_runs n1 db-vip db-file
	must 30 "both real servers in the table" table_has n1 "=$RS1:10,$RS2:10"
	show_table n1
	from=$EPOCHREALTIME
	product_file 10 30
	must 30 "the edited weight is in the kernel" table_has n1 "=$RS1:10,$RS2:30"
	seen "edited rs2's weight to 30 in the file; $(time_of n1 "$from" present "$RS2:30") s later (autoreload):"
	show_table n1
	seen "every change of the table since then:"
	changes_since n1 "$from" | indent
	must 30 "answers without a failure" client_is_steady 2
}

main() {
	local start=$EPOCHREALTIME number
	say "lab: directors n1 n2, database servers rs1 rs2, a client; VIP $VIP:$PORT; $PRODUCT"
	product_install || { STEP=0 failed "lvs-agents install"; }
	lab_up || { STEP=0 failed "the lab starts"; }
	product_realservers || { STEP=0 failed "the VIP on the real servers"; }
	client_start
	say "up after $(since "$start") s (kernel $(uname -r); every process start is slow in an emulated kernel)"
	: "${STEPS:=$([[ $PRODUCT == ours ]] && printf '1 2 3 4 5 6 7' || printf '1 2 3 4 5')}"
	for number in $STEPS; do "step_$number"; done
	say "" "all steps done in $(since "$start") s; logs of every host: $OUT_NAME"
	leave 0
}
main
