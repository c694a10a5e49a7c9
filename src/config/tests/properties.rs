//! What holds for every text.

use proptest::prelude::*;

use super::*;
use crate::testing::real_server;

/// A text that uses most of the language.
const FULL: &str = "checktimeout=3\nautoreload=yes\ncallback=\"/bin/x y\"\nlogfile=\"local0\"\nfallback=127.0.0.1:80\n\
    fallback6=[::1]\ncheckinterval=2\ncleanstop=no\n\
    emailalert=\"a@b.c, D E <d@e.f>,root\"\nemailalertfrom=x@y\nemailalertfreq=0\nsmtp=\"mx\"\nsmtp_port=587\n\
    smtp_tls=starttls\nsmtp_login=\"l\"\nsmtp_passwd=\"p#w\"\nemailalertstatus=running, stopping\n\
    maintenancedir=\"/var/m\"\n\
    fallbackcommand=\"/bin/a b\" 'c'\n\
    virtual=10.1.9.9:80\n\treal=10.1.0.2->10.1.0.4:8080 masq 5 \"/a?b=1#c\",\"ok, \"yes\"\" l:1 u:9\n\
    \treal=web1 gate\n\treceive=\"a(?=b)\"\n\tvirtualhost=www.x.y\n\thttpmethod=HEAD\n\tpersistent=60\n\
    \tnetmask=255.255.240.0\n\tscheduler=mh\n\tschedflags=mh-port\n\tquiescent=yes\n\tservicename=A \"B\" C\n\tcomment=x # y\n\temailalert=other@host\n\tfallbackcommand=\"/bin/x # y\"\n\tmonitorfile=\"/var/log/a b#c\"\n\
    virtual=10.1.9.9:9090\n\tservice=http\n\tchecktype=connect\n\treal=10.1.0.2:8080 masq\n\treal=10.1.0.3 masq\n\
    virtual=10.1.9.9:9091\n\tservice=https\n\treal=10.1.0.2:8443 masq\n\treal=10.1.0.3 masq\n\tcheckport=99\n\
    virtual=10.1.9.9:3306\n\treal=sql01->sql03 ipip 10\n\tlogin=\"a\"\n\tpasswd=\"p\"w#\"\n\tdatabase=\"d\"\n\
    \trequest=\"SELECT 1\"\n\
    virtual6=[2001:db8::1]:80\n\treal6=[2001:db8::2] gate\n\tchecktype=external\n\tcheckcommand=\"/bin/a b\"\n\
    \tpersistent=9\n\tnetmask=64\n\
    virtual=10.1.9.9:5061\n\tprotocol=udp\n\tpersistent=9\n\tpersistence_engine=sip\n\tchecktype=on\n\
    virtual=10.1.9.9:3868\n\tprotocol=sctp\n\treal=10.1.0.2 gue 3 tun-port:99 tun-remcsum u:9\n\treal=10.1.0.3 gre tun-csum\n\
    virtual=10.1.9.9:domain\n\tops=yes\n\tchecktype=connect\n\treal=10.1.0.2 gate\n\
    virtual=10.1.9.9:8082\n\tservice=http\n\tcheckpath=yes\n\treal=10.1.0.2 masq\n\tnegotiatetimeout=8\n\
    virtual=10.1.9.9:8081\n\tservice=http\n\tchecktype=4\n\tchecktimeout=2\n\tnegotiatetimeout=8\n\treal=10.1.0.2 masq\n\
    virtual=10.1.9.9:23\n\tevidence=act\n\tchecktype=external-perl\n\tcheckcommand=\"/x.pl\"\n\treal=10.1.0.2 gate\n\
    virtual=7\n\tservice=https\n\treal=10.1.0.2 gate\n\treal=10.1.0.3:444 gate\n\
    \tdrain_timeout=60\n\ton_drift=report\n\trise=3\n\
    virtual6=7\n\tchecktype=off\n\treal6=[2001:db8::2] gate 0\nvirtual=10.1.9.9:22\n\
    virtual=10.1.9.9:21\n\treal=10.1.0.2 gate\nvirtual=10.1.9.10:21\n\tservice=ftp\n\treal=10.1.0.2 gate\n\
    virtual=10.1.9.9:5060\n\tprotocol=udp\n\treal=10.1.0.2 gate\nvirtual=10.1.9.10:5060\n\tservice=sip\n\
    \treal=10.1.0.2 gate\nvirtual=8\n\tservice=simpletcp\n\treal=10.1.0.2:9 gate \"a\",\"b\"\n";

#[test]
fn a_rendered_file_reads_back_without_warnings() {
    let mut config = accept(FULL);
    assert_eq!(config.services.len(), 19);
    let last = config.services.last_mut().expect("a service");
    let real_server = RealServer { upper_threshold: 9, lower_threshold: 1, ..real_server(9, 0) };
    last.draining.push(Draining { real_server, since: 1_732_000_000 });
    let text = render(&config);
    let again = parse_declaration(text.as_bytes()).expect(&text);
    assert_eq!(meanings(&again), meanings(&config), "{text}");
    assert_eq!(displayed(&again.warnings), Vec::<String>::new(), "{text}");
    assert_eq!(render(&again), text);
}

