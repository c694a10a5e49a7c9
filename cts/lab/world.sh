#!/bin/bash
# world.sh overlay|hostfs OUT: prepares the ground that a story stands on, and plays it. It runs as root in its own
# mount, pid and network namespace (or its own emulated kernel) and makes a private /run, /tmp and /dev/shm, a writable
# root, and the log folder at /mnt/out.
how=$1 out=$2
CTS=$(cd "$(dirname "$0")/.." && pwd)
. "$CTS/lab/common.sh"

# overlay_root: the root stays that of the running kernel; what tools write below these folders goes to memory.
overlay_root() {
	local folder
	mount -t tmpfs -o size=50% tmp /mnt
	mkdir -p /mnt/out
	mount --bind "$out" /mnt/out
	for folder in usr etc var root tmp; do
		mkdir -p /mnt/over/$folder/{upper,work}
		chmod --reference="/$folder" /mnt/over/$folder/upper
		mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/mnt/over/$folder/upper,workdir=/mnt/over/$folder/work" "/$folder"
	done
}

case $how in
overlay) overlay_root ;;
hostfs)
	mount -t tmpfs -o size=90% tmp /mnt
	mkdir -p /mnt/out
	mount -t hostfs none /mnt/out -o "$out"
	;;
esac
export OUT=/mnt/out HOME=/root TMPDIR=/mnt/tmp
mkdir -p "$L" "$TMPDIR"
chmod 1777 "$TMPDIR"
mount -t tmpfs run /run
mount -t tmpfs -o mode=1777 shm /dev/shm
mkdir -p /run/netns /run/lock
ip link set lo up
for module in ip_vs ip_vs_rr ip_vs_wrr veth bridge; do modprobe -q "$module" 2>/dev/null; done

. "$OUT/environment"
eval "set -- $(<"$OUT/job")"
cd / || exit 1
"$BASH" "$@" >>"$OUT/story.log" 2>&1 </dev/null
printf '%s\n' "$?" >"$OUT/status"
