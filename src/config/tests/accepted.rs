//! Texts that are accepted, and what they mean.

use std::time::Duration;

use super::*;
use crate::model::{ForwardingMethod, Persistence, PersistenceEngine, ServiceKey, TunnelChecksum};

fn keys(text: &str) -> Vec<String> {
    service(text).real_servers.iter().map(|real| real.real_server.key.to_string()).collect()
}

#[test]
fn an_empty_file_has_every_default() {
    let config = accept("");
    assert_eq!(config.global, Global::default());
    assert!(config.services.is_empty() && config.warnings.is_empty());
    let service = service("virtual=10.1.9.9:80\n\treal=10.1.0.2 gate");
    assert_eq!((service.quiescent, service.cleanstop, service.failurecount), (false, true, 1));
    assert_eq!(service.checkinterval, Duration::from_secs(10));
    assert_eq!((service.service.scheduler.as_str(), service.service.persistence), ("wrr", None));
    let real = service.real_servers.first().expect("a real server");
    assert_eq!((real.real_server.weight, real.real_server.key.port), (1, 80));
    assert_eq!(real.check.timeout, Duration::from_secs(30));
    assert_eq!(real.check.target.to_string(), "10.1.0.2:80");
}

#[test]
fn virtual_services_have_their_keys() {
    for (text, key) in [
        ("virtual=10.1.9.9:80", "tcp 10.1.9.9:80"),
        ("virtual = 10.1.9.9:http", "tcp 10.1.9.9:80"),
        ("virtual=10.1.9.9:80 # vip", "tcp 10.1.9.9:80"),
        ("virtual=web1:8080", "tcp 10.1.0.11:8080"),
        ("virtual=10.1.9.9:9953\n\tprotocol=udp", "udp 10.1.9.9:9953"),
        ("virtual=10.1.9.9:53\n\tchecktype=on", "udp 10.1.9.9:53"),
        ("virtual=10.1.9.9:domain\n\tchecktype=on", "udp 10.1.9.9:53"),
        ("virtual=10.1.9.9:53\n\tprotocol=tcp\n\tchecktype=on", "tcp 10.1.9.9:53"),
        ("virtual=42 ", "fwmark 42"),
        ("virtual=42\n\tprotocol=fwm", "fwmark 42"),
        ("virtual6=3", "fwmark 3 ipv6"),
        ("virtual6=[2001:db8::1]:80", "tcp [2001:db8::1]:80"),
        ("virtual6=web1:http", "tcp [2001:db8::11]:80"),
        ("virtual=10.1.9.9:0\n\tpersistent=60", "tcp 10.1.9.9:0"),
    ] {
        assert_eq!(service(text).service.key.to_string(), key, "{text:?}");
    }
}

#[test]
fn real_servers_come_in_every_form() {
    let with = |line: &str| keys(&format!("virtual=10.1.9.9:80\n\t{line}"));
    assert_eq!(with("real=10.1.0.2 gate"), ["10.1.0.2:80"]);
    assert_eq!(with("real=10.1.0.2:www masq"), ["10.1.0.2:80"]);
    assert_eq!(with("real=10.1.0.2:8080 masq"), ["10.1.0.2:8080"]);
    assert_eq!(
        with("real=10.1.0.254->10.1.1.1:80 gate"),
        ["10.1.0.254:80", "10.1.0.255:80", "10.1.1.0:80", "10.1.1.1:80"]
    );
    let last = ["250", "251", "252", "253", "254", "255"].map(|last| format!("255.255.255.{last}:80"));
    assert_eq!(with("real=255.255.255.250->255.255.255.255 gate"), last, "not past the last address");
    assert_eq!(with("real=10.1.0.2->10.1.0.2 gate"), ["10.1.0.2:80"], "a range of one");
    assert_eq!(with("real=10.1.0.0->10.1.255.255 gate").len(), 65536, "the largest range");
    assert_eq!(with("real=sql01->sql03:80 ipip 10"), ["10.1.0.21:80", "10.1.0.22:80", "10.1.0.23:80"]);
    assert_eq!(keys("virtual=7\n\treal=10.1.0.2 gate"), ["10.1.0.2:0"]);
    assert_eq!(keys("virtual=7\n\treal=10.1.0.2:80 gate"), ["10.1.0.2:80"]);
    assert_eq!(
        keys("virtual6=[2001:db8::1]:80\n\treal6=[2001:db8::2] gate\n\treal6=web1:80 gate"),
        ["[2001:db8::2]:80", "[2001:db8::11]:80"]
    );
}

