use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::model::{
    Family, ForwardingMethod, Persistence, PersistenceEngine, Protocol, Scheduler, ServiceFlags, SyncChannel,
    SyncDaemon, TunnelChecksum,
};
use crate::netlink::attribute::AttributeWriter;
use constants::{CommandAttribute, DestAttribute, ServiceAttribute, StatisticsAttribute};

fn address_key(protocol: Protocol, socket: &str) -> ServiceKey {
    let socket: SocketAddr = socket.parse().expect("socket address");
    ServiceKey::Address { protocol, address: socket.ip(), port: socket.port() }
}

fn service(key: ServiceKey) -> VirtualService {
    VirtualService { key, scheduler: Scheduler::default(), persistence: None, flags: ServiceFlags::default() }
}

fn real(socket: &str) -> RealServer {
    let socket: SocketAddr = socket.parse().expect("socket address");
    RealServer {
        key: RealServerKey { address: socket.ip(), port: socket.port() },
        forwarding: ForwardingMethod::Gate,
        local: false,
        weight: 10,
        upper_threshold: 300,
        lower_threshold: 200,
    }
}

/// The bytes have 2-byte numbers in host order, as on the machines that this is built for.
#[cfg(target_endian = "little")]
mod golden {
    use super::*;

    #[test]
    fn a_new_ipv4_service_is_written_with_every_attribute() {
        let mut service = service(address_key(Protocol::Tcp, "192.168.213.97:3306"));
        service.persistence = Some(Persistence::by_address(360, 24));
        service.flags.scheduler = [true, false, false];
        #[rustfmt::skip]
        let expected = [
            84, 0, 1, 0x80,
            6, 0, 1, 0, 2, 0, 0, 0,
            6, 0, 2, 0, 6, 0, 0, 0,
            20, 0, 3, 0, 192, 168, 213, 97, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            6, 0, 4, 0, 0x0c, 0xea, 0, 0,
            8, 0, 6, 0, b'w', b'r', b'r', 0,
            12, 0, 7, 0, 0x09, 0, 0, 0, 0x3d, 0, 0, 0,
            8, 0, 8, 0, 0x68, 0x01, 0, 0,
            8, 0, 9, 0, 255, 255, 255, 0,
        ];
        let (command, bytes) = encode::change(&Change::AddService(service)).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::NewService, expected.as_slice()));
    }

    #[test]
    fn an_edited_ipv6_service_is_written_with_its_prefix_length() {
        let mut service = service(address_key(Protocol::Udp, "[2001:db8::1]:53"));
        service.scheduler = "wlc".parse().expect("scheduler");
        service.flags.one_packet = true;
        #[rustfmt::skip]
        let expected = [
            84, 0, 1, 0x80,
            6, 0, 1, 0, 10, 0, 0, 0,
            6, 0, 2, 0, 17, 0, 0, 0,
            20, 0, 3, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            6, 0, 4, 0, 0, 53, 0, 0,
            8, 0, 6, 0, b'w', b'l', b'c', 0,
            12, 0, 7, 0, 0x04, 0, 0, 0, 0x3d, 0, 0, 0,
            8, 0, 8, 0, 0, 0, 0, 0,
            8, 0, 9, 0, 128, 0, 0, 0,
        ];
        let (command, bytes) = encode::change(&Change::EditService(service)).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::SetService, expected.as_slice()));
    }

    #[test]
    fn an_sctp_service_is_written_with_its_number_and_a_sip_service_with_its_engine() {
        let mut service = service(address_key(Protocol::Sctp, "192.0.2.1:5060"));
        service.persistence =
            Some(Persistence { engine: Some(PersistenceEngine::Sip), ..Persistence::by_address(60, 32) });
        #[rustfmt::skip]
        let expected = [
            92, 0, 1, 0x80,
            6, 0, 1, 0, 2, 0, 0, 0,
            6, 0, 2, 0, 132, 0, 0, 0,
            20, 0, 3, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            6, 0, 4, 0, 0x13, 0xc4, 0, 0,
            8, 0, 6, 0, b'w', b'r', b'r', 0,
            12, 0, 7, 0, 0x01, 0, 0, 0, 0x3d, 0, 0, 0,
            8, 0, 8, 0, 60, 0, 0, 0,
            8, 0, 9, 0, 255, 255, 255, 255,
            8, 0, 11, 0, b's', b'i', b'p', 0,
        ];
        let (command, bytes) = encode::change(&Change::AddService(service)).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::NewService, expected.as_slice()));
    }

    #[test]
    fn a_tunnel_is_written_with_its_kind_port_and_checksum() {
        let key = ServiceKey::Fwmark { mark: 7, family: Family::Ipv4 };
        let gue = ForwardingMethod::Gue { port: 6080, checksum: TunnelChecksum::Remote };
        let gre = ForwardingMethod::Gre { checksum: TunnelChecksum::Outer };
        #[rustfmt::skip]
        let rows: [(ForwardingMethod, &[u8]); 3] = [
            (ForwardingMethod::Ipip, &[]),
            (gue, &[5, 0, 13, 0, 1, 0, 0, 0, 6, 0, 14, 0, 0x17, 0xc0, 0, 0, 6, 0, 15, 0, 2, 0, 0, 0]),
            (gre, &[5, 0, 13, 0, 2, 0, 0, 0, 6, 0, 15, 0, 1, 0, 0, 0]),
        ];
        for (forwarding, tunnel) in rows {
            let change = Change::EditRealServer(key, RealServer { forwarding, ..real("192.0.2.2:0") });
            let (command, bytes) = encode::change(&change).expect("encode");
            let method = [8, 0, 3, 0, 2, 0, 0, 0];
            assert!(command == IpvsCommand::SetDest && bytes.windows(8).any(|window| window == method));
            assert!(bytes.ends_with(tunnel), "{forwarding}: {bytes:?}");
            assert_eq!(bytes.len(), 92 + tunnel.len(), "{forwarding}");
        }
    }

    #[test]
    fn a_deleted_fwmark_service_is_named_by_its_mark_and_family() {
        let key = ServiceKey::Fwmark { mark: 7, family: Family::Ipv6 };
        let expected = [20, 0, 1, 0x80, 6, 0, 1, 0, 10, 0, 0, 0, 8, 0, 5, 0, 7, 0, 0, 0];
        let (command, bytes) = encode::change(&Change::DeleteService(key)).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::DelService, expected.as_slice()));
    }

    #[test]
    fn a_new_real_server_is_written_with_its_service() {
        let key = ServiceKey::Fwmark { mark: 7, family: Family::Ipv4 };
        let change = Change::AddRealServer(key, real("192.168.213.91:0"));
        #[rustfmt::skip]
        let expected = [
            20, 0, 1, 0x80, 6, 0, 1, 0, 2, 0, 0, 0, 8, 0, 5, 0, 7, 0, 0, 0,
            72, 0, 2, 0x80,
            6, 0, 11, 0, 2, 0, 0, 0,
            20, 0, 1, 0, 192, 168, 213, 91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            6, 0, 2, 0, 0, 0, 0, 0,
            8, 0, 3, 0, 3, 0, 0, 0,
            8, 0, 4, 0, 10, 0, 0, 0,
            8, 0, 5, 0, 0x2c, 0x01, 0, 0,
            8, 0, 6, 0, 200, 0, 0, 0,
        ];
        let (command, bytes) = encode::change(&change).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::NewDest, expected.as_slice()));
    }

    #[test]
    fn a_deleted_real_server_is_named_by_its_key_alone() {
        let key = ServiceKey::Fwmark { mark: 7, family: Family::Ipv4 };
        let change = Change::DeleteRealServer(key, real("[2001:db8::2]:80").key);
        #[rustfmt::skip]
        let expected = [
            20, 0, 1, 0x80, 6, 0, 1, 0, 2, 0, 0, 0, 8, 0, 5, 0, 7, 0, 0, 0,
            40, 0, 2, 0x80,
            6, 0, 11, 0, 10, 0, 0, 0,
            20, 0, 1, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
            6, 0, 2, 0, 0, 80, 0, 0,
        ];
        let (command, bytes) = encode::change(&change).expect("encode");
        assert_eq!((command, bytes.as_slice()), (IpvsCommand::DelDest, expected.as_slice()));
    }

    #[test]
    fn messages_begin_with_command_and_version() {
        assert_eq!(encode::generic(IpvsCommand::GetDest, &[1, 2, 3, 4]), [8, 1, 0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_version_has_one_byte_for_each_part() {
        let bytes = [15, 1, 0, 0, 8, 0, 1, 0, 0x01, 0x02, 0x01, 0x00];
        assert_eq!(decode::version(&bytes), Ok(Version { major: 1, minor: 2, patch: 1 }));
    }

    #[test]
    fn a_sync_daemon_has_these_bytes() {
        let channel = SyncChannel { interface: "eth0".into(), id: 7, ..SyncChannel::default() };
        let bytes = [
            &[64, 0, 3, 0x80][..],
            &[8, 0, 1, 0, 2, 0, 0, 0],                         // State
            &[9, 0, 2, 0, b'e', b't', b'h', b'0', 0, 0, 0, 0], // Interface
            &[8, 0, 3, 0, 7, 0, 0, 0],                         // SyncId
            &[6, 0, 4, 0, 0xc0, 5, 0, 0],                      // Maxlen: 1472
            &[8, 0, 5, 0, 224, 0, 0, 81],                      // Group
            &[6, 0, 7, 0, 0x90, 0x22, 0, 0],                   // Port: 8848
            &[5, 0, 8, 0, 1, 0, 0, 0],                         // Ttl
        ];
        assert_eq!(encode::sync_daemon(SyncDaemon::Backup, &channel), Ok(bytes.concat()));
        assert_eq!(encode::sync_daemon_state(SyncDaemon::Master), Ok(vec![12, 0, 3, 0x80, 8, 0, 1, 0, 1, 0, 0, 0]));
    }

    #[test]
    fn a_kernel_before_4_3_says_the_least_of_a_sync_daemon() {
        let interface = [9, 0, 2, 0, b'e', b't', b'h', b'0', 0, 0, 0, 0];
        let of = |state| {
            let head = [9, 1, 0, 0, 32, 0, 3, 0x80, 8, 0, 1, 0, state, 0, 0, 0];
            [&head[..], &interface, &[8, 0, 3, 0, 7, 0, 0, 0]].concat()
        };
        let channel = SyncChannel { interface: "eth0".into(), id: 7, ..SyncChannel::default() };
        assert_eq!(decode::sync_daemon(&of(2)), Ok(Some((SyncDaemon::Backup, channel))));
        assert_eq!(decode::sync_daemon(&of(3)), Ok(None));
    }
}

/// More than 32 bits hold.
const TRAFFIC: Traffic =
    Traffic { connections: 1 << 33, in_packets: 2 << 33, out_packets: 3 << 33, in_bytes: 4 << 33, out_bytes: 5 << 33 };

fn wide_statistics() -> AttributeWriter {
    let mut counters = AttributeWriter::default();
    let Traffic { connections, in_packets, out_packets, in_bytes, out_bytes } = TRAFFIC;
    for (kind, number) in
        [1u16, 2, 3, 4, 5].into_iter().zip([connections, in_packets, out_packets, in_bytes, out_bytes])
    {
        counters.put(StatisticsAttribute::from(kind), number).expect("number");
    }
    counters
}

/// Those of bytes have 64 bits here too.
fn narrow_statistics() -> AttributeWriter {
    let mut counters = AttributeWriter::default();
    for kind in [1u16, 2, 3] {
        counters.put(StatisticsAttribute::from(kind), u32::from(kind)).expect("number");
    }
    for kind in [4u16, 5] {
        counters.put(StatisticsAttribute::from(kind), u64::from(kind) << 33).expect("number");
    }
    counters
}

#[test]
fn the_counters_of_64_bits_count_where_there_are_such() {
    let with = |kinds: Vec<(DestAttribute, AttributeWriter)>| {
        let mut destination = AttributeWriter::default();
        for kind in [3u16, 4, 5, 6, 7, 8, 9] {
            destination.put(DestAttribute::from(kind), 0u32).expect("number");
        }
        destination.put(DestAttribute::Address, [10u8, 0, 0, 2]).expect("address");
        destination.put(DestAttribute::Port, [0u8, 80]).expect("port");
        kinds.into_iter().for_each(|(kind, counters)| destination.nest(kind, counters).expect("nest"));
        let mut message = AttributeWriter::after(vec![5, 1, 0, 0]);
        message.nest(CommandAttribute::Dest, destination).expect("nest");
        decode::destination(&message.into_bytes(), Family::Ipv4).expect("decode").traffic
    };
    let narrow = Traffic { connections: 1, in_packets: 2, out_packets: 3, in_bytes: 4 << 33, out_bytes: 5 << 33 };
    assert_eq!(with(vec![]), Traffic::default());
    assert_eq!(with(vec![(DestAttribute::Statistics, narrow_statistics())]), narrow);
    let both = vec![(DestAttribute::Statistics, narrow_statistics()), (DestAttribute::Statistics64, wide_statistics())];
    assert_eq!(with(both), TRAFFIC);
}

/// A real server as the kernel reports it: what was sent, and counters.
fn reported(key: &ServiceKey, real: &RealServer) -> Vec<u8> {
    let (_, sent) = encode::change(&Change::AddRealServer(*key, real.clone())).expect("encode");
    let nest = crate::netlink::attribute::Attributes::<CommandAttribute>::decode(&sent).expect("sent");
    let mut destination = AttributeWriter::after(nest.required(CommandAttribute::Dest).expect("nest").to_vec());
    destination.put(DestAttribute::ActiveConnections, 1u32).expect("active");
    destination.put(DestAttribute::InactiveConnections, 2u32).expect("inactive");
    destination.put(DestAttribute::PersistentConnections, 3u32).expect("persistent");
    destination.nest(DestAttribute::Statistics, narrow_statistics()).expect("statistics");
    destination.nest(DestAttribute::Statistics64, wide_statistics()).expect("statistics");
    let mut message = AttributeWriter::default();
    message.nest(CommandAttribute::Dest, destination).expect("nest");
    encode::generic(IpvsCommand::NewDest, &message.into_bytes())
}

fn reported_service(service: &VirtualService) -> Vec<u8> {
    let (_, bytes) = encode::change(&Change::AddService(service.clone())).expect("encode");
    encode::generic(IpvsCommand::NewService, &bytes)
}

/// The payload with one attribute of the only nest added or, by coming first, overruled.
fn with_attribute(payload: &[u8], nest: CommandAttribute, kind: u16, value: &[u8]) -> Vec<u8> {
    let attributes = crate::netlink::attribute::Attributes::<CommandAttribute>::decode(&payload[4..]).expect("payload");
    let mut inner = AttributeWriter::default();
    inner.put(DestAttribute::from(kind), value).expect("attribute");
    let inner = [inner.into_bytes(), attributes.required(nest).expect("nest").to_vec()].concat();
    let mut message = AttributeWriter::after(payload[..4].to_vec());
    message.nest(nest, AttributeWriter::after(inner)).expect("nest");
    message.into_bytes()
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn any_key() -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
    let family = prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)];
    prop_oneof![
        (protocol, any_address(), any::<u16>()).prop_map(|(protocol, address, port)| ServiceKey::Address {
            protocol,
            address,
            port
        }),
        (1u32.., family).prop_map(|(mark, family)| ServiceKey::Fwmark { mark, family }),
    ]
}

