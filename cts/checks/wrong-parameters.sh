# every wrong parameter: exit code, one exit reason, kernel unchanged, stop succeeds
scenario() {
	on lone "$PYTHON" "$CTS/checks/wrong_parameters.py" "$CTS/checks/wrong-parameters.table"
}
