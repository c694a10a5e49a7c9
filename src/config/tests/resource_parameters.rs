//! The language as parameters of a cluster resource.

use super::*;

fn parameters(pairs: &[(&'static str, &str)]) -> Result<Config, Vec<Problem>> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
    parse_parameters(&pairs, &Names)
}

fn refused(pairs: &[(&'static str, &str)]) -> Vec<String> {
    match parameters(pairs) {
        Ok(config) => panic!("{pairs:?} is accepted: {config:?}"),
        Err(problems) => displayed(&problems),
    }
}

/// The balancer that most people want, in one resource: the same as its file.
#[test]
fn parameters_mean_what_the_file_means() {
    let from_parameters = parameters(&[
        ("virtual", "192.168.213.97:3306"),
        ("real", "192.168.213.91 gate 10, 192.168.213.92 gate 10"),
        ("scheduler", "wrr"),
        ("checktype", "negotiate"),
        ("service", "mysql"),
        ("login", "check"),
        ("passwd", "p#ss, \"quoted\" word"),
        ("database", ""),
        ("request", "SELECT * FROM link"),
        ("quiescent", "yes"),
        ("checktimeout", "3"),
        ("fallback", "127.0.0.1"),
    ])
    .expect("accepted");
    let from_file = accept(
        "virtual=192.168.213.97:3306\n\treal=192.168.213.91:3306 gate 10\n\treal=192.168.213.92:3306 gate 10\n\
         \tscheduler=wrr\n\tchecktype=negotiate\n\tservice=mysql\n\tlogin=\"check\"\n\
         \tpasswd=\"p#ss, \"quoted\" word\"\n\trequest=\"SELECT * FROM link\"\n\tquiescent=yes\n\
         \tchecktimeout=3\n\tfallback=127.0.0.1\n",
    );
    assert_eq!(meanings(&from_parameters), meanings(&from_file));
    assert_eq!(from_parameters.services.first().map(|service| service.origin), Some(Origin::Parameter("virtual")));
}

#[test]
fn virtual_alone_tells_what_it_is() {
    for (address, real, key, real_key) in [
        ("10.9.0.100:3306", "10.9.0.1 gate", "tcp 10.9.0.100:3306", "10.9.0.1:3306"),
        ("7", "10.9.0.1:80 gate", "fwmark 7", "10.9.0.1:80"),
        ("7", "[2001:db8::2] masq", "fwmark 7 ipv6", "[2001:db8::2]:0"),
        ("[2001:db8::1]:80", "[2001:db8::2] gate", "tcp [2001:db8::1]:80", "[2001:db8::2]:80"),
    ] {
        let config = parameters(&[("virtual", address), ("real", real), ("checktype", "on")]).expect(address);
        let service = config.services.first().expect(address);
        assert_eq!(service.service.key.to_string(), key);
        assert_eq!(service.real_servers.first().map(|real| real.real_server.key.to_string()), Some(real_key.into()));
    }
}

#[test]
fn several_virtual_services_share_the_rest() {
    let config = parameters(&[
        ("virtual", "10.9.0.100:80, 10.9.0.100:443\n10.9.0.101:80"),
        ("real", "10.9.0.1 gate\n10.9.0.2 gate 1 \"a,b\", \"c\""),
        ("checktype", "connect"),
    ])
    .expect("accepted");
    let keys: Vec<String> = config.services.iter().map(|service| service.service.key.to_string()).collect();
    assert_eq!(keys, ["tcp 10.9.0.100:80", "tcp 10.9.0.100:443", "tcp 10.9.0.101:80"]);
    assert!(config.services.iter().all(|service| service.real_servers.len() == 2));
}

#[test]
fn mistakes_name_the_parameter_and_are_told_once() {
    let base = ("virtual", "10.9.0.100:80, 10.9.0.101:80");
    for (pairs, expected) in [
        (
            vec![base, ("real", "10.9.0.1")],
            "parameter real: \"10.9.0.1\": expected a forwarding method after the address: gate, masq, ipip, gue or gre",
        ),
        (
            vec![base, ("real", "10.9.0.1 gate, 10.9.0.2 nat")],
            "parameter real: \"10.9.0.2 nat\": \"nat\": expected a forwarding method: gate, masq, ipip, gue or gre",
        ),
        (
            vec![base, ("checkinterval", "-5")],
            "parameter checkinterval: \"-5\": expected a whole number of seconds, at least 1",
        ),
        (
            vec![base, ("real", "10.9.0.1 gate, 10.9.0.1 gate 2")],
            "parameter real: \"10.9.0.1 gate 2\": 10.9.0.1:80: given twice in \"10.9.0.100:80\"",
        ),
        (
            vec![base, ("real", "10.9.0.1:81 gate")],
            "parameter real: \"10.9.0.1:81 gate\": port 81: gate cannot change the port: expected 80, or masq",
        ),
        (vec![base, ("checkinterval", "5s")], "parameter checkinterval: \"5s\": expected digits alone"),
        (vec![base, ("scheduler", "rr wlc")], "parameter scheduler: \"rr wlc\": expected one word"),
        (vec![base, ("checktype", "connect ping")], "parameter checktype: \"connect ping\": expected one word"),
        (vec![base, ("persistent", "9999999")], "parameter persistent: \"9999999\": expected at most 2678400"),
        (
            vec![base, ("scheduler", "maglev")],
            "parameter scheduler: \"maglev\": expected a scheduler, one of rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos",
        ),
        (vec![base, ("autoreload", "yes")], "parameter autoreload: not a directive of a service"),
        (vec![base, ("configfile", "/x")], "parameter configfile: not a directive of a service"),
        (vec![base, ("emailalert", "a@b c")], "parameter emailalert: \"a@b c\": expected a mail address"),
        (vec![("real", "10.9.0.1 gate")], "parameter virtual: expected ADDRESS:PORT or a firewall mark"),
        (
            vec![("virtual", "10.9.0.100")],
            "parameter virtual: \"10.9.0.100\": expected ADDRESS:PORT or a firewall mark: the port is missing",
        ),
        (
            vec![("virtual", "[2001:db8::1]:80"), ("real", "10.9.0.1 gate")],
            "parameter real: \"10.9.0.1 gate\": an IPv4 address: use virtual, real and fallback for IPv4",
        ),
        (
            vec![("virtual", "10.9.0.1:80, 10.9.0.1:80")],
            "parameter virtual: \"10.9.0.1:80\": tcp 10.9.0.1:80 is already defined by parameter virtual",
        ),
        (
            vec![base, ("service", "mysql"), ("request", "SELECT 1")],
            "parameter virtual: \"10.9.0.100:80\": login is missing: service mysql needs it (or use checktype=connect)",
        ),
    ] {
        let told = refused(&pairs);
        assert_eq!(told.first().map(String::as_str), Some(expected), "{pairs:?}");
    }
    assert_eq!(refused(&[base, ("quiescent", "on")]).len(), 1);
}

/// What the file language has no words for is refused by name, and a password is not shown.
#[test]
fn values_that_a_file_cannot_hold() {
    let control = "expected a value without line breaks and other control characters";
    let quote = "expected a value without \"#\" or \" //\" behind a double quote";
    let comment = "expected a value without a comment (\"#\" or \"//\"): parameters have none";
    for (name, value, expected) in [
        ("passwd", "hun\nter2", control),
        ("receive", "a\rb", control),
        ("login", "a\u{7}", control),
        ("passwd", "hun\"ter2#", quote),
        ("request", "/a\" //b", quote),
        ("checkinterval", "5 # seconds", comment),
        ("checktype", "connect // or ping", comment),
        ("fallback", "127.0.0.1 # this node", comment),
    ] {
        let told = refused(&[("virtual", "10.9.0.1:80"), (name, value)]);
        assert_eq!(told, [format!("parameter {name}: {expected}")]);
    }
}

/// Greedy quotes would read a pair apart in another place, if a section's own question stood on the line of a server.
#[test]
fn quotes_in_the_question_of_a_section_survive_beside_a_server_with_its_own() {
    let config = parameters(&[
        ("virtual", "10.9.0.100:80"),
        ("real", "10.9.0.1 gate \"x\",\"y\", 10.9.0.2 gate"),
        ("receive", " \"b"),
    ])
    .expect("accepted");
    assert_eq!(meanings(&accept(&render(&config))), meanings(&config));
}
