use crate::config::{AnyName, parse_file};
use crate::convert::{Conversion, KeepalivedSource, import_keepalived};

fn conversion(text: &str) -> Conversion {
    let source = KeepalivedSource { file: "k", text, config_id: None, include: &|_, _| Vec::new() };
    let conversion = import_keepalived(&source);
    let config = parse_file(conversion.text.as_bytes(), &AnyName::default()).expect(&conversion.text);
    assert!(config.warnings.is_empty(), "{:?}\n{}", config.warnings, conversion.text);
    conversion
}

/// The lines of the result without comments, and the remarks.
fn imported(text: &str) -> (String, Vec<String>) {
    let Conversion { text, remarks } = conversion(text);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::trim);
    (lines.collect::<Vec<_>>().join("|"), remarks.iter().map(ToString::to_string).collect())
}

/// A virtual server with one real server.
fn around(virtual_lines: &str, real_lines: &str) -> String {
    format!(
        "virtual_server 192.0.2.100 80 {{\nprotocol TCP\nlvs_sched rr\nlvs_method DR\n{virtual_lines}\n\
         real_server 192.0.2.11 80 {{\n{real_lines}\n}}\n}}\n"
    )
}

#[test]
fn each_checker_has_its_check() {
    const TIMES: &str = "checkinterval=60|checktimeout=5|failurecount=2";
    crate::testing::check_rows(
        [
            ("", "checktype=on".to_owned()),
            ("TCP_CHECK { connect_timeout 3 }", "checktype=connect|checkinterval=60|checktimeout=3|failurecount=2".into()),
            ("PING_CHECK { }", format!("checktype=ping|{TIMES}")),
            ("SMTP_CHECK {\nretry 4\n}", "checktype=negotiate|service=smtp|checkinterval=60|checktimeout=5|failurecount=5".into()),
            (
                "HTTP_GET {\nurl {\npath /a?b\nregex \"o\\\\.k # \\\"x\\\"\"\nvirtualhost www\n}\nretry 0\n}",
                "checktype=negotiate|service=http|virtualhost=www|request=\"/a?b\"|receive=\"o\\.k # \"x\"\"|\
                 checkinterval=60|checktimeout=5|failurecount=1"
                    .into(),
            ),
            ("SSL_GET {\nurl {\npath /\n}\n}", format!("checktype=negotiate|service=https|request=\"/\"|{TIMES}")),
            (
                "DNS_CHECK {\nname example.org\ntype A\n}",
                "checktype=negotiate|service=dns|request=\"example.org\"|checkinterval=60|checktimeout=5|failurecount=4".into(),
            ),
            (
                "MISC_CHECK {\nmisc_path /bin/x\n}",
                "checktype=external|checkcommand=\"/bin/x\"|checkinterval=60|checktimeout=60|failurecount=1".into(),
            ),
        ],
        |(checker, expected)| {
            let (lines, _) = imported(&around("", checker));
            let head = "virtual=192.0.2.100:80|protocol=tcp|scheduler=rr|quiescent=no|";
            assert_eq!(lines, format!("{head}{expected}|real=192.0.2.11:80 gate 1"), "{checker}");
        },
    );
}

#[test]
fn a_port_that_packets_cannot_be_sent_to_is_still_the_one_that_is_checked() {
    crate::testing::check_rows(
        [
            ("192.0.2.100 80", "DR", "192.0.2.11 8080", "192.0.2.11:80 gate 1 checkport:8080"),
            ("192.0.2.100 80", "NAT", "192.0.2.11 8080", "192.0.2.11:8080 masq 1"),
            ("192.0.2.100 80", "NAT", "192.0.2.11", "192.0.2.11:80 masq 1"),
            ("fwmark 7", "DR", "192.0.2.11 8080", "192.0.2.11 gate 1 checkport:8080"),
            ("fwmark 7", "NAT", "192.0.2.11 8080", "192.0.2.11:8080 masq 1"),
            ("2001:db8::1 80", "TUN", "2001:db8::2 80", "[2001:db8::2]:80 ipip 1"),
        ],
        |(target, method, real, expected)| {
            let text = format!(
                "virtual_server {target} {{\nprotocol TCP\nlvs_method {method}\nreal_server {real} {{\nTCP_CHECK {{\n}}\n}}\n}}"
            );
            let (lines, _) = imported(&text);
            assert!(lines.ends_with(&format!("={expected}")), "{lines}");
        },
    );
}

