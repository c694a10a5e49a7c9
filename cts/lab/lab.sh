# This file gives a story everything that it needs: `. lab.sh`, then lab_up. It is sourced in the lab.
. "${BASH_SOURCE[0]%/*}/common.sh"
for part in network database databases cluster host power client product many scenario clone document keep; do . "$CTS/lab/$part.sh"; done
export DATABASE_TEMPLATE

# lab_up: starts directors and real servers; returns when the cluster is whole and every database answers.
lab_up() {
	local host
	cluster_prepare
	for host in n1 n2; do host_start "$host" director database || return; done
	for host in rs1 rs2; do host_start "$host" database || return; done
	for host in n1 n2; do watch_start "$host"; done
	for host in n1 n2 rs1 rs2; do wait_for 90 "database of $host: start" database_answers "$host" || return; done
	wait_for 150 "cluster: both nodes online" cluster_has_both
}

# lab_up_with_client: installs the product, starts the lab, puts the VIP on the real servers, and lets the client ask.
lab_up_with_client() {
	network_up
	product_install || {
		warn "lvs-agents install failed"
		return 1
	}
	lab_up || return
	product_realservers || {
		warn "the VIP on the real servers failed (see rs1/commands.log)"
		return 1
	}
	client_start
}

# director_revive HOST: switches the power on again; returns when the cluster is whole.
director_revive() {
	host_start "$1" director database || return
	watch_start "$1"
	wait_for 150 "cluster: $1 rejoins" cluster_has_both
}

# lone_up: starts a host without a cluster, for what needs a kernel and no more.
lone_up() { host_start lone; }

# agent_run AGENT ACTION [NAME=VALUE...]: runs one action on `lone` as the cluster calls it, behind AGENT_WRAPPER if
# that is set.
agent_run() {
	local agent=$1 action=$2
	shift 2
	# shellcheck disable=SC2086
	on lone env OCF_ROOT=/usr/lib/ocf OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 OCF_RESOURCE_INSTANCE="lone-$agent" \
		OCF_RESOURCE_TYPE="$agent" OCF_RESOURCE_PROVIDER=rust OCF_RESKEY_CRM_meta_interval=10000 \
		OCF_RESKEY_CRM_meta_timeout=20000 "${@/#/OCF_RESKEY_}" ${AGENT_WRAPPER:-} "/usr/lib/ocf/resource.d/rust/$agent" "$action"
}

# realserver_by_hand HOST: does what administrators do without our agent: the VIP is on lo, and the host does not answer
# ARP for it.
realserver_by_hand() {
	on "$1" "$BASH" -c "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore && echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce" &&
		on "$1" ip addr add "$VIP/32" dev lo
}

# realserver_by_agent HOST [ACTION]: does the same by ocf:rust:realserver, run by hand as a cluster would; `stop` undoes it.
realserver_by_agent() {
	quietly_on "$1" env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=db-rs OCF_RESOURCE_TYPE=realserver \
		OCF_RESOURCE_PROVIDER=rust OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 OCF_RESKEY_ip="$VIP" \
		/usr/lib/ocf/resource.d/rust/realserver "${2:-start}"
}

# table_of HOST: prints the table as an administrator sees it.
table_of() { on "$1" ipvsadm -Ln; }

# table_has HOST TEXT: succeeds when a real server or a virtual service, as `address:port`, is in HOST's table. It
# starts no process in HOST.
table_has() {
	local text
	text=$(last_table "$1")
	[[ $text == *"$2"* ]]
}

# last_table HOST: prints the newest table that the watcher saw, such as
# tcp/10.9.0.100:3306=10.9.0.21:3306:1,10.9.0.22:3306:3
last_table() { tac "$OUT/$1/changes" | awk '$2 == "table" { $1 = $2 = ""; print; exit }'; }

# database_on HOST start|stop: starts or stops the database of HOST.
database_on() {
	quietly_on "$1" env DATABASE_TEMPLATE="$DATABASE_TEMPLATE" OUT="$OUT" "$BASH" -c \
		". $CTS/lab/common.sh; . $CTS/lab/database.sh; database_$2 $1"
}

# time_of HOST SINCE present|absent TEXT: prints the seconds after SINCE at which the watcher first saw TEXT come or go.
time_of() {
	awk -v since="$2" -v want="$3" -v text="$4" '
		$2 == "table" && $1 >= since && (index($0, text) > 0) == (want == "present") { printf "%.2f", $1 - since; exit }
	' "$OUT/$1/changes"
}

# changes_since HOST SINCE: prints every change of the table that the watcher saw.
changes_since() { awk -v since="$2" '$2 == "table" && $1 >= since { printf "+%.2f s ", $1 - since; $1 = $2 = ""; print }' "$OUT/$1/changes"; }
