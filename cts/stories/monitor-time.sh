#!/bin/bash
# Whole-process time of `monitor`, ours and the peer's in turn, in one run. Without IPVS the lvs agent is left out.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up || exit 1
on lone "$PYTHON" "$CTS/lab/monitor_time.py"