#[test]
fn what_a_virtual_server_says_is_said_by_the_section() {
    let text = around(
        "persistence_timeout 50\npersistence_granularity 255.255.255.0\nsorry_server 192.0.2.99 8080\ndelay_loop 4.5\n\
         sh-port\nlb_algo sh\ninhibit_on_failure\nweight 7\nquorum 3\nhysteresis 1",
        "uthreshold 9\nlthreshold 2\nTCP_CHECK {\n}",
    );
    let (lines, remarks) = imported(&text);
    assert_eq!(
        lines,
        "virtual=192.0.2.100:80|protocol=tcp|scheduler=rr|scheduler=sh|quorum=3|hysteresis=1|schedflags=sh-port|persistent=50|netmask=255.255.255.0|\
         quiescent=yes|checktype=connect|checkinterval=5|checktimeout=5|failurecount=2|fallback=192.0.2.99:80 gate|\
         real=192.0.2.11:80 gate 7 l:2 u:9"
    );
    assert_eq!(remarks, ["k:8: delay_loop 4.5: whole seconds, at least one: 5"]);
}

#[test]
fn a_service_of_every_port_is_persistent_and_one_without_a_protocol_is_udp() {
    let (lines, remarks) = imported("virtual_server 192.0.2.100 {\nreal_server 192.0.2.11 {\n}\n}");
    assert_eq!(
        lines,
        "virtual=192.0.2.100:0|protocol=udp|scheduler=wlc|persistent=360|quiescent=no|checktype=on|real=192.0.2.11 masq 1"
    );
    assert_eq!(remarks, ["k:1: protocol: not said: keepalived takes UDP"]);
}

#[test]
fn a_granularity_makes_a_service_persistent_and_counts_for_no_group() {
    let (lines, _) = imported(&around("persistence_granularity 255.255.0.0", ""));
    assert!(lines.contains("|persistent=360|netmask=255.255.0.0|"), "{lines}");
    let text = "virtual_server_group g {\n192.0.2.1 80\n}\nvirtual_server group g {\nprotocol TCP\n\
        persistence_granularity 255.255.0.0\n}\n";
    let (lines, remarks) = imported(text);
    assert!(lines.contains("persistent=360") && !lines.contains("netmask"), "{lines}");
    let told =
        "k:6: persistence_granularity: keepalived does not apply it to a group: netmask=255.255.0.0 would say it";
    assert_eq!(remarks, [told]);
}

#[test]
fn a_group_is_a_section_for_each_of_its_addresses() {
    let text = "virtual_server_group g {\n192.0.2.1-2 80\n2001:db8::1 80\nfwmark 7\n}\n\
        virtual_server group g {\nprotocol TCP\nlvs_method TUN\nreal_server 192.0.2.11 80 {\n}\n}\n\
        virtual_server_group other {\n192.0.2.3 80\n}\n";
    let (lines, remarks) = imported(text);
    let sections: Vec<&str> = lines.split('|').filter(|line| line.starts_with("virtual")).collect();
    assert_eq!(sections, ["virtual=192.0.2.1:80", "virtual=192.0.2.2:80", "virtual6=[2001:db8::1]:80", "virtual=7"]);
    let other = "k:12: virtual_server_group other: left out: no virtual server has this group";
    assert!(remarks.contains(&other.to_owned()), "{remarks:?}");
}

#[test]
fn real_servers_that_are_asked_something_else_say_so_in_their_line_or_are_told() {
    let text = "virtual_server 192.0.2.100 80 {\nprotocol TCP\nlvs_method DR\n\
        real_server 192.0.2.11 80 {\nHTTP_GET {\nurl {\npath /a\n}\n}\n}\n\
        real_server 192.0.2.12 80 {\nHTTP_GET {\nurl {\npath /b\nregex ok\n}\n}\n}\n\
        real_server 192.0.2.13 80 {\nTCP_CHECK {\n}\nPING_CHECK {\n}\n}\n\
        real_server 192.0.2.14 80 {\n}\n\
        real_server 192.0.2.15 80 {\nHTTP_GET {\nurl {\npath /a\n}\nretry 9\n}\n}\n}\n";
    let (lines, remarks) = imported(text);
    let reals: Vec<&str> = lines.split('|').filter(|line| line.starts_with("real")).collect();
    assert_eq!(
        reals,
        [
            "real=192.0.2.11:80 gate 1",
            "real=192.0.2.12:80 gate 1 \"/b\",\"ok\"",
            "real=192.0.2.13:80 gate 1",
            "real=192.0.2.14:80 gate 1",
            "real=192.0.2.15:80 gate 1",
        ]
    );
    let told = [
        "k:20: real_server 192.0.2.13: TCP_CHECK: left out: the check of 192.0.2.11 counts for all real servers of the service",
        "k:22: PING_CHECK: left out: a real server has one check: TCP_CHECK at k:20 counts",
        "k:25: real_server 192.0.2.14: checker: left out: it has none: it is checked by HTTP_GET as the others are",
        "k:28: real_server 192.0.2.15: times of its check: left out: those of 192.0.2.11 count for all real servers of the \
         service",
    ];
    assert_eq!(remarks, told);
}