#[test]
fn weights_and_thresholds_are_kept() {
    for (tail, expected) in [
        ("gate", (1, 0, 0)),
        ("gate 0", (0, 0, 0)),
        ("gate 65535", (65535, 0, 0)),
        ("gate -w 7", (7, 0, 0)),
        ("masq 5 l:10 u:20", (5, 10, 20)),
        ("masq 5 u:20 l:10   # both orders", (5, 10, 20)),
    ] {
        let service = service(&format!("virtual=10.1.9.9:80\n\treal=10.1.0.2:80 {tail}"));
        let real = &service.real_servers.first().expect(tail).real_server;
        assert_eq!((real.weight, real.lower_threshold, real.upper_threshold), expected, "{tail}");
    }
}

#[test]
fn a_fallback_is_the_sections_or_the_global_one_of_the_family() {
    let fallback = |text: &str| service(text).fallback.map(|real| (real.key.to_string(), real.forwarding));
    let gate = |key: &str| Some((key.to_string(), ForwardingMethod::Gate));
    let virtual4 = "virtual=10.1.9.9:80\n";
    assert_eq!(fallback(virtual4), None);
    assert_eq!(fallback(&format!("{virtual4}\tfallback=127.0.0.1")), gate("127.0.0.1:80"));
    assert_eq!(fallback(&format!("fallback=127.0.0.1:80   # sorry\n{virtual4}")), gate("127.0.0.1:80"));
    assert_eq!(fallback(&format!("{virtual4}fallback=\"127.0.0.1:http\"")), gate("127.0.0.1:80"));
    assert_eq!(fallback(&format!("fallback6=[::1]:80\n{virtual4}")), None);
    assert_eq!(fallback("fallback6=[::1]\nvirtual6=[2001:db8::1]:80"), gate("[::1]:80"));
    assert_eq!(fallback(&format!("fallback=127.0.0.1\n{virtual4}\tfallback=127.0.0.2")), gate("127.0.0.2:80"));
    assert_eq!(
        fallback(&format!("{virtual4}\tfallback=127.0.0.1:8080 masq ")),
        Some(("127.0.0.1:8080".into(), ForwardingMethod::Masq))
    );
    assert_eq!(fallback("virtual=7\n\tfallback=127.0.0.1"), gate("127.0.0.1:0"));
}

/// One global fallback for services of several ports is common: direct routing then keeps each service's port.
#[test]
fn a_fallback_cannot_change_the_port_by_direct_routing() {
    let config = accept("fallback=127.0.0.1:80\nvirtual=10.1.9.9:443\n\tchecktype=connect\n");
    let fallback = config.services.first().and_then(|service| service.fallback.clone()).expect("a fallback");
    assert_eq!(fallback.key.to_string(), "127.0.0.1:443");
    let warning = "line 1: fallback \"127.0.0.1:80\": port 80: ignored for tcp 10.1.9.9:443: gate cannot change the \
                   port; the fallback is 127.0.0.1:443";
    assert_eq!(displayed(&config.warnings), [warning]);
}

#[test]
fn a_section_says_it_over_the_global_lines_and_the_last_line_wins() {
    let global = "quiescent=yes\nfailurecount=3\ncheckinterval=7\ncleanstop=no\n";
    let plain = service(&format!("{global}virtual=10.1.9.9:80"));
    assert_eq!((plain.quiescent, plain.failurecount, plain.cleanstop), (true, 3, false));
    assert_eq!(plain.checkinterval, Duration::from_secs(7));
    let own = service(&format!(
        "{global}virtual=10.1.9.9:80\n\tquiescent=no\n\tfailurecount=2\n\tcheckinterval=1\n\tcleanstop=yes\n\tscheduler=rr\n\tscheduler=wlc"
    ));
    assert_eq!((own.quiescent, own.failurecount, own.cleanstop), (false, 2, true));
    assert_eq!((own.checkinterval, own.service.scheduler.as_str()), (Duration::from_secs(1), "wlc"));
    let after = service("virtual=10.1.9.9:80\nquiescent=yes");
    assert!(after.quiescent, "a global line counts for sections above it too");
}

