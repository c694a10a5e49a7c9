# The power switch of the lab stands outside of the hosts: the fence agent asks it, by files, to switch one off or on.
# What it did is in POWER_RECORD, one line each: TIME HOST ACTION. This file is sourced in the lab, and by fence_lab.

POWER=$L/power
POWER_RECORD=$OUT/power

# power_start: installs the fence agent and starts the switch; sets POWER_SWITCH to its pid.
power_start() {
	mkdir -p "$POWER"
	: >>"$POWER_RECORD"
	printf '#!/bin/bash\nexec "%s/lab/fence_lab" "$@"\n' "$CTS" >/usr/sbin/fence_lab
	chmod 755 /usr/sbin/fence_lab
	power_serve &
	POWER_SWITCH=$!
}

# power_end: ends the switch. Hosts stay as they are.
power_end() {
	kill "$POWER_SWITCH"
	rm -rf "$POWER"
}

# power_ask HOST ACTION: returns when HOST is off (off, reboot) or is being switched on (on).
power_ask() {
	printf '%s\n' "$2" >"$POWER/$1.new"
	mv "$POWER/$1.new" "$POWER/$1.request"
	wait_for 40 "power switch: $2 $1" fails test -e "$POWER/$1.request"
}

power_serve() {
	local request host action
	while :; do
		for request in "$POWER"/*.request; do
			[[ -e $request ]] || continue
			host=${request##*/}
			host=${host%.request}
			read -r action <"$request"
			power_switch "$host" "$action" && rm -f "$request"
		done
		nap 0.05
	done
}

# power_switch HOST ACTION: a host that is off already stays off, and is no failure.
power_switch() {
	if [[ $2 != on ]]; then
		! host_is_alive "$1" || host_kill "$1" || return
		watch_ends "$1"
	fi
	printf '%s %s %s\n' "$EPOCHREALTIME" "$1" "$2" >>"$POWER_RECORD"
	[[ $2 == off ]] || power_up "$1" &
}

power_up() { host_start "$1" director database && watch_start "$1"; }

# power_cuts SINCE: prints the hosts that were switched off since then, in their order.
power_cuts() { awk -v since="$1" '$1 >= since && $3 != "on" { printf "%s%s", found++ ? " " : "", $2 }' "$POWER_RECORD"; }
