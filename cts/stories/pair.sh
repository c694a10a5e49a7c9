#!/bin/bash
# This story brings up many addresses on a cluster of two and kills a node, with ours and with IPaddr2. It needs no
# IPVS. The times are those at which the kernels announced the addresses, as the watchers recorded them.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"

resource() {
	printf '<primitive id="%s" class="ocf" provider="%s" type="%s"><instance_attributes id="%s-p">' "$1" "${2%:*}" "${2#*:}" "$1"
	printf '<nvpair id="%s" name="%s" value="%s"/>' "$1-i" ip "$3" "$1-m" cidr_netmask 32 "$1-n" nic eth0
	printf '</instance_attributes><operations>'
	printf '<op id="%s" name="%s" interval="%s" timeout="60s"/>' "$1-1" start 0s "$1-2" stop 0s "$1-3" monitor 10s
	printf '</operations></primitive>'
}
location() { printf '<rsc_location id="%s-on" rsc="%s" node="%s" score="100"/>' "$1" "$1" "$2"; }

# one_each COUNT TYPE: prints a configuration with a resource for each address, half of them on either node.
one_each() {
	local address number=0 resources='' locations=''
	while read -r address; do
		number=$((number + 1))
		resources+=$(resource "v$number" "$2" "$address")
		locations+=$(location "v$number" "n$((number % 2 + 1))")
	done < <(many_addresses "$1")
	printf '<configuration><resources>%s</resources><constraints>%s</constraints></configuration>' "$resources" "$locations"
}

# all_in_one COUNT TYPE: prints a configuration with one resource, on the node that is to die.
all_in_one() {
	printf '<configuration><resources>%s</resources><constraints>%s</constraints></configuration>' \
		"$(resource v1 "$2" "$(many_ranges "$1")")" "$(location v1 "$VICTIM")"
}

# dc: prints the node that decides. The other one dies, so that no election is in the figures.
dc() { [[ $(cluster_status) =~ Current\ DC:\ (n[12]) ]] && printf '%s' "${BASH_REMATCH[1]}"; }

node_up() { host_start "$1" director && watch_start "$1"; }

# measure SHAPE COUNT TYPE: prints its line and leaves the cluster whole and empty.
measure() {
	local survivor from up
	survivor=$(dc) && VICTIM=n1
	[[ $survivor == n2 ]] || VICTIM=n2
	"$@" >"$L/pair.xml"
	from=$EPOCHREALTIME
	quietly_on "$survivor" cibadmin --modify --allow-create --xml-file "$L/pair.xml" || return
	wait_for 180 "$2 addresses up" many_are "$2" n1 n2 || return
	many_arrivals "$from" n1 n2
	up=$LAST
	quietly_on "$survivor" crm_resource --wait --timeout 60 || return
	from=$EPOCHREALTIME
	host_kill "$VICTIM"
	wait_for 180 "$2 addresses on $survivor" many_are "$2" "$survivor" || return
	many_arrivals "$from" "$survivor"
	printf '%-24s %8s s %8s s %8s s   %3d moved, load %s\n' "$1 $2 ${3#*:}" "$up" "$FIRST" "$LAST" "$COUNT" "$(cut -d ' ' -f 1 /proc/loadavg)" |
		tee -a "$OUT/pair"
	cluster_clear
	node_up "$VICTIM" && wait_for 150 "cluster: $VICTIM rejoins" cluster_has_both
}

VICTIM=
network_up
product_install
cluster_prepare
node_up n1 && node_up n2 && wait_for 150 "cluster: both nodes online" cluster_has_both || exit 1
printf '%-24s %10s %10s %10s\n' "" "all up" "killed: first" "last"
measure one_each 100 rust:vip && measure one_each 100 heartbeat:IPaddr2 && measure all_in_one 400 rust:vip || exit 1
awk '{ up[NR] = $4; first[NR] = $6; last[NR] = $8 }
	END { printf "IPaddr2 / vip, 100 each: all up %.1f, first %.1f, last %.1f\n", up[2] / up[1], first[2] / first[1], last[2] / last[1] }' "$OUT/pair"
