# reloadable parameters are changed while clients are served: pacemaker calls reload-agent and restarts nothing
scenario() {
	local from before operations
	must_be_ready
	before=$(vip_operations) from=$EPOCHREALTIME
	quietly_on n1 crm_resource --resource db-vip --set-parameter iflabel --parameter-value db || failed "set iflabel"
	must 60 "the label is on the address" label_is "eth0:db"
	quietly_on n1 crm_resource --resource db-vip --set-parameter arp_count --parameter-value 2 || failed "set arp_count"
	must 60 "the second change is reloaded" reloaded_twice
	must_serve n1
	operations=$(vip_operations)
	[[ $operations == "$before" ]] || failed "db-vip was started or stopped: $operations, before: $before"
	never_gone "$from"
	client_never_failed "$from"
	seen "iflabel and arp_count were changed by crm_resource; $(client_counts "$from")"
	quietly_on n1 crm_resource --resource db-vip --delete-parameter iflabel
	quietly_on n1 crm_resource --resource db-vip --delete-parameter arp_count
	must_serve n1
}

label_is() { [[ $(ip -n n1 -4 -oneline addr show to "$VIP") == *" $1"* ]]; }
pacemaker_says() { grep -cE "Result of ($1) operation for db-vip on n1: ok" "$OUT/n1/log/pacemaker/pacemaker.log"; }
vip_operations() { pacemaker_says 'start|stop'; }
reloaded_twice() { (($(pacemaker_says 'reload|reload-agent') >= 2)); }

# never_gone SINCE: ends the scenario unless the kernel always had the address on eth0 of n1.
never_gone() {
	local gaps
	gaps=$("$PYTHON" "$CTS/lab/addresses.py" lost "$OUT/n1/changes" "$1" "$EPOCHREALTIME" "$VIP")
	[[ -z $gaps ]] || failed "n1 did not have $VIP: $gaps"
}
