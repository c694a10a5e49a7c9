# of three Galera nodes, a donor, a desynchronised one and one that is cut off get no clients, and status says why
CF=/etc/ha.d/galera.cf SERVICE=10.9.0.50:3308 HOLD=/run/galera-hold

scenario() {
	local one
	for one in 1 2 3; do accounts | server_prepare $one || failed "node $one: prepare"; done
	node_start 1 "" || failed "node 1: start"
	must 60 "node 1 answers" is_synced 1
	node_start 2 1 || failed "node 2: start"
	must 60 "node 2 has joined" is_synced 2
	{ printf '%s\n' "checkinterval=1" "negotiatetimeout=5" && service_of $SERVICE "1 2 3" "role=any"; } \
		>"$L/hosts/lone/etc-ha.d/galera.cf"
	watch_start lone
	agent_run ldirectord start configfile=$CF || failed "ldirectord start"
	must 30 "two nodes serve" serve $SERVICE "1 2"

	on lone touch $HOLD
	node_start 3 2 || failed "node 3: start"
	must 60 "node 2 is drained while it is the donor of node 3" serve $SERVICE "1 2=0"
	says $SERVICE 2 "drained: Galera: donor of another node (wsrep_local_state=2)"
	on lone rm $HOLD || failed "let the donor go"
	must 60 "three nodes serve" serve $SERVICE "1 2 3"

	sql 3 "SET GLOBAL wsrep_desync = ON" >/dev/null || failed "desynchronise"
	must 30 "a desynchronised node is drained" serve $SERVICE "1 2 3=0"
	says $SERVICE 3 "drained: Galera: desynchronised (wsrep_desync=ON)"
	sql 3 "SET GLOBAL wsrep_desync = OFF" >/dev/null || failed "synchronise"
	must 30 "it serves again" serve $SERVICE "1 2 3"

	sql 3 "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'" >/dev/null || failed "cut off"
	must 60 "a node that is cut off is out, and the majority serves" serve $SERVICE "1 2"
	says $SERVICE 3 "Galera: cut off from the primary component (wsrep_cluster_status=non-Primary)"
	agent_run ldirectord stop configfile=$CF || failed "ldirectord stop"
	local stops=()
	for one in 1 2 3; do
		server_stop $one &
		stops+=($!)
	done
	wait "${stops[@]}"
	on lone pkill -f lab/watch.py
}

accounts() {
	printf '%s\n' "SET SESSION wsrep_on = OFF;" "CREATE OR REPLACE USER monitor@'%' IDENTIFIED BY 'monitor-secret';"
}

# node_start N MEMBER: starts a node, which joins by MEMBER or begins the cluster. The times are long enough for a slow machine.
node_start() {
	local member=${2:+127.0.0.1:341$2} listen=127.0.0.1:341$1
	PATH=$CTS/lab/galera:$PATH server_start "$1" "${GALERA_OPTIONS[@]}" --wsrep-cluster-address="gcomm://$member" \
		--wsrep-node-name="node$1" --wsrep-node-address="$listen" --wsrep-sst-donor="node$2" \
		--wsrep-sst-receive-address="127.0.0.1:351$1" \
		--wsrep-provider-options="gmcast.listen_addr=tcp://$listen;ist.recv_addr=127.0.0.1:361$1;gcache.size=1M;pc.recovery=no"
}

is_synced() { [[ $(sql "$1" "SHOW STATUS LIKE 'wsrep_local_state'") == *$'\t4' ]]; }
