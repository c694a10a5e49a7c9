# ocft's cases for IPaddr2 pass, but for those of checks/ocft-differences
scenario() {
	local agent=/usr/lib/ocf/resource.d/rust/vip set total=0 known=0 wrong=
	[[ $PRODUCT == ours ]] || agent=/usr/lib/ocf/resource.d/heartbeat/IPaddr2
	local -A job
	# The sets run at the same time: each has namespaces of its own, and spends most of its time asleep.
	for set in IPaddr2 IPaddr2v4 IPaddr2v6; do
		on lone unshare --net --mount "$BASH" "$CTS/lab/ocft-set" $set "$agent" "$OUT/lone/ocft/$set" &
		job[$set]=$!
	done
	for set in "${!job[@]}"; do
		wait "${job[$set]}" || wrong+=" $set did not get through its cases;"
		total=$((total + $(<"$OUT/lone/ocft/$set/cases")))
		compare "$set" "$OUT/lone/ocft/$set"
	done
	[[ -z $wrong ]] || failed "$total cases;$wrong see $OUT_NAME/lone/ocft/*/test"
	seen "$total cases: $((total - known)) pass, $known differ on purpose ($agent)"
}

# compare SET FOLDER: adds to `known` and `wrong`. A listed difference that does not fail is wrong too.
compare() {
	local declared new stale
	declared=$(awk -v product="$PRODUCT" -v set="$1" '$1 == product && $2 == set { print $3 }' "$CTS/checks/ocft-differences" | sort)
	new=$(comm -13 <(printf '%s\n' "$declared") "$2/failed")
	stale=$(comm -23 <(printf '%s\n' "$declared") "$2/failed")
	[[ -z $new ]] || wrong+=" $1 fails: ${new//$'\n'/ };"
	[[ -z $stale ]] || wrong+=" $1 is listed and does not fail: ${stale//$'\n'/ };"
	known=$((known + $(comm -12 <(printf '%s\n' "$declared") "$2/failed" | wc -l)))
}
