# This file runs MariaDB on a host: database `test`, table `a` with one row that names the server, user `monitor`, and
# the user `root` of config/ldirectord.cf. It is sourced on the machine, which makes the template, and on the hosts of
# the lab.

DATABASE_PASSWORD=monitor-secret
# Without a limit InnoDB 10.11 reserves 8 TiB of addresses, and without native aio off it asks for more events than an
# emulated kernel has; both abort. The rest keeps four servers small and quick to start.
DATABASE_OPTIONS=(--no-defaults --user=mysql --innodb-buffer-pool-size=16M --innodb-buffer-pool-size-max=16M
	--innodb-use-native-aio=0 --innodb-log-file-size=4M --innodb-flush-log-at-trx-commit=0 --skip-log-bin)

GALERA_OPTIONS=(--wsrep-on=ON --wsrep-provider=/usr/lib/galera/libgalera_smm.so --wsrep-cluster-name=lab --wsrep-sst-method=same
	--binlog-format=ROW --innodb-autoinc-lock-mode=2)

# database_template: sets DATABASE_TEMPLATE, an empty data folder made once per MariaDB version; hosts copy it. It has begun a
# Galera cluster and ended: nodes with copies of it have the same data, and join each other without a transfer.
database_template() {
	local version
	version=$(dpkg-query -W -f '${Version}' mariadb-server | tr -c '[:alnum:].\n' _)
	DATABASE_TEMPLATE=$CTS/out/cache/mariadb-$version-galera
	[[ ! -d $DATABASE_TEMPLATE ]] || return 0
	mkdir -p "${DATABASE_TEMPLATE%/*}"
	rm -rf "$DATABASE_TEMPLATE.new"
	mariadb-install-db "${DATABASE_OPTIONS[@]}" --auth-root-authentication-method=normal --skip-test-db \
		--skip-name-resolve --user=root --datadir="$DATABASE_TEMPLATE.new" >"$OUT/database.log" 2>&1 ||
		die "database: mariadb-install-db failed (log: $OUT/database.log)"
	echo "SHUTDOWN;" >"$DATABASE_TEMPLATE.sql"
	# Of several users the first one counts.
	mariadbd --no-defaults --user=root "${DATABASE_OPTIONS[@]:1}" --datadir="$DATABASE_TEMPLATE.new" --socket="$DATABASE_TEMPLATE.socket" \
		--pid-file="$DATABASE_TEMPLATE.pid" --skip-networking --init-file="$DATABASE_TEMPLATE.sql" "${GALERA_OPTIONS[@]}" \
		--wsrep-cluster-address=gcomm:// --wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:34567;pc.recovery=no;gcache.size=1M" \
		>>"$OUT/database.log" 2>&1 || die "database: a Galera cluster does not begin (log: $OUT/database.log)"
	rm "$DATABASE_TEMPLATE.sql" "$DATABASE_TEMPLATE.new/galera.cache"
	mv "$DATABASE_TEMPLATE.new" "$DATABASE_TEMPLATE"
}

database_start() {
	local name=$1 data=/run/mysql/data
	mkdir -p /run/mysql
	: >>/var/log/mariadb.log
	chown mysql /var/log/mariadb.log
	if [[ ! -d $data ]]; then
		cp -r "$DATABASE_TEMPLATE" "$data"
		cat >/run/mysql/init.sql <<-END
			CREATE DATABASE IF NOT EXISTS test;
			CREATE OR REPLACE TABLE test.a (id INT PRIMARY KEY, server VARCHAR(20));
			INSERT INTO test.a VALUES (1, '$name');
			CREATE OR REPLACE USER monitor@'%' IDENTIFIED BY '$DATABASE_PASSWORD';
			GRANT SELECT ON test.* TO monitor@'%';
			CREATE OR REPLACE USER root@'%' IDENTIFIED BY 'root';
			GRANT SELECT ON test.* TO root@'%';
		END
		chown -R mysql /run/mysql
	fi
	# The server listens on all addresses: on a director the fallback is kernel-local delivery, and arrives with the VIP
	# as destination. setsid and the closed descriptors keep the starter from waiting for it.
	setsid mariadbd "${DATABASE_OPTIONS[@]}" --datadir="$data" --socket=/run/mysql/socket --pid-file=/run/mysql/pid \
		--bind-address=0.0.0.0 --port=3306 --skip-name-resolve --init-file=/run/mysql/init.sql \
		--max-connect-errors=1000000 --thread-cache-size=16 --wait-timeout=600 \
		--log-error=/var/log/mariadb.log </dev/null >/dev/null 2>&1 &
}

# database_stop HOST [SIGNAL]: returns when the process is gone.
database_stop() {
	local pid
	pid=$(</run/mysql/pid) || return
	kill "-${2:-TERM}" "$pid"
	wait_for 30 "database: stop" fails kill -0 "$pid" 2>/dev/null
}

database_answers() { (: <"/dev/tcp/${ADDRESS[$1]}/3306") 2>/dev/null; }
