# cargo's tests that need IPVS
scenario() {
	local binary
	while read -r binary; do
		"$binary" --list --ignored | grep -q ': test$' || continue
		on lone "$binary" --ignored --test-threads=1 || failed "${binary##*/}"
	done <"$OUT/test-binaries"
}
