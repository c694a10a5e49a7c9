# This file prepares on the machine what has to be there before a lab can start. demo, run and bench source it.
. "${BASH_SOURCE[0]%/*}/common.sh"
for part in kernel uml packages database build; do . "$CTS/lab/$part.sh"; done

# machine_folder NAME: makes an empty folder for the logs and sets OUT to it.
machine_folder() {
	OUT=$CTS/out/$1
	rm -rf "$OUT"
	mkdir -p "$OUT"
}

# machine_prepare NAME: makes the folder, installs the packages, makes the database's template and, for ours, the
# binary.
machine_prepare() {
	machine_folder "$1"
	packages_install
	[[ ${LAB_UML:-} != newer ]] || uml_newer
	database_template
	[[ $PRODUCT != ours ]] || build_binary
}

# machine_play STORY...: plays the story in a kernel with IPVS and returns its status.
machine_play() { kernel_run "$@"; }
