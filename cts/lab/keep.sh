# A lab that stays takes requests of `cts/enter` on the machine as files in $OUT/enter, because an emulated kernel
# shares nothing else with the machine. In plain namespaces enter needs none of this. This file is sourced in the lab.

# keep_open: serves requests until the lab is ended from outside (^C, or `cts/enter --end`).
keep_open() {
	local request
	mkdir -p "$OUT/enter"
	say "" "the lab stays. From another terminal:" \
		"  $CTS/enter n1                    a shell on n1 (n2, rs1, rs2; client): crm, pcs, ipvsadm, mysql are there" \
		"  $CTS/enter n1 crm_mon -1" \
		"  $CTS/enter n1 ipvsadm -Ln" \
		"  $CTS/enter client mysql -h $VIP -u monitor -p$DATABASE_PASSWORD test -e 'SELECT * FROM a'" \
		"  $CTS/enter --end                 ends the lab (^C here does too)"
	while [[ ! -e $OUT/enter/end ]]; do
		for request in "$OUT"/enter/*.request; do
			[[ -e $request ]] || continue
			mv "$request" "${request%.request}.taken"
			keep_serve "${request%.request}" &
		done
		nap 0.2
	done
}

# keep_serve PATH: serves one request. PATH.taken holds `terminal` or `command`, the host, and the quoted command.
keep_serve() {
	local kind host words
	{ read -r kind && read -r host && read -r words; } <"$1.taken"
	if [[ $kind == terminal ]]; then
		keep_terminal "$1" "$host"
	else
		keep_run "$host" "$words" </dev/null >"$1.output" 2>&1
	fi
	printf '%s\n' "$?" >"$1.status"
	mv "$1.taken" "$1.done"
}

keep_run() {
	local -a command
	eval "command=($2)"
	on "$1" "${command[@]}"
}

# keep_terminal PATH HOST: opens a shell on the next virtual console. The machine's side of it is a pty that the kernel
# names in its log when the console is opened.
keep_terminal() {
	local console device
	exec 9>"$OUT/enter/lock" && flock 9
	for console in 1 2 3 4 5 6; do [[ -e $OUT/enter/console.$console ]] || break; done
	: >"$OUT/enter/console.$console"
	flock -u 9
	# The pty lasts as long as this descriptor is open.
	exec 8<>"/dev/tty$console"
	device=$(dmesg | sed -n "s/.*[Cc]onsole $console assigned device '\(.*\)'.*/\1/p" | tail -n 1)
	printf '%s\n' "$device" >"$1.device"
	wait_for 20 "terminal: the machine's side" test -e "$1.size"
	stty "$(<"$1.size")" <&8 2>/dev/null
	keep_session "$2" "/dev/tty$console"
	rm -f "$OUT/enter/console.$console"
}

# keep_session HOST TTY: runs a login with the console as its controlling terminal, so that ^C and job control work.
keep_session() {
	local enter=(ip netns exec client env)
	[[ $1 == client ]] || { host_pid "$1" && enter=(nsenter --target "$REPLY" --mount --ipc --uts --pid --net -- env); }
	setsid --ctty --wait "${enter[@]}" HOSTNAME="$1" HOME=/root TERM=xterm /bin/bash -i <>"$2" >&0 2>&1
}