#[test]
fn a_rest_of_the_line_loses_the_quotes_around_all_of_it_alone() {
    crate::testing::check_rows(
        [
            ("/bin/x y", "/bin/x y"),
            ("\"/bin/x y\"", "/bin/x y"),
            ("\"/bin/x y\" z", "\"/bin/x y\" z"),
            ("\"/bin/x\" \"z\"", "\"/bin/x\" \"z\""),
        ],
        |(written, expected)| {
            let command = |text: &str| service(text).notices.fallbackcommand.expect("a command");
            assert_eq!(&*command(&section(&[&format!("fallbackcommand={written}")])), expected);
            assert_eq!(&*command(&format!("fallbackcommand={written}\n{}", section(&[]))), expected);
        },
    );
}

#[test]
fn persistence_flags_and_schedulers_reach_the_service() {
    let service = service(&section(&[
        "persistent=600",
        "netmask=255.255.255.0",
        "scheduler=sh",
        "schedflags=sh-port,sh-fallback",
        "protocol=udp",
        "checktype=ping",
        "ops=yes",
    ]));
    assert_eq!(service.service.persistence, Some(Persistence::by_address(600, 24)));
    assert_eq!(service.service.flags.scheduler, [true, true, false]);
    assert!(service.service.flags.one_packet);
    assert!(matches!(service.service.key, ServiceKey::Address { protocol: Protocol::Udp, .. }));
    let persistence = |text: &str| super::service(text).service.persistence;
    assert_eq!(persistence(&section(&["persistent=0"])), None);
    let six = "virtual6=[2001:db8::1]:80\n\tpersistent=60\n";
    assert_eq!(persistence(six), Some(Persistence::by_address(60, 128)));
    assert_eq!(persistence(&format!("{six}\tnetmask=64")), Some(Persistence::by_address(60, 64)));
}

#[test]
fn a_sip_dialogue_is_a_client_and_an_sctp_port_is_pinged() {
    let sip = "virtual=10.1.9.9:5060\n\tprotocol=udp\n\tpersistent=60\n\tpersistence_engine=sip\n\tchecktype=ping\n";
    let engine = |text: &str| service(text).service.persistence.and_then(|persistence| persistence.engine);
    assert_eq!(engine(sip), Some(PersistenceEngine::Sip));
    for (text, warning) in [
        (sip.replace("\tprotocol=udp\n", ""), "persistence_engine: ignored without protocol=udp"),
        (sip.replace("\tpersistent=60\n", ""), "persistence_engine: ignored without persistent"),
    ] {
        let config = accept(&text);
        assert!(displayed(&config.warnings).iter().any(|shown| shown.ends_with(warning)), "{:?}", config.warnings);
        assert_eq!(engine(&text), None);
    }
    let sctp = service("virtual=10.1.9.9:3868\n\tprotocol=sctp\n\tchecktype=connect\n\treal=10.1.0.2 gate\n");
    assert_eq!((sctp.service.key.to_string().as_str(), sctp.question.kind), ("sctp 10.1.9.9:3868", "ping"));
}

#[test]
fn a_tunnel_has_a_kind_a_port_and_a_checksum() {
    use ForwardingMethod::{Gre, Gue, Ipip};
    let (none, outer, remote) = (TunnelChecksum::None, TunnelChecksum::Outer, TunnelChecksum::Remote);
    crate::testing::check_rows(
        [
            ("ipip 5", Ipip),
            ("gue 5", Gue { port: 6080, checksum: none }),
            ("gue 5 tun-port:99", Gue { port: 99, checksum: none }),
            ("gue tun-csum 5", Gue { port: 6080, checksum: outer }),
            ("gue 5 tun-remcsum tun-port:7", Gue { port: 7, checksum: remote }),
            ("gre 5", Gre { checksum: none }),
            ("gre 5 tun-nocsum", Gre { checksum: none }),
            ("gre 5 tun-csum", Gre { checksum: outer }),
        ],
        |(words, expected)| {
            let service = service(&format!("virtual=10.1.9.9:80\n\tchecktype=on\n\treal=10.1.0.2 {words} l:1 u:2\n"));
            let real = &service.real_servers[0].real_server;
            assert_eq!(real.forwarding, expected);
            assert_eq!((real.key.port, real.lower_threshold, real.upper_threshold), (80, 1, 2));
        },
    );
}

