# Every host is a network namespace with eth0 on one bridge in the lab's own namespace. This file is sourced in the lab.

declare -A ADDRESS=([n1]=10.9.0.11 [n2]=10.9.0.12 [rs1]=10.9.0.21 [rs2]=10.9.0.22 [client]=10.9.0.31 [lone]=10.9.0.41)

network_up() {
	ip -batch - <<-END
		link add br0 type bridge
		addr add 10.9.0.1/24 brd + dev br0
		link set br0 up
	END
	local name
	for name in "${!ADDRESS[@]}"; do printf '%s %s\n' "${ADDRESS[$name]}" "$name"; done >>/etc/hosts
}

# network_plug HOST: makes a new namespace with a cable. A host that was killed gets new ones, as after a reboot.
network_plug() {
	local host=$1
	ip -batch - <<-END
		netns add $host
		link add v-$host type veth peer name eth0 netns $host
		link set v-$host master br0 up
	END
	ip -n "$host" -batch - <<-END
		link set lo up
		addr add ${ADDRESS[$host]}/24 brd + dev eth0
		link set eth0 up
	END
}

# network_unplug HOST: takes the link down. This comes first, so that nothing of a dying host is heard.
network_unplug() { ip link set "v-$1" down; }

# network_remove HOST: deletes the namespace, and with it the addresses and the IPVS table.
network_remove() {
	ip -batch - <<-END
		link del v-$1
		netns del $1
	END
}
