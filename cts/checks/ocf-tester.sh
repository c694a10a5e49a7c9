# ocf-tester passes for all four agents, and for lvs as a promotable clone
scenario() {
	local tested agent
	for tested in vip lvs clone ldirectord realserver; do
		set --
		agent=$tested
		case $tested in
		vip) set -- -o ip=10.9.0.50 -o cidr_netmask=24 -o nic=eth0 ;;
		lvs) set -- -o virtual=10.9.0.50:80 -o real="10.9.0.21 gate" ;;
		clone)
			agent=lvs
			set -- -o virtual=10.9.0.50:80 -o real="10.9.0.21 gate" -o sync_interface=eth0 -o CRM_meta_promoted_max=1
			;;
		ldirectord)
			printf 'checkinterval=1\nvirtual=10.9.0.50:80\n\treal=10.9.0.21:80 gate\n\tfallback=127.0.0.1:80\n\tchecktype=connect\n' >"$L/hosts/lone/etc-ha.d/ldirectord.cf"
			set -- -o configfile=/etc/ha.d/ldirectord.cf
			;;
		realserver) set -- -o ip=10.9.0.50 ;;
		esac
		on lone ocf-tester -n "tested-$tested" "$@" "/usr/lib/ocf/resource.d/rust/$agent" || failed "ocf-tester $tested"
	done
}