fn any_service() -> impl Strategy<Value = VirtualService> {
    let flags = (any::<bool>(), any::<[bool; 3]>());
    let engine = prop_oneof![Just(None), Just(Some(PersistenceEngine::Sip))];
    let persistence = proptest::option::of((1u32.., 1u8..=128, engine));
    (any_key(), "[a-z]{1,15}", persistence, flags).prop_map(|(key, name, held, flags)| VirtualService {
        key,
        scheduler: Scheduler::named(name),
        persistence: held.map(|(timeout, length, engine)| Persistence {
            timeout,
            prefix_length: length.min(key.family().bits()),
            engine,
        }),
        flags: ServiceFlags { one_packet: flags.0, scheduler: flags.1 },
    })
}

fn any_method() -> impl Strategy<Value = ForwardingMethod> {
    let checksum =
        || prop_oneof![Just(TunnelChecksum::None), Just(TunnelChecksum::Outer), Just(TunnelChecksum::Remote)];
    prop_oneof![
        Just(ForwardingMethod::Gate),
        Just(ForwardingMethod::Masq),
        Just(ForwardingMethod::Ipip),
        (any::<u16>(), checksum()).prop_map(|(port, checksum)| ForwardingMethod::Gue { port, checksum }),
        checksum().prop_map(|checksum| ForwardingMethod::Gre { checksum }),
    ]
}

