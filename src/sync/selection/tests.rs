use proptest::prelude::*;

use super::*;
use crate::model::VirtualService;
use crate::sync::connection::tests::connection;
use crate::testing::{real_server, virtual_service};

/// Returns a service with these real servers, each `ADDRESS:PORT METHOD`.
fn entry(key: &str, persistence: Option<u32>, reals: &[&str]) -> (ServiceKey, ServiceEntry) {
    let persistence = persistence.map(|timeout| Persistence { timeout, prefix_length: 32, engine: None });
    let service = VirtualService { persistence, ..virtual_service(key) };
    let real = |text: &&str| {
        let (key, method) = text.split_once(' ').expect("a method");
        let (key, forwarding) = (key.parse().expect("a key"), method.parse().expect("a method"));
        (key, crate::model::RealServer { key, forwarding, ..real_server(1, 1) })
    };
    (service.key, ServiceEntry { service, real_servers: reals.iter().map(real).collect() })
}

fn table() -> Table {
    Table::from([
        entry("tcp 10.9.0.100:80", None, &["10.9.0.21:80 gate", "10.9.0.22:8080 masq"]),
        entry("tcp 10.9.0.100:443", Some(300), &["10.9.0.21:443 gate"]),
        entry("tcp 10.9.0.101:0", Some(60), &["10.9.0.21:0 gate"]),
        entry("udp 10.9.0.100:53", None, &["10.9.0.21:53 gate", "10.9.0.22:5353 masq"]),
        entry("tcp [2001:db8::100]:80", None, &["[2001:db8::21]:80 ipip"]),
        entry("fwmark 7", Some(120), &["10.9.0.23:0 gate"]),
        entry("fwmark 8", None, &["10.9.0.24:0 masq"]),
        entry("fwmark 9", None, &["10.9.0.24:0 masq"]),
        entry("fwmark 10", None, &["10.9.0.25:0 gate"]),
        entry("fwmark 11", None, &["10.9.0.25:0 masq"]),
        entry("fwmark 7 ipv6", Some(90), &["[2001:db8::23]:0 gate"]),
    ])
}

fn parsed(line: &str) -> Connection {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [protocol, client, service, real, state, expires] = words.try_into().expect("six words");
    let end = |text: &str| {
        let socket: std::net::SocketAddr = text.parse().expect(text);
        (socket.ip(), socket.port())
    };
    let ends = Endpoints { client: end(client), service: end(service), real_server: end(real) };
    let protocol = match protocol {
        "IP" => None,
        name => Some(name.parse::<Protocol>().expect(name)),
    };
    let state = match (state, protocol) {
        ("NONE" | "ASSURED", _) if ends.client.1 == 0 => {
            ConnectionState::Template { protocol, is_assured: state == "ASSURED" }
        }
        (_, Some(Protocol::Udp)) => ConnectionState::Udp,
        (name, _) => {
            let named = TcpState::NAMES.into_iter().find(|(_, known)| *known == name);
            ConnectionState::Tcp(named.expect(name).0)
        }
    };
    Connection { state, ends, expires: expires.parse().expect("seconds") }
}

/// What the record says beside the ends: protocol, flags, state, fwmark, timeout.
type Said = (u8, u32, u16, u32, u32);

fn told(line: &str) -> Result<Said, Unsent> {
    let (table, connection) = (table(), parsed(line));
    let record = Selection::new(&table).record(&connection)?;
    assert_eq!(record.ends, connection.ends, "{line}");
    Ok((record.protocol, record.flags, record.state, record.fwmark, record.timeout))
}

