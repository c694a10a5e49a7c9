//! Texts that are refused, with the exact words that the user gets.

use super::*;

fn errors(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(config) => panic!("{text:?} is accepted: {config:?}"),
        Err(problems) => displayed(&problems),
    }
}

/// Each text has one mistake.
fn all_refused(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(errors(text), [*expected], "{text:?}");
    }
}

#[test]
fn unknown_and_unsupported_words() {
    all_refused(&[
        ("foo=bar", "line 1: \"foo\": unknown directive"),
        ("[vip]", "line 1: \"[vip]\": expected KEYWORD = VALUE; a line virtual = ADDRESS:PORT begins a section"),
        ("[vip]=1", "line 1: \"[vip]\": unknown directive"),
        ("root:$6$salt$hash:19000:0:99999:7:::", "line 1: unknown directive: expected KEYWORD = VALUE"),
        ("YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo=", "line 1: unknown directive: expected KEYWORD = VALUE"),
        (
            "include /etc/x",
            "line 1: \"include\": expected KEYWORD = VALUE; a line virtual = ADDRESS:PORT begins a section",
        ),
        ("chektimeout=3", "line 1: \"chektimeout\": unknown directive: did you mean \"checktimeout\"?"),
        ("CheckTimeout=3", "line 1: \"CheckTimeout\": unknown directive: did you mean \"checktimeout\"?"),
        ("password=\"hunter2\"", "line 1: \"password\": unknown directive: did you mean \"passwd\"?"),
        ("checktimeout 3", "line 1: checktimeout: expected \"=\" and a value"),
        ("emailalert=", "line 1: emailalert \"\": expected a mail address"),
        ("emailalert=a@b c", "line 1: emailalert \"a@b c\": expected a mail address"),
        ("emailalertfrom=a@b,c@d", "line 1: emailalertfrom \"a@b,c@d\": expected a mail address"),
        ("emailalertstatus=none,running", "line 1: emailalertstatus \"none,running\": expected none alone"),
        (
            "emailalertstatus=up",
            "line 1: emailalertstatus \"up\": expected all, none, or a comma separated list of starting running stopping reloading",
        ),
        ("smtp_tls=ssl", "line 1: smtp_tls \"ssl\": expected no, starttls or yes"),
        ("smtp_passwd=hunter2", "line 1: smtp_passwd: expected a value in double quotes"),
        ("execute=", "line 1: execute \"\": expected the name of a configuration file"),
        ("timeout=3", "line 1: timeout: no longer exists: use checktimeout and negotiatetimeout"),
        ("connecttimeout=3", "line 1: connecttimeout: no longer exists: use negotiatetimeout"),
    ]);
}

