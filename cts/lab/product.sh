# PRODUCT=ours|peers says what the cluster is made of: this project's agents, or the peers that they replace. The
# stories are the same for both; what differs is in this file. It is sourced in the lab.

# product_install: installs into the lab's own writable root; the machine is not touched.
product_install() {
	if [[ $PRODUCT == ours ]]; then
		"$BINARY" install >"$OUT/install.log" 2>&1
	else
		director_file 1 3
	fi
}

# product_realservers: puts the VIP on rs1 and rs2.
product_realservers() {
	local host
	for host in rs1 rs2; do
		if [[ $PRODUCT == ours ]]; then realserver_by_agent "$host"; else realserver_by_hand "$host"; fi || return
	done
}

# director_file WEIGHT1 WEIGHT2: writes the same ldirectord.cf on both directors, as csync2 would bring it there. The
# original refuses the comments that begin with // and the no-break spaces, so the peers get blanks, and no comments.
director_file() {
	local node edit="/10.9.0.21 /s/gate 10/gate $1/; /10.9.0.22 /s/gate 10/gate $2/"
	[[ $PRODUCT == ours ]] || edit+='; s/\xc2\xa0/ /g; s| *//.*||'
	for node in n1 n2; do
		mkdir -p "$L/hosts/$node/etc-ha.d"
		sed "$edit" "$CTS/config/ldirectord.cf" >"$L/hosts/$node/etc-ha.d/ldirectord.cf"
	done
}

product_resources() {
	if [[ $PRODUCT == ours ]]; then printf 'db-lvs db-health db-vip'; else printf 'db-vip db-health'; fi
}

# product_log HOST: prints the health monitor's log.
product_log() { cat "$OUT/$1/log/ldirectord.log"; }

# show_reason HOST ADDRESS: prints why it is out, from the log.
show_reason() {
	say "  its log:"
	product_log "$1" | grep -F "$2" | tail -n 2 | indent
}

# daemon_pids HOST: prints the pids of our health monitors there. Two of them would both write one table.
daemon_pids() { on "$1" pgrep -d ' ' -f ' daemon --detach .*--instance='; }

# daemon_is_new HOST PID: succeeds when there is a health monitor and it is not PID.
daemon_is_new() {
	local now
	now=$(daemon_pids "$1")
	[[ -n $now && $now != "$2" ]]
}
