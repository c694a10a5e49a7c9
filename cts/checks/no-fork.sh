# monitor of vip and lvs starts no process
scenario() {
	local agent trace
	agent_run vip start ip=10.9.0.50 nic=eth0 || failed "vip start"
	agent_run lvs start virtual=10.9.0.50:80 real="10.9.0.21 gate" || failed "lvs start"
	for agent in vip lvs; do
		trace=$OUT/lone/strace.$agent
		case $agent in
		vip) set -- ip=10.9.0.50 nic=eth0 ;;
		lvs) set -- virtual=10.9.0.50:80 real="10.9.0.21 gate" ;;
		esac
		AGENT_WRAPPER="strace -f -qq -e trace=process -o $trace" agent_run $agent monitor "$@" ||
			failed "$agent monitor: exit code $?"
		seen "$agent monitor: $(grep -c execve "$trace") execve (its own), $(grep -cE 'fork|clone' "$trace") fork or clone"
		[[ $(grep -c execve "$trace") == 1 ]] || failed "$agent monitor executes something"
		! grep -qE 'fork|clone' "$trace" || failed "$agent monitor forks"
	done
	agent_run lvs stop virtual=10.9.0.50:80 real="10.9.0.21 gate" || failed "lvs stop"
	agent_run vip stop ip=10.9.0.50 nic=eth0 || failed "vip stop"
}
