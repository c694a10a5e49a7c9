//! stop says 0 only when the address is gone, and stop, start, monitor and a probe agree on whose an address is.

use super::common::rows::check_rows;
use super::common::{Agent, Host};

const RECORD: &str = "/run/lvs-agents/vip/my-vip.json";

fn host() -> Host {
    Host::with_eth0(&["192.0.2.1/24"])
}

const NODE: [&str; 1] = ["eth0 192.0.2.1/24"];

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("nodad", "yes"), ("arp_count", "0")])
}

fn with_eth1(host: &Host) {
    host.sh("ip link add eth1 type veth peer name cable1 && ip link set eth1 up && ip link set cable1 up");
}

#[test]
fn stop_removes_an_address_that_has_a_peer() {
    let host = host();
    check_rows(["10.7.0.1 peer 10.7.0.2/32", "2001:db8::1 peer 2001:db8::2/128"], |address| {
        let (ip, _) = address.split_once(' ').expect("peer");
        let vip =
            vip(&host, ip).params(&[("nic", "eth0"), ("cidr_netmask", if ip.contains(':') { "128" } else { "32" })]);
        host.sh(&format!("ip address add {address} dev eth0 nodad"));
        vip.start();
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{address}");
        vip.probe().expect(7).silent();
    });
}

/// Starts 203.0.113.9/24 on eth1 of the namespace `inner`.
fn started_in_namespace(host: &Host) -> Agent<'_> {
    host.sh("mkdir -p /run/netns && ip netns add inner");
    with_eth1(host);
    host.sh("ip link set eth1 netns inner && ip -n inner link set eth1 up");
    let vip = vip(host, "203.0.113.9/24").params(&[("nic", "eth1"), ("network_namespace", "inner")]);
    vip.start();
    vip
}

/// A process is in the namespace, or has it open.
#[test]
fn stop_removes_the_address_from_a_namespace_that_has_lost_its_name_and_lives_on() {
    check_rows(["ip netns exec inner sleep 1000", "sleep 1000 9</run/netns/inner"], |keeper| {
        let host = host();
        let vip = started_in_namespace(&host);
        host.sh(&format!("({keeper}) >/dev/null 2>&1 & echo $! > /run/test/keeper"));
        super::common::until("keeper", || (!host.processes_with("1000").is_empty()).then_some(()));
        let inside = "nsenter --net=/run/test/inner ip -4 -o address";
        host.sh("touch /run/test/inner && mount --bind /run/netns/inner /run/test/inner");
        assert!(host.sh(inside).contains("203.0.113.9"));
        host.sh("ip netns del inner");
        vip.probe().expect(1).says("address 203.0.113.9/24: look for it in network_namespace \"inner\"");
        vip.stop();
        vip.probe().expect(7);
        assert!(!host.sh(inside).contains("203.0.113.9"), "{keeper}");
        assert_eq!(host.run_files(), [""; 0]);
    });
}

/// A new namespace may have the name of the old one by then.
#[test]
fn stop_finds_the_namespace_of_the_start_when_another_one_has_its_name() {
    let host = host();
    let vip = started_in_namespace(&host);
    host.sh("ip netns exec inner sleep 1000 >/dev/null 2>&1 & echo $! > /run/test/keeper");
    super::common::until("keeper", || (!host.processes_with("1000").is_empty()).then_some(()));
    host.sh("ip netns del inner && ip netns add inner");
    vip.probe().expect(1).says("is in one that has lost this name and lives on");
    vip.stop();
    vip.probe().expect(7);
    assert!(!host.sh("nsenter --net=/proc/$(cat /run/test/keeper)/ns/net ip -4 -o address").contains("203.0.113.9"));
}

#[test]
fn stop_fails_while_its_record_cannot_be_read_and_takes_it_for_none_nowhere() {
    check_rows(["EIO", "ENFILE"], |error| {
        let host = host();
        let vip = vip(&host, "192.0.2.9").param("nic", "eth0");
        vip.start();
        vip.clone().param("ip", "192.0.2.10").start();
        let inject = format!("inject=openat,open:error={error}");
        let words = ["strace", "-o", "/dev/null", "-P", RECORD, "-e", "trace=openat,open", "-e", &inject];
        // The parameters name another address than the record.
        let unread = vip.clone().under(&words).timeout(4);
        unread.run("stop").expect(1).says(&format!("{RECORD}: read: "));
        unread.run("start").expect(1).says(&format!("{RECORD}: read: "));
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{error}");
    });
}

