# This file configures and starts corosync and pacemaker, and asks for their state. It is sourced in the lab.

# cluster_prepare: writes what is the same on every node.
cluster_prepare() {
	cat >"$L/corosync.conf" <<-END
		totem {
		    version: 2
		    cluster_name: lab
		    transport: knet
		    crypto_cipher: none
		    crypto_hash: none
		    token: 1000
		}
		logging {
		    to_stderr: no
		    to_syslog: no
		    to_logfile: yes
		    logfile: /var/log/corosync/corosync.log
		    timestamp: hires
		}
		quorum {
		    provider: corosync_votequorum
		    two_node: 1
		    wait_for_all: 0
		}
		nodelist {
		    node {
		        ring0_addr: ${ADDRESS[n1]}
		        name: n1
		        nodeid: 1
		    }
		    node {
		        ring0_addr: ${ADDRESS[n2]}
		        name: n2
		        nodeid: 2
		    }
		}
	END
	cluster_seed >"$L/cib.xml"
}

# cluster_seed: prints an empty configuration by this pacemaker's own tool, because a wrong feature set keeps nodes from
# joining. The election's patience is lowered: 20 s of dc-deadtime is most of a cluster's first start.
cluster_seed() {
	cibadmin --empty | sed -e 's/ epoch="0"/ epoch="1"/' -e 's/ admin_epoch="1"/ admin_epoch="0"/' \
		-e 's|<crm_config/>|<crm_config><cluster_property_set id="cib-bootstrap-options">\
			<nvpair id="opt-dc-deadtime" name="dc-deadtime" value="2s"/>\
			<nvpair id="opt-stonith-enabled" name="stonith-enabled" value="false"/>\
			<nvpair id="opt-no-quorum-policy" name="no-quorum-policy" value="ignore"/>\
		</cluster_property_set></crm_config>|'
}

# director_start: starts both on this node. Pacemaker waits for corosync, as its systemd unit would make it.
director_start() {
	local folder
	mkdir -p /etc/corosync/uidgid.d /var/log/{corosync,pacemaker,crmsh,pcsd} /run/{crm,corosync} \
		/var/lib/pacemaker/{blackbox,cib,cores,pengine}
	for folder in /run/crm /var/log/{crmsh,pacemaker} /var/lib/pacemaker{,/blackbox,/cib,/cores,/pengine}; do
		chown hacluster:haclient "$folder"
		chmod 750 "$folder"
	done
	cp "$L/corosync.conf" /etc/corosync/
	if [[ ! -e /var/lib/pacemaker/cib/cib.xml ]]; then
		install -o hacluster -g haclient -m 600 "$L/cib.xml" /var/lib/pacemaker/cib/cib.xml
	fi
	corosync -f </dev/null >/var/log/corosync/output.log 2>&1 &
	wait_for 60 "corosync: start" director_corosync_runs || return
	PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none PCMK_node_start_state=default \
		pacemakerd </dev/null >/var/log/pacemaker/output.log 2>&1 &
}
director_corosync_runs() { corosync-cfgtool -s >/dev/null 2>&1; }

# cluster_status: prints crm_mon's one-shot view from a node that is up.
cluster_status() { on "$(cluster_member)" crm_mon -1r 2>&1; }

# cluster_member: prints the name of a director that runs, and not of one that was killed.
cluster_member() {
	local host
	for host in n1 n2; do
		if host_is_alive "$host"; then
			printf '%s' "$host"
			return
		fi
	done
	return 1
}

cluster_has_both() {
	local status
	status=$(cluster_status) && [[ $status == *"Online: [ n1 n2 ]"* && $status == *"Current DC: n"* ]]
}

# cluster_runs NODE RESOURCE...: succeeds when every resource is Started on NODE and nothing is pending.
cluster_runs() {
	local node=$1 status resource
	shift
	status=$(cluster_status) || return
	for resource in "$@"; do
		[[ $status =~ \*[[:space:]]${resource}[[:space:]]+\([^\)]*\):[[:space:]]+Started\ $node([[:space:]]|$) ]] || return
	done
}

# cluster_node_of RESOURCE: prints the node on which it is Started.
cluster_node_of() {
	local status
	status=$(cluster_status)
	[[ $status =~ \*[[:space:]]$1[[:space:]]+\([^\)]*\):[[:space:]]+Started\ ([a-z0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# cluster_is_empty: succeeds when nothing runs, and no action is under way.
cluster_is_empty() {
	local status
	status=$(cluster_status) && [[ ! $status =~ Started|Starting|Stopping|Migrating|Promoted|Unpromoted|Promoting|Demoting ]]
}

# cluster_use FILE: gives the cluster this configuration, of config/ unless it has a path, by crmsh (.crm) or pcs
# (.pcs). A configuration that is there already is kept; another one is removed first.
cluster_use() {
	local file=$1 node current=$L/cluster-configuration
	[[ $file == /* ]] || file=$CTS/config/$file
	[[ ! -e $current || $(<"$current") != "$file" ]] || return 0
	node=$(cluster_member)
	if [[ -e $current ]]; then cluster_clear || return; fi
	case $file in
	*.crm) quietly_on "$node" crm configure load update "$file" ;;
	*.pcs) quietly_on "$node" "$BASH" -e "$file" ;;
	esac || return
	printf '%s\n' "$file" >"$current"
}

# cluster_clear: stops what runs and forgets it, so that the next configuration starts from nothing. It stops first:
# resources that are removed while they run stop in any order, and an address without its table leads to the director's
# own database.
cluster_clear() {
	local node
	rm -f "$L/cluster-configuration"
	node=$(cluster_member)
	quietly_on "$node" crm_attribute --type crm_config --name stop-all-resources --update true
	wait_for 90 "cluster: resources stop" cluster_is_empty
	quietly_on "$node" cibadmin --replace --scope constraints --xml-text '<constraints/>'
	quietly_on "$node" cibadmin --replace --scope resources --xml-text '<resources/>'
	quietly_on "$node" crm_attribute --type crm_config --name stop-all-resources --delete
	quietly_on "$node" crm_resource --cleanup
}
