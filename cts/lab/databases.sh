# This file runs several MariaDB servers on the host `lone`, server N with the folder /run/mysqlN and the port 331N, and says what
# becomes of them in the table and in status. It is sourced in the lab.

SERVERS=10.9.0.41

# server_prepare N: makes the folder of a server from the template; it runs the SQL of the standard input at each start.
server_prepare() {
	local folder=/run/mysql$1
	on lone "$BASH" -c "rm -rf $folder && mkdir -p $folder && cp -r '$DATABASE_TEMPLATE' $folder/data && cat >$folder/init.sql &&
		chown -R mysql $folder && : >$folder.log && chown mysql $folder.log"
}

# server_start N OPTION...: starts it.
server_start() {
	local number=$1 folder=/run/mysql$1
	shift
	on lone setsid mariadbd "${DATABASE_OPTIONS[@]}" --server-id="$number" --datadir="$folder/data" \
		--socket="$folder/socket" --pid-file="$folder/pid" --bind-address=0.0.0.0 --port="331$number" --skip-name-resolve \
		--init-file="$folder/init.sql" --log-error="$folder.log" "$@" </dev/null >/dev/null 2>&1 &
}

# server_stop N: returns when the process is gone.
server_stop() {
	on lone "$BASH" -c "pid=\$(</run/mysql$1/pid) && kill \$pid && while kill -0 \$pid 2>/dev/null; do sleep 0.1; done"
}

# sql N STATEMENTS: runs them as an administrator and prints the answer without headings.
sql() {
	on lone mariadb --no-defaults --user=root --socket="/run/mysql$1/socket" --skip-column-names --execute="$2" 2>"$L/sql"
}

# servers_in VIP:PORT [TABLE]: prints the servers of one service as the watcher of `lone` saw it last, or as TABLE has it: N at
# a weight of 10, or N=WEIGHT.
servers_in() {
	local service entry servers=()
	for service in ${2-$(last_table lone)}; do
		[[ $service == "tcp/$1="*:331* ]] || continue
		for entry in ${service//,/ }; do
			entry=${entry##*:331}
			[[ ${entry#*:} == 10 ]] && servers+=("${entry%:*}") || servers+=("${entry/:/=}")
		done
	done
	printf '%s' "${servers[*]}"
}

# serve VIP:PORT SERVERS: whether the service has these.
serve() { [[ $(servers_in "$1") == "$2" ]]; }

# service_of VIP:PORT NUMBERS DIRECTIVE...: prints a service of these servers.
service_of() {
	local one
	printf 'virtual=%s\n' "$1"
	for one in $2; do printf '\treal=%s:331%s masq 10\n' "$SERVERS" "$one"; done
	shift 2
	printf '\t%s\n' "service=mysql" 'login="monitor"' 'passwd="monitor-secret"' "$@"
}

# says VIP:PORT N PATTERN: status has this reason of the server.
says() {
	must 20 "status says of server $2: $3" reason_is "$@"
	seen "$1, server $2: $3"
}

# shellcheck disable=SC2053
reason_is() { [[ $(on lone lvs-agents status --service "$1" --server "$SERVERS:331$2") == *$3* ]]; }
