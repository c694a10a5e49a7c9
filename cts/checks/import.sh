# a keepalived.conf and a saved table are imported: `lvs` programs the table that keepalived programs, and crmsh and pcs take the pair
CONF=$CTS/config/keepalived.conf

scenario() {
	keepalived_programs
	import_says_it_all "lvs-agents import ipvsadm-save $L/saved" "$L/saved.cf"
	lvs_programs "$L/saved.cf"
	same_as_keepalived "the file imported from the saved table"
	agent_run lvs stop configfile="$L/saved.cf" || failed "lvs stop"
	import_says_it_all "lvs-agents import keepalived.conf $CONF" "$L/imported.cf"
	lvs_programs "$L/imported.cf"
	same_as_keepalived "the file imported from keepalived.conf"
	same_thresholds
	plan_is_true
	crm_takes_it
	pcs_takes_it
}

# keepalived_programs: keepalived fills the table of a network namespace of its own, until it is as large as it gets.
keepalived_programs() {
	command -v keepalived >/dev/null || failed "keepalived is not installed"
	on lone ip netns add other || failed "ip netns add"
	on lone ip netns exec other ip link set lo up
	# Only what it does with the kernel's table counts here: no VRRP.
	on lone ip netns exec other keepalived --dont-fork --log-console --check --use-file="$CONF" \
		--pid="$L/keepalived.pid" --checkers_pid="$L/checkers.pid" >"$OUT/lone/keepalived.log" 2>&1 &
	must 30 "the table of keepalived has 6 services and 10 real servers" keepalived_is_done
	keepalived_table >"$L/saved"
	seen "the table that keepalived has programmed:" "$(sorted <"$L/saved")"
}

keepalived_table() { on lone ip netns exec other ipvsadm -Sn; }
keepalived_is_done() {
	local table
	table=$(keepalived_table 2>/dev/null)
	[[ $(grep -c '^-A' <<<"$table") == 6 && $(grep -c '^-a' <<<"$table") == 10 ]]
}

# sorted: the order of the kernel's table is that of a hash.
sorted() { sed 's/ *$//' | sort; }

# import_says_it_all COMMAND FILE: the command leaves nothing out, and check-config finds nothing in what it prints.
import_says_it_all() {
	local told
	# shellcheck disable=SC2086
	on lone $1 >"$2" 2>"$L/told" || failed "$1: $(<"$L/told")"
	told=$(on lone lvs-agents check-config "$2") || failed "check-config: $told"
	[[ $told == *": right: 6 virtual services, 10 real servers" && $told != *warning* ]] || failed "check-config: $told"
}

# lvs_programs FILE: `lvs` takes the file in the network namespace of the host.
lvs_programs() { agent_run lvs start configfile="$1" || failed "lvs start with $1"; }

same_as_keepalived() {
	local difference
	difference=$(diff <(sorted <"$L/saved") <(on lone ipvsadm -Sn | sorted)) || failed "$1:" "$difference"
	seen "$1: the same table as keepalived's"
}

# same_thresholds: ipvsadm does not save them.
same_thresholds() {
	local difference
	difference=$(diff <(on lone ip netns exec other ipvsadm -Ln --thresholds | sorted) <(on lone ipvsadm -Ln --thresholds | sorted)) ||
		failed "thresholds:" "$difference"
}

# plan_is_true: plan shows nothing where nothing differs, and what a start does where something does.
plan_is_true() {
	local shown
	on lone lvs-agents plan "$L/imported.cf" || failed "plan has changes for what is in the kernel"
	on lone ipvsadm -e -t 10.9.0.100:80 -r 10.9.0.21:80 -g -w 99 -x 1000 -y 100 || failed "ipvsadm -e"
	shown=$(on lone lvs-agents plan lone-lvs)
	[[ $? == 2 && $shown == "~   tcp 10.9.0.100:80  10.9.0.21:80  weight is 99, must be 10" ]] || failed "plan: $shown"
	lvs_programs "$L/imported.cf"
	same_as_keepalived "after the start that plan has shown"
	agent_run lvs stop configfile="$L/imported.cf" || failed "lvs stop"
}

