# An item has one line of progress and its output in a file; a count comes at the end. This file is sourced on the
# machine and in the lab.

# item NAME COMMAND...: runs COMMAND as an item. The part of NAME before a colon names the log. The status is 0 when the
# item passed.
item() {
	local name=$1 start=$EPOCHREALTIME log verdict
	shift
	log=${name%%:*}
	log=${log//[^[:alnum:]]/-}
	mkdir -p "$OUT/items"
	if "$@" >"$OUT/items/$log.log" 2>&1; then verdict=ok; else verdict=FAILED; fi
	printf '%s %s\n' "$verdict" "$name" >>"$OUT/results"
	printf '%-6s %7s s  %s\n' "$verdict" "$(since "$start")" "$name"
	if [[ $verdict == FAILED ]]; then
		# The cause stands far above the last lines: the output of hundreds of tests, or the state of the cluster, comes after it.
		head -n -20 "$OUT/items/$log.log" | grep -A 4 'panicked at' | head -n 20 | indent
		head -n -20 "$OUT/items/$log.log" | grep '^  FAILED: ' | head -n 5 | indent
		tail -n 20 "$OUT/items/$log.log" | indent
		say "    (all of it: ${OUT_NAME:-$OUT}/items/$log.log)"
		return 1
	fi
}

# items_total: prints the last line; the status is 0 when nothing failed.
items_total() {
	local passed failed
	passed=$(grep -c '^ok ' "$OUT/results")
	failed=$(grep -c '^FAILED ' "$OUT/results")
	say "$passed passed, $failed failed"
	((failed == 0 && passed > 0))
}
