# the real servers of a line are the records of a name: they come and go with these, on the director that takes over too, and a silent name server removes nobody
NAME=db.pool.test

scenario() {
	local from changes host
	name_server_start || failed "named (see client/named.log)"
	for host in n1 n2; do asks_the_name_server "$host" || failed "$host: resolv.conf"; done
	cluster_use file.crm || failed "crm configure load update (see n1/commands.log)"
	must 90 "the group on n1" cluster_runs n1 db-file db-vip
	must 60 "both records in the table" table_has n1 "=$RS1:10,$RS2:10"
	must 30 "answers without a failure" client_is_steady 2
	must 30 "their origin in status" status_has n1 "$RS2 .*from DNS $NAME"
	seen "lvs-agents status on n1:" "$(on n1 lvs-agents status)"

	from=$EPOCHREALTIME
	records 10.9.0.21
	must 60 "a record that goes drains its real server" table_has n1 "=$RS1:10,$RS2:0"
	seen "the record of rs2 went; its real server was quiesced after $(time_of n1 "$from" present "$RS2:0") s"
	from=$EPOCHREALTIME
	records 10.9.0.22 10.9.0.21
	must 60 "a record that comes brings one" table_has n1 "=$RS1:10,$RS2:10"
	seen "it came back; its real server served after $(time_of n1 "$from" present "$RS2:10") s"

	from=$EPOCHREALTIME
	kill -STOP "$NAMED"
	must 120 "a silent name server in status" status_has n1 "DNS $NAME (A): .*its 2 real servers stay"
	must 120 "and in crm_mon" crm_mon_says "$NAME"
	changes=$(changes_since n1 "$from")
	[[ -z $changes ]] || failed "the silence changed the table: $changes"
	seen "the name server fell silent: nothing changed, and status and crm_mon say so"
	kill -CONT "$NAMED"

	quietly_on n1 crm node standby n1 || failed "crm node standby n1"
	must 90 "the group on n2" cluster_runs n2 db-file db-vip
	must 60 "both records in n2's table" table_has n2 "=$RS1:10,$RS2:10"
	seen "n2 took over, and asked for the name itself"
	quietly_on n2 crm node online n1 || failed "crm node online n1"
	must 90 "the group on n1 again" cluster_runs n1 db-file db-vip
	must 60 "both records in its table" table_has n1 "=$RS1:10,$RS2:10"
	kill "$NAMED"
	for host in n1 n2; do on "$host" umount /etc/resolv.conf; done
	quietly_on n1 crm_resource --cleanup
	cluster_clear
}

# name_server_start: bind on the client's host has the zone of the name.
name_server_start() {
	local folder=$L/named
	mkdir -p "$folder"
	cat >"$folder/named.conf" <<-END
		options { directory "$folder"; pid-file "$folder/pid"; listen-on { ${ADDRESS[client]}; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };
		controls { };
		zone "pool.test" { type primary; file "zone"; };
	END
	records 10.9.0.21 10.9.0.22
	ip netns exec client named -g -n 1 -u root -c "$folder/named.conf" >>"$OUT/client/named.log" 2>&1 &
	NAMED=$!
	wait_for 60 "the name server" grep -q "all zones loaded" "$OUT/client/named.log"
}

# records ADDRESS...: the name has these from now on.
records() {
	{
		printf '%s\n' "\$TTL 1" "@ SOA ns.pool.test. root.pool.test. ${EPOCHREALTIME%.*} 60 60 60 1" "@ NS ns" "ns A ${ADDRESS[client]}"
		printf 'db A %s\n' "$@"
	} >"$L/named/zone"
	[[ -z ${NAMED:-} ]] || kill -HUP "$NAMED"
}

# asks_the_name_server HOST: its file has the name in place of the databases.
asks_the_name_server() {
	printf '%s\n' "nameserver ${ADDRESS[client]}" "options timeout:2 attempts:1" >"$L/hosts/$1/resolv.conf"
	on "$1" mount --bind "$L/hosts/$1/resolv.conf" /etc/resolv.conf || return
	mkdir -p "$L/hosts/$1/etc-ha.d"
	sed -e "s/=10.9.0.21 gate 10/=$NAME:3306 gate 10 dns/" -e '/10\.9\.0\.22/d' "$CTS/config/ldirectord.cf" >"$L/hosts/$1/etc-ha.d/ldirectord.cf"
}

status_has() { on "$1" lvs-agents status | grep -q -e "$2"; }
crm_mon_says() { [[ $(cluster_status) == *"$1"* ]]; }
