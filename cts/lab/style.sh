# What shellcheck, shfmt and flake8 say of the scripts, and document.py of the documents. Sourced by run, where all are
# installed, and by ../dev.
#
# flake8 and not ruff, which Debian 12 does not have: the suite installs Debian's packages only.

# style_scripts: every shell script of the repository, from its root.
style_scripts() {
	printf '%s\n' dev .ci/run packaging/{build,reproducible} packaging/deb/p*
	style_files | grep '\.sh$'
	style_files | grep -v '\.sh$' | xargs grep -lE '^#!/bin/(ba)?sh'
}

style_files() { find cts -path cts/out -prune -o -type f -print; }
style_python() {
	style_files | grep '\.py$'
	printf '%s\n' packaging/dependencies.py
}

style_shellcheck() { style_scripts | xargs shellcheck --shell=bash --external-sources; }
style_shfmt() { style_scripts | xargs shfmt -ln bash -d; }
# The width of a line is left to the eye (E501).
style_flake8() { style_python | xargs flake8 --extend-ignore=E501; }

# style_documents: nothing stands in a document that nothing executes.
style_documents() { python3 -m doctest cts/lab/document.py && python3 -B cts/lab/document.py check; }

# style_check: those that are installed; it says which are not.
style_check() {
	local tool
	for tool in shellcheck shfmt flake8; do
		if command -v "$tool" >/dev/null; then
			"style_$tool" || return
		else
			printf 'NOT RUN: %s is not installed (Debian: apt install shellcheck shfmt flake8)\n' "$tool"
		fi
	done
	style_documents
}
