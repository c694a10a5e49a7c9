#!/bin/bash
# How many instructions ordinary commands take, as valgrind counts them: one line each, "COUNT NAME", in $OUT/instructions.
#
# They are the same in every run, whatever else the machine does, but for a few hundred: numbers of processes and the time
# have more digits or fewer. The kernel's own instructions are not among them.
. "${BASH_SOURCE[0]%/*}/../lab/lab.sh"

# count CODE NAME COMMAND...: COMMAND must exit with CODE.
count() {
	local code=$1 name=$2 log=$OUT/valgrind.log status counted
	shift 2
	"$@" >"$OUT/output" 2>&1
	status=$?
	counted=$(sed -n 's/,//g; s/.*I *refs: *//p' "$log")
	[[ $status == "$code" && -n $counted ]] || { cat "$OUT/output" "$log" && die "$name: exit code $status, expected $code"; }
	printf '%s %s\n' "$counted" "$name" >>"$OUT/instructions"
}

# many_services: a file of 1000 services with 10 real servers each.
many_services() {
	local service server
	for ((service = 0; service < 1000; service++)); do
		printf 'virtual=10.9.%d.%d:80\n\tchecktype=connect\n' $((service / 250 + 1)) $((service % 250 + 1))
		for ((server = 1; server <= 10; server++)); do printf '\treal=10.8.0.%d:80 gate\n' "$server"; done
	done
}

VALGRIND=(valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "--log-file=$OUT/valgrind.log")
export AGENT_WRAPPER=${VALGRIND[*]}
VIP_PARAMETERS=(ip=10.9.0.50 nic=eth0)
network_up
product_install && lone_up || exit 1
many_services >"$L/many.cf"
: >"$OUT/instructions"
count 0 "lvs-agents --version" on lone "${VALGRIND[@]}" "$BINARY" --version
count 0 "lvs-agents check-config, 1000 services of 10" on lone "${VALGRIND[@]}" "$BINARY" check-config "$L/many.cf"
count 0 "vip meta-data" agent_run vip meta-data
count 0 "vip validate-all" agent_run vip validate-all "${VIP_PARAMETERS[@]}"
count 7 "vip monitor, not running" agent_run vip monitor "${VIP_PARAMETERS[@]}"
count 0 "vip start" agent_run vip start "${VIP_PARAMETERS[@]}"
count 0 "vip monitor, running" agent_run vip monitor "${VIP_PARAMETERS[@]}"
count 0 "vip stop" agent_run vip stop "${VIP_PARAMETERS[@]}"
count 7 "realserver monitor, not running" agent_run realserver monitor ip=10.9.0.50
count 7 "ldirectord monitor, not running" agent_run ldirectord monitor