/// What people write and ldirectord refuses: accepted, each with a warning.
#[test]
fn common_mistakes_are_accepted_with_a_warning() {
    for (text, warning) in [
        ("autoreload=yes\r\n", "line 1: ends with a carriage return, which ldirectord refuses after yes and no"),
        ("\u{feff}quiescent=no", "line 1: starts with a byte order mark, which ldirectord refuses"),
        ("checkinterval=3\u{3000}", ""),
        ("quiescent=no\u{a0}# x", "line 1: quiescent: a comment behind the value, which ldirectord refuses"),
        ("checktimeout=3 # x", ""),
        (
            "checktimeout=3   //\u{8d85}\u{65f6}",
            "line 1: checktimeout: a comment behind the value that begins with //, which ldirectord takes for a part of it",
        ),
        (
            "quiescent=no   // x",
            "line 1: quiescent: a comment behind the value that begins with //, which ldirectord takes for a part of it",
        ),
        ("fallback=127.0.0.1:80 # x", "line 1: fallback: a comment behind the value, which ldirectord refuses"),
        ("checkinterval=5s", "line 1: checkinterval \"5s\": expected digits alone: 5 counts"),
        ("checkinterval=3.5", "line 1: checkinterval \"3.5\": expected digits alone: 3 counts"),
        ("failurecount=600 sec", "line 1: failurecount \"600 sec\": expected digits alone: 600 counts"),
        (
            "virtual=10.1.9.9:80\n\tpersistent=9999999",
            "line 2: persistent \"9999999\": expected at most 2678400: that counts",
        ),
        ("virtual=10.1.9.9:80\n\tscheduler=Wrr", "line 2: scheduler \"Wrr\": taken as wrr"),
        ("virtual=10.1.9.9:80\n\tchecktype=connect,", "line 2: checktype \"connect,\": taken as connect"),
        ("virtual=10.1.9.9:80\n\tcheckport=80/tcp", "line 2: checkport \"80/tcp\": expected digits alone: 80 counts"),
        (
            "virtual=10.1.9.9:80\n\tscheduler=maglev",
            "line 2: scheduler \"maglev\": expected a scheduler, one of rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh \
             twos: the kernel decides whether it has it",
        ),
        (
            "virtual=10.1.9.9:80/tcp",
            "line 1: virtual \"10.1.9.9:80/tcp\": \"/tcp\" behind the port: the protocol is that of the virtual service",
        ),
        (
            "virtual=10.1.9.9:80\n\treal=10.1.0.2::80 gate",
            "line 2: real \"10.1.0.2::80 gate\": two colons before the port: they count as one",
        ),
        (
            "virtual=10.1.9.9:80\n\treal=10.1.0.2:81 gate",
            "line 2: real \"10.1.0.2:81 gate\": port 81: gate cannot change the port: expected 80, or masq: clients reach 80, and 81 is checked",
        ),
        (
            "virtual=10.1.9.9:80\n\treal=10.1.0.2 gate\n\treal=10.1.0.2 gate 5",
            "line 3: real \"10.1.0.2 gate 5\": 10.1.0.2:80: given twice in virtual \"10.1.9.9:80\": the first counts",
        ),
        ("quiescent\u{3000}=no", "line 1: contains a no-break or wide space, taken as a blank; ldirectord refuses it"),
        (" checktimeout=3", "line 1: blanks before a line outside of sections, which ldirectord refuses"),
        (
            "virtual=10.1.9.9:80\n  quiescent=no",
            "line 2: indented by less than 4 blanks or a tab, which ldirectord refuses",
        ),
        (
            "virtual=10.1.9.9:80\n\n\tquiescent=no",
            "line 3: an indented line after a blank one, which ldirectord refuses",
        ),
        (
            "logfile=/var/log/x.log",
            "line 1: logfile \"/var/log/x.log\": no double quotes around it, which ldirectord refuses",
        ),
        ("callback=/bin/true", "line 1: callback \"/bin/true\": no double quotes around it, which ldirectord refuses"),
        (
            "fallback=\"127.0.0.1:80\"",
            "line 1: fallback \"127.0.0.1:80\": double quotes around it, which ldirectord refuses",
        ),
        ("virtual=10.1.9.9:80 vip", "line 1: virtual \"10.1.9.9:80 vip\": ignored what follows the address"),
        ("supervised", "line 1: supervised: without a value, which ldirectord warns of: yes counts"),
        ("fork=yes", "line 1: fork: ignored: all checks run at once anyway"),
        ("checkcount=3", "line 1: checkcount: deprecated and without effect: use failurecount"),
        ("virtual=10.1.9.9:80\n\tnetmask=255.255.255.0", "line 2: netmask: ignored without persistent"),
        ("virtual=10.1.9.9:80\n\tops=yes", "line 2: ops: ignored without protocol=udp"),
        (
            "checkpath=yes\nvirtual=10.1.9.9:53\n\tchecktype=ping",
            "line 1: checkpath: ignored for udp 10.1.9.9:53: only TCP says by itself whether a packet has arrived",
        ),
        (
            "virtual=7\n\tchecktype=on\n\tcheckpath=yes",
            "line 3: checkpath: ignored for fwmark 7: a firewall mark has neither an address nor a port to ask",
        ),
        (
            "virtual=10.1.9.9:0\n\tchecktype=on\n\tpersistent=9\n\tcheckpath=yes",
            "line 4: checkpath: ignored for tcp 10.1.9.9:0: a service of every port has none to ask",
        ),
        (
            "evidence=act\nvirtual=10.1.9.9:53\n\tchecktype=ping",
            "line 1: evidence: ignored for udp 10.1.9.9:53: only TCP says by its packets whether a client was answered",
        ),
        (
            "virtual=7\n\tchecktype=on\n\tevidence=report",
            "line 3: evidence: ignored for fwmark 7: a firewall mark takes packets of any protocol",
        ),
        (
            "virtual=10.1.9.9:80\n\tscheduler=sh\n\tevidence=act",
            "line 3: evidence: act: only reported with sh: one client could take a real server from all others",
        ),
        (
            "virtual=10.1.9.9:80\n\tpersistent=9\n\tevidence=act",
            "line 3: evidence: act: only reported with persistent: one client could take a real server from all others",
        ),
        ("virtual=7\n\tchecktype=on\n\tevidence=no", ""),
        ("virtual=10.1.9.9:80\n\tpersistent=9\n\tevidence=\"report\"", ""),
        ("virtual=10.1.9.9:80\n\tprotocol=tcp udp", "line 2: protocol \"tcp udp\": expected one word: tcp counts"),
        (
            "virtual=10.1.9.9:22",
            "line 1: virtual \"10.1.9.9:22\": never checked: service is none: use checktype=connect, or checktype=on to say so",
        ),
        (
            "virtual=10.1.9.9:8080\n\tservice=http\n\treal=10.1.0.2 gate",
            "line 3: real \"10.1.0.2 gate\": checked on port 80 of service http, not on 8080: a checkport decides",
        ),
    ] {
        let expected: Vec<&str> = Some(warning).filter(|text| !text.is_empty()).into_iter().collect();
        assert_eq!(displayed(&accept(text).warnings), expected, "{text:?}");
    }
    let passwd = accept(&section(&["passwd=\"hunter2\" hunter3"]));
    assert_eq!(displayed(&passwd.warnings), ["line 3: passwd: ignored what follows the closing double quote"]);
}

