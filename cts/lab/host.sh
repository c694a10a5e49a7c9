# Hosts: one set of namespaces (network, mount, pid, ipc) each, with private /run, /dev/shm, /var/log, /var/lib of
# corosync and pacemaker. Sourced in the lab. A host's pid 1 is init-host; when it is killed, everything of it is.

declare -A PID_OF

# host_start HOST ROLE...: returns when its pid 1 has prepared the host; the roles' services start behind that.
host_start() {
	local host=$1
	network_plug "$host"
	mkdir -p "$L/hosts/$host" "$OUT/$host"
	rm -rf "$L/hosts/$host"/{run,shm}
	ip netns exec "$host" unshare --mount --ipc --uts --pid --fork --mount-proc --propagation private \
		"$BASH" "$CTS/lab/init-host" "$@" >>"$OUT/$host/console.log" 2>&1 &
	PID_OF[$host.outer]=$!
	wait_for 30 "host $host: start" host_is_ready "$host" || return
	read -r PID_OF[$host] _ <"/proc/${PID_OF[$host.outer]}/task/${PID_OF[$host.outer]}/children"
	printf '%s\n' "${PID_OF[$host]}" >"$L/hosts/$host/pid"
}
host_is_ready() { [[ -e $L/hosts/$1/run/ready ]]; }

# host_kill HOST: the power cord: link down and SIGKILL to every process.
host_kill() {
	local host=$1
	network_unplug "$host"
	kill -KILL "${PID_OF[$host]}"
	wait "${PID_OF[$host.outer]}" 2>/dev/null
	network_remove "$host"
}

# on HOST COMMAND...: runs it as if typed there.
on() {
	local host=$1
	shift
	nsenter --target "${PID_OF[$host]}" --mount --ipc --uts --pid --net -- env HOSTNAME="$host" HOME=/root "$@"
}

# quietly_on HOST COMMAND...: output only in the host's folder.
quietly_on() {
	local host=$1
	shift
	on "$host" "$@" >>"$OUT/$host/commands.log" 2>&1
}
