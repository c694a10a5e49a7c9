# The machine's side: what has to be there before a lab can start. Sourced by demo, run and bench.
. "${BASH_SOURCE[0]%/*}/common.sh"
for part in kernel packages database build; do . "$CTS/lab/$part.sh"; done

# machine_folder NAME: an empty folder for the logs, OUT.
machine_folder() {
	OUT=$CTS/out/$1
	rm -rf "$OUT"
	mkdir -p "$OUT"
}

# machine_prepare NAME: packages, folder, the database's template, and (ours) the binary.
machine_prepare() {
	machine_folder "$1"
	packages_install
	database_template
	[[ $PRODUCT != ours ]] || build_binary
}

# machine_play STORY...: in a kernel with IPVS; its status.
machine_play() { kernel_run "$@"; }