#[test]
fn each_kind_of_entry_is_told_as_the_kernel_takes_it() {
    crate::testing::check_rows(
        [
            // Connections of services by address: method, state, activity, and the time that is left.
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 ESTABLISHED 897", Ok((6, 3, 1, 0, 897))),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.22:8080 ESTABLISHED 897", Ok((6, 0, 1, 0, 897))),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 FIN_WAIT 119", Ok((6, 0x103, 4, 0, 119))),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 TIME_WAIT 119", Ok((6, 0x103, 5, 0, 119))),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 CLOSE 9", Ok((6, 0x103, 6, 0, 9))),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.22:8080 CLOSE_WAIT 59", Ok((6, 0x100, 7, 0, 59))),
            ("tcp 10.9.0.31:4000 10.9.0.100:443 10.9.0.21:443 ESTABLISHED 0", Ok((6, 3, 1, 0, 1))),
            ("tcp [2001:db8::31]:4000 [2001:db8::100]:80 [2001:db8::21]:80 ESTABLISHED 9", Ok((6, 2, 1, 0, 9))),
            ("udp 10.9.0.31:4000 10.9.0.100:53 10.9.0.21:53 UDP 298", Ok((17, 0x103, 0, 0, 298))),
            ("udp 10.9.0.31:4000 10.9.0.100:53 10.9.0.22:5353 UDP 298", Ok((17, 0x100, 0, 0, 298))),
            // A service for every port.
            ("tcp 10.9.0.31:4000 10.9.0.101:25 10.9.0.21:25 ESTABLISHED 897", Ok((6, 3, 1, 0, 897))),
            // Templates: the time of the service, and not what is left of it.
            ("tcp 10.9.0.31:0 10.9.0.100:443 10.9.0.21:443 ASSURED 20", Ok((6, 0x1003, 1, 0, 300))),
            ("tcp 10.9.0.31:0 10.9.0.100:443 10.9.0.21:443 NONE 20", Ok((6, 0x1003, 0, 0, 300))),
            ("tcp 10.9.0.0:0 10.9.0.101:0 10.9.0.21:0 ASSURED 20", Ok((6, 0x1003, 1, 0, 60))),
            ("tcp 10.9.0.31:0 10.9.0.100:80 10.9.0.21:80 ASSURED 20", Ok((6, 0x1003, 1, 0, 20))),
            // Templates of marks: the mark stands in the virtual address, and is said beside it.
            ("IP 10.9.0.31:0 0.0.0.7:0 10.9.0.23:0 ASSURED 20", Ok((0, 0x1003, 1, 7, 120))),
            ("IP [2001:db8::]:0 [0:7::]:0 [2001:db8::23]:0 NONE 20", Ok((0, 0x1003, 0, 7, 90))),
            // Connections of services by mark: the only service that has the real server; else none, with its method.
            ("tcp 10.9.0.31:4000 10.9.0.200:80 10.9.0.23:80 ESTABLISHED 897", Ok((6, 3, 1, 7, 897))),
            ("udp 10.9.0.31:4000 10.9.0.200:53 10.9.0.23:53 UDP 297", Ok((17, 0x103, 0, 7, 297))),
            ("tcp [2001:db8::31]:40 [2001:db8::200]:80 [2001:db8::23]:80 ESTABLISHED 9", Ok((6, 3, 1, 7, 9))),
            ("tcp 10.9.0.31:4000 10.9.0.200:80 10.9.0.24:80 ESTABLISHED 897", Ok((6, 0, 1, 0, 897))),
            // A template of an address that is served by mark says no mark of its own.
            ("tcp 10.9.0.31:0 10.9.0.200:80 10.9.0.23:80 ASSURED 20", Ok((6, 0x1003, 1, 0, 120))),
        ],
        |(line, expected)| assert_eq!(told(line), expected, "{line}"),
    );
}

#[test]
fn what_would_harm_or_helps_nobody_is_not_told() {
    use Unsent::{DeadTemplate, State, Stranger, TwoFamilies};
    crate::testing::check_rows(
        [
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 SYN_RECV 59", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 SYN_SENT 59", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 SYNACK 59", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 LAST_ACK 29", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 LISTEN 29", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 NONE 29", State),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.29:80 SYN_RECV 59", Stranger),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 10.9.0.29:80 ESTABLISHED 897", Stranger),
            ("tcp 10.9.0.31:4000 10.9.0.100:81 10.9.0.21:80 ESTABLISHED 897", Stranger),
            ("udp 10.9.0.31:4000 10.9.0.100:80 10.9.0.21:80 UDP 297", Stranger),
            ("tcp 10.9.0.31:4000 10.9.0.200:80 10.9.0.25:80 ESTABLISHED 897", Stranger),
            ("tcp 10.9.0.31:0 10.9.0.100:443 10.9.0.29:443 ASSURED 20", Stranger),
            ("IP 10.9.0.31:0 0.0.0.9:0 10.9.0.23:0 ASSURED 20", Stranger),
            ("IP [2001:db8::]:0 [0:8::]:0 [2001:db8::23]:0 NONE 20", Stranger),
            ("tcp 10.9.0.31:0 10.9.0.100:65535 10.9.0.21:443 ASSURED 20", DeadTemplate),
            ("tcp 10.9.0.31:0 10.9.0.100:443 10.9.0.21:65535 ASSURED 20", DeadTemplate),
            ("tcp 10.9.0.31:4000 10.9.0.100:80 [2001:db8::21]:80 ESTABLISHED 897", TwoFamilies),
        ],
        |(line, expected)| assert_eq!(told(line), Err(expected), "{line}"),
    );
}

proptest! {
    #[test]
    fn a_record_always_has_a_time_and_the_flags_of_its_kind(connection in connection()) {
        let real = RealServerKey { address: connection.ends.real_server.0, port: connection.ends.real_server.1 };
        let (address, port) = connection.ends.service;
        let mut table = table();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let key = ServiceKey::Address { protocol, address, port };
            let service = VirtualService { key, ..virtual_service("tcp 10.9.0.1:1") };
            let real_servers = [(real, crate::model::RealServer { key: real, ..real_server(1, 1) })].into();
            table.insert(key, ServiceEntry { service, real_servers });
        }
        if let Ok(record) = Selection::new(&table).record(&connection) {
            prop_assert!(record.timeout > 0);
            prop_assert_eq!(record.flags & TEMPLATE != 0, connection.ends.client.1 == 0);
            prop_assert_eq!(record.flags & !(TEMPLATE | INACTIVE), DIRECT);
        }
    }
}

#[test]
fn the_latest_of_each_kind_come_in_turns_and_templates_last() {
    let established = ConnectionState::Tcp(TcpState::Established);
    let entries = vec![
        (ConnectionState::Template { protocol: None, is_assured: true }, 3600, "template"),
        (established, 100, "old"),
        (ConnectionState::Udp, 299, "young datagrams"),
        (established, 899, "young"),
        (established, 898, "a second older"),
        (ConnectionState::Udp, 5, "old datagrams"),
    ];
    let expected = ["young", "young datagrams", "a second older", "old datagrams", "old", "template"];
    assert_eq!(latest_first(entries), expected);
}
