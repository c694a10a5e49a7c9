#!/bin/bash
# play.sh TABLE AGENT start: plays the table of checks and faults on this host, with the agent as the cluster calls it. It
# is the first process of a pid namespace.
. "${BASH_SOURCE[0]%/*}/../common.sh"
. "$CTS/lab/database.sh"
. "$CTS/lab/faults/servers.sh"
faults_prepare || die "the certificates (see faults.log)"
faults_start
"$PYTHON" -B "$CTS/lab/faults" configuration "$1" >"$OCF_RESKEY_configfile" || exit
SSL_CERT_FILE=$FAULTS/ca.pem "$PYTHON" -B "$CTS/lab/faults" play "$1" "$2"; r=$?
times; head -1 /proc/stat; ps -eo time,etimes,rss,comm --sort=-time | head -40; exit $r
