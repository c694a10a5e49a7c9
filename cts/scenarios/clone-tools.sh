# the tools of the cluster work on the promotable clone: crmsh, pcs, crm_verify and crm_resource, which forces each action
scenario() {
	local active standby before
	cluster_use clone.crm || failed "crm configure load update (see n1/commands.log)"
	must 120 "a promoted director with the address" pair_is_whole
	pair_read
	roles_are_right
	typed "$active" 0 "" crm configure verify
	typed "$active" 0 "" crm_verify --live-check
	typed "$active" 0 "sync_interface=eth0" pcs resource config
	typed "$active" 0 "" crm_resource --validate --resource db-lvs
	typed "$active" 0 "" crm_resource --validate --resource db-health
	typed "$active" 0 "" crm_resource --validate --resource db-vip
	seen "crm configure verify, crm_verify, pcs resource config and crm_resource --validate accept the configuration"

	# Forced actions are the administrator's own: the cluster must not undo them meanwhile.
	quietly_on "$active" crm_attribute --type crm_config --name maintenance-mode --update true || failed "maintenance-mode"
	# What comes next needs a cluster that looks, whatever becomes of this.
	trap 'quietly_on "$active" crm_attribute --type crm_config --name maintenance-mode --delete' EXIT
	before=$EPOCHREALTIME
	forced "$active" check 8 master
	# What has the role already stays as it is.
	forced "$active" promote 0 master
	forced "$standby" check 0 backup
	forced "$standby" promote 0 master
	# Once it has heard the other one, it says that both send.
	forced "$standby" check "8|191" master
	forced "$standby" demote 0 backup
	forced "$standby" demote 0 backup
	forced "$standby" start 0 backup
	forced "$standby" stop 0 ""
	[[ $(table_of "$standby") != *"$VIP"* ]] || failed "$standby still has the virtual service"
	forced "$standby" stop 0 ""
	forced "$standby" check 7 ""
	forced "$standby" demote 7 ""
	forced "$standby" start 0 backup
	forced "$standby" check 0 backup
	seen "crm_resource --force-check, -promote, -demote, -stop and -start each did what it says, twice the same too"
	quietly_on "$active" crm_attribute --type crm_config --name maintenance-mode --delete
	must 60 "the pair as before" pair_is "$active" "$standby"
	roles_are_right
	client_never_failed "$before"
	seen "the cluster took the pair back as it was, and no client saw a failure"
	# Both were promoted for a while, which the director says for half a minute.
	no_failed_actions "sends connections under the same sync_id"
}

# typed HOST CODES TEXT COMMAND...: runs the command there, which has to exit with one of CODES (a|b) and to print TEXT.
typed() {
	local host=$1 codes=$2 text=$3 output code
	shift 3
	printf '%(%T)T %s\n' -1 "$*" >>"$OUT/$host/commands.log"
	output=$(on "$host" "$@" 2>&1)
	code=$?
	[[ $code =~ ^($codes)$ && $output == *"$text"* ]] || failed "$*: expected exit code $codes and \"$text\", got: $code, $output"
}

# forced HOST ACTION CODES DAEMONS: forces the action of db-lvs, which has to leave these sync daemons.
forced() {
	typed "$1" "$3" "" crm_resource "--force-$2" --resource db-lvs
	[[ $(sync_daemons "$1") == "$4" ]] || failed "--force-$2 on $1: expected sync daemons \"$4\", got: $(sync_daemons "$1")"
}