#[test]
fn a_pattern_that_the_language_refuses_is_left_out_alone() {
    let (lines, remarks) = imported(&around("", "HTTP_GET {\nurl {\npath /a\nregex (\n}\n}"));
    assert!(lines.contains("request=\"/a\"|checkinterval"), "{lines}");
    let [remark] = remarks.as_slice() else { panic!("{remarks:?}") };
    assert!(remark.starts_with("k:10: receive: left out: \"(\": expected"), "{remark}");
}

#[test]
fn mails_are_wanted_where_keepalived_would_send_them() {
    let global = "global_defs {\nnotification_email {\na@example.org\nb@example.org\n}\nnotification_email_from c@example.org\n\
        smtp_server 192.0.2.25 587\n}\n";
    let mail = "emailalert=a@example.org, b@example.org|emailalertfrom=c@example.org|smtp=192.0.2.25|smtp_port=587";
    assert!(imported(&format!("{global}{}", around("", ""))).0.contains(mail));
    assert!(!imported(&format!("{global}{}", around("smtp_alert off", ""))).0.contains("emailalert"));
    assert!(imported(&format!("{global}{}", around("smtp_alert off", "smtp_alert"))).0.contains(mail));
    assert!(!imported(&around("smtp_alert", "")).0.contains("emailalert"));
}

#[test]
fn nothing_is_dropped_without_a_word() {
    let text = "global_defs {\nrouter_id lb\nlvs_sync_daemon eth1 VI_1 id 7\nlvs_timeouts tcp 9\nnonsense x\n}\n\
        vrrp_instance VI_1 {\ninterface eth0\nauthentication {\nauth_pass secret\n}\nvirtual_ipaddress {\n\
        192.0.2.100/24 dev eth0\n192.0.2.101/24 dev eth2\n}\n}\nvrrp_script s {\n}\nmistyped_pass secret\n";
    let (lines, remarks) = imported(text);
    assert_eq!(lines, "");
    let expected = [
        "k:2: router_id lb: concerns the processes of keepalived",
        "k:3: lvs_sync_daemon eth1 VI_1 id 7: a promotable lvs does this: sync_interface=eth1 sync_id=7",
        "k:4: lvs_timeouts tcp 9: left out: ipvsadm --set sets them, once on each node",
        "k:5: nonsense: left out: not known here",
        "k:7: vrrp_instance VI_1: its addresses are a resource, ocf:rust:vip ip=\"192.0.2.100/24, 192.0.2.101/24@eth2\" \
         nic=eth0, and the cluster decides which node has them: lvs-agents export writes the commands",
        "k:17: vrrp_script s: left out: what moves the addresses is a resource of its own with a colocation, or a location rule",
        "k:19: mistyped_pass: left out: not known here",
    ];
    assert_eq!(remarks, expected);
    for (virtual_lines, real_lines) in [
        ("quorum_up /bin/x", ""),
        ("omega", ""),
        ("ha_suspend", ""),
        ("sorry_server_inhibit", ""),
        ("alpha", ""),
        ("mystery", ""),
        ("protocol ESP", ""),
        ("lvs_method XX", ""),
        ("persistence_timeout x", ""),
        ("", "notify_down /bin/x"),
        ("", "mystery"),
        ("", "weight x"),
        ("", "FILE_CHECK {\n}"),
        ("", "TCP_CHECK {\nbindto 192.0.2.1\n}"),
        ("", "TCP_CHECK {\nmystery\n}"),
        ("", "TCP_CHECK {\ndelay_before_retry 3\n}"),
        ("", "HTTP_GET {\nurl {\npath /\ndigest x\n}\n}"),
        ("", "HTTP_GET {\nurl {\npath /\n}\nurl {\npath /b\n}\n}"),
        ("", "HTTP_GET {\nurl {\npath /\nstatus_code 200\n}\n}"),
        ("", "MISC_CHECK {\nmisc_path \"/bin/x a\"\n}"),
        ("", "UDP_CHECK {\npayload 00\n}"),
        ("", "DNS_CHECK {\ntype SOA\n}"),
    ] {
        let conversion = conversion(&around(virtual_lines, real_lines));
        assert!(!conversion.remarks.is_empty(), "{virtual_lines} {real_lines}: {}", conversion.text);
    }
}
