# kernel_run plays a story (a script) where there is a kernel with IPVS: in namespaces of the running kernel when it has
# IPVS, else in user-mode Linux, an emulated kernel that is one ordinary process. This file is sourced on the machine.
#
# Either way the story runs on top of world.sh and has a writable copy of the root file system to itself, and everything
# that it started is gone when it ends.

kernel_has_ipvs() {
	# LAB_KERNEL=running|uml orders one of the two, for what needs no IPVS and for trying the other way.
	case ${LAB_KERNEL:-} in
	uml) return 1 ;;
	running) return 0 ;;
	esac
	[[ -e /proc/net/ip_vs ]] || modprobe -q ip_vs 2>/dev/null || [[ -e /proc/net/ip_vs ]]
}

# kernel_run STORY [ARGUMENT...]: returns the exit status of the story, whose output is shown and kept in
# $OUT/story.log.
kernel_run() {
	local seconds=${LAB_DEADLINE:-3000} pid status
	rm -f "$OUT"/{status,namespaces.pid}
	: >"$OUT/story.log"
	printf '%q ' "$@" >"$OUT/job"
	printf 'export BINARY=%q OUT_NAME=%q DATABASE_TEMPLATE=%q KEEP=%q PRODUCT=%q STEPS=%q BESIDE=%q KILLS=%q SEED=%q\n' \
		"${BINARY:-}" "$OUT" "$DATABASE_TEMPLATE" "${KEEP:-}" "${PRODUCT:-ours}" "${STEPS:-}" "${BESIDE:-}" "${KILLS:-}" "${SEED:-}" \
		>"$OUT/environment"
	# A lab that is to stay has no time limit.
	[[ -z ${KEEP:-} ]] || seconds=0
	if kernel_has_ipvs; then kernel_namespaces "$seconds" & else kernel_uml "$seconds" & fi
	pid=$!
	kernel_has_ipvs && printf '%s\n' "$pid" >"$OUT/namespaces.pid"
	# ^C ends all of it.
	# shellcheck disable=SC2064
	trap "kernel_end $pid; exit 130" INT TERM
	kernel_watch "$pid" &
	tail -s 0.2 -n +1 -f --pid="$pid" "$OUT/story.log" 2>/dev/null &
	# `wait` is the only command that lets a trap interrupt it.
	wait "$pid"
	wait $!
	trap - INT TERM
	kernel_end "$pid"
	status=$(cat "$OUT/status" 2>/dev/null)
	[[ -n $status ]] || warn "the lab ended without a result, after at most $seconds s (logs: $OUT)"
	return "${status:-1}"
}

# kernel_watch PID: ends a kernel whose story is over and that does not leave: one in some dozens hangs after it has halted.
kernel_watch() {
	local patience=30
	until [[ -s $OUT/status ]]; do
		kill -0 "$1" 2>/dev/null || return
		sleep 1
	done
	while kill -0 "$1" 2>/dev/null; do
		((patience-- > 0)) || kernel_end "$1"
		sleep 1
	done
}

# kernel_end PID: PID is the timeout in front of unshare. unshare heeds no gentler signal than SIGKILL; the pid
# namespace ends with it, and everything in that. A kernel that was killed leaves its management socket behind.
kernel_end() {
	local unshare=
	{ read -r unshare _ <"/proc/$1/task/$1/children"; } 2>/dev/null
	[[ -z $unshare ]] || kill -KILL "$unshare"
	rm -rf "$(kernel_sockets)"
}

kernel_namespaces() {
	exec timeout -s KILL "$1" unshare --mount --net --pid --ipc --uts --fork --kill-child=KILL --mount-proc \
		--propagation private "$BASH" "$CTS/lab/world.sh" overlay "$OUT" </dev/null >"$OUT/kernel.log" 2>&1
}

# kernel_memory_dir: prints a folder in which the emulated memory (a sparse, deleted file) may lie. /dev/shm of a
# container often has 64 MB only.
kernel_memory_dir() {
	local dir free
	for dir in /dev/shm /tmp /var/tmp; do
		free=$(df -Pm "$dir" 2>/dev/null | awk 'NR == 2 { print $4 }')
		((${free:-0} < 3000)) || {
			printf '%s' "$dir"
			return
		}
	done
	printf '/tmp'
}

# kernel_sockets: prints the folder of this kernel's management socket. Another lab of the same run has another OUT.
kernel_sockets() { printf '%s/lvs-agents-cts.%s.%s' "$(kernel_memory_dir)" "$$" "${OUT##*/}"; }

# kernel_processor: sets PROCESSOR to one of this machine on which no other lab is, if there is such, and takes it for as long as
# this shell lives, or what it becomes. An emulated kernel and what runs in it are processes that hand each system call to one
# another. When each waits on a processor of its own, a call takes longer than it takes to run, and to start a program takes twice
# as long.
kernel_processor() {
	local range ranges numbers=() lock
	IFS=, read -ra ranges < <(awk '$1 == "Cpus_allowed_list:" { print $2 }' /proc/self/status)
	for range in "${ranges[@]}"; do mapfile -t -O ${#numbers[@]} numbers < <(seq "${range%-*}" "${range#*-}"); done
	for PROCESSOR in "${numbers[@]}"; do
		exec {lock}>"$(kernel_memory_dir)/lvs-agents-cts.processor-$PROCESSOR"
		! flock --nonblock "$lock" || return 0
		exec {lock}>&-
	done
	PROCESSOR=${numbers[-1]}
}

kernel_uml() {
	# shellcheck disable=SC2054
	local command=("$UML" rootfstype=hostfs rootflags=/ ro init="$CTS/lab/uml-init" mem=2500M panic=1 quiet
		con=pts con0=null,fd:1 "lab.cts=$CTS" "lab.out=$OUT" "lab.modules=$UML_MODULES" seccomp=auto)
	export TMPDIR
	TMPDIR=$(kernel_memory_dir)
	# Without this, the management socket would go to root's home folder.
	command+=("uml_dir=$(kernel_sockets)")
	kernel_processor
	command=(taskset --cpu-list "$PROCESSOR" "${command[@]}")
	exec timeout -s KILL "$1" unshare --pid --fork --kill-child=KILL "${command[@]}" </dev/null >"$OUT/kernel.log" 2>&1
}
