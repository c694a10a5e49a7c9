#!/bin/bash
# This story plays one step of the scale bench on a host without a cluster. STEPS are the arguments of lab/scale.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up || exit 1
# shellcheck disable=SC2086
on lone "$PYTHON" -B "$CTS/lab/scale" $STEPS
