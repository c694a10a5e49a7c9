# every kind of check says of a real server with each fault what checks/faults-table says
scenario() {
	local table=$CTS/checks/faults-table file=/etc/ha.d/faults.cf
	AGENT_WRAPPER="unshare --pid --fork --kill-child=KILL --mount-proc $BASH $CTS/lab/faults/play.sh $table $file" \
		agent_run ldirectord start configfile=$file || failed "not as in $table"
	# What cannot be asked is refused with what to do instead.
	printf 'virtual=10.8.0.1:1521\n\treal=10.9.0.21:1521 gate\n\tservice=oracle\n' >"$L/hosts/lone/etc-ha.d/faults.cf"
	! on lone lvs-agents check-config $file >"$L/oracle" 2>&1 || failed "service=oracle is accepted"
	[[ $(<"$L/oracle") == *"use checktype=external with a checkcommand that runs sqlplus"* ]] || failed "$(<"$L/oracle")"
}
