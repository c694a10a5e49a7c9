# the Debian package is installed, upgraded under load, removed and purged
#
# All of it in a clean Debian (lab/own_packages.sh). A health monitor of the older version serves meanwhile.
WEB=10.9.0.50:80

scenario() {
	local folder=$OUT/packages pid before log=$L/packages
	[[ -d $folder/debian ]] || failed "no packages: cts/run builds them"
	debian=$log/root
	mkdir -p "$debian" "$log"/{upper,work}
	# The clean root stays as it is.
	on lone mount -t overlay overlay -o "lowerdir=$folder/debian,upperdir=$log/upper,workdir=$log/work" "$debian" || failed "mount the clean root"
	on lone mount -t proc proc "$debian/proc" && on lone mount -t sysfs sys "$debian/sys" && on lone mount --bind /dev "$debian/dev"
	on lone cp "$folder"/*.deb "$debian/root/"
	files >"$log/clean"
	in_debian dpkg --install /root/older.deb || failed "dpkg --install"
	[[ $(in_debian /usr/lib/ocf/resource.d/rust/vip meta-data) == *'<resource-agent name="vip"'* ]] || failed "the agent vip does not run"
	[[ $(in_debian lvs-agents install 2>&1) == *"it belongs to the package lvs-agents"* ]] || failed "install replaces files of the package"
	serve
	pid=$(daemon_of)
	before=$(on lone ipvsadm -Sn)
	load &
	in_debian sh -c "dpkg --install /root/lvs-agents_*.deb" || failed "dpkg --install of the newer version"
	: >"$log/stop"
	wait $!
	[[ $(<"$log/load") =~ ^0\ failed,\ [1-9][0-9]*\ answered$ ]] || failed "clients during the upgrade: $(<"$log/load")"
	[[ $(on lone ipvsadm -Sn) == "$before" ]] || failed "the upgrade has changed the table"
	[[ $(daemon_of) == "$pid" ]] || failed "the upgrade has ended the health monitor"
	seen "upgraded under load: $(<"$log/load"); the table is the same"
	in_debian dpkg --remove lvs-agents || failed "dpkg --remove"
	[[ $(on lone ipvsadm -Sn) == "$before" ]] || failed "the removal has changed the table"
	on lone kill "$pid" || failed "no health monitor to end"
	must 20 "the health monitor ends" fails daemon_of
	[[ -z $(on lone ipvsadm -Sn) ]] || failed "the health monitor has left something in the table"
	in_debian dpkg --purge lvs-agents || failed "dpkg --purge"
	on lone rm -f "$debian/etc/ha.d/ldirectord.cf"
	on lone rmdir "$debian/etc/ha.d"
	files >"$log/purged"
	diff "$log/clean" "$log/purged" || failed "files are left behind"
	seen "purged: no file is left"
}

# in_debian COMMAND...: runs it in the clean root, on the host `lone`.
in_debian() { on lone chroot "$debian" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# files: all files of the clean root but what dpkg writes for itself.
files() { on lone find "$debian" -xdev -path "$debian/var/lib/dpkg" -prune -o -path "$debian/var/log/dpkg.log" -prune -o -path "$debian/proc" -prune -o -print | sort; }

# serve: starts a real server and the health monitor, and waits until it serves.
serve() {
	on lone ip address add 10.9.0.50/32 dev lo
	on lone "$PYTHON" -m http.server 8080 --bind 10.9.0.41 --directory "$L/packages" >/dev/null 2>&1 &
	on lone mkdir -p "$debian/etc/ha.d"
	printf 'checkinterval=1\nvirtual=%s\n\treal=10.9.0.41:8080 masq\n\tchecktype=connect\n' "$WEB" >"$L/packages/cf"
	on lone cp "$L/packages/cf" "$debian/etc/ha.d/ldirectord.cf"
	in_debian lvs-agents daemon --configfile /etc/ha.d/ldirectord.cf &
	must 30 "the table" serves
}

serves() { [[ $(on lone ipvsadm -Sn) == *"-r 10.9.0.41:8080 -m -w 1"* ]] && on lone "$BASH" -c ": <>/dev/tcp/${WEB/:/\/}"; }
daemon_of() { on lone pgrep -f 'lvs-agents daemon --configfile'; }

# load: connects to the service again and again, and looks whether the table has it, until the file `stop` is there.
load() {
	on lone "$BASH" -c '
		failed=0 answered=0
		until [[ -e $2/stop ]] && ((answered)); do
			if { : <>"/dev/tcp/$1"; } 2>/dev/null && [[ $(</proc/net/ip_vs) == *0A090032:0050*0A090029:1F90* ]]; then
				((answered += 1))
			else
				((failed += 1))
			fi
		done
		printf "%s failed, %s answered\n" "$failed" "$answered"' load "${WEB/:/\/}" "$L/packages" >"$L/packages/load"
}