#[test]
fn numbers_and_words() {
    let seconds = "expected a whole number of seconds, at least 1";
    for word in ["-5", "0", "abc", "0.5", "99999999999"] {
        assert_eq!(errors(&format!("checkinterval={word}")), [format!("line 1: checkinterval \"{word}\": {seconds}")]);
    }
    all_refused(&[
        ("checktimeout=", "line 1: checktimeout \"\": expected a whole number of seconds, at least 1"),
        ("failurecount=0", "line 1: failurecount \"0\": expected a whole number from 1 to 4294967295"),
        ("checkcount=x", "line 1: checkcount \"x\": expected a whole number from 1 to 4294967295"),
        ("quiescent=maybe", "line 1: quiescent \"maybe\": expected yes or no"),
        ("autoreload=Yes", "line 1: autoreload \"Yes\": expected yes or no"),
        ("metrics=9117", "line 1: metrics \"9117\": expected ADDRESS:PORT or [IPV6]:PORT"),
        ("metrics=[::1]:0", "line 1: metrics \"[::1]:0\": expected ADDRESS:PORT or [IPV6]:PORT"),
        ("observe_group=a b", "line 1: observe_group \"a b\": expected the name of a group"),
        ("observe_group=../x", "line 1: observe_group \"../x\": expected the name of a group"),
        ("logfile=\"\"", "line 1: logfile \"\": expected text between the double quotes"),
    ]);
    let in_section = |line: &str, expected: &str| {
        assert_eq!(errors(&section(&[line])), [format!("line 3: {expected}")], "{line}");
    };
    in_section("checkport=0", "checkport \"0\": expected a port number from 1 to 65535");
    in_section("checkport=0/tcp", "checkport \"0/tcp\": expected a port number from 1 to 65535");
    in_section("checkport=http", "checkport \"http\": expected a port number from 1 to 65535");
    for word in ["foo", "-5", "3.5", "5s", "99999999999"] {
        let expected = "expected connect, negotiate, ping, external, external-perl, on, off, or how many checks only \
                        connect between two that negotiate";
        in_section(&format!("checktype={word}"), &format!("checktype \"{word}\": {expected}"));
    }
    in_section(
        "service=ssh",
        "service \"ssh\": expected one of ftp smtp dns http pop nntp imap ldap https submission ldaps imaps pops oracle \
         radius http_proxy mysql sip pgsql simpletcp agent none",
    );
    in_section("httpmethod=POST", "httpmethod \"POST\": expected GET or HEAD");
    in_section("weightheader=a(b)", "weightheader \"a(b)\": expected the name of an HTTP header");
    in_section("drainon404=on", "drainon404 \"on\": expected yes or no");
    in_section(
        "scheduler=wrr2",
        "scheduler \"wrr2\": expected a scheduler, one of rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos",
    );
    in_section("persistent=-1", "persistent \"-1\": expected a whole number from 0 to 4294967295");
    in_section("netmask=24", "netmask \"24\": expected a netmask such as 255.255.255.0");
    in_section(
        "netmask=255.0.255.0",
        "netmask \"255.0.255.0\": expected a netmask of leading ones, such as 255.255.255.0",
    );
    in_section(
        "schedflags=x",
        "schedflags \"x\": expected a comma separated list of sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3",
    );
    in_section("schedflags=sh-port", "schedflags \"sh-port\": expected flags of the scheduler wrr");
    in_section("persistence_engine=quic", "persistence_engine \"quic\": expected a persistence engine: sip");
    in_section("protocol=esp", "protocol \"esp\": expected tcp, udp, sctp or fwm");
    in_section("protocol=fwm", "protocol \"fwm\": expected tcp, udp or sctp, since virtual is an address");
    in_section("request=\"\"", "request \"\": expected text between the double quotes");
    in_section("receive=\"\"", "receive \"\": expected text between the double quotes");
    in_section("receive=ok", "receive \"ok\": expected a value in double quotes");
    in_section("login=root", "login \"root\": expected a value in double quotes");
    in_section("virtualhost=a b", "virtualhost \"a b\": expected a host name");
    in_section("request=\"https://a/b\"", "request \"https://a/b\": expected http:// for this service");
}

#[test]
fn virtual_addresses() {
    all_refused(&[
        (
            "virtual=10.1.9.9",
            "line 1: virtual \"10.1.9.9\": expected ADDRESS:PORT or a firewall mark: the port is missing",
        ),
        ("virtual=0", "line 1: virtual \"0\": firewall mark: expected a whole number from 1 to 4294967295"),
        ("virtual=", "line 1: virtual \"\": the address is missing"),
        ("virtual=10.1:80", "line 1: virtual \"10.1:80\": \"10.1\" is not an IPv4 address"),
        ("virtual=10.1.9.9:nosuch", "line 1: virtual \"10.1.9.9:nosuch\": port \"nosuch\": no such service"),
        ("virtual=10.1.9.9:70000", "line 1: virtual \"10.1.9.9:70000\": port \"70000\": expected 0 to 65535"),
        (
            "virtual=10.1.9.9:80:81",
            "line 1: virtual \"10.1.9.9:80:81\": expected a single \":\" between address and port",
        ),
        ("virtual=nosuch:80", "line 1: virtual \"nosuch:80\": host \"nosuch\": no such host"),
        (
            "virtual=[2001:db8::1]:80",
            "line 1: virtual \"[2001:db8::1]:80\": an IPv6 address: use virtual6, real6 and fallback6 for IPv6",
        ),
        ("virtual6=[2001:db8:x]:80", "line 1: virtual6 \"[2001:db8:x]:80\": \"2001:db8:x\" is not an IPv6 address"),
        ("virtual6=[2001:db8::1", "line 1: virtual6 \"[2001:db8::1\": expected \"]\" after the IPv6 address"),
        (
            "virtual6=10.1.9.9:80",
            "line 1: virtual6 \"10.1.9.9:80\": an IPv4 address: use virtual, real and fallback for IPv4",
        ),
        (
            "virtual=10.1.9.9:0\n\tchecktype=on",
            "line 1: virtual \"10.1.9.9:0\": port 0 (every port): expected persistent with it",
        ),
        ("virtual=7\n\tprotocol=tcp", "line 2: protocol \"tcp\": expected fwm, since virtual is a firewall mark"),
        (
            "virtual=10.1.9.9:80\nvirtual=10.1.9.9:81\nvirtual = 10.1.9.9:http",
            "line 3: virtual \"10.1.9.9:http\": tcp 10.1.9.9:80 is already defined by line 1",
        ),
    ]);
}

