# lvs-agents status or doctor names the cause of each fault of checks/causes-table
shopt -s extglob
scenario() {
	local table=$CTS/checks/causes-table fault inject says mend number=0
	configuration >"$L/hosts/lone/etc-ha.d/causes.cf"
	on lone "$PYTHON" -B "$CTS/lab/causes.py" >"$OUT/lone/causes.log" 2>&1 &
	wait_for 20 "the real servers" test -s "$OUT/lone/causes.log" || failed "the real servers (see causes.log)"
	# Its frames reach nobody, as those that a filter drops.
	on lone ip neigh add 10.9.0.78 lladdr 02:00:00:00:00:78 dev eth0 || failed "ip neigh add"
	# A check before that has failed may have left one.
	agent_run ldirectord stop configfile=/etc/ha.d/causes.cf || failed "ldirectord stop"
	agent_run ldirectord start configfile=/etc/ha.d/causes.cf || failed "ldirectord start"
	clone >"$L/hosts/lone/etc-ha.d/clone"
	chmod 755 "$L/hosts/lone/etc-ha.d/clone"
	on lone /etc/ha.d/clone start || failed "lvs start"
	on lone /etc/ha.d/clone promote || failed "lvs promote"
	while IFS='|' read -r fault inject says mend <&3; do
		[[ $fault == [!#]* ]] || continue
		read -r says <<<"$says"
		if [[ $inject != *([[:space:]])-*([[:space:]]) ]]; then on lone bash -c "$inject" || failed "$fault: $inject"; fi
		wait_for 30 "$fault" is_said "$says" || failed "$fault: nothing says \"$says\":" "$(<"$L/status")"
		cp "$L/status" "$OUT/status-$((++number)).txt"
		seen "$number. $fault: $(grep -m 1 -F "$(literal "${says#doctor: }")" "$L/status")"
		if [[ $mend != *([[:space:]])-*([[:space:]]) ]]; then on lone bash -c "$mend" || failed "$fault: $mend"; fi
	done 3<"$table"
	((number >= 25)) || failed "only $number faults were played"
	seen "$number of $number faults have their cause in status or doctor"
	on lone pkill -f causes.py
	agent_run ldirectord stop configfile=/etc/ha.d/causes.cf || failed "ldirectord stop"
	on lone /etc/ha.d/clone stop || failed "lvs stop"
}

# clone: prints a script that calls an action of a promotable resource, which has its service and its sync daemon for itself.
clone() {
	cat <<-'END'
		#!/bin/bash
		export OCF_ROOT=/usr/lib/ocf OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 OCF_RESOURCE_INSTANCE=lone-lvs
		export OCF_RESOURCE_TYPE=lvs OCF_RESOURCE_PROVIDER=rust OCF_RESKEY_CRM_meta_timeout=20000 OCF_RESKEY_CRM_meta_promoted_max=1
		export OCF_RESKEY_virtual=10.9.0.60:80 OCF_RESKEY_real="10.9.0.41:8101 masq" OCF_RESKEY_sync_interface=eth0
		"/usr/lib/ocf/resource.d/rust/lvs" "$1"
		# Promoted is 8.
		[[ $? == 0 || $1 == monitor ]]
	END
}

# service VIRTUAL REAL...: the first lines of its section.
service() {
	local virtual=$1 real
	printf 'virtual=%s\n' "$virtual"
	shift
	for real; do printf '\treal=%s masq 1\n' "$real"; done
	printf '\tscheduler=wrr\n'
}

configuration() {
	local http=$'\tservice=http\n\trequest="/"\n\treceive="^yes"'
	printf '%s\n' "checkinterval=1" "checktimeout=2" "negotiatetimeout=2" "autoreload=yes" "on_drift=report" \
		"metrics=127.0.0.1:8101" "emailalert=root@example.org" "emailalertfrom=lvs@example.org" "smtp=127.0.0.1"
	service 10.9.0.50:80 10.9.0.41:810{1,2,3,4,5,7} 10.9.0.78:8100 10.9.0.79:8100 192.0.2.9:8100
	printf '%s\n' "$http"
	service 10.9.0.51:80 10.9.0.41:8107
	printf '%s\n' "$http"
	service 10.9.0.52:3306 10.9.0.41:8106
	printf '\tservice=mysql\n\tlogin="monitor"\n\tpasswd="secret"\n\trequest="SELECT 1"\n'
	service 10.9.0.53:80 10.9.0.41:8107
	printf '%s\n' "$http" $'\tfallback=10.9.0.41:8101 masq'
	service 10.9.0.59:80 10.9.0.41:8101
	printf '%s\n' "$http"
}

# is_said PATTERN: some line of status, or of doctor where the pattern begins so, has it.
is_said() {
	local command=status pattern=$1
	[[ $1 != "doctor: "* ]] || command=doctor pattern=${1#doctor: }
	on lone lvs-agents "$command" >"$L/status" 2>&1
	# shellcheck disable=SC2053
	while IFS= read -r line; do [[ $line != *$pattern* ]] || return 0; done <"$L/status"
	return 1
}

# literal PATTERN: its longest part without a star.
literal() {
	local part longest=
	while IFS= read -r part; do ((${#part} <= ${#longest})) || longest=$part; done <<<"${1//\*/$'\n'}"
	printf '%s' "$longest"
}
