# the original ldirectord and ours, with the same files and faults, write the same tables, but for the differences listed
scenario() {
	# BESIDE names some of them to play alone, e.g. BESIDE="quiescent=no;reload".
	local names=()
	[[ -z ${BESIDE:-} ]] || IFS=";" read -ra names <<<"$BESIDE"
	on lone "$PYTHON" -B "$CTS/lab/beside" "$OUT/lone/beside" "$CTS/checks/beside-original-differences" \
		"$CTS/../docs/from-ldirectord.md" "${names[@]}" ||
		failed "see $OUT_NAME/lone/beside/stories, and the logs beside it"
}