#[test]
fn real_servers() {
    for (value, expected) in [
        ("10.1.0.2:80", "expected a forwarding method after the address: gate, masq, ipip, gue or gre"),
        ("10.1.0.2:80 nat", "\"nat\": expected a forwarding method: gate, masq, ipip, gue or gre"),
        ("10.1.0.2:::5060 gate", "expected a single \":\" between address and port"),
        ("# 10.1.0.2:80 gate", ""),
        ("foo 10.1.0.2:80 gate", "\"10.1.0.2:80\": expected a forwarding method: gate, masq, ipip, gue or gre"),
        ("10.1.0.999:80 gate", "\"10.1.0.999\" is not an IPv4 address"),
        ("10.1.0.2:70000 gate", "port \"70000\": expected 0 to 65535"),
        ("nosuch:80 gate", "host \"nosuch\": no such host"),
        ("10.1.0.2 gate tun-port:9", "tun-port: expected the forwarding method gue with it"),
        ("10.1.0.2 gre tun-port:9", "tun-port: expected the forwarding method gue with it"),
        ("10.1.0.2 gre tun-remcsum", "tun-remcsum: expected the forwarding method gue with it"),
        ("10.1.0.2 ipip tun-csum", "tun-csum, tun-remcsum: expected the forwarding method gue or gre with it"),
        ("10.1.0.2 gue tun-port:0", "\"tun-port:0\": expected a port number from 1 to 65535"),
        ("10.1.0.2 gue tun-csum tun-remcsum", "tun-csum, tun-remcsum: given twice"),
        ("10.1.0.2 gate draining:soon", "\"draining:soon\": expected seconds since this machine was started"),
        (
            "10.1.0.2 gate 0 draining:5",
            "draining: expected only in what lvs itself declares: a real server whose line is removed is drained",
        ),
        ("10.1.0.2 gate abc", "\"abc\": expected a weight, \"request\",\"receive\", backup, dns, l:NUMBER or u:NUMBER"),
        ("10.1.0.2 gate -5", "\"-5\": expected a weight, \"request\",\"receive\", backup, dns, l:NUMBER or u:NUMBER"),
        ("10.1.0.2 gate -w", "\"\": expected a weight, \"request\",\"receive\", backup, dns, l:NUMBER or u:NUMBER"),
        ("10.1.0.2 gate 2147483648", "\"2147483648\": expected a whole number from 0 to 2147483647"),
        ("10.1.0.2 gate 5 6", "weight: given twice"),
        ("10.1.0.2 gate 5 \"a.html\"", "expected \"request\",\"receive\": both, in double quotes"),
        ("10.1.0.2 gate l:20 u:10", "expected a lower threshold (l:) that is not above the upper one (u:)"),
        ("10.1.0.2 gate l:20", "expected a lower threshold (l:) that is not above the upper one (u:)"),
        ("10.1.0.2 gate u:x", "\"u:x\": expected a weight, \"request\",\"receive\", backup, dns, l:NUMBER or u:NUMBER"),
        ("10.1.0.4->10.1.0.2 gate", "expected a range from the lower to the higher address, not 10.1.0.4->10.1.0.2"),
        ("10.0.0.0->10.255.255.255 gate", "a range of 16777216 addresses: expected at most 65536"),
        ("0.0.0.0->255.255.255.255 gate", "a range of 4294967296 addresses: expected at most 65536"),
        ("0.0.0.0->0.1.0.0 gate", "a range of 65537 addresses: expected at most 65536"),
        (
            "255.255.255.255->255.255.255.250 gate",
            "expected a range from the lower to the higher address, not 255.255.255.255->255.255.255.250",
        ),
        ("10.1.0.2:80->10.1.0.4:80 gate", "\"10.1.0.2:80\" is neither an address nor a host name"),
    ] {
        let text = format!("virtual=10.1.9.9:80\n\treal={value}");
        let wanted = match expected {
            "" => "line 2: real \"\": the address is missing".to_string(),
            _ => format!("line 2: real \"{value}\": {expected}"),
        };
        assert_eq!(errors(&text), [wanted], "{value}");
    }
    all_refused(&[
        (&section(&["real6=[::2] gate"]), "line 3: real6: expected real in a virtual section"),
        (&section(&["fallback6=[::2]"]), "line 3: fallback6: expected fallback in a virtual section"),
        ("virtual6=3\n\treal=10.1.0.2 gate", "line 2: real: expected real6 in a virtual6 section"),
        (
            "virtual6=3\n\treal6=[::2]->[::3] gate",
            "line 2: real6 \"[::2]->[::3] gate\": a range of IPv6 addresses: not supported yet",
        ),
        (
            "virtual6=3\n\treal6=2001:db8::2 gate",
            "line 2: real6 \"2001:db8::2 gate\": expected an IPv6 address in square brackets: [2001:db8::2]",
        ),
        (
            "virtual=7\n\treal=10.1.0.2 gate\n\tchecktype=connect",
            "line 2: real \"10.1.0.2 gate\": no port to check: expected ADDRESS:PORT or a checkport",
        ),
    ]);
}

