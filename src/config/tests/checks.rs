//! What the language says of checks.

use super::*;
use crate::model::{Question, Standing};

fn check(text: &str) -> Check {
    service(text).real_servers.first().expect("a real server").check.clone()
}

fn question(text: &str) -> Question {
    (*check(text).question).clone()
}

#[test]
fn services_whose_real_servers_are_asked_something_have_checks() {
    let web = "virtual=10.1.9.9:80\n\treal=10.1.0.2 gate";
    for (text, has_checks) in [
        (web.to_owned(), true),
        (format!("{web}\n\tchecktype=connect"), true),
        (format!("{web}\n\tchecktype=on"), false),
        (format!("{web}\n\tchecktype=off"), false),
        (format!("{web}\n\tservice=none"), false),
        (format!("{web}\n\tchecktype=on\nvirtual=10.1.9.9:81\n\treal=10.1.0.2 gate\n\tchecktype=ping"), true),
        ("virtual=10.1.9.9:80".to_owned(), false),
        (format!("{web}\n\tchecktype=on\n\tcheckpath=yes"), true),
        ("checkpath=yes\nvirtual=10.1.9.9:80".to_owned(), false),
    ] {
        assert_eq!(accept(&text).has_checks(), has_checks, "{text:?}");
    }
}

#[test]
fn a_path_check_is_of_tcp_and_has_the_time_limit_of_a_check_that_connects() {
    let path = |text: &str| {
        let service = service(text);
        let real = service.real_servers.first().expect("a real server");
        service.path_check(&real.real_server).map(|path| {
            (path.vip.to_string(), path.real.to_string(), path.forwarding.to_string(), path.timeout.as_secs())
        })
    };
    let expected =
        |vip: &str, real: &str, method: &str, seconds| Some((vip.into(), real.into(), method.into(), seconds));
    for (text, expected) in [
        ("virtual=10.1.9.9:80\n\treal=10.1.0.2 gate", None),
        ("checkpath=yes\nvirtual=10.1.9.9:80\n\treal=10.1.0.2 gate\n\tcheckpath=no", None),
        (
            "virtual=10.1.9.9:80\n\treal=10.1.0.2 gate\n\tcheckpath=yes",
            expected("10.1.9.9:80", "10.1.0.2:80", "gate", 5),
        ),
        (
            "checktimeout=2\ncheckpath=yes\nvirtual=10.1.9.9:80\n\treal=10.1.0.2:81 masq\n\tchecktype=on",
            expected("10.1.9.9:80", "10.1.0.2:81", "masq", 2),
        ),
        (
            "virtual6=[2001:db8::9]:80\n\treal6=[2001:db8::2] ipip\n\tcheckpath=yes\n\tnegotiatetimeout=7",
            expected("[2001:db8::9]:80", "[2001:db8::2]:80", "ipip", 7),
        ),
    ] {
        assert_eq!(path(text), expected, "{text}");
    }
}

#[test]
fn a_combined_check_connects_between_its_questions() {
    let between =
        |text: &str| check(text).between.map(|between| (between.count, between.kind, between.timeout.as_secs()));
    assert_eq!(between(&section(&["checktype=3"])), Some((3, "connect", 5)));
    assert_eq!(between(&section(&["checktype=checktimeout3", "checktimeout=7"])), Some((3, "connect", 7)));
    assert_eq!(between(&section(&["checktype=0"])), None);
    assert_eq!(question(&section(&["checktype=0"])).kind, "http");
    assert_eq!(check(&section(&["checktype=3"])).timeout.as_secs(), 30);
    let udp = "virtual=10.1.9.9:53\n\treal=10.1.0.2 gate\n\tchecktype=3\n\trequest=\"a.b\"\n";
    assert_eq!(between(udp), Some((3, "ping", 5)));
    let none = "virtual=10.1.9.9:22\n\treal=10.1.0.2 gate\n\tchecktype=3\n";
    assert_eq!((between(none), question(none).kind), (None, "connect"), "there is nothing to ask");
}

#[test]
fn the_first_timeout_that_is_set_counts() {
    let seconds = |global: &str, lines: &[&str]| check(&format!("{global}{}", section(lines))).timeout.as_secs();
    for (checktype, default, other_first) in [("connect", 5, 2), ("negotiate", 30, 3)] {
        let checktype = format!("checktype={checktype}");
        assert_eq!(seconds("", &[&checktype]), default);
        assert_eq!(seconds("checktimeout=3\n", &[&checktype]), 3);
        assert_eq!(seconds("negotiatetimeout=4\n", &[&checktype]), 4);
        assert_eq!(seconds("checktimeout=2\nnegotiatetimeout=3\n", &[&checktype]), other_first);
        assert_eq!(seconds("checktimeout=9\nnegotiatetimeout=9\n", &[&checktype, "checktimeout=1"]), 1);
        assert_eq!(seconds("checktimeout=9\nnegotiatetimeout=9\n", &[&checktype, "negotiatetimeout=1"]), 1);
    }
}