/// What costs by the square takes minutes here, and so does a pattern that is compiled for each service.
#[test]
fn many_servers_of_one_service_and_many_services_with_one_pattern_render_back() {
    let number = |base: u32, number: u32| std::net::Ipv4Addr::from(base + number);
    let reals: String = (0..30_000).map(|n| format!("\treal={} gate\n", number(0x0a01_0000, n))).collect();
    let services: String = (0..2_000)
        .map(|n| format!("virtual={}:80\n\treceive=\"a.*b\"\n\treal=10.1.0.2 gate\n", number(0x0a02_0000, n)))
        .collect();
    let config = accept(&format!("virtual=10.1.9.9:81\n\tchecktype=connect\n{reals}{services}"));
    assert_eq!(meanings(&accept(&render(&config))), meanings(&config));
}

#[test]
fn a_truncated_file_is_read_without_panic() {
    let bytes = FULL.as_bytes();
    for end in 0..bytes.len() {
        let _ = parse_file(bytes.get(..end).unwrap_or(bytes), &Names);
    }
}

/// Lines from pieces of the language, so that random texts get past the first word.
fn line() -> impl Strategy<Value = String> {
    let keyword = prop::sample::select(vec![
        "virtual",
        "virtual6",
        "real",
        "real6",
        "fallback",
        "fallback6",
        "request",
        "receive",
        "passwd",
        "login",
        "checktype",
        "service",
        "checkport",
        "persistent",
        "netmask",
        "scheduler",
        "checktimeout",
        "protocol",
        "x",
    ]);
    let value = prop::sample::select(vec![
        "10.1.9.9:80",
        "10.1.0.2 gate",
        "10.1.0.3:81 masq 7",
        "10.1.0.2->10.1.0.4 gate",
        "7",
        "[2001:db8::1]:80",
        "[2001:db8::2] gate",
        "\"a\"",
        "\"a\"b#",
        "\"x\",\"y\"",
        "mysql",
        "http",
        "connect",
        "rr",
        "3",
        "udp",
        "",
        "10.1.0.9 masq \"x\" \"y\"",
        "255.255.255.0",
        "web1:www",
        "-w",
        "l:3 u:4",
        "\u{3000}",
        "é",
    ]);
    (prop::sample::select(vec!["", "\t", "  ", "    "]), keyword, prop::sample::select(vec!["=", " = ", " "]), value)
        .prop_map(|(indent, keyword, equals, value)| format!("{indent}{keyword}{equals}{value}"))
}

/// Sections that are right, with what varies in them.
fn valid_section(port: u16) -> impl Strategy<Value = String> {
    let real = (1_u8..250, prop::option::of(1_u16..9999), 0_u32..100, prop::option::of("[a-z#/{}\" ,]{0,9}"));
    let check = prop::sample::select(vec![
        "service=http",
        "service=https\n\treceive=\"o#k\"",
        "service=ftp",
        "service=sip\n\tlogin=\"a@b\"",
        "service=simpletcp\n\trequest=\"a\\nb\"",
        "checktype=connect",
        "checktype=ping",
        "checktype=on",
        "service=mysql\n\tlogin=\"l\"\n\trequest=\"SELECT \"1\"\"\n\tpasswd=\"# \"",
        "service=mysql\n\tlogin=\"l\"\n\trole=reader\n\tmaxlag=9\n\tlagenter=3\n\theartbeat=a.b\n\tdonor=no\n\tbusypercent=80\n\tfreshlogin=60",
        "checktype=external",
    ]);
    (prop::collection::btree_map(1_u8..250, real, 0..5), check, any::<bool>(), 0_u32..100).prop_map(
        move |(reals, check, checkport, persistent)| {
            let mut text = format!("virtual=10.1.9.9:{port}\n\t{check}\n\tpersistent={persistent}\n");
            if checkport {
                text.push_str("\tcheckport=777\n");
            }
            for (last, (_, port, weight, request)) in reals {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let question = request.map(|request| format!(" \"{request}\",\"x\"")).unwrap_or_default();
                text.push_str(&format!("\treal=10.1.0.{last}{port} masq {weight}{question}\n"));
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_file(&bytes, &Names);
    }

    #[test]
    fn random_lines_are_read_without_panic_and_render_back(lines in prop::collection::vec(line(), 0..12)) {
        if let Ok(config) = parse(&lines.join("\n")) {
            let text = render(&config);
            let again = parse(&text);
            prop_assert!(again.as_ref().is_ok_and(|again| meanings(again) == meanings(&config)), "{}\n{:?}\n{:?}", text, config, again);
        }
    }

    #[test]
    fn valid_sections_render_back((a, b) in (valid_section(80), valid_section(8080))) {
        if let Ok(config) = parse(&format!("{a}{b}")) {
            let text = render(&config);
            let again = parse(&text);
            prop_assert!(again.as_ref().is_ok_and(|again| meanings(again) == meanings(&config)), "{}\n{:?}\n{:?}", text, config, again);
        }
    }

    #[test]
    fn random_parameters_are_read_without_panic(real in ".{0,60}", address in ".{0,30}", receive in "\\PC{0,20}") {
        for address in [address.as_str(), "10.1.9.9:80"] {
            let parameters = [("virtual", address.to_string()), ("real", real.clone()), ("receive", receive.clone())];
            let _ = parse_parameters(&parameters, &Names);
        }
    }
}
