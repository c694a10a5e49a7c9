//! What comes out of the tunnel device is taken.

use std::io::Write;
use std::process::Command;

use super::common::{Host, kill};
use super::{FORMER, SET, get, set, settings_of};

const VIPS: [&str; 2] = ["198.51.100.9", "2001:db8:9::9"];
const HELD: [&str; 2] = ["ip6tnl0 2001:db8:9::9/128", "tunl0 198.51.100.9/32"];
/// Many distributions set this value, which drops every packet that comes out of the tunnel.
const STRICT: u8 = 1;

/// Makes a real server with strict filters, and a director that sends by tunnels.
fn pair() -> (Host, Host) {
    let (real, director) = Host::pair(&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.2/24", "2001:db8::2/64"]);
    for nic in ["all", "default", "eth0"] {
        set(&real, &format!("{nic}/rp_filter"), STRICT);
        set(&real, &format!("{nic}/arp_ignore"), 0);
        set(&real, &format!("{nic}/arp_announce"), 0);
        set(&director, &format!("{nic}/rp_filter"), 0);
    }
    real.sh("modprobe -a ipip ip6_tunnel");
    set(&real, "tunl0/rp_filter", STRICT);
    director.sh("ip tunnel add t4 mode ipip local 192.0.2.2 remote 192.0.2.1 && ip link set t4 up && \
         ip route add 198.51.100.9 dev t4 src 192.0.2.2 && \
         ip -6 tunnel add t6 mode ip6ip6 local 2001:db8::2 remote 2001:db8::1 && ip link set t6 up && \
         ip -6 route add 2001:db8:9::9 dev t6 src 2001:db8::2");
    (real, director)
}

fn own_addresses(host: &Host) -> Vec<String> {
    host.addresses().into_iter().filter(|address| !address.starts_with("eth0 ")).collect()
}

fn is_answered(director: &Host, vip: &str) -> bool {
    director.sh(&format!("ping -c 1 -W 2 {vip} >/dev/null && echo yes || echo no")) == "yes\n"
}

fn is_up(host: &Host, nic: &str) -> bool {
    host.sh(&format!("ip link show {nic} up")).contains(nic)
}

#[test]
#[ignore = "needs a kernel with ipip and ip6_tunnel: cts/run runs it there"]
fn packets_out_of_the_tunnel_are_taken_and_answered() {
    let (real, director) = pair();
    let realserver = real.agent("realserver").params(&[("ip", "198.51.100.9 2001:db8:9::9"), ("forwarding", "ipip")]);
    realserver.probe().expect(7).silent();
    for _ in 0..2 {
        realserver.start();
        assert_eq!(own_addresses(&real), HELD);
        realserver.monitor().expect(0).silent();
        realserver.probe().expect(0).silent();
        assert!(VIPS.iter().all(|vip| is_answered(&director, vip)));
    }
    assert_eq!((settings_of(&real, "all"), get(&real, "all/rp_filter")), (SET.map(String::from).to_vec(), "1".into()));
    set(&real, "tunl0/rp_filter", 0);
    realserver.monitor().expect(1).says("net/ipv4/conf/all/rp_filter: is 1, must be 2");
    assert!(!is_answered(&director, VIPS[0]), "the test can see that the filter drops");
    realserver.start();
    for nic in ["tunl0", "ip6tnl0"] {
        real.sh(&format!("ip link set {nic} down"));
        realserver.monitor().expect(1).says(&format!("nic \"{nic}\": is down"));
        realserver.start();
        realserver.monitor().expect(0).silent();
    }
    assert!(VIPS.iter().all(|vip| is_answered(&director, vip)));
    set(&real, "tunl0/rp_filter", 2);
    realserver.stop();
    assert_eq!(own_addresses(&real), [""; 0]);
    assert_eq!(
        (settings_of(&real, "all"), get(&real, "tunl0/rp_filter")),
        (FORMER.map(String::from).to_vec(), "1".into())
    );
    assert!(is_up(&real, "tunl0") && is_up(&real, "ip6tnl0"), "others may use them by now");
    realserver.probe().expect(7).silent();
}

#[test]
#[ignore = "needs a kernel with ipip and ip6_tunnel: cts/run runs it there"]
fn gate_and_tunnel_on_one_node_each_keep_what_they_need() {
    let (real, _director) = pair();
    let gate = real.agent("realserver").instance("gate").params(&[("ip", "198.51.100.8"), ("nic", "eth0")]);
    let tunnel = real.agent("realserver").instance("tunnel").params(&[("ip", VIPS[0]), ("forwarding", "ipip")]);
    let found = || [settings_of(&real, "eth0"), settings_of(&real, "all"), vec![get(&real, "tunl0/rp_filter")]];
    let expected = |gate: bool, tunnel: bool| {
        let pair = |runs: bool| if runs { SET } else { FORMER }.map(String::from).to_vec();
        [pair(gate), pair(tunnel), vec![if tunnel { "2" } else { "1" }.into()]]
    };
    for (first, second) in [(&gate, &tunnel), (&tunnel, &gate)] {
        first.start();
        second.start();
        assert_eq!(found(), expected(true, true));
        gate.stop();
        tunnel.monitor().expect(0).silent();
        assert_eq!(found(), expected(false, true));
        gate.start();
        tunnel.stop();
        gate.monitor().expect(0).silent();
        assert_eq!(found(), expected(true, false));
        gate.stop();
        assert_eq!(found(), expected(false, false));
    }
    assert_eq!(own_addresses(&real), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with ipip and ip6_tunnel: cts/run runs it there"]
fn a_start_or_stop_that_was_killed_anywhere_can_be_repeated() {
    for action in ["start", "stop"] {
        let (real, _director) = pair();
        let realserver =
            real.agent("realserver").params(&[("ip", "198.51.100.9 2001:db8:9::9"), ("forwarding", "ipip")]);
        let prepare = || {
            realserver.stop();
            real.forget_records();
            real.sh("ip link set tunl0 down; ip link set ip6tnl0 down");
            if action == "stop" {
                realserver.start();
            }
        };
        kill::at_every_change(&real, &realserver, action, prepare, |index, place| {
            if index % 2 == 0 {
                realserver.start();
                realserver.monitor().expect(0).silent();
            }
            realserver.stop();
            assert_eq!(own_addresses(&real), [""; 0], "{place}");
            assert_eq!(settings_of(&real, "all"), FORMER, "{place}");
            assert_eq!(get(&real, "tunl0/rp_filter"), "1", "{place}");
        });
    }
}

/// The notice goes past the test harness, which would swallow it and leave a green line alone.
#[test]
fn where_the_kernel_has_no_tunnel_start_names_the_module() {
    let loadable = Command::new("modprobe").args(["--dry-run", "--quiet", "ipip"]).status();
    if loadable.is_ok_and(|status| status.success()) || std::path::Path::new("/sys/class/net/tunl0").exists() {
        let told = writeln!(std::io::stderr(), "NOT RUN: tests/realserver/tunnel.rs: needs a kernel without ipip");
        return told.expect("standard error");
    }
    let host = Host::new();
    let realserver = host.agent("realserver").params(&[("ip", VIPS[0]), ("forwarding", "ipip")]);
    realserver.run("validate-all").expect(0).silent();
    realserver.run("start").expect(5).says("nic tunl0: find: kernel module ipip: ");
    realserver.monitor().expect(7).silent();
    realserver.probe().expect(7).silent();
    realserver.stop();
    assert_eq!(host.run_files(), [""; 0]);
}
