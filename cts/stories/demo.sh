#!/bin/bash
# This story is the demo: it plays scenarios one after the other and says what was seen. PRODUCT=ours|peers.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"

STORY=(balance server-stops fallback standby crash)
[[ $PRODUCT == peers ]] || STORY+=(by-pcs from-file)

leave() {
	[[ -z $KEEP ]] || keep_open
	exit "$1"
}

start=$EPOCHREALTIME number=0
say "lab: directors n1 n2, database servers rs1 rs2, a client; VIP $VIP:$PORT; $PRODUCT"
lab_up_with_client || leave 1
say "up after $(since "$start") s (kernel $(uname -r); an emulated kernel starts processes slowly)"
# shellcheck disable=SC2086
set -- ${STEPS:-${STORY[@]}}
for name; do
	number=$((number + 1))
	say "" "Step $number: $(scenario_title "$name")"
	scenario_play "$name" || leave 1
done
say "" "all steps done in $(since "$start") s; logs of every host: $OUT_NAME"
leave 0
