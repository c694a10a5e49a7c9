//! BIND 9.

use lvs_agents::model::{Protocol, Question};

use super::{SECOND, Server, all_are, ask};

const ZONE: &str = "$TTL 60
@ SOA ns admin 1 60 60 60 60
@ NS ns
ns A 127.0.0.1
web A 10.1.0.2
web A 10.1.0.3
www CNAME web
six AAAA 2001:db8::7
text TXT none
$GENERATE 1-100 many A 10.2.0.$
";

const REVERSE: &str = "$TTL 60
@ SOA ns.example.test. admin.example.test. 1 60 60 60 60
@ NS ns.example.test.
2.0 PTR web.example.test.
";

#[test]
fn a_real_name_server_is_judged_as_it_is() {
    let mut server = Server::new("dns");
    let (zone, reverse) = (server.write("zone", ZONE), server.write("reverse", REVERSE));
    let (directory, port) = (server.directory.display(), server.address.port());
    let configuration = format!(
        "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; }};
         controls {{ }};
         zone \"example.test\" {{ type master; file \"{zone}\"; }};
         zone \"1.10.in-addr.arpa\" {{ type master; file \"{reverse}\"; }};
         zone \"lost.test\" {{ type master; file \"{directory}/nosuch\"; }};\n"
    );
    let configuration = server.write("named.conf", &configuration);
    let question = |request: &str, receive: &str, protocol| Question {
        request: request.into(),
        receive: receive.into(),
        protocol,
        ..Question::of("dns")
    };
    server.run("named", "bind9", &["-g", "-n", "1", "-c", &configuration], |server| {
        ask(server.address, question("ns.example.test", "", Protocol::Udp), SECOND).is_ok()
    });
    let rows = [
        ("web.example.test", "", Ok(())),
        ("/web.example.test", r"10\.1\.0\.3", Ok(())),
        ("www.example.test", r"^10\.1\.0\.2$", Ok(())),
        ("six.example.test", "2001:db8::7", Ok(())),
        ("10.1.0.2", r"^web\.example\.test$", Ok(())),
        ("many.example.test", r"^10\.2\.0\.100$", Ok(())),
        ("six.example.test", "x", Err("six.example.test: its address 2001:db8::7 does not match receive=\"x\"")),
        ("text.example.test", "", Err("text.example.test: the server knows no address of it")),
        ("nosuch.example.test", "", Err("nosuch.example.test: no such name (code 3)")),
        ("10.1.0.9", "", Err("10.1.0.9: no such name (code 3)")),
        (
            "www.example.com",
            "",
            Err("www.example.com: refused (code 5): may this host ask it, and does it have this zone?"),
        ),
        (
            "www.lost.test",
            "",
            Err("www.lost.test: server failure (code 2): is the zone loaded, or its origin reached?"),
        ),
    ];
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        all_are(server.address, rows.map(|(request, receive, wanted)| (question(request, receive, protocol), wanted)));
    }
    server.end();
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let row = (question("a.b", "", protocol), Err("a.b: connection refused"));
        all_are(server.address, [row]);
    }
}
