# This file builds the binary under test as a user would. It is sourced on the machine.

# build_binary: sets BINARY to the release binary's path.
build_binary() {
	local messages=$OUT/build.json
	command -v cargo >/dev/null || die "build: no cargo in PATH; the suite needs a Rust toolchain"
	say "building the binary: cargo build --release"
	(cd "$CTS/.." && cargo build --release --quiet --message-format=json-render-diagnostics >"$messages") ||
		die "build: cargo build --release failed"
	# cargo alone knows the target folder and the target triple.
	BINARY=$(sed -n 's/.*"executable":"\([^"]*\/lvs-agents\)".*/\1/p' "$messages" | tail -n 1)
	[[ -x $BINARY ]] || die "build: cargo named no lvs-agents binary (see $messages)"
}
