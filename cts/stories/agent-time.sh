#!/bin/bash
# This story times actions of agents as whole processes, ours and the peer's in turn, in one run. STEPS are the
# arguments of agent_time.py.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"
network_up
product_install && lone_up || exit 1
# shellcheck disable=SC2086
on lone "$PYTHON" "$CTS/lab/agent_time.py" $STEPS
