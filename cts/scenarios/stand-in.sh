# ocf:heartbeat:ldirectord with ldirectord= a link to our binary: started, killed, recovered, moved, stopped
scenario() {
	local before
	mkdir -p /usr/local/sbin
	ln -sf ../../sbin/lvs-agents /usr/local/sbin/ldirectord || failed "make the link"
	director_file 10 10
	cluster_use stand-in.crm || failed "crm configure load update (see n1/commands.log)"
	must 90 "the group on n1" cluster_runs n1 db-file db-vip
	must 60 "both real servers in the table" table_has n1 "=$RS1:10,$RS2:10"
	must 30 "answers without a failure" client_is_steady 2
	before=$(daemon_pids n1)
	quietly_on n1 kill -KILL "$before"
	must 60 "a new daemon" daemon_is_new n1 "$before"
	must 60 "both real servers in the table" table_has n1 "=$RS1:10,$RS2:10"
	must 30 "answers without a failure" client_is_steady 2
	seen "killed and recovered: pid $before, then $(daemon_pids n1)"
	quietly_on n1 crm_resource --cleanup --resource db-file
	quietly_on n1 crm resource move db n2
	must 90 "the group on n2" cluster_runs n2 db-file db-vip
	must 60 "both real servers in the table of n2" table_has n2 "=$RS1:10,$RS2:10"
	[[ -z $(daemon_pids n1) && -z $(on n1 ipvsadm -Sn) ]] || failed "the daemon or its service is left on n1"
	quietly_on n1 crm resource clear db
	must 90 "the group on n1" cluster_runs n1 db-file db-vip
}