/// Indentation, comments and blanks as files in the wild mix them.
#[test]
fn layout_is_free() {
    let text = "#####\n# global\n    # indented comment\nchecktimeout = 3 # seconds\n\nvirtual=10.1.9.9:80\t# vip\n\
                \treal=10.1.0.2:80 gate\n     real=10.1.0.3:80 gate 2 \n# at the margin, still inside\n\
                \t   \t#real=10.1.0.4:80 gate\n         scheduler = rr   \n\t\n \n\nquiescent=yes\nvirtual=10.1.9.9:443\n\
                \tservice=https\n    real=10.1.0.2:443 gate";
    let config = accept(text);
    assert_eq!(displayed(&config.warnings), Vec::<String>::new());
    let sizes: Vec<usize> = config.services.iter().map(|service| service.real_servers.len()).collect();
    assert_eq!(sizes, [2, 1]);
    assert!(config.services.iter().all(|service| service.quiescent));
}

#[test]
fn global_values_are_kept() {
    let config =
        accept("autoreload=yes\ncallback=\"/bin/a\"\nlogfile=\"local0\"\nmetrics=[::1]:9117\nobserve_group=ops\n");
    assert_eq!(
        config.global,
        Global {
            autoreload: true,
            callback: Some("/bin/a".into()),
            metrics: "[::1]:9117".parse().ok(),
            observe_group: Some("ops".into()),
            logfile: Some(LogTarget::Syslog("local0".into())),
            supervised: false,
            executed: Vec::new(),
        }
    );
    assert_eq!(accept("logfile=\"/a/b\"").global.logfile, Some(LogTarget::File("/a/b".into())));
}

