# a writer's and a reader's service follow the roles, the lag and the state of three MariaDB servers
CF=/etc/ha.d/replication.cf WRITER=10.9.0.50:3306 READER=10.9.0.50:3307

scenario() {
	local one
	for one in 1 2 3; do server_up $one || failed "server $one: start"; done
	for one in 1 2 3; do must 60 "server $one answers" run $one "SELECT 1"; done
	for one in 2 3; do
		run $one "$(primary_is 1); START SLAVE; SET GLOBAL read_only = ON" || failed "server $one: replicate"
	done
	configuration >"$L/hosts/lone/etc-ha.d/replication.cf"
	watch_start lone
	agent_run ldirectord start configfile=$CF || failed "ldirectord start"
	must 30 "the primary is the writer, the replicas are the readers" table "1" "2 3"

	run 2 "STOP SLAVE SQL_THREAD" || failed "stop the SQL thread"
	must 30 "a stopped SQL thread drains a reader" table "1" "2=0 3"
	says $READER 2 "drained: replication is stopped (SQL thread: No)"
	run 2 "START SLAVE SQL_THREAD" || failed "start the SQL thread"
	must 30 "the reader is back" table "1" "2 3"

	run 3 "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 600; START SLAVE" || failed "delay"
	run 1 "INSERT INTO test.t VALUES (1)" || failed "write"
	must 30 "a delayed replica is drained" table "1" "2 3=0"
	says $READER 3 "drained: replication lag: * s, more than maxlag=2"
	run 3 "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE" || failed "no delay"
	must 30 "the delayed replica is back" table "1" "2 3"

	# A switch in the wrong order: both take writes for a while, and the present writer is kept.
	run 2 "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF" || failed "promote"
	must 30 "the new primary is no reader" table "1" "3"
	says $WRITER 2 "only one may serve, and 10.9.0.41:3311 does"
	run 1 "SET GLOBAL read_only = ON" || failed "demote"
	must 30 "the writer's service follows the switch" table "2" "1=0 3"
	says $READER 1 "drained: replication is not set up: its lag is not known"
	for one in 1 3; do run $one "STOP SLAVE; $(primary_is 2); START SLAVE" || failed "server $one: replicate"; done
	must 30 "the replicas follow" table "2" "1 3"
	says $WRITER 1 "no writer: read_only=ON"
	says $READER 2 "no reader: it takes writes (read_only=OFF)"

	server_stop 2 || failed "stop the primary"
	must 30 "without a primary nothing writes, and the replicas go on" table "" "1 3"
	says $READER 1 "replication looks for its source (I/O thread: *): its lag is not known"
	never_two_writers
	agent_run ldirectord stop configfile=$CF || failed "ldirectord stop"
	for one in 1 3; do server_stop $one; done
	on lone pkill -f lab/watch.py
}

configuration() {
	printf '%s\n' "checkinterval=1" "negotiatetimeout=5"
	service_of $WRITER "1 2 3" "role=writer"
	service_of $READER "1 2 3" "role=reader" "maxlag=2" "lagenter=1"
}

primary_is() { printf "CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=331%s, MASTER_USER='monitor', MASTER_PASSWORD='monitor-secret', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos" "$SERVERS" "$1"; }

server_up() {
	server_prepare "$1" <<-END || return
		SET SESSION sql_log_bin = 0;
		CREATE DATABASE IF NOT EXISTS test;
		CREATE TABLE IF NOT EXISTS test.t (id INT);
		CREATE OR REPLACE USER monitor@'%' IDENTIFIED BY 'monitor-secret';
		GRANT SLAVE MONITOR, REPLICATION SLAVE ON *.* TO monitor@'%';
	END
	server_start "$1" --log-bin=bin --log-slave-updates
}

run() { sql "$@" >/dev/null; }

# table WRITERS READERS: whether the two services have these servers.
table() { serve $WRITER "$1" && serve $READER "$2"; }

# never_two_writers: looks at every table that the watcher saw.
never_two_writers() {
	local text writers
	while read -r text; do
		writers=$(servers_in $WRITER "$text")
		[[ ${writers//?=0/} != *[0-9]*[0-9]* ]] || failed "two writers at once: $text"
	done < <(awk '$2 == "table"' "$OUT/lone/changes")
	seen "never more than one writer in the table"
}