#[test]
fn fallbacks() {
    all_refused(&[
        (
            "fallback=127.0.0.1:80 nat",
            "line 1: fallback \"127.0.0.1:80 nat\": \"nat\": expected a forwarding method: gate, masq, ipip, gue or gre",
        ),
        (
            "fallback=127.0.0.1 gate 5",
            "line 1: fallback \"127.0.0.1 gate 5\": \"5\": expected nothing after the forwarding method",
        ),
        ("fallback=nosuch", "line 1: fallback \"nosuch\": host \"nosuch\": no such host"),
        ("fallback6=[::1]:nosuch", "line 1: fallback6 \"[::1]:nosuch\": port \"nosuch\": no such service"),
        (
            "fallback=[::1]:80",
            "line 1: fallback \"[::1]:80\": an IPv6 address: use virtual6, real6 and fallback6 for IPv6",
        ),
    ]);
}

#[test]
fn checks() {
    all_refused(&[
        (
            "virtual=10.1.9.9:1521",
            "line 1: virtual \"10.1.9.9:1521\": service oracle: only Oracle's own client can ask it: use \
             checktype=external with a checkcommand that runs sqlplus, or checktype=connect",
        ),
        (
            &section(&["service=oracle"]),
            "line 3: service oracle: only Oracle's own client can ask it: use checktype=external with a checkcommand that \
             runs sqlplus, or checktype=connect",
        ),
        (
            "virtual=10.1.9.9:3306\n\trequest=\"SELECT 1\"",
            "line 1: virtual \"10.1.9.9:3306\": login is missing: service mysql needs it (or use checktype=connect)",
        ),
        (
            "virtual=10.1.9.9:3306\n\tlogin=\"a\"",
            "line 1: virtual \"10.1.9.9:3306\": request is missing: service mysql needs it (or use checktype=connect)",
        ),
    ]);
    let mysql = |lines: &[&str]| section(&[&["service=mysql", "login=\"a\"", "request=\"x\""], lines].concat());
    all_refused(&[
        (&mysql(&["role=master"]), "line 6: role \"master\": expected writer, reader or any"),
        (&mysql(&["maxlag=-1"]), "line 6: maxlag \"-1\": expected a whole number of seconds"),
        (&mysql(&["busypercent=100"]), "line 6: busypercent \"100\": expected a whole number from 1 to 99"),
        (&mysql(&["freshlogin=1m"]), "line 6: freshlogin \"1m\": expected a whole number of seconds"),
        (&mysql(&["donor=on"]), "line 6: donor \"on\": expected yes or no"),
        (&mysql(&["heartbeat=a.b;c"]), "line 6: heartbeat \"a.b;c\": expected DATABASE.TABLE"),
        (&mysql(&["heartbeat=a.b"]), "line 6: heartbeat \"a.b\": expected maxlag with it"),
        (&mysql(&["lagenter=1"]), "line 6: lagenter \"1\": expected maxlag with it"),
        (&mysql(&["maxlag=1", "lagenter=2"]), "line 7: lagenter \"2\": expected at most maxlag"),
        (
            &mysql(&["role=writer", "maxlag=1"]),
            "line 7: maxlag \"1\": expected role=reader or role=any with it: a writer is no replica",
        ),
        (&mysql(&["passwd_file=a"]), "line 6: passwd_file \"a\": expected an absolute path"),
        (
            &mysql(&["passwd_file=/etc/missing"]),
            "line 6: passwd_file \"/etc/missing\": open: No such file or directory",
        ),
        (
            &mysql(&["passwd=\"x\"", "passwd_file=/etc/a"]),
            "line 7: passwd_file \"/etc/a\": passwd is set too: expected one of them",
        ),
        (
            &mysql(&["passwd_file=/etc/odd"]),
            "line 6: passwd_file \"/etc/odd\": the password has \"#\" or \" //\" behind a double quote, which passwd cannot \
             have",
        ),
    ]);
    for wrong in [section(&["receive=\"a(b\""]), "virtual=10.1.9.9:80\n\treal=10.1.0.2 gate \"x\",\"a(b\"".into()] {
        let errors = errors(&wrong);
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.contains("a(b") && error.contains("expected a regular expression: "), "{error}");
    }
    accept(&section(&["checktype=connect", "receive=\"a(b\""]));
}

