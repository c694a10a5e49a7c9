#!/bin/bash
# This story is the suite's part in the lab: it plays what needs a kernel with IPVS, then what needs a cluster.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
. "$CTS/lab/item.sh"

CHECKS=(checks/{ipvs-tests,beside-original,faults,ocf-tester,stand-in,tools,import,no-fork})
SCENARIOS=(balance server-stops fallback daemon-killed daemon-hung standby crash by-pcs from-file stand-in reload from-ipaddr2 two-in-one many clone-tools clone-dead-server clone-faults clone drain fencing)
# Of random faults the whole suite has time for a few.
[[ $STEPS != "" && $STEPS != all-* ]] || KILLS=${KILLS:-4}
case $STEPS in
"") ;;
all-checks) SCENARIOS=() ;;
all-scenarios) CHECKS=() ;;
*)
	CHECKS=() SCENARIOS=()
	for name in $STEPS; do
		case $name in
		checks/*) CHECKS+=("$name") ;;
		*) SCENARIOS+=("${name#scenarios/}") ;;
		esac
	done
	;;
esac

# play NAME: plays one item; the word before the colon is what `run NAME` plays alone.
play() { item "${1##*/}: $(scenario_title "$1")" scenario_play "$1"; }

network_up
item "lvs-agents install" product_install
if ((${#CHECKS[@]})); then
	item "a host without a cluster starts" lone_up
	for name in "${CHECKS[@]}"; do play "$name"; done
fi
((${#SCENARIOS[@]})) || exit 0
item "the lab starts: cluster of two, databases, client" lab_up_with_client || exit 1
for name in "${SCENARIOS[@]}"; do play "$name"; done
# The results say whether the items passed; this story has ended by itself.
exit 0
