# packages_install installs the Debian packages that the suite needs, and does nothing where all are there. This file is
# sourced on the machine.
PACKAGES=(
	kmod iproute2 procps util-linux # namespaces, modules
	corosync pacemaker pacemaker-cli-utils crmsh pcs resource-agents cluster-glue
	ipvsadm ldirectord libdbd-mysql-perl keepalived # the peers, and the tool that shows the table
	mariadb-server mariadb-client python3 python3-pymysql
	bind9 slapd postgresql freeradius tinyproxy openssl   # servers that the checks are asked of (tests/check_servers)
	nginx kamailio                                        # of pages and telephones (checks/faults)
	dovecot-imapd dovecot-pop3d vsftpd exim4-daemon-light # and of mail and files (tests/check_programs.rs)
	lintian mmdebstrap rpm man-db logrotate systemd       # our own packages (checks/packages)
	strace iputils-ping iputils-arping tcpdump libxml2-utils
	file gcc libc6-dev
	curl jq nftables iptables # what the documents call
	shellcheck shfmt flake8
	chromium-headless-shell             # and of the page for browsers
	tmux                                # a terminal without a person, for lvs-agents top
	prometheus prometheus-node-exporter # what reads the metrics, and what has the same
	perl openssl                        # the unit tests ask the first what a pattern means; the second is an old server
)

packages_missing() {
	local name
	for name in "${PACKAGES[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s ' "$name"
	done
}

packages_install() {
	[[ $EUID == 0 ]] || die "the lab needs root: it makes namespaces and mounts (nothing outside of them is changed)"
	command -v apt-get >/dev/null || die "packages: this suite installs Debian packages, and there is no apt-get here"
	# Where the running kernel has no IPVS, one that has it is booted as an ordinary process.
	kernel_has_ipvs || PACKAGES+=(user-mode-linux patchelf)
	local missing policy=/usr/sbin/policy-rc.d made=
	missing=$(packages_missing)
	[[ -n $missing ]] || return 0
	say "installing Debian packages: $missing"
	# A service that a package starts on the machine itself would be outside the lab's namespaces.
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	{ apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$OUT/packages.log" 2>&1
	local status=$?
	[[ -z $made ]] || rm -f "$policy"
	((status == 0)) || die "packages: apt-get failed (log: $OUT/packages.log)"
}