fn any_real() -> impl Strategy<Value = RealServer> {
    (any_address(), any::<u16>(), any_method(), any::<[u32; 3]>()).prop_map(|(address, port, forwarding, numbers)| {
        RealServer {
            key: RealServerKey { address, port },
            forwarding,
            local: false,
            weight: numbers[0],
            upper_threshold: numbers[1],
            lower_threshold: numbers[2],
        }
    })
}

proptest! {
    #[test]
    fn a_service_is_read_as_it_was_written(service in any_service()) {
        prop_assert_eq!(decode::service(&reported_service(&service)), Ok(Some(service)));
    }

    #[test]
    fn a_real_server_is_read_as_it_was_written(key in any_key(), real in any_real()) {
        let connections = Connections { active: 1, inactive: 2, persistent: 3 };
        prop_assert_eq!(decode::destination(&reported(&key, &real), key.family()), Ok(RealServerInUse { real_server: real, connections, traffic: TRAFFIC }));
    }

    #[test]
    fn a_sync_daemon_is_read_as_it_was_written(
        (interface, id, port, ttl, maxlen) in ("[a-z0-9.]{1,15}", any::<u8>(), any::<u16>(), any::<u8>(), any::<u16>()),
        group in any::<std::net::IpAddr>(),
        is_master in any::<bool>(),
    ) {
        let daemon = if is_master { SyncDaemon::Master } else { SyncDaemon::Backup };
        let channel = SyncChannel { interface, id, group, port, ttl, maxlen };
        let written = encode::sync_daemon(daemon, &channel).expect("encode");
        prop_assert_eq!(decode::sync_daemon(&[&[9, 1, 0, 0][..], &written].concat()), Ok(Some((daemon, channel))));
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
        let _ = decode::sync_daemon(&bytes);
        let _ = decode::service(&bytes);
        let _ = decode::destination(&bytes, Family::Ipv6);
        let _ = decode::version(&bytes);
        let _ = decode::timeouts(&bytes);
    }
}

