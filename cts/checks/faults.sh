# each kind of check judges a real server with each fault as checks/faults-table says
scenario() {
	local table=$CTS/checks/faults-table output
	# The whole of it has process numbers of its own: what is started inside is ended with it.
	AGENT_WRAPPER="unshare --pid --fork --kill-child=KILL --mount-proc $BASH $CTS/lab/faults/play.sh $table" \
		agent_run ldirectord start configfile=/etc/ha.d/faults.cf || failed "not as in $table"
	printf 'virtual=10.8.0.1:1521\n\treal=10.9.0.21:1521 gate\n\tservice=oracle\n\tlogin="mon"\n\trequest="SELECT 1 FROM dual"\n' \
		>"$L/hosts/lone/etc-ha.d/faults.cf"
	! output=$(on lone lvs-agents check-config /etc/ha.d/faults.cf 2>&1) && [[ $output == *"checkcommand that runs sqlplus"* ]] ||
		failed "service=oracle: $output"
}
