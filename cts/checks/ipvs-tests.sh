# cargo's tests that need IPVS pass
scenario() {
	local binary broken=
	while read -r binary; do
		"$binary" --list --ignored | grep ': test$' >/dev/null || continue
		on lone "$binary" --ignored --test-threads=1 || broken+=" ${binary##*/}"
	done <"$OUT/test-binaries"
	[[ -z $broken ]] || failed "failed:$broken"
}
