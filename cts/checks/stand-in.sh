# the original's own wrappers drive the stand-in: ocf:heartbeat:ldirectord, Debian's init script and systemd unit
scenario() {
	local file=/etc/ha.d/ldirectord.cf agent=/usr/lib/ocf/resource.d/heartbeat/ldirectord word
	# On this host the name leads to the binary under test; the original stays as it is everywhere else.
	on lone mount --bind /usr/sbin/lvs-agents /usr/sbin/ldirectord || failed "bind the binary to /usr/sbin/ldirectord"
	printf 'checkinterval=1\nvirtual=10.9.0.50:80\n\treal=10.9.0.21:80 gate\n\tfallback=127.0.0.1:80\n\tchecktype=connect\n' \
		>"$L/hosts/lone/etc-ha.d/ldirectord.cf"
	on lone ocf-tester -n original -o configfile=$file $agent || failed "ocf-tester of ocf:heartbeat:ldirectord"
	# The init script's own setting names a file that is not there.
	printf 'CONFIG_FILE=%s\n' "$file" >"$L/hosts/lone/etc-ha.d/default"
	on lone mount --bind /etc/ha.d/default /etc/default/ldirectord || failed "bind the init script's setting"
	serves_between "init script" /etc/init.d/ldirectord
	while IFS='=' read -r word command; do
		case $word in
		ExecStart) unit_start=$command ;;
		ExecStop) unit_stop=$command ;;
		ExecReload) unit_reload=$command ;;
		PIDFile) unit_pid=$command ;;
		esac
	done </lib/systemd/system/ldirectord.service
	[[ -n $unit_start && -n $unit_stop && -n $unit_reload && -n $unit_pid ]] || failed "the unit has no such lines any more"
	on lone sh -c "$unit_start" || failed "$unit_start"
	holds_the_service "systemd: $unit_start"
	[[ $(on lone cat "$unit_pid") == $(daemon_pids lone) ]] || failed "$unit_pid does not hold the daemon's process number"
	on lone sh -c "$unit_reload" || failed "$unit_reload"
	on lone sh -c "$unit_stop" || failed "$unit_stop"
	holds_nothing "systemd: $unit_stop"
	on lone umount /usr/sbin/ldirectord /etc/default/ldirectord
}

# serves_between WHAT COMMAND: COMMAND start, status, reload, restart and stop succeed and do what they say.
serves_between() {
	local what=$1 command=$2 action
	for action in start status reload restart; do
		on lone sh -c "$command $action" >/dev/null 2>&1 || failed "$what: $action"
		holds_the_service "$what: $action"
	done
	on lone sh -c "$command stop" >/dev/null 2>&1 || failed "$what: stop"
	holds_nothing "$what: stop"
}

holds_the_service() {
	[[ $(on lone ipvsadm -Sn) == *"-A -t 10.9.0.50:80"* ]] || failed "$1: the service is not in the table"
	[[ $(daemon_pids lone) =~ ^[0-9]+$ ]] || failed "$1: not exactly one daemon"
}

holds_nothing() {
	[[ -z $(on lone ipvsadm -Sn) ]] || failed "$1: the service is still in the table"
	[[ -z $(daemon_pids lone) ]] || failed "$1: the daemon still runs"
}
