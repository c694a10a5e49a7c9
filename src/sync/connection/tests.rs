use proptest::prelude::*;

use super::*;
use crate::sync::message::tests::ends;

const HEADING: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData                     ";

/// Writes the line of an entry as the kernel does.
pub(crate) fn line(connection: &Connection) -> String {
    let (protocol, state) = match connection.state {
        ConnectionState::Tcp(state) => ("TCP", TcpState::NAMES[state as usize].1),
        ConnectionState::Udp => ("UDP", "UDP"),
        ConnectionState::Template { protocol, is_assured } => {
            let name = match protocol {
                Some(Protocol::Tcp) => "TCP",
                Some(Protocol::Udp) => "UDP",
                Some(Protocol::Sctp) => "SCTP",
                None => "IP",
            };
            (name, if is_assured { "ASSURED" } else { "NONE" })
        }
    };
    let Endpoints { client, service, real_server } = connection.ends;
    let end = |(address, port): (IpAddr, u16)| match address {
        IpAddr::V4(address) => format!("{:08X} {port:04X}", u32::from(address)),
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:04x}")).join(":");
            format!("{groups} {port:04X}")
        }
    };
    let (client, service, real_server) = (end(client), end(service), end(real_server));
    format!("{protocol:<3} {client} {service} {real_server} {state:<11} {:>7}", connection.expires)
}

fn parse(line: &str) -> Option<Connection> {
    Connection::parse(line.as_bytes())
}

fn ends_of(client: &str, service: &str, real_server: &str) -> Endpoints {
    let end = |text: &str| {
        let socket: std::net::SocketAddr = text.parse().expect(text);
        (socket.ip(), socket.port())
    };
    Endpoints { client: end(client), service: end(service), real_server: end(real_server) }
}

#[test]
fn each_kind_of_line_that_a_kernel_has_shown_is_understood() {
    let template = |protocol, is_assured| ConnectionState::Template { protocol, is_assured };
    let v4 = |client: &str, service: &str| ends_of(client, service, "10.9.0.21:3306");
    let connection = |state, ends, expires| Some(Connection { state, ends, expires });
    crate::testing::check_rows(
        [
            (
                "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897",
                connection(ConnectionState::Tcp(TcpState::Established), v4("10.9.0.31:40000", "10.9.0.100:3306"), 897),
            ),
            (
                "UDP 0A09001F 9C40 0A090064 0035 0A090015 0CEA UDP             298",
                connection(ConnectionState::Udp, v4("10.9.0.31:40000", "10.9.0.100:53"), 298),
            ),
            (
                "TCP 0A09001F 0000 0A090064 0CEA 0A090015 0CEA ASSURED         300",
                connection(template(Some(Protocol::Tcp), true), v4("10.9.0.31:0", "10.9.0.100:3306"), 300),
            ),
            (
                "IP  0A090000 0000 00000007 0000 0A090015 0CEA NONE             59",
                connection(template(None, false), v4("10.9.0.0:0", "0.0.0.7:0"), 59),
            ),
            (
                "TCP 2001:0db8:0000:0000:0000:0000:0000:0031 9C40 2001:0db8:0000:0000:0000:0000:0000:0100 0CEA \
                 2001:0db8:0000:0000:0000:0000:0000:0021 0CEA FIN_WAIT        119",
                connection(
                    ConnectionState::Tcp(TcpState::FinWait),
                    ends_of("[2001:db8::31]:40000", "[2001:db8::100]:3306", "[2001:db8::21]:3306"),
                    119,
                ),
            ),
            (
                "TCP 0A09001F 9C40 0A090064 0CEA 2001:0db8:0000:0000:0000:0000:0000:0021 0CEA ESTABLISHED     897",
                connection(
                    ConnectionState::Tcp(TcpState::Established),
                    ends_of("10.9.0.31:40000", "10.9.0.100:3306", "[2001:db8::21]:3306"),
                    897,
                ),
            ),
        ],
        |(line, expected)| assert_eq!(parse(line), expected, "{line}"),
    );
}

#[test]
fn what_is_not_known_is_nothing() {
    crate::testing::check_rows(
        [
            "",
            HEADING,
            "SCTP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897",
            "IP_50 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA NONE     897",
            "IP  0A09001F 9C40 0A090064 0CEA 0A090015 0CEA NONE            897",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ASSURED         897",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ERR!            897",
            "UDP 0A09001F 0000 0A090064 13C4 0A090015 13C4 NONE            897 sip 12345",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     -1",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     +1",
            "TCP 0A09001 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897",
            "TCP 0A09001F 19C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897",
            "TCP 2001:0db8:0031 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897",
            "TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED 4294967296",
        ],
        |line| assert_eq!(parse(line), None, "{line}"),
    );
    assert_eq!(Connection::parse(b"TCP \xff"), None);
}

#[test]
fn the_number_of_a_state_is_its_place_in_the_list_of_names() {
    for (number, (state, name)) in TcpState::NAMES.into_iter().enumerate() {
        assert_eq!(state as usize, number, "{name}");
    }
}

/// Any state that goes with the port of a client that has one.
fn state() -> impl Strategy<Value = ConnectionState> {
    let tcp = (0..TcpState::NAMES.len()).prop_map(|number| ConnectionState::Tcp(TcpState::NAMES[number].0));
    let protocol = prop::option::of(prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)]);
    let template =
        (protocol, any::<bool>()).prop_map(|(protocol, is_assured)| ConnectionState::Template { protocol, is_assured });
    prop_oneof![tcp, Just(ConnectionState::Udp), template]
}

prop_compose! {
    /// Any entry.
    pub(crate) fn connection()(
        state in state(),
        mut ends in ends(),
        port in 1..=u16::MAX,
        expires: u32,
    ) -> Connection {
        ends.client.1 = if matches!(state, ConnectionState::Template { .. }) { 0 } else { port };
        Connection { state, ends, expires }
    }
}

proptest! {
    #[test]
    fn every_entry_is_read_as_the_kernel_writes_it(connection in connection()) {
        let line = line(&connection);
        prop_assert_eq!(parse(&line), Some(connection), "{}", line);
    }

    #[test]
    fn a_line_that_is_cut_is_another_entry_only_in_the_time_that_is_left(
        connection in connection(),
        cut in any::<prop::sample::Index>(),
    ) {
        let line = line(&connection);
        let (cut, _) = line.split_at(cut.index(line.len()));
        if let Some(read) = parse(cut) {
            prop_assert_eq!(Connection { expires: read.expires, ..connection }, read, "{}", cut);
        }
    }
}
