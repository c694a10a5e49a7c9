#!/bin/bash
# This story plays one check on `lone`, without the rest of the suite. STEPS names it.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up && scenario_play "$STEPS"