#[test]
fn check_types_become_kinds() {
    let kind = |lines: &[&str]| question(&section(lines)).kind;
    assert_eq!(kind(&["checktype=on"]), "on");
    assert_eq!(kind(&["checktype=off"]), "off");
    assert_eq!(kind(&["checktype=ping"]), "ping");
    let unused = question(&section(&["checktype=connect", "service=smtp", "request=\"unused\""]));
    assert_eq!(unused, Question::of("connect"));
    assert_eq!(kind(&["checktype=connect", "protocol=udp"]), "ping");
    assert_eq!(kind(&["service=none"]), "on");
    assert_eq!(question("virtual=7\n\treal=10.1.0.2 gate").kind, "on");
}

#[test]
fn external_checks_get_addresses_and_the_real_port() {
    let arguments = |text: &str| {
        let Question { kind, checkcommand, arguments, .. } = question(text);
        assert_eq!(kind, "external");
        (checkcommand, arguments.join(" "))
    };
    let external = "\tchecktype=external\n\tcheckcommand=/bin/x\n\tcheckport=99\n";
    let with = |text: &str| arguments(&format!("{text}{external}"));
    let expected = |arguments: &str| ("/bin/x".to_string(), arguments.to_string());
    assert_eq!(with("virtual=10.1.9.9:80\n\treal=10.1.0.2:8080 masq\n"), expected("10.1.9.9 80 10.1.0.2 8080"));
    assert_eq!(with("virtual=77\n\treal=10.1.0.2 gate\n"), expected("77 0 10.1.0.2 0"));
    assert_eq!(
        with("virtual6=[2001:db8::1]:80\n\treal6=[2001:db8::2]:80 gate\n"),
        expected("[2001:db8::1] 80 [2001:db8::2] 80")
    );
    assert_eq!(arguments(&section(&["checktype=external"])).0, "/bin/true");
}

#[test]
fn a_login_of_ftp_and_sip_comes_with_a_written_service() {
    let login = |text: &str| {
        let Question { kind, login, passwd, .. } = question(text);
        [kind, &login, passwd.reveal()].join(" ")
    };
    let on = |port: u16, lines: &str| login(&format!("virtual=10.1.9.9:{port}\n\treal=10.1.0.2 gate\n{lines}"));
    for (port, lines, wanted) in [
        (21, "", "ftp anonymous "),
        (21, "\tservice=ftp\n", "ftp anonymous ldirectord@localhost"),
        (2121, "\tservice=ftp\n", "ftp anonymous ldirectord@localhost"),
        (21, "\tservice=ftp\n\tlogin=\"me\"\n", "ftp me ldirectord@localhost"),
        (21, "\tlogin=\"me\"\n\tpasswd=\"x\"\n\tservice=ftp\n", "ftp me x"),
        (5060, "", "sip  "),
        (5060, "\tservice=sip\n", "sip ldirectord@localhost "),
        (5060, "\tservice=sip\n\tlogin=\"me@x\"\n", "sip me@x "),
        (143, "\tservice=imap\n", "imap  "),
    ] {
        assert_eq!(on(port, lines), wanted, "{port} {lines:?}");
    }
}

#[test]
fn a_service_of_udp_is_asked_over_udp_where_it_can_be() {
    let protocol = |text: &str| question(text).protocol;
    let sip = "\treal=10.1.0.2 gate\n\tservice=sip\n";
    assert_eq!(protocol(&format!("virtual=10.1.9.9:5060\n{sip}")), Protocol::Tcp);
    assert_eq!(protocol(&format!("virtual=10.1.9.9:5060\n\tprotocol=udp\n{sip}")), Protocol::Udp);
    assert_eq!(protocol(&format!("virtual=7\n{sip}")), Protocol::Tcp);
    let http = "virtual=10.1.9.9:443\n\tprotocol=udp\n\treal=10.1.0.2 gate\n\tservice=http\n";
    assert_eq!(protocol(http), Protocol::Tcp);
}

#[test]
fn http_checks_have_a_path_a_host_and_a_pattern() {
    let plain = question(&section(&[]));
    assert_eq!(plain, Question { request: "/".into(), httpmethod: "GET".into(), ..Question::of("http") });
    let full = question(&section(&[
        "request=\"index.html?a=1#x\"  # with a number sign",
        "receive=\"Test (?=Page)\"",
        "virtualhost=www.x.y.z",
        "httpmethod=head",
        "weightheader=X-Weight",
        "drainon404=yes",
        "service=https",
    ]));
    let expected = Question {
        request: "index.html?a=1#x".into(),
        receive: "Test (?=Page)".into(),
        virtualhost: "www.x.y.z".into(),
        httpmethod: "HEAD".into(),
        weightheader: "x-weight".into(),
        drainon404: "yes".into(),
        ..Question::of("https")
    };
    assert_eq!(full, expected);
    assert_eq!(question(&section(&["request=index.html"])).request, "index.html");
    assert_eq!(question(&section(&["virtualhost=a.b", "virtualhost="])).virtualhost, "");
    assert_eq!(question(&section(&["request=\"/a b\"", "virtualhost=\"a.b\""])).request, "/a b");
}