#[test]
fn answers_cut_off_anywhere_are_errors() {
    let key = address_key(Protocol::Tcp, "[2001:db8::1]:443");
    let service = reported_service(&service(key));
    for length in 0..service.len() {
        assert!(decode::service(&service[..length]).is_err(), "service, {length} bytes");
    }
    let real = reported(&key, &real("[2001:db8::2]:443"));
    for length in 0..real.len() {
        assert!(decode::destination(&real[..length], Family::Ipv6).is_err(), "real server, {length} bytes");
    }
}

#[test]
fn unknown_attributes_and_the_kernels_own_flag_are_ignored() {
    let service = service(address_key(Protocol::Tcp, "10.0.0.1:80"));
    let bytes = reported_service(&service);
    let unknown = with_attribute(&bytes, CommandAttribute::Service, 200, b"from the future");
    assert_eq!(decode::service(&unknown), Ok(Some(service.clone())));
    let hashed = [2u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let hashed = with_attribute(&bytes, CommandAttribute::Service, ServiceAttribute::Flags.into(), &hashed);
    assert_eq!(decode::service(&hashed), Ok(Some(service)));
}

#[test]
fn a_service_of_another_protocol_is_skipped_and_not_an_error() {
    let bytes = reported_service(&service(address_key(Protocol::Tcp, "10.0.0.1:80")));
    let esp = with_attribute(&bytes, CommandAttribute::Service, ServiceAttribute::Protocol.into(), &[50, 0]);
    assert_eq!(decode::service(&esp), Ok(None));
}

#[test]
fn every_forwarding_method_of_the_kernel_has_a_reading() {
    let key = address_key(Protocol::Tcp, "10.0.0.1:80");
    let bytes = reported(&key, &real("10.0.0.2:80"));
    let expected = [
        (0u32, ForwardingMethod::Masq, false),
        (1, ForwardingMethod::Gate, true),
        (2, ForwardingMethod::Ipip, false),
        (3, ForwardingMethod::Gate, false),
        (4, ForwardingMethod::Gate, false),
        (0x102, ForwardingMethod::Ipip, false),
    ];
    crate::testing::check_rows(expected, |(number, forwarding, local)| {
        let kind = DestAttribute::ForwardingMethod.into();
        let bytes = with_attribute(&bytes, CommandAttribute::Dest, kind, &number.to_ne_bytes());
        let RealServerInUse { real_server: real, .. } = decode::destination(&bytes, Family::Ipv4).expect("decode");
        assert_eq!((real.forwarding, real.local), (forwarding, local), "{number}");
    });
}

#[test]
fn an_engine_or_a_tunnel_of_the_future_is_another_one_and_hides_nothing() {
    let persistent = VirtualService {
        persistence: Some(Persistence::by_address(60, 32)),
        ..service(address_key(Protocol::Udp, "10.0.0.1:80"))
    };
    let kind = ServiceAttribute::PersistenceEngine.into();
    let bytes = with_attribute(&reported_service(&persistent), CommandAttribute::Service, kind, b"quic\0");
    let read = decode::service(&bytes).expect("decode").expect("a service");
    assert_eq!(read.persistence.and_then(|persistence| persistence.engine), Some(PersistenceEngine::Other));
    let tunnelled = RealServer { forwarding: ForwardingMethod::Ipip, ..real("10.0.0.2:80") };
    let bytes = reported(&persistent.key, &tunnelled);
    let bytes = with_attribute(&bytes, CommandAttribute::Dest, DestAttribute::TunnelType.into(), &[9]);
    let RealServerInUse { real_server: read, .. } = decode::destination(&bytes, Family::Ipv4).expect("decode");
    assert_eq!(read, tunnelled);
}

#[test]
fn without_its_own_family_a_real_server_has_the_services() {
    let mut destination = AttributeWriter::default();
    for kind in [3u16, 4, 5, 6, 7, 8, 9] {
        destination.put(DestAttribute::from(kind), 0u32).expect("number");
    }
    destination.put(DestAttribute::Address, [10u8, 0, 0, 2]).expect("address");
    destination.put(DestAttribute::Port, [0u8, 80]).expect("port");
    let mut message = AttributeWriter::after(vec![5, 1, 0, 0]);
    message.nest(CommandAttribute::Dest, destination).expect("nest");
    let message = message.into_bytes();
    let RealServerInUse { real_server: real, .. } = decode::destination(&message, Family::Ipv4).expect("decode");
    assert_eq!(real.key.to_string(), "10.0.0.2:80");
    assert!(decode::destination(&message, Family::Ipv6).is_err(), "4 bytes are not an IPv6 address");
}

#[test]
fn a_kernel_without_ipvs_is_none_and_not_an_error() {
    // With IPVS the other answer is right; tests/ipvs_kernel covers that.
    let has_ipvs = std::path::Path::new("/proc/net/ip_vs").exists();
    let opened = Ipvs::open().expect("open");
    assert_eq!(opened.is_some(), has_ipvs);
}
