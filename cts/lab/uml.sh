# uml_newer chooses a newer emulated kernel than Debian 12 has, which starts a process in a third of the time. What is
# measured then has more of the agents in it and less of the emulation. This file is sourced on the machine.
#
# UML            is the kernel, a program.
# UML_MODULES    is the folder of its modules, one below it for each version.
UML=linux.uml UML_MODULES=/usr/lib/uml/modules UML_SUITE=forky

# uml_newer: sets UML and UML_MODULES to the kernel of $UML_SUITE, unless this machine's own is new or Debian cannot be asked.
uml_newer() {
	local folder=$CTS/out/cache/uml-$UML_SUITE log=$OUT/uml.log
	! kernel_has_ipvs && [[ $("$UML" --version) == [1-6].* ]] || return 0
	if [[ ! -e $folder/linux.uml ]] && ! uml_fetch "$folder" >"$log" 2>&1; then
		say "the emulated kernel of Debian $UML_SUITE cannot be had; $("$UML" --version) is used (log: $log)"
		return 0
	fi
	UML=$folder/linux.uml UML_MODULES=$folder/root/usr/lib/uml/modules
	say "the emulated kernel is $("$UML" --version), from Debian $UML_SUITE"
}

# uml_fetch FOLDER: makes FOLDER with the kernel of $UML_SUITE, which apt has verified, and the C library that it needs.
# Nothing is installed, and what apt knows of the machine's own suite stays as it is. The kernel gets its place last.
uml_fetch() (
	local apt=(apt-get -q -o "Dir::State=$1/state" -o "Dir::Cache=$1/cache" -o "Dir::Etc::SourceList=$1/sources.list"
		-o Dir::Etc::SourceParts=- -o Acquire::Languages=none -o APT::Sandbox::User=root) package
	rm -rf "$1"
	mkdir -p "$1"/{root,lib,state/lists/partial,cache/archives/partial} && cd "$1" || return
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$(uml_mirror)" $UML_SUITE >sources.list
	"${apt[@]}" update && "${apt[@]}" download user-mode-linux libc6 || return
	for package in ./*.deb; do dpkg-deb -x "$package" root || return; done
	mv root/usr/lib/x86_64-linux-gnu/{libc.so.6,ld-linux-x86-64.so.2} lib &&
		patchelf --set-interpreter "$1/lib/ld-linux-x86-64.so.2" --set-rpath "$1/lib" root/usr/bin/linux.uml &&
		root/usr/bin/linux.uml --version || return
	rm -rf state cache ./*.deb root/usr/share
	mv root/usr/bin/linux.uml .
)

# uml_mirror: prints the address from which this machine has its Debian packages.
uml_mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" |
		sort -u | grep -m 1 .
}