/// Perl takes a brace that starts no repetition as itself; health endpoints often answer JSON.
#[test]
fn patterns_are_those_of_perl() {
    for pattern in [
        r#"{"status":"ok"}"#,
        "^a{2,3}$",
        r"\bup\b",
        r"(?!down)[[:alpha:]]+",
        r"(a)\1",
        "{}",
        "a{,b}",
        "[{]",
        r"[\w-.]\<",
    ] {
        let receive = question(&section(&[&format!("receive=\"{pattern}\"")])).receive;
        assert_eq!(receive, pattern);
    }
}

#[test]
fn a_real_server_can_have_its_own_question() {
    let own = question("virtual=10.1.9.9:80\n\treal=10.1.0.2:80 gate 5 \"a.html\", \"ok\"\n\treceive=\"other\"");
    assert_eq!((own.request.as_str(), own.receive.as_str()), ("a.html", "ok"));
    let empty = question("virtual=10.1.9.9:80\n\treal=10.1.0.2:80 gate \"\",\"\"\n\treceive=\"other\"");
    assert_eq!((empty.request.as_str(), empty.receive.as_str()), ("/", ""));
}

#[test]
fn mysql_checks_keep_the_statement_as_it_stands() {
    let text = "virtual=10.1.9.9:3306\n\treal=sql01:3306 gate 10\n\tlogin=\"readuser\"\n\tpasswd=\"p#s\"\n\t\
                database=\"portal\"\n\trequest=\"SELECT (1) FROM a\"\n";
    let mysql = question(text);
    assert_eq!((mysql.kind, mysql.login.as_str(), mysql.passwd.reveal()), ("mysql", "readuser", "p#s"));
    assert_eq!((mysql.database.as_str(), mysql.request.as_str()), ("portal", "SELECT (1) FROM a"));
}

#[test]
fn a_database_server_can_be_wanted_for_its_role_and_state_alone() {
    let mysql = |lines: &str| question(&format!("virtual=10.1.9.9:3306\n\treal=sql01 gate\n\tlogin=\"a\"\n{lines}"));
    let reader = mysql(
        "\trole=reader\n\tmaxlag=10\n\tlagenter=\"03\"\n\theartbeat=percona.heartbeat\n\tdonor=yes\n\tbusypercent=80\n",
    );
    let Standing { role, maxlag, lagenter, heartbeat, donor, busypercent } = &*reader.standing;
    let said = [role, maxlag, lagenter, heartbeat, donor, busypercent].map(String::as_str);
    assert_eq!(said, ["reader", "10", "3", "percona.heartbeat", "yes", "80"]);
    assert_eq!(reader.request, "");
    let both = mysql("\trole=writer\n\trequest=\"SELECT 1\"\n");
    assert_eq!((both.standing.role.as_str(), both.request.as_str()), ("writer", "SELECT 1"));
}

#[test]
fn a_password_can_come_from_a_file() {
    let text = section(&["service=mysql", "login=\"a\"", "request=\"SELECT 1\"", "passwd_file=/etc/monitor.password"]);
    assert_eq!(question(&text).passwd.reveal(), "from /etc/monitor.password");
    let declared = render(&accept(&text));
    assert!(declared.contains("\tpasswd=\"from /etc/monitor.password\"\n"), "{declared}");
    assert!(!declared.contains("passwd_file"), "{declared}");
    // A check that logs in nowhere needs none, and does not look for the file.
    accept(&section(&["checktype=connect", "passwd_file=/etc/missing"]));
}

#[test]
fn the_checked_port_is_the_written_one_or_the_usual_one() {
    let port = |text: &str| check(text).target.port();
    let at = |port: &str, real: &str, lines: &str| format!("virtual={port}\n\treal=10.1.0.2{real} masq\n{lines}");
    assert_eq!(port(&at("10.1.9.9:80", ":8080", "")), 8080);
    assert_eq!(port(&at("10.1.9.9:80", ":8080", "\tcheckport=81\n")), 81);
    assert_eq!(port(&at("10.1.9.9:8080", "", "\tservice=http\n")), 80);
    assert_eq!(port(&at("10.1.9.9:8080", "", "\tchecktype=connect\n")), 8080);
    assert_eq!(port(&at("7", "", "\tservice=https\n")), 443);
    assert_eq!(port(&at("7", "", "\tservice=http\n\tcheckport=8080\n")), 8080);
}
