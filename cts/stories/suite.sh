#!/bin/bash
# This story is the suite's part in the lab: it plays what needs a kernel with IPVS, then what needs a cluster.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
. "$CTS/lab/item.sh"

# The parts of the suite play side by side. Each has a lab of its own, which mostly waits, and takes about as long as the others.
declare -A PARTS=(
	[tests]="checks/ipvs-tests checks/galera checks/tools"
	[checks]="checks/beside-original checks/faults checks/causes checks/ocf-tester checks/stand-in checks/import checks/metrics
		checks/no-fork checks/replication checks/packages checks/unit doctor documentation fencing opinion"
	[scenarios]="balance server-stops fallback daemon-killed daemon-hung standby crash by-pcs from-file stand-in reload from-ipaddr2
		two-in-one many clone-tools clone-dead-server clone-faults clone drain rules names unwritten"
)
case $STEPS in
"") items="${PARTS[*]}" ;;
part:*) items=${PARTS[${STEPS#part:}]} ;;
*) items=$STEPS ;;
esac
# Of random faults the whole suite has time for a few.
[[ $STEPS != "" && $STEPS != part:* ]] || KILLS=${KILLS:-4}
# What needs no cluster plays before there is one.
CHECKS=() SCENARIOS=()
for name in $items; do
	case $name in
	checks/*) CHECKS+=("$name") ;;
	*) SCENARIOS+=("${name#scenarios/}") ;;
	esac
done

# play NAME: plays one item; the word before the colon is what `run NAME` plays alone. A check has a host without a cluster.
play() {
	[[ $1 != checks/* ]] || host_is_alive lone || item "a host without a cluster starts" lone_up
	item "${1##*/}: $(scenario_title "$1")" scenario_play "$1"
}

network_up
item "lvs-agents install" product_install
for name in "${CHECKS[@]}"; do play "$name"; done
((${#SCENARIOS[@]})) || exit 0
item "the lab starts: cluster of two, databases, client" lab_up_with_client || exit 1
for name in "${SCENARIOS[@]}"; do play "$name"; done
# The results say whether the items passed; this story has ended by itself.
exit 0
