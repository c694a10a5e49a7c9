# the client is answered by both servers, 1:3
scenario() {
	local from
	must_be_ready
	seen "loaded config/$PRODUCT.crm by crmsh; the group runs on n1"
	from=$EPOCHREALTIME
	nap 8
	seen "client, 8 s: $(client_counts "$from")"
	show_table n1
	client_ratio "$from" rs1 rs2 2.4 3.6 || failed "rs1:rs2 is not 1:3"
}