# cib COMMAND...: works on a configuration in a file.
cib() { on lone env CIB_file="$L/pair.xml" "$@"; }

new_cib() {
	on lone cibadmin --empty >"$L/pair.xml"
	cib crm_attribute --name stonith-enabled --update false || failed "crm_attribute"
}

# has_the_pair: the configuration is one that pacemaker takes, and has the resources and constraints of the pair.
has_the_pair() {
	local text part
	cib crm_verify --xml-file "$L/pair.xml" || failed "$1: crm_verify"
	text=$(<"$L/pair.xml")
	shift
	for part; do [[ $text == *"$part"* ]] || failed "the configuration has no $part:" "$text"; done
}

# has_values WHAT: values with quotes of both kinds have arrived as they are in the file.
has_values() {
	[[ $(value_of request) == 'SELECT "a" FROM b' && $(value_of passwd) == "it's" ]] ||
		failed "$1: request=$(value_of request) passwd=$(value_of passwd)"
	[[ $(value_of real) == "10.9.0.21 gate 1, 10.9.0.22:3306 gate 3" ]] || failed "$1: real=$(value_of real)"
}
value_of() { cib crm_resource --resource one-lvs --get-parameter "$1"; }

crm_takes_it() {
	new_cib
	on lone lvs-agents export crm "$L/imported.cf" --name web --nic eth0 --sync-interface eth0 >"$L/pair.crm" 2>/dev/null ||
		failed "export crm"
	cib crm configure load update "$L/pair.crm" || failed "crm configure load update:" "$(<"$L/pair.crm")"
	has_the_pair crm 'id="web-lvs-clone"' 'id="web-health-clone"' 'rsc_colocation id="web-vip-with-promoted"' \
		'rsc_order id="web-promoted-first"' 'value="10.9.0.100/32, 10.9.0.101/32, 2001:db8:9::100/128"'
	new_cib
	inline_file
	on lone lvs-agents export crm "$L/one.cf" --name one --nic eth0 --simple --inline >"$L/pair.crm" 2>/dev/null || failed "export crm --inline"
	cib crm configure load update "$L/pair.crm" || failed "crm configure load update:" "$(<"$L/pair.crm")"
	has_the_pair "crm, simple" '<group id="one"' 'rsc_order id="one-checked-first"'
	has_values crm
}

pcs_takes_it() {
	new_cib
	on lone lvs-agents export pcs "$L/imported.cf" --name web --nic eth0 --sync-interface eth0 >"$L/pair.sh" 2>/dev/null ||
		failed "export pcs"
	with_pcs
	has_the_pair pcs 'id="web-lvs-clone"' 'id="web-health-clone"' 'with-rsc="web-lvs-clone"' 'first="web-lvs-clone"' \
		'value="10.9.0.100/32, 10.9.0.101/32, 2001:db8:9::100/128"'
	new_cib
	on lone lvs-agents export pcs "$L/one.cf" --name one --nic eth0 --simple --inline >"$L/pair.sh" 2>/dev/null || failed "export pcs --inline"
	with_pcs
	has_the_pair "pcs, simple" '<group id="one"' 'first="one-health"'
	has_values pcs
}

# with_pcs: runs the commands on the configuration in the file.
with_pcs() {
	sed -i "s|^pcs |pcs -f $L/pair.xml |" "$L/pair.sh"
	on lone sh -e "$L/pair.sh" || failed "pcs:" "$(<"$L/pair.sh")"
}

# inline_file: writes a file with one service, whose values need quotes of both kinds.
inline_file() {
	cat >"$L/one.cf" <<-'FILE'
		virtual=10.9.0.100:3306
		    real=10.9.0.21 gate 1
		    real=10.9.0.22:3306 gate 3
		    service=mysql
		    login="monitor"
		    passwd="it's"
		    database="test"
		    request="SELECT "a" FROM b"
	FILE
}