#[test]
fn stop_without_a_record_needs_no_parameter_but_those_that_name_the_address() {
    check_rows(
        [("preferred_lft", "soon"), ("broadcast", "x"), ("proto", "x"), ("ip", "192.0.2.9 x"), ("iflabel", "x y")],
        |bad| {
            let host = host();
            let vip = vip(&host, "192.0.2.9").param("nic", "eth0");
            vip.start();
            host.sh("rm -r /run/lvs-agents");
            let bad_vip = vip.clone().params(&[bad]);
            assert_ne!(bad_vip.probe().code, Some(7), "{bad:?}");
            bad_vip.stop();
            assert_eq!(host.addresses(), NODE, "{bad:?}");
            bad_vip.probe().expect(7);
        },
    );
}

#[test]
fn a_start_that_fails_late_forgets_none_of_the_addresses_of_the_one_before() {
    let host = host();
    vip(&host, "192.0.2.60").param("nic", "eth0").start();
    let changed = vip(&host, "192.0.2.61").params(&[("nic", "eth0"), ("arp_count", "1")]);
    // Announcements need a socket that is refused; the addresses are up by then.
    changed.clone().under(&["setpriv", "--bounding-set", "-net_raw"]).run("start").expect(4);
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "eth0 192.0.2.60/24"]);
    changed.stop();
    assert_eq!(host.addresses(), NODE);
    assert_eq!(host.run_files(), [""; 0]);
}

#[test]
fn a_first_start_that_fails_late_leaves_nothing() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = (host.addresses(), host.sh("ip addrlabel list"));
    let vip = vip(&host, "192.0.2.60-192.0.2.62 2001:db8::60").params(&[("nic", "eth0"), ("arp_count", "1")]);
    vip.clone().under(&["setpriv", "--bounding-set", "-net_raw"]).run("start").expect(4);
    assert_eq!((host.addresses(), host.sh("ip addrlabel list")), before);
    assert_eq!(host.run_files(), [""; 0]);
}

#[test]
fn a_probe_and_a_stop_without_a_record_agree_on_an_address_with_another_prefix() {
    let host = host();
    host.sh("ip address add 192.0.2.9/28 dev eth0");
    let vip = vip(&host, "192.0.2.9/24").param("nic", "eth0");
    vip.probe().expect(1).says("192.0.2.9/28");
    vip.stop();
    vip.probe().expect(7).silent();
    assert_eq!(host.addresses(), NODE);
}

#[test]
fn without_a_record_the_address_on_an_interface_that_was_never_named_is_left_alone() {
    let host = host();
    with_eth1(&host);
    host.sh("ip address add 192.0.2.9/24 dev eth1");
    let here = ["eth0 192.0.2.1/24", "eth1 192.0.2.9/24"];
    check_rows(["eth0", "nosuch", ""], |nic| {
        let vip = vip(&host, "192.0.2.9").param("nic", nic);
        vip.probe().expect(7);
        vip.stop();
        assert_eq!(host.addresses(), here, "nic={nic}");
    });
    // Where no network has the address, only the address itself tells where it is.
    host.sh("ip link del eth0");
    let vip = vip(&host, "192.0.2.9/16");
    vip.probe().expect(1).says("address 192.0.2.9/24: still on its interface");
    vip.stop();
    vip.probe().expect(7);
    assert_eq!(host.addresses(), [""; 0]);
}

#[test]
fn an_address_that_another_resource_has_is_refused_and_neither_resource_takes_it_from_the_other() {
    let host = host();
    let one = vip(&host, "192.0.2.9 192.0.2.10").instance("one").param("nic", "eth0");
    let two = vip(&host, "192.0.2.10 192.0.2.11").instance("two").param("nic", "eth0");
    one.start();
    two.probe().expect(7).silent();
    two.run("start").expect(1).says("ip \"192.0.2.10\": add to eth0: resource one has it on this node");
    two.probe().expect(7).silent();
    two.stop();
    one.start();
    one.monitor().expect(0).silent();
    one.stop();
    assert_eq!(host.addresses(), NODE);
    two.start();
    two.stop();
    assert_eq!(host.addresses(), NODE);
}

/// The resource of the record may be gone, or its address may have been removed by hand.
#[test]
fn an_address_that_only_a_record_has_is_free() {
    let host = host();
    let one = vip(&host, "192.0.2.9").instance("one").param("nic", "eth0");
    let two = vip(&host, "192.0.2.9").instance("two").param("nic", "eth0");
    one.start();
    host.sh("ip address del 192.0.2.9/24 dev eth0");
    two.start();
    two.monitor().expect(0).silent();
    two.stop();
    assert_eq!(host.addresses(), NODE);
}