#[test]
fn each_file_that_is_executed_is_kept_once_and_is_known_whatever_else_is_wrong() {
    let text = "execute=a.cf\nexecute = \"b c.cf\"   # another\nexecute=a.cf\n";
    let executed = |origin, name: &str| ExecutedFile { origin: Origin::Line(origin), name: name.into() };
    let expected = [executed(1, "a.cf"), executed(2, "b c.cf")];
    assert_eq!(accept(text).global.executed, expected);
    assert_eq!(executed_files(format!("{text}nonsense\nvirtual=nosuch:80\n").as_bytes()), expected);
}

#[test]
fn one_address_may_serve_both_protocols() {
    let config = accept("virtual=10.1.9.9:80\nvirtual=10.1.9.9:80\n\tprotocol=udp\n\tchecktype=ping\n");
    assert_eq!(config.services.len(), 2);
    assert_eq!(config.services.first().map(|service| service.origin), Some(Origin::Line(1)));
}

/// What the kernel is told and what is checked, where direct routing cannot change the port that a line names.
#[test]
fn direct_routing_reaches_the_port_of_the_virtual_service_and_the_port_of_the_line_is_checked() {
    let service = service("virtual=10.1.9.9:80\n\treal=10.1.0.2:8080 gate\n");
    let real = service.real_servers.first().expect("a real server");
    assert_eq!((real.real_server.key.to_string(), real.check.target.port()), ("10.1.0.2:80".into(), 8080));
}

#[test]
fn latin_1_is_read_where_only_people_read_it() {
    let config = parse_file(b"virtual=10.1.9.9:80\n\tcomment=caf\xe9\n", &Names).expect("accepted");
    let warnings = displayed(&config.warnings);
    assert!(warnings.contains(&"line 2: comment: not UTF-8 text, taken as Latin-1".into()), "{warnings:?}");
}

/// The file that the demo serves is a user's own, as printed in an article: no-break spaces, and comments in Chinese.
#[test]
fn the_file_of_the_demo_has_one_warning_for_each_commented_value_and_serves() {
    let config = parse_file(include_bytes!("../../../cts/config/ldirectord.cf"), &NoNames).expect("right");
    let comment = |line, directive| {
        format!(
            "line {line}: {directive}: a comment behind the value that begins with //, which ldirectord takes for a part of it"
        )
    };
    let expected = [
        comment(1, "checktimeout"),
        comment(2, "checkinterval"),
        comment(3, "autoreload"),
        comment(4, "quiescent"),
        "line 6: contains a no-break or wide space, taken as a blank; ldirectord refuses it".into(),
    ];
    assert_eq!(displayed(&config.warnings), expected);
    assert!(config.global.autoreload);
    let [service] = config.services.as_slice() else { panic!("{config:?}") };
    assert_eq!((service.quiescent, service.checkinterval.as_secs()), (false, 1));
    assert_eq!((service.question.kind, service.question.request.as_str()), ("mysql", "SELECT * FROM a"));
    let real = service.real_servers.last().expect("a real server");
    assert_eq!((real.real_server.key.to_string().as_str(), real.real_server.weight), ("10.9.0.22:3306", 10));
    assert_eq!((real.check.target.port(), real.check.timeout.as_secs()), (3306, 3));
}
