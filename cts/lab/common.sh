# Every script of the suite uses these words: paths, messages, waiting. They are sourced on the machine and in the lab.
#
# CTS   is this folder's parent, cts/ of the repository.
# OUT   is the folder of the logs; in the lab it is a mount of the folder that OUT_NAME names on the machine.
# L     is scratch space of the lab and is lost with it.
: "${CTS:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
: "${L:=/mnt/lab}"
export CTS L
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C TZ=UTC

VIP=10.9.0.100
PORT=3306
PYTHON=/usr/bin/python3

# bash's own `read` waits without a process; in the emulated kernel every process start costs 12 ms.
exec {NAP}<> <(:)
nap() { read -r -t "$1" -u "$NAP" || :; }

say() { printf '%s\n' "$@"; }
indent() {
	local line
	while IFS= read -r line; do printf '    %s\n' "$line"; done
}
warn() { printf '%s\n' "$@" >&2; }
die() {
	warn "$*"
	exit 1
}

# now: prints the seconds since the epoch with microseconds, without a process.
now() { printf '%s' "$EPOCHREALTIME"; }
# since START [END]: prints the seconds between two `now`s with two decimals.
since() {
	local from=${1/./} to=${2:-$EPOCHREALTIME}
	to=${to/./}
	printf '%d.%02d' $(((to - from) / 1000000)) $(((to - from) % 1000000 / 10000))
}

# wait_for SECONDS "WHAT" COMMAND...: polls COMMAND until it succeeds; says what was waited for when it never does.
wait_for() {
	local seconds=$1 what=$2 start=$EPOCHREALTIME
	shift 2
	local deadline=$((${start/./} + seconds * 1000000))
	until "$@"; do
		if ((${EPOCHREALTIME/./} > deadline)); then
			warn "$what: not so within $seconds s (logs: ${OUT_NAME:-$OUT})"
			return 1
		fi
		nap 0.1
	done
}

# fails COMMAND...: succeeds when COMMAND fails, for use with wait_for.
fails() { ! "$@"; }
