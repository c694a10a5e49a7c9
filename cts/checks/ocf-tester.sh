# ocf-tester passes for all four agents
scenario() {
	local agent
	for agent in vip lvs ldirectord realserver; do
		set --
		case $agent in
		vip) set -- -o ip=10.9.0.50 -o cidr_netmask=24 -o nic=eth0 ;;
		lvs) set -- -o virtual=10.9.0.50:80 -o real="10.9.0.21 gate" ;;
		ldirectord)
			printf 'checkinterval=1\nvirtual=10.9.0.50:80\n\treal=10.9.0.21:80 gate\n\tfallback=127.0.0.1:80\n\tchecktype=connect\n' >"$L/hosts/lone/etc-ha.d/ldirectord.cf"
			set -- -o configfile=/etc/ha.d/ldirectord.cf
			;;
		realserver) set -- -o ip=10.9.0.50 ;;
		esac
		on lone ocf-tester -n "tested-$agent" "$@" /usr/lib/ocf/resource.d/rust/$agent || failed "ocf-tester $agent"
	done
}
