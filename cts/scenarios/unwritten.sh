# pacemaker ceases to write its file, for a disk is full or the file was edited: orders are obeyed, status says what mends it, and that does
. "$CTS/lab/clone.sh"

FOLDER=/var/lib/pacemaker/cib
REMEDY=(killall -PIPE pacemaker-based)

scenario() {
	local active standby
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must_have_roles
	both_have "$RS1:1,$RS2:3"
	is_mended "the disk is full" disk_fills disk_has_room
	is_mended "the file was edited" file_is_edited file_is_taken_away
	quietly_on "$active" umount --lazy "$FOLDER" || failed "umount $FOLDER"
	cluster_clear
}

# is_mended WHAT DAMAGE CURE: the file of the active director stays as it is after the DAMAGE, until the CURE and the remedy that
# status names.
is_mended() {
	local from gave_up
	gave_up=$(times_given_up)
	"$2" || failed "$1: ${2//_/ }"
	from=$EPOCHREALTIME
	quietly_on "$standby" lvs-agents drain "$RS2" || failed "lvs-agents drain $RS2"
	both_have "$RS1:1,$RS2:0"
	(($(times_given_up) > gave_up)) || failed "$1: pacemaker writes all the same"
	seen "$1: $standby obeyed after $(time_of "$standby" "$from" present "=$RS1:1,$RS2:0") s," \
		"$active, which has the damage, after $(time_of "$active" "$from" present "=$RS1:1,$RS2:0") s"
	must 60 "status of $active names the remedy" names_remedy
	"$3" || failed "$1: ${3//_/ }"
	quietly_on "$active" "${REMEDY[@]}" || failed "${REMEDY[*]}"
	from=$EPOCHREALTIME
	quietly_on "$standby" lvs-agents enable "$RS2" || failed "lvs-agents enable $RS2"
	both_have "$RS1:1,$RS2:3"
	must 60 "the end of the fault" fails names_remedy
	seen "  after the remedy: both obeyed and the fault has ended within $(since "$from") s"
	quietly_on "$active" crm_resource --cleanup
}
names_remedy() { [[ $(on "$active" lvs-agents status) == *"${REMEDY[*]}"* ]]; }
times_given_up() { grep -c "Disabling CIB disk writes" "$OUT/$active/log/pacemaker/pacemaker.log"; }

# disk_fills: the folder becomes a small file system without room, and without pacemaker's earlier files.
disk_fills() {
	quietly_on "$active" "$BASH" -ec "
		mkdir -p /run/cib
		cp -a $FOLDER/cib.xml{,.sig} /run/cib
		mount -t tmpfs -o size=1m,mode=750 tmpfs $FOLDER
		chown hacluster:haclient $FOLDER
		cp -a /run/cib/cib.xml{,.sig} $FOLDER
		! head -c 2M /dev/zero >$FOLDER/fills"
}
disk_has_room() { quietly_on "$active" rm "$FOLDER/fills"; }

# file_is_edited: pacemaker compares its file with the digest beside it.
file_is_edited() { quietly_on "$active" sed -i 's/update-origin="[^"]*"/update-origin="by-hand"/' "$FOLDER/cib.xml"; }
file_is_taken_away() { quietly_on "$active" rm "$FOLDER/cib.xml" "$FOLDER/cib.xml.sig"; }
