# crmsh and pcs take every configuration of the documents, with the same result; the commands for a host without a cluster work
#
# The cluster's configuration is a file here (CIB_file); each document begins with an empty one.
scenario() {
	local document played=0
	document_stand_ins
	pcs_by_file
	files_of_the_documents
	DOCUMENT_CIB=$L/documents.xml
	DOCUMENT_ENVIRONMENT+=("CIB_file=$DOCUMENT_CIB" CRM_alert_kind=attribute CRM_alert_node=n1
		CRM_alert_attribute_name=lvs-weight-tcp_10.9.0.100_3306 CRM_alert_attribute_value=4)
	for document in "$CTS"/../{README.md,docs/*.md}; do
		grep -qE '^(```.*|<!-- lab) lone\b' "$document" || continue
		empty_configuration
		document_play "${document#"$CTS/../"}" lone
		played=$((played + 1))
	done
	((played > 5)) || failed "only $played documents have something for lone"
}

empty_configuration() {
	cibadmin --empty >"$DOCUMENT_CIB"
	CIB_file=$DOCUMENT_CIB crm_attribute --type crm_config --name stonith-enabled --update false || failed "an empty configuration"
}

# lab_configured: begins with a pair.
lab_configured() {
	empty_configuration
	quietly_on lone env "CIB_file=$DOCUMENT_CIB" crm configure load update "$CTS/config/clone.crm"
}

lab_empty() { empty_configuration; }
lab_install() { product_install; }
# lab_without_the_package: does what the removal of the original's package does.
lab_without_the_package() { rm /usr/sbin/ldirectord; }

# pcs_by_file: pcs heeds no CIB_file.
pcs_by_file() {
	printf '#!/bin/bash\nexec %s -f "$CIB_file" "$@"\n' "$(command -v pcs)" >"$STAND_INS/pcs"
	chmod 755 "$STAND_INS/pcs"
}

# files_of_the_documents: what their commands read.
files_of_the_documents() {
	mkdir -p /etc/keepalived /etc/lvs /root/target/x86_64-unknown-linux-gnu/release
	cp "$CTS/config/keepalived-pair.conf" /etc/keepalived/keepalived.conf
	printf '10.0.2.1\n' >/etc/lvs/vips
	cp "$BINARY" /root/target/x86_64-unknown-linux-gnu/release/lvs-agents
	ip -n lone -batch - <<-END
		link add eth1 type veth peer name eth2
		link set eth1 up
		addr add 2001:db8::ff/64 dev eth1 nodad
		addr add 10.0.255.1/16 dev eth0
	END
	cp "$CTS/config/takeover.cf" "$L/hosts/lone/etc-ha.d/ldirectord.cf"
}
