# reloadable parameters are changed while clients are served: pacemaker calls reload-agent and restarts nothing
scenario() {
	local from before operations real
	must_be_ready
	before=$(restarts) from=$EPOCHREALTIME real=$(parameter db-lvs real)
	set_parameter db-vip iflabel db
	must 60 "the label is on the address" label_is "eth0:db"
	# The kernel has the label before pacemaker has the result, and another change before that would be no reload.
	must 60 "the first change is reloaded" reloaded db-vip 1
	set_parameter db-vip arp_count 2
	must 60 "the second change is reloaded" reloaded db-vip 2
	set_parameter db-lvs real "${real/%gate 3/gate 4}"
	must 60 "the other weight in the table" table_has n1 "=$RS1:1,$RS2:4"
	must 60 "lvs is reloaded" reloaded db-lvs 1
	set_parameter db-lvs real "$real"
	must 60 "the first weight in the table" table_has n1 "=$RS1:1,$RS2:3"
	must 60 "lvs is reloaded again" reloaded db-lvs 2
	must_serve n1
	operations=$(restarts)
	[[ $operations == "$before" ]] || failed "started or stopped on n1: $operations operations, before: $before"
	never_gone "$from"
	client_never_failed "$from"
	seen "iflabel, arp_count and a weight were changed by crm_resource; $(client_counts "$from")"
	quietly_on n1 crm_resource --resource db-vip --delete-parameter iflabel
	quietly_on n1 crm_resource --resource db-vip --delete-parameter arp_count
	must_serve n1
}

label_is() { [[ $(ip -n n1 -4 -oneline addr show to "$VIP") == *" $1"* ]]; }
parameter() { on n1 crm_resource --resource "$1" --get-parameter "$2"; }

# set_parameter RESOURCE NAME VALUE: changes it in the CIB, or ends the scenario.
set_parameter() {
	quietly_on n1 crm_resource --resource "$1" --set-parameter "$2" --parameter-value "$3" || failed "set $1 $2"
}

# pacemaker_says OPERATIONS RESOURCES: prints how many of these operations (patterns) have ended well on n1.
pacemaker_says() { grep -cE "Result of ($1) operation for ($2) on n1: ok" "$OUT/n1/log/pacemaker/pacemaker.log"; }
restarts() { pacemaker_says 'start|stop' 'db-vip|db-lvs|db-health'; }
reloaded() { (($(pacemaker_says 'reload|reload-agent' "$1") >= $2)); }

# never_gone SINCE: ends the scenario unless the kernel always had the address on eth0 of n1.
never_gone() {
	local gaps
	gaps=$("$PYTHON" "$CTS/lab/addresses.py" lost "$OUT/n1/changes" "$1" "$EPOCHREALTIME" "$VIP")
	[[ -z $gaps ]] || failed "n1 did not have $VIP: $gaps"
}
