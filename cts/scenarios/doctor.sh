# lvs-agents doctor names each of many planted misconfigurations with its fix, and nothing on the pair as it is
#
# A row plants one, looks, and takes it away again. What is wrong with the cluster's configuration is planted in a copy of it,
# which doctor reads in its place (CIB_file): nothing has to be stopped for it.
scenario() {
	local active standby named=0 missed=()
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	DOCTOR_CIB=$L/doctor.xml
	on "$active" cibadmin --query >"$DOCTOR_CIB.whole"
	cp "$DOCTOR_CIB.whole" "$DOCTOR_CIB"
	# The lab itself has no fence device.
	cib crm_attribute --type crm_config --name stonith-enabled --update true
	cib cibadmin --create --scope resources --xml-text '<primitive id="fence-n1" class="stonith" type="fence_lab"/>'
	cp "$DOCTOR_CIB" "$DOCTOR_CIB.whole"
	nothing_is_wrong
	director_file 1 3
	document_stand_ins
	DOCUMENT_ENVIRONMENT+=("CIB_file=$DOCTOR_CIB")
	document_play docs/doctor.md n1

	# The switch forgets the standby's groups. What comes of it takes 20 s, in which other things are planted.
	bridge link set dev "v-$standby" mcast_flood off || failed "bridge link set v-$standby mcast_flood off"
	planted_in_the_cluster
	must 60 "the standby's status says that it hears no director" on_has "$standby" "hears the director no more" lvs-agents status
	names "$standby" "no word of the director arrives on eth0 any more" db-lvs
	bridge link set dev "v-$standby" mcast_flood on || failed "bridge link set v-$standby mcast_flood on"
	planted_on_the_nodes
	planted_in_files
	nothing_is_wrong
	without_corosync
	seen "$named misconfigurations were named with their fix"
	((${#missed[@]} == 0)) || failed "not named: ${missed[*]}"
	((named >= 24)) || failed "only $named were planted"
}

# on_has HOST TEXT COMMAND...: the command's output has this.
on_has() {
	local host=$1 text=$2
	shift 2
	[[ $(on "$host" "$@" 2>&1) == *"$text"* ]]
}

# without_corosync: where corosync is dead, the cluster's configuration cannot be asked for, and the table stays.
without_corosync() {
	quietly_on "$standby" pkill -KILL -x corosync
	must 60 "doctor on $standby says that the cluster has ended" on_has "$standby" \
		"cluster: it does not run on this node, which still has db-lvs" lvs-agents doctor
	named=$((named + 1))
	# pacemakerd waits for it.
	on "$standby" "$BASH" -c "corosync -f </dev/null >/var/log/corosync/output.log 2>&1 &"
	must 150 "both nodes online" cluster_has_both
	must 120 "$standby is whole again" pair_is "$active" "$standby"
}

cib() { quietly_on "$active" env CIB_file="$DOCTOR_CIB" "$@" || failed "$* (see $active/commands.log)"; }
doctor() {
	local host=$1
	shift
	on "$host" env CIB_file="$DOCTOR_CIB" lvs-agents doctor --patience 60s "$@" 2>&1
}

nothing_is_wrong() {
	local host output from
	for host in "$active" "$standby"; do
		from=$EPOCHREALTIME
		output=$(doctor "$host") || failed "doctor on $host finds something on the pair as it is:" "$output"
		# What was not looked at cannot be wrong.
		[[ $output != *"not looked at"* ]] || failed "doctor on $host:" "$output"
		seen "$host: nothing is wrong, said after $(since "$from") s"
	done
}

# names HOST EXPECTED [SUBJECT...]: doctor has to exit with 3 and to name this, with a fix.
names() {
	local host=$1 expected=$2 output code
	shift 2
	output=$(doctor "$host" "$@")
	code=$?
	if [[ $code == 3 && $output =~ [^$'\n']*"$expected"[^$'\n']*$'\n'[^$'\n']*$'\n'"    fix: ". ]]; then
		named=$((named + 1))
	else
		missed+=("[$expected]")
		say "  MISSED: $expected" "$output"
	fi
}

# in_cib EXPECTED COMMAND...: plants something in the copy of the configuration.
in_cib() {
	local expected=$1
	shift
	cp "$DOCTOR_CIB.whole" "$DOCTOR_CIB"
	"$@"
	! cmp -s "$DOCTOR_CIB" "$DOCTOR_CIB.whole" || failed "$*: changes nothing"
	names "$active" "$expected"
	cp "$DOCTOR_CIB.whole" "$DOCTOR_CIB"
}
edit() { sed -i -E "$1" "$DOCTOR_CIB"; }
meta() { cib crm_resource --resource "$1" --meta --set-parameter "$2" --parameter-value "$3"; }
without() { cib cibadmin --delete-all --force --xpath "$1"; }

planted_in_the_cluster() {
	in_cib "fencing is off" cib crm_attribute --type crm_config --name stonith-enabled --update false
	in_cib "there is no fence device" without "//primitive[@class='stonith']"
	in_cib "is in maintenance mode" cib crm_attribute --type crm_config --name maintenance-mode --update true
	in_cib "it is in standby" cib crm_attribute --node "$standby" --name standby --update on
	in_cib "it is still bound by cli-ban-" cib crm_resource --ban --resource db-vip --node "$standby"
	in_cib "it is stopped by order" meta db-health-clone target-role Stopped
	in_cib "the cluster does not manage it" meta db-vip is-managed false
	in_cib "it has no monitor" without "//primitive[@id='db-vip']//op"
	in_cib "no monitor for the role Promoted" without "//op[@role='Promoted' or @role='Master']"
	in_cib "the same interval, 5s" edit 's/interval="6s?"/interval="5s"/'
	in_cib "its stop may take 2 s only" edit '/<op .*name="monitor"[^>]*interval="2s?"/{p;s/name="monitor"/name="stop"/;s/interval="2s?"/interval="0" timeout="2s"/;s/ id="/&stop-/}'
	in_cib "it is not interleaved" meta db-lvs-clone interleave false
	in_cib "notify=true" meta db-lvs-clone notify true
	in_cib "it has no stickiness" meta db-lvs-clone resource-stickiness 0
	in_cib "promoted on 2 nodes at once" meta db-lvs-clone promoted-max 2
	in_cib "no colocation with db-lvs-clone" without "//rsc_colocation"
	in_cib "does not say the role Promoted" edit 's/ with-rsc-role="[A-Za-z]*"//'
	in_cib "no order that puts it after db-lvs-clone" without "//rsc_order"
	in_cib "does not wait for the promotion" edit 's/ first-action="promote"//'
	in_cib "it comes up before db-lvs" edit '/<rsc_order/{s/ (first|then)-action="[a-z]*"//g;s/ first="db-lvs-clone"/ first="db-vip"/;s/ then="db-vip"/ then="db-lvs-clone"/}'
	in_cib "no ocf:rust:ldirectord resource checks" without "//clone[@id='db-health-clone']"
}

# set_on HOST SETTING VALUE EXPECTED [HOST_OF_DOCTOR]: sets it, looks, and sets it back.
set_on() {
	local path=/proc/sys/${2//./\/} former
	former=$(on "$1" cat "$path") || failed "$1: $2"
	on "$1" "$BASH" -c "echo $3 >$path" || failed "$1: $2=$3"
	names "${5:-$1}" "$4"
	on "$1" "$BASH" -c "echo $former >$path" || failed "$1: $2=$former"
}

planted_on_the_nodes() {
	set_on "$standby" net.ipv4.vs.backup_only 0 "net.ipv4.vs.backup_only: it is not 1"
	set_on "$active" net.ipv4.vs.expire_nodest_conn 0 "net.ipv4.vs.expire_nodest_conn: it is not 1"
	set_on "$active" net.ipv4.vs.drop_entry 3 "net.ipv4.vs.drop_entry: it is always on"
	set_on rs2 net.ipv4.conf.all.arp_ignore 0 "real server 10.9.0.22 is among them" "$active"
	set_on rs2 net.ipv4.conf.all.arp_ignore 0 "net.ipv4.conf.all.arp_ignore: it is not 1"

	on rs1 ip addr del "$VIP/32" dev lo
	names "$standby" "real server 10.9.0.21: it does not answer for the virtual IP"
	on rs1 ip addr add "$VIP/32" dev lo

	# A host of the network that is none of ours.
	ip addr add "$VIP/32" dev br0
	names "$active" "answer for it"
	ip addr del "$VIP/32" dev br0

	on "$active" ipvsadm --set 300 0 0
	names "$active" "forgets an idle TCP connection after 300 s"
	on "$active" ipvsadm --set 900 0 0

	rm -f "$L/hosts/$standby/run/speaker"
	on "$standby" "$PYTHON" -c "$SPEAK" 99 "${ADDRESS[$standby]}" /run/speaker &
	must 30 "a foreign sync daemon speaks" test -s "$L/hosts/$standby/run/speaker"
	names "$active" "sends with sync_id 99 to port 8848"
	# The job is the one that has started it.
	on "$standby" "$BASH" -c 'kill "$(</run/speaker)"'
	wait $! 2>/dev/null
}

# SPEAK ID ADDRESS PID_FILE: a message of a sync daemon with this number and no connection, from this address again and again.
SPEAK='import os, socket, struct, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[2]))
message = struct.pack("!BBHBbH", 0, int(sys.argv[1]), 8, 0, 1, 0)
with open(sys.argv[3], "w") as file:
    file.write(str(os.getpid()))
for _ in range(200):
    sender.sendto(message, ("224.0.0.81", 8848))
    time.sleep(0.1)
'

# in_file EXPECTED LINE...: looks at a file with these lines, without the resources.
in_file() {
	local expected=$1
	shift
	printf '%b\n' "$@" >"$L/doctor.cf"
	names "$active" "$expected" "$L/doctor.cf"
}

planted_in_files() {
	in_file "in no network of this node" "virtual=$VIP:3306" "\treal=10.7.0.1:3306 gate" "\tchecktype=connect"
	in_file "its MTU of 1500 leaves 1480 bytes" "virtual=$VIP:3306" "\treal=10.9.0.21:3306 ipip" "\tchecktype=connect"
	in_file "the configuration is refused" "virtual=$VIP:3306" "\treal=10.9.0.21:3306 gait"
	local number lines=() persistent forwards
	for number in {1..40}; do lines+=("virtual=10.8.$number.1:80" "\treal=10.9.0.21:80 masq" "\tchecktype=connect"); done
	in_file "40 of its 40 virtual services share one place" "${lines[@]}"

	# A second service, of nobody.
	on "$active" ipvsadm --add-service --tcp-service "$VIP:81" --scheduler wrr
	persistent=("virtual=$VIP:81" "\treal=10.9.0.21:81 masq" "\tpersistent=60" "\tchecktype=connect")
	in_file "net.ipv4.vs.expire_quiescent_template: it is not 1" "${persistent[@]}"
	# A scenario before this one may have let it forward.
	forwards=$(on "$active" cat /proc/sys/net/ipv4/ip_forward) || failed "$active: ip_forward"
	on "$active" "$BASH" -c "echo 0 >/proc/sys/net/ipv4/ip_forward" || failed "$active: ip_forward=0"
	in_file "net.ipv4.ip_forward: it is not 1" "${persistent[@]}"
	on "$active" "$BASH" -c "echo $forwards >/proc/sys/net/ipv4/ip_forward" || failed "$active: ip_forward=$forwards"
	on "$active" ipvsadm --delete-service --tcp-service "$VIP:81"

	on "$active" ip addr add 2001:db8::100/128 dev eth0 nodad
	in_file "it as the source of its tunnels" "virtual6=[2001:db8::100]:80" "\treal6=[2001:db8::21]:80 ipip" "\tchecktype=connect"
	on "$active" ip addr del 2001:db8::100/128 dev eth0

	# rs1 has no default route.
	on "$active" ip addr add 10.8.0.1/32 dev eth0
	in_file "and not the virtual IP 10.8.0.1" "virtual=10.8.0.1:3306" "\treal=10.9.0.21:3306 masq" "\tchecktype=connect"
	on "$active" ip addr del 10.8.0.1/32 dev eth0
}
