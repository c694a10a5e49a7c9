use std::net::IpAddr;

use super::*;
use crate::netlink::Route;
use crate::netlink::testing::{in_namespace, ip};

/// Two interfaces on one link, in one namespace: an address of the other one is another host's to the network.
fn stations() -> (Station, Station) {
    ip("link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b");
    ip("link set vb up");
    ip("link set va up");
    let links = Route::open().expect("open").links().expect("links");
    let station = |name| links.iter().find(|link| link.is_called(name)).and_then(|link| link.station()).expect(name);
    (station("va"), station("vb"))
}

/// Asks without haste.
fn find(questions: &[(Station, IpAddr)], own: &[[u8; 6]]) -> Result<Vec<ForeignClaim>> {
    super::find(questions, Manner { own, pace: &mut || {}, deadline: Instant::now() + Duration::from_secs(60) })
}

#[test]
fn another_host_is_found_by_its_link_layer_address() {
    in_namespace(|| {
        let (va, vb) = stations();
        ip("addr add 10.9.0.1/24 dev vb");
        ip("-6 addr add 2001:db8::1/64 dev vb nodad");
        // Linux answers for its address on any interface unless told otherwise.
        let _ = std::fs::write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1");
        let addresses: Vec<IpAddr> =
            ["10.9.0.1", "10.9.0.2", "2001:db8::1", "2001:db8::2"].map(|text| text.parse().expect(text)).to_vec();
        let questions: Vec<_> = addresses.iter().map(|address| (va, *address)).collect();
        let claims = find(&questions, &[va.mac]).expect("ask");
        let claim = |address: IpAddr| ForeignClaim { address, interface: va.interface, mac: vb.mac };
        assert_eq!(claims, [claim(addresses[0]), claim(addresses[2])]);
        // With both interfaces ours, no other host has any of them.
        assert_eq!(find(&questions, &[va.mac, vb.mac]).expect("ask"), []);
    });
}

#[test]
fn a_question_teaches_no_neighbour_anything() {
    in_namespace(|| {
        let (va, _) = stations();
        ip("addr add 10.9.0.1/24 dev vb");
        find(&[(va, "10.9.0.1".parse().expect("address"))], &[]).expect("ask");
        let output = std::process::Command::new("ip").args(["neigh", "show", "dev", "vb"]).output().expect("ip");
        assert_eq!(String::from_utf8_lossy(&output.stdout).matches("02:00:00:00:00:0a").count(), 0);
    });
}

#[test]
fn an_interface_that_is_down_is_an_error_that_names_the_address() {
    in_namespace(|| {
        let (va, _) = stations();
        ip("link set va down");
        let error = find(&[(va, "10.9.0.1".parse().expect("address"))], &[]).expect_err("down");
        assert!(error.to_string().starts_with("10.9.0.1: probe on interface"), "{error}");
    });
}

/// Each question is a frame to every host of the link.
#[test]
fn every_question_waits_for_its_moment_and_none_leaves_after_the_deadline() {
    in_namespace(|| {
        let (va, _) = stations();
        let questions: Vec<_> = (1..=100).map(|host| (va, IpAddr::from([10, 9, 0, host]))).collect();
        let mut moments = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        let claims = super::find(&questions, Manner { own: &[], pace: &mut || moments += 1, deadline }).expect("ask");
        assert_eq!((claims, moments), (vec![], 3 * questions.len()));
        let error = super::find(&questions, Manner { own: &[], pace: &mut || {}, deadline: Instant::now() });
        let text = "address conflicts: ask the network: Connection timed out (no time for more than 0 of 100 addresses; \
                    give the action more)";
        assert_eq!(error.expect_err("late").to_string(), text);
    });
}
