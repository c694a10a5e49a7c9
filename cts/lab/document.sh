# This file executes the commands of a document as they stand there (document.py says how a block names its host). It is
# sourced in the lab.

DOCUMENT_STEPS=$L/document STAND_INS=$L/stand-ins

# What stands before the commands and behind them: the first one that ends in another way than the document says ends them. A
# trap does not see a success that is not wanted.
# shellcheck disable=SC2016
DOCUMENT_BEFORE='set -o pipefail; cd /root
judge() { case " $EXITS " in *" $1 "*) ;; *) echo "exit status $1: $2" >&2; exit 1 ;; esac; }
trap '\''judge "$?" "$BASH_COMMAND"'\'' ERR
' DOCUMENT_BEHIND='
judge "$?" "the last command"
exit 0
'

# document_stand_ins: makes the commands that no host of the lab has, in front of all others: sudo, systemctl for MariaDB, and
# the one that wakes a person.
document_stand_ins() {
	local host
	mkdir -p "$STAND_INS"
	printf '#!/bin/bash\nexec "$@"\n' >"$STAND_INS/sudo"
	printf '#!/bin/bash\n' >"$STAND_INS/page-me"
	cat >"$STAND_INS/systemctl" <<-END
		#!/bin/bash
		CTS=$CTS OUT=$OUT DATABASE_TEMPLATE=$DATABASE_TEMPLATE
		. "\$CTS/lab/common.sh"
		. "\$CTS/lab/database.sh"
		[[ \$1 =~ ^(start|stop)$ && \$2 == mariadb ]] && "database_\$1" "\$HOSTNAME"
	END
	chmod 755 "$STAND_INS"/*
	DOCUMENT_ENVIRONMENT=("PATH=$STAND_INS:$PATH")
	# Debian's MariaDB has its socket there.
	for host in rs1 rs2; do ! host_is_alive "$host" || on "$host" "$BASH" -c "mkdir -p /run/mysqld && ln -sf /run/mysql/socket /run/mysqld/mysqld.sock"; done
}

# document_play DOCUMENT HOST...: executes what it has for these hosts, in its order.
document_play() {
	local step
	DOCUMENT_BEGIN=$EPOCHREALTIME
	rm -rf "$DOCUMENT_STEPS"
	(cd "$CTS/.." && "$PYTHON" "$CTS/lab/document.py" steps "$1" "$DOCUMENT_STEPS" "${@:2}") || failed "document.py steps $1"
	for step in "$DOCUMENT_STEPS"/*; do document_step "$step"; done
}

document_step() {
	local step=$1 host kind how where
	host=$(<"$step/host") kind=$(<"$step/kind") how=$(<"$step/how") where=$(<"$step/where")
	if [[ $kind == lab ]]; then
		# shellcheck disable=SC2046
		"lab_$(<"$step/commands")" "$host" || failed "$where: the lab: $(<"$step/commands")"
		return
	fi
	say "  +$(since "$DOCUMENT_BEGIN") s: $where on $host" "$(indent <"$step/commands")"
	document_prepare "$step" "$kind"
	if [[ $how == *soon* ]]; then
		wait_for 60 "$where" document_try "$step" "$host" "$how" 2>"$step/waited"
	else
		document_try "$step" "$host" "$how"
	fi || failed "$where: $(<"$step/wrong")"
	[[ ! -e $step/wanted ]] || indent <"$step/printed"
}

# document_prepare STEP KIND: makes the commands of a configuration, and the shell around all. A configuration is for the file
# DOCUMENT_CIB: what `crm` makes of it stays for comparison, and `pcs` begins where `crm` began.
document_prepare() {
	local commands
	commands=$(<"$1/commands")
	case $2 in
	crm)
		cp "$DOCUMENT_CIB" "$DOCUMENT_CIB.before"
		printf '%s\n' "$commands" >"$1/configuration"
		commands="crm configure load update $1/configuration"
		;;
	pcs)
		mv "$DOCUMENT_CIB" "$DOCUMENT_CIB.crm"
		cp "$DOCUMENT_CIB.before" "$DOCUMENT_CIB"
		commands+=$'\n'"$PYTHON $CTS/lab/document.py agree $DOCUMENT_CIB.crm $DOCUMENT_CIB"
		;;
	esac
	[[ ! $2 =~ ^(crm|pcs)$ ]] || commands+=$'\n'"crm_verify --xml-file $DOCUMENT_CIB"
	printf '%s' "$DOCUMENT_BEFORE" "$commands" "$DOCUMENT_BEHIND" >"$1/script"
}

# document_try STEP HOST HOW: executes it once; the reason of a failure is in STEP/wrong.
document_try() {
	local step=$1 limit=()
	[[ $3 != *^C* ]] || limit=(timeout --preserve-status --signal=INT 3)
	on "$2" env "EXITS=$(<"$step/exits")" "${DOCUMENT_ENVIRONMENT[@]}" "${limit[@]}" "$BASH" "$step/script" \
		</dev/null >"$step/printed" 2>&1 || { cp "$step/printed" "$step/wrong" && return 1; }
	[[ ! -e $step/wanted ]] || "$PYTHON" "$CTS/lab/document.py" compare "$step/wanted" "$step/printed" 2>"$step/wrong"
}
