use std::net::IpAddr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::{SockProtocol, bind, recv, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::*;
use crate::netlink::Route;
use crate::netlink::testing::{in_namespace, ip};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 10];

/// Makes a pair of interfaces with carrier, and returns the sender and the index of its peer.
fn pair() -> (Station, u32) {
    ip("link add va address 02:00:00:00:00:0a type veth peer name vb");
    // Without IPv6 the kernel has nothing of its own to say on this link.
    ip("link set va addrgenmode none");
    ip("link set vb addrgenmode none");
    ip("link set vb up");
    ip("link set va up");
    let links = Route::open().expect("open").links().expect("links");
    let index = |name| links.iter().find(|link| link.is_called(name)).expect("link").index;
    (Station { interface: index("va"), mac: MAC }, index("vb"))
}

/// Opens a socket that gets everything that arrives at the interface, with its Ethernet header.
fn sniffer(interface: u32) -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    let sniffer = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).expect("socket");
    setsockopt(&sniffer, sockopt::ReceiveTimeout, &TimeVal::seconds(5)).expect("timeout");
    bind(sniffer.as_raw_fd(), &link_address(interface, libc::ETH_P_ALL, [0; 6]).expect("address")).expect("bind");
    sniffer
}

/// Returns the next frame of the wanted Ethernet type.
fn next_frame(sniffer: &OwnedFd, ethernet_type: u16) -> Vec<u8> {
    let mut buffer = [0; 2048];
    loop {
        let length = recv(sniffer.as_raw_fd(), &mut buffer, MsgFlags::empty()).expect("a frame");
        if buffer[12..14] == ethernet_type.to_be_bytes() && buffer[6..12] == MAC {
            return buffer[..length].to_vec();
        }
    }
}

#[test]
fn neighbours_get_a_request_and_a_reply() {
    in_namespace(|| {
        let (va, vb) = pair();
        let sniffer = sniffer(vb);
        let address = "10.9.0.1".parse().expect("address");
        Announcer::open().and_then(|open| open.announce(va, IpAddr::V4(address), false)).expect("announce");
        let header = [&BROADCAST[..], &MAC, &[0x08, 0x06]].concat();
        let payloads = [frame::gratuitous_arp_request(address, MAC), frame::gratuitous_arp_reply(address, MAC)];
        for payload in payloads {
            assert_eq!(next_frame(&sniffer, 0x0806), [&header[..], &payload].concat());
        }
    });
}

#[test]
fn neighbours_get_an_advertisement() {
    in_namespace(|| {
        let (va, vb) = pair();
        let sniffer = sniffer(vb);
        let address = "2001:db8::1".parse().expect("address");
        Announcer::open().and_then(|open| open.announce(va, IpAddr::V6(address), true)).expect("announce");
        let header = [&[0x33, 0x33, 0, 0, 0, 1][..], &MAC, &[0x86, 0xdd]].concat();
        let payload = frame::unsolicited_advertisement(address, MAC, true);
        assert_eq!(next_frame(&sniffer, 0x86dd), [&header[..], &payload].concat());
    });
}

#[test]
fn a_neighbour_takes_the_new_link_layer_address() {
    in_namespace(|| {
        let (va, _) = pair();
        for line in [
            "addr add 10.9.0.2/24 dev vb",
            "-6 addr add 2001:db8::2/64 dev vb nodad",
            "neigh add 10.9.0.1 lladdr 02:00:00:00:00:99 dev vb nud stale",
            "-6 neigh add 2001:db8::1 lladdr 02:00:00:00:00:99 dev vb nud stale",
        ] {
            ip(line);
        }
        for address in ["10.9.0.1", "2001:db8::1"] {
            Announcer::open()
                .and_then(|open| open.announce(va, address.parse().expect("address"), false))
                .expect("announce");
            let learned = crate::netlink::testing::poll(|| {
                let arguments = ["neigh", "show", "to", address, "dev", "vb"];
                let output = std::process::Command::new("ip").args(arguments).output().expect("run ip");
                String::from_utf8_lossy(&output.stdout).contains("02:00:00:00:00:0a")
            });
            assert!(learned, "{address}");
        }
    });
}

#[test]
fn an_interface_that_is_down_or_gone_is_an_error_that_names_it() {
    in_namespace(|| {
        let (va, _) = pair();
        ip("link set va down");
        let (announcer, address) = (Announcer::open().expect("open"), "10.9.0.1".parse().expect("address"));
        let error = announcer.announce(va, address, false).expect_err("down");
        assert!(error.is(Errno::ENETDOWN), "{error}");
        let start = format!("10.9.0.1: announce on interface {}: ", va.interface);
        assert!(error.to_string().starts_with(&start), "{error}");
        let error = announcer.announce(Station { interface: 9999, ..va }, address, false).expect_err("gone");
        assert!(error.is(Errno::ENXIO) || error.is(Errno::ENODEV), "{error}");
    });
}

#[test]
fn a_gateway_learns_from_a_question_in_the_name_of_the_address() {
    in_namespace(|| {
        let (va, vb) = pair();
        let sniffer = sniffer(vb);
        let announcer = Announcer::open().expect("open");
        let (address, gateway) = ("10.9.0.1".parse().expect("address"), "10.9.0.254".parse().expect("address"));
        announcer.ask_gateway(va, IpAddr::V4(address), IpAddr::V4(gateway)).expect("ask");
        let header = [&BROADCAST[..], &MAC, &[0x08, 0x06]].concat();
        let payload = frame::arp_question(address, MAC, gateway);
        assert_eq!(next_frame(&sniffer, 0x0806), [&header[..], &payload].concat());

        let (address, gateway) = ("2001:db8::1".parse().expect("address"), "fe80::12:3456".parse().expect("address"));
        announcer.ask_gateway(va, IpAddr::V6(address), IpAddr::V6(gateway)).expect("ask");
        let header = [&[0x33, 0x33, 0xff, 0x12, 0x34, 0x56][..], &MAC, &[0x86, 0xdd]].concat();
        let payload = frame::solicitation(address, MAC, gateway);
        assert_eq!(next_frame(&sniffer, 0x86dd), [&header[..], &payload].concat());
    });
}
