# This file makes hundreds of addresses, for one resource or for many. It is sourced in the lab.

# many_addresses COUNT: prints 10.9.1.1 to 10.9.1.254, then 10.9.2.1 and so on, one per line.
many_addresses() {
	local i
	for ((i = 0; i < $1; i++)); do printf '10.9.%d.%d\n' $((i / 254 + 1)) $((i % 254 + 1)); done
}

# many_ranges COUNT: prints the same addresses as ranges, as parameter ip has them.
many_ranges() {
	local i
	for ((i = 0; i < $1; i += 254)); do
		printf '10.9.%d.1-10.9.%d.%d ' $((i / 254 + 1)) $((i / 254 + 1)) $(($1 - i < 254 ? $1 - i : 254))
	done
}

# many_on HOST: prints those that HOST has, in this order.
many_on() { ip -n "$1" -4 -oneline addr show dev eth0 | awk '$4 ~ /^10\.9\.[1-9]\./ { sub("/.*", "", $4); print $4 }' | sort -t. -k3,3n -k4,4n; }

# many_are COUNT [HOST...]: succeeds when the hosts have exactly these between them, each once.
many_are() {
	local count=$1 host
	shift
	[[ $(for host; do many_on "$host"; done | sort -t. -k3,3n -k4,4n) == "$(many_addresses "$count")" ]]
}

# many_arrivals SINCE HOST...: sets COUNT FIRST LAST from the watchers' records: how many came, and when, after SINCE.
many_arrivals() {
	local since=$1
	shift
	set -- "${@/#/$OUT/}"
	read -r COUNT FIRST LAST < <("$PYTHON" "$CTS/lab/addresses.py" arrivals "$since" 10.9. "${@/%//changes}")
}
