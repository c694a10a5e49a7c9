#!/bin/bash
# play.sh TABLE FILE AGENT start: plays the table of checks and faults on this host, with the agent as the cluster calls it
# and FILE as its configuration. It is the first process of a pid namespace, so that nothing of it is left when it ends.
. "${BASH_SOURCE[0]%/*}/../common.sh"
. "$CTS/lab/database.sh"
. "$CTS/lab/faults/servers.sh"
faults_prepare || die "the certificates (see faults.log)"
faults_start
"$PYTHON" -B "$CTS/lab/faults" configuration "$1" >"$2" || exit
SSL_CERT_FILE=$FAULTS/ca.pem "$PYTHON" -B "$CTS/lab/faults" play "$1" "$3"
