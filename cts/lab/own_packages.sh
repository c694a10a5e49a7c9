# Our own packages, built beside the suite's binary, and what Debian's and RPM's tools say of them. Sourced on the machine.
# checks/packages plays them in the lab, from the folder that is made here.

# own_packages: builds both into $OUT/packages, with an older version of the one and a clean Debian for it.
own_packages() {
	local folder=$OUT/packages
	"$CTS/../packaging/build" --binary "$BINARY" "$folder" || return
	DEB=$(printf '%s\n' "$folder"/lvs-agents_*.deb) RPM=$(printf '%s\n' "$folder"/*.rpm)
	lintian --fail-on error --allow-root "$DEB" || return
	same_files && rpm_installs && manual_pages && unit && example_cib && older_package && clean_debian
}

# same_files: both packages have the same files, but for what each distribution has at a place of its own.
same_files() {
	diff <(dpkg-deb --fsys-tarfile "$DEB" | tar -t | sed -n 's|^\.\(/.*[^/]\)$|\1|p' | grep -vE 'lintian|changelog.Debian' | sed 's/vendor-completions/site-functions/' | sort) \
		<(rpm -qp --list "$RPM" | grep -vxE '/usr/share/(doc/)?lvs-agents(/examples)?|/usr/lib/ocf/resource.d/rust' | sort)
}

# rpm_installs: what is installed by it runs, and its links lead to the program.
rpm_installs() {
	local root=$OUT/packages/rpm-root
	mkdir -p "$root" && rpm --root "$root" -i --nodeps --noscripts --ignorearch --ignoreos "$RPM" || return
	"$root/usr/lib/ocf/resource.d/rust/vip" meta-data | grep -q '<resource-agent name="vip"'
}

# manual_pages: troff has no complaint, and `man -k` finds what each is about.
manual_pages() {
	local page complaints
	for page in "$OUT"/packages/rpm-root/usr/share/man/man?/*; do
		complaints=$(MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
		[[ -z $complaints ]] || { say "$page: $complaints" && return 1; }
		lexgrog "$page" >/dev/null || { say "$page: lexgrog finds no name" && return 1; }
	done
}

# unit: systemd takes every line of it, and calls the sandbox that it makes tight enough (0 is best, 10 is none).
unit() {
	local root=$OUT/packages/rpm-root copy=$OUT/packages/lvs-agents.service report said
	# systemd looks for the program on this machine, which has none of ours.
	sed "s|=/usr/sbin/|=$root/usr/sbin/|" "$root/usr/lib/systemd/system/lvs-agents.service" >"$copy"
	report=$(systemd-analyze security --offline=yes --threshold=28 "$copy") || { say "$report" && return 1; }
	say "${report##*$'\n'}"
	said=$(systemd-analyze --man=no verify "$copy" 2>&1 | grep -F lvs-agents.service)
	[[ -z $said ]] || { say "$said" && return 1; }
}

# example_cib: crm_verify alone would pass over what is no XML.
example_cib() {
	local file=$OUT/packages/rpm-root/usr/share/doc/lvs-agents/examples/pair.xml
	xmllint --noout "$file" && crm_verify --xml-file "$file"
}

# older_package: the same with the number of a version before, to upgrade from.
older_package() {
	local tree=$OUT/packages/older
	dpkg-deb --raw-extract "$DEB" "$tree" && sed -i 's/^Version: .*/Version: 0.0.1-1/' "$tree/DEBIAN/control" &&
		dpkg-deb -Znone --root-owner-group --build "$tree" "$OUT/packages/older.deb" && rm -r "$tree"
}

clean_debian() {
	mmdebstrap --quiet --variant=essential --mode=root "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" \
		"$OUT/packages/debian" </dev/null
}
