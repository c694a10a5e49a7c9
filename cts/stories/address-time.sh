#!/bin/bash
# This story times one vip with many addresses beside ip -batch, in one run. STEPS is a word and the arguments of
# address_time.py.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up || exit 1
# shellcheck disable=SC2086
on lone "$PYTHON" "$CTS/lab/address_time.py" ${STEPS#* }
