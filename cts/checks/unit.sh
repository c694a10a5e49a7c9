# the systemd unit serves in its sandbox: readiness, ping, external programs, schedulers, a watchdog, an end without remains
#
# systemd itself runs on `lone`, with this unit alone; its watchdog has less patience here.
scenario() {
	local units=/etc/systemd/system folder=$L/hosts/lone/etc-ha.d pid
	sed 's/network-online.target//; s/^\[Unit\]/&\nDefaultDependencies=no/; s/WatchdogSec=.*/WatchdogSec=8/' \
		"$CTS/../packaging/root/usr/lib/systemd/system/lvs-agents.service" >$units/lvs-agents.service
	printf '[Unit]\nDefaultDependencies=no\n' >$units/lab.target
	# What a checkcommand may do: it runs ping and writes below /var/log, and nowhere else.
	printf '#!/bin/sh\nping -c 1 -W 2 "$3" && : >/var/log/checked && ! true >/etc/ha.d/not-here\n' >"$folder/check.sh"
	chmod 755 "$folder/check.sh"
	{
		printf 'checkinterval=1\nchecktimeout=5\n'
		printf 'virtual=10.9.0.50:%s\n\treal=10.9.0.41:8080 masq\n\tscheduler=lblcr\n\tchecktype=%s\n' 80 ping 81 external
		printf '\tcheckcommand=/etc/ha.d/check.sh\n\tmonitorfile=/var/log/monitorfile\n'
	} >"$folder/ldirectord.cf"
	systemd_up
	systemctl start lvs-agents || failed "systemctl start: $(systemctl status lvs-agents --no-pager --lines=0)"
	[[ $(state) == "active 0" ]] || failed "started: $(state)"
	must 20 "both services" serve
	must 20 "a line of monitorfile" test -s "$OUT/lone/log/monitorfile"
	[[ -e $OUT/lone/log/checked && ! -e $folder/not-here ]] || failed "the external program wrote where it must not, or could not"
	seen "started in the sandbox: $(on lone ipvsadm -Sn | grep -c -- -r) real servers by ping and by an external program"
	pid=$(systemctl show lvs-agents --property=MainPID --value)
	((pid > 1)) || failed "no MainPID"
	in_systemd kill -STOP "$pid"
	must 60 "the watchdog ends a health monitor that hangs, and systemd starts another" restarted
	must 20 "both services" serve
	seen "a health monitor that hangs is replaced: $(state) restart"
	systemctl stop lvs-agents || failed "systemctl stop"
	[[ -z $(on lone ipvsadm -Sn) ]] || failed "the stop has left something in the table"
}

# systemd_up: starts systemd on `lone`, as the first process of a namespace, with a control group of its own.
systemd_up() {
	# shellcheck disable=SC2016
	on lone unshare --pid --fork --mount --cgroup --mount-proc "$BASH" -c '
		mkdir -p /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/lab &&
			echo $$ >/sys/fs/cgroup/lab/cgroup.procs &&
			container=lab exec /lib/systemd/systemd --system --unit=lab.target --log-target=console --show-status=no' \
		</dev/null >"$OUT/systemd.log" 2>&1 &
	must 60 "systemd" systemctl is-active --quiet lab.target
}

# in_systemd COMMAND...: runs it where systemd is the first process.
in_systemd() {
	local systemd
	systemd=$(pgrep --newest --full '^/lib/systemd/systemd --system --unit=lab.target') &&
		nsenter --target "$systemd" --mount --pid --net --cgroup --ipc --uts -- "$@"
}

systemctl() { in_systemd systemctl "$@" 2>&1; }

# state: prints what the unit is, and how often it was started again.
state() { systemctl show lvs-agents --property=ActiveState,NRestarts --value | sort -r | paste -s -d ' '; }
restarted() { [[ $(state) == "active 1" ]]; }

serve() {
	local table
	table=$(on lone ipvsadm -Sn)
	[[ $table == *"-t 10.9.0.50:80 -r 10.9.0.41:8080 -m -w 1"* && $table == *"-t 10.9.0.50:81 -r 10.9.0.41:8080 -m -w 1"* ]]
}