#[test]
fn lines_in_the_wrong_place() {
    let margin =
        |start: &str| format!("{start}: not in a virtual section: expected blanks before it, below a virtual line");
    for (text, start) in [
        ("service=http", "line 1: service"),
        ("virtual=10.1.9.9:80\nreal=10.1.0.2:80 gate", "line 2: real"),
        ("virtual=10.1.9.9:80\nquiescent=no\n\tscheduler=rr", "line 3: scheduler"),
    ] {
        assert_eq!(errors(text), [margin(start)]);
    }
    all_refused(&[
        (&section(&["autoreload=yes"]), "line 3: autoreload: not in a section: expected no blanks before it"),
        (&section(&["execute=x.cf"]), "line 3: execute: not in a section: expected no blanks before it"),
        (
            "virtual=10.1.9.9:80\n\treal=10.1.0.2 \\",
            "line 2: real \"10.1.0.2 \\\": \"\\\": expected a forwarding method: gate, masq, ipip, gue or gre",
        ),
    ]);
}

#[test]
fn bytes_that_are_no_text() {
    let refused = |bytes: &[u8]| parse_file(bytes, &Names).map_err(|problems| displayed(&problems));
    let encoding = "line 2: not UTF-8 text: only comments may have another encoding".to_string();
    assert_eq!(refused(b"quiescent=no # caf\xe9\ncallback=\"/caf\xe9\""), Err(vec![encoding]));
    let control = "line 1: control character U+0000: expected text".to_string();
    assert_eq!(refused(b"callback=\"/a\0b\""), Err(vec![control]));
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_lines() {
    let text = "checktimeout=0\nfoo=1\nvirtual=10.1.9.9\n\treal=10.1.0.2 nat\n\tscheduler=x1 y\n\nquiescent=on\n";
    let lines: Vec<String> =
        errors(text).iter().filter_map(|error| error.split(':').next().map(String::from)).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3", "line 4", "line 5", "line 7"]);
}

#[test]
fn a_password_is_never_told() {
    for line in [
        "passwd=hunter2",
        "passwd=\"\"hunter2",
        "passwd=\"hunter2",
        "passwd hunter2",
        "password=\"hunter2\"",
        "secret=hunter2",
    ] {
        let told = errors(&section(&[line])).join("\n");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let config = accept(&section(&["passwd=\"hunter2\" x", "login=\"a\"", "request=\"SELECT 1\"", "service=mysql"]));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn rules_that_will_not_do_what_they_seem_to_say_are_doubted() {
    let warnings = |lines: &[&str]| -> Vec<String> {
        let config = parse_file(section(lines).as_bytes(), &Names).expect("accepted");
        config.warnings.iter().map(|warning| warning.text.clone()).collect()
    };
    let writer = ["service=mysql", "login=\"a\"", "passwd=\"b\"", "role=writer"];
    let with = |line: &'static str| [&writer[..], &[line]].concat();
    assert_eq!(warnings(&with("quorum=100%")), [""; 0], "one of one");
    let two = with("quorum=60%\n\treal=10.1.0.3:80 gate");
    assert_eq!(warnings(&two), ["quorum: never met: one writer serves, of weight 1 at most"]);
    assert_eq!(
        warnings(&with("maxejected=40%")),
        ["maxejected: ignored with role: a real server in another role is no fault of this node"]
    );
    assert_eq!(
        warnings(&with("real=10.1.0.3:80 gate 1 backup")),
        ["role: writer: expected no backup, as one of them serves anyway"]
    );
    assert_eq!(warnings(&["secondopinion=yes"]), [""; 0]);
    assert_eq!(
        warnings(&["secondopinion=yes", "quorumaction=keep"]),
        ["secondopinion: ignored with quorumaction=keep, by which the last ones stay in anyway"]
    );
    assert_eq!(warnings(&["quorum=3"]), ["quorum: never met: together the real servers have weight 1 at most"]);
}
