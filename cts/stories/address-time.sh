#!/bin/bash
# Times of one vip with many addresses beside ip -batch, in one run. STEPS: a word, and address_time.py's arguments.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up || exit 1
# shellcheck disable=SC2086
on lone "$PYTHON" "$CTS/lab/address_time.py" ${STEPS#* }
