# pacemaker ceases to write its file, for a disk is full or the file was edited: orders are obeyed, status says what mends it, and that does
. "$CTS/lab/clone.sh"

FOLDER=/var/lib/pacemaker/cib
REMEDY=(killall -PIPE pacemaker-based)

scenario() {
	local active standby
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must_have_roles
	both_have "$RS1:1,$RS2:3"
	trap unwritten_end EXIT
	is_mended "the disk is full" disk_fills disk_has_room
	is_mended "the file was edited" file_is_edited digest_is_removed
	unwritten_end
	trap - EXIT
	cluster_clear
}

# unwritten_end: the next scenario meets neither the small disk nor the edited file.
unwritten_end() {
	quietly_on "$active" umount --lazy "$FOLDER"
	digest_is_removed
	quietly_on "$active" "${REMEDY[@]}"
}

# is_mended WHAT DAMAGE CURE: the file of the active director stays as it is after the DAMAGE, until the CURE and the remedy that
# status names.
is_mended() {
	local from gave_up reason="written again"
	gave_up=$(times_given_up)
	"$2" || failed "$1: ${2//_/ }"
	from=$EPOCHREALTIME
	quietly_on "$standby" lvs-agents drain "$RS2" || failed "lvs-agents drain $RS2"
	must 60 "$1: the order in $standby's table" table_has "$standby" "=$RS1:1,$RS2:0"
	# A director asks the cluster every 20 s, or every 5 s where its file does not follow, and more rarely where an answer takes long.
	must 250 "$1: the order in $active's table" table_has "$active" "=$RS1:1,$RS2:0"
	must 30 "$1: the end of pacemaker's writing" has_given_up_since "$gave_up"
	seen "$1: $standby obeyed after $(time_of "$standby" "$from" present "=$RS1:1,$RS2:0") s," \
		"$active, which has the damage, after $(time_of "$active" "$from" present "=$RS1:1,$RS2:0") s"
	must 60 "status of $active names the remedy" names_remedy
	"$3" || failed "$1: ${3//_/ }"
	quietly_on "$active" "${REMEDY[@]}" || failed "${REMEDY[*]}"
	from=$EPOCHREALTIME
	# The file of before has no order: the end of the order would make it right without a write.
	quietly_on "$standby" lvs-agents drain "$RS2" --reason "$reason" || failed "lvs-agents drain $RS2"
	must 250 "the end of the fault, by an order that has the reason \"$reason\"" shows_without_fault "$reason"
	seen "  after the remedy: the fault has ended within $(since "$from") s"
	quietly_on "$standby" lvs-agents enable "$RS2" || failed "lvs-agents enable $RS2"
	both_have "$RS1:1,$RS2:3"
	quietly_on "$active" crm_resource --cleanup
}
shows_without_fault() {
	local shown
	shown=$(on "$active" lvs-agents status)
	[[ $shown == *"$1"* && $shown != *"${REMEDY[*]}"* ]]
}
names_remedy() { [[ $(on "$active" lvs-agents status) == *"${REMEDY[*]}"* ]]; }
times_given_up() { grep -c "Disabling CIB disk writes" "$OUT/$active/log/pacemaker/pacemaker.log"; }
has_given_up_since() { (($(times_given_up) > $1)); }

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
digest_is_removed() { quietly_on "$active" rm --force "$FOLDER/cib.xml.sig"; }
