# A host is a set of namespaces (network, mount, pid, ipc) with private /run, /dev/shm, /var/log, and /var/lib of
# corosync and pacemaker. Its pid 1 is init-host; when that is killed, every process of the host is. This file is
# sourced in the lab.

# host_start HOST ROLE...: returns when its pid 1 has prepared the host; the services of the roles start after that.
host_start() {
	local host=$1 outer pid
	network_plug "$host"
	mkdir -p "$L/hosts/$host" "$OUT/$host"
	rm -rf "$L/hosts/$host"/{run,shm,pid}
	ip netns exec "$host" unshare --mount --ipc --uts --pid --fork --mount-proc --propagation private \
		"$BASH" "$CTS/lab/init-host" "$@" >>"$OUT/$host/console.log" 2>&1 &
	outer=$!
	wait_for 60 "host $host: start" test -e "$L/hosts/$host/run/ready" || return
	read -r pid _ <"/proc/$outer/task/$outer/children"
	printf '%s\n' "$pid" >"$L/hosts/$host/pid"
}

# host_pid HOST: sets REPLY to its pid 1 as seen from outside. A file keeps it, because scenarios run in subshells.
host_pid() { read -r REPLY <"$L/hosts/$1/pid"; }
host_is_alive() { host_pid "$1" 2>/dev/null && [[ -d /proc/$REPLY ]]; }

# host_kill HOST: pulls the power cord: the link goes down, and every process gets SIGKILL.
host_kill() {
	network_unplug "$1"
	host_pid "$1" && kill -KILL "$REPLY"
	wait_for 30 "host $1: end" fails host_is_alive "$1"
	network_remove "$1"
}

# on HOST COMMAND...: runs the command as if it were typed there.
on() {
	local host=$1
	shift
	if [[ $host == client ]]; then
		ip netns exec client env HOME=/root "$@"
		return
	fi
	host_pid "$host" || return
	nsenter --target "$REPLY" --mount --ipc --uts --pid --net -- env HOSTNAME="$host" HOME=/root "$@"
}

# quietly_on HOST COMMAND...: does the same, with the output in the host's folder only.
quietly_on() {
	local host=$1
	shift
	printf '%(%T)T %s\n' -1 "$*" >>"$OUT/$host/commands.log"
	on "$host" "$@" >>"$OUT/$host/commands.log" 2>&1
}
