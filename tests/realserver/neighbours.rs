//! The network learns nothing of a virtual IP on a real server.

use super::common::{Host, until};
use super::{get, set};

const REAL: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const ROUTER: [&str; 2] = ["192.0.2.2/24", "2001:db8::2/64"];

/// Makes a real server and a router on one cable; the router gives up asking early.
fn pair() -> (Host, Host) {
    let (real, router) = Host::pair(&REAL, &ROUTER);
    for nic in ["all", "eth0"] {
        set(&real, &format!("{nic}/arp_ignore"), 0);
        set(&real, &format!("{nic}/arp_announce"), 0);
    }
    for family in ["ipv4", "ipv6"] {
        router.sh(&format!("echo 100 > /proc/sys/net/{family}/neigh/eth0/retrans_time_ms"));
    }
    (real, router)
}

/// Returns whether the router finds a host that has the address.
fn answers(router: &Host, address: &str) -> bool {
    router.sh(&format!("ip neigh flush to {address}; ping -c 1 -W 1 {address} >/dev/null; true"));
    until(&format!("neighbour {address}"), || {
        let entry = router.sh(&format!("ip neigh show to {address} dev eth0"));
        match entry {
            entry if entry.contains("lladdr") => Some(true),
            entry if entry.contains("FAILED") || entry.is_empty() => Some(false),
            _ => None,
        }
    })
}

#[test]
fn no_neighbour_learns_the_address_by_arp_or_neighbour_discovery() {
    let (real, router) = pair();
    real.sh("ip address add 192.0.2.9/32 dev lo && ip address add 2001:db8::9/128 dev lo");
    assert!(answers(&router, "192.0.2.9"), "without the settings it is told by ARP: the test can see it");
    assert!(!answers(&router, "2001:db8::9"), "IPv6 answers for addresses of the receiving interface only");
    for nic in ["all", "eth0"] {
        let realserver = real.agent("realserver").params(&[("ip", "192.0.2.9 2001:db8::9"), ("nic", nic)]);
        realserver.start();
        assert!(!answers(&router, "192.0.2.9"), "{nic}");
        assert!(!answers(&router, "2001:db8::9"), "{nic}");
        assert!(answers(&router, "192.0.2.1") && answers(&router, "2001:db8::1"), "{nic}: its own addresses");
        realserver.stop();
    }
    real.sh("ip address add 2001:db8::9/128 dev eth0 nodad");
    assert!(answers(&router, "2001:db8::9"), "on the interface itself it is told: the test can see it");
}

/// An answer to a client starts with a question for the next hop; asked from the virtual IP, it would teach that hop
/// where the virtual IP is.
#[test]
fn its_own_questions_do_not_carry_the_address() {
    let (real, router) = pair();
    let teaches = || {
        router.sh("ip neigh flush dev eth0");
        real.sh("ip neigh flush dev eth0; ping -c 1 -W 1 -I 192.0.2.9 192.0.2.2 >/dev/null; true");
        router.sh("ip neigh show to 192.0.2.9 dev eth0").contains("lladdr")
    };
    real.sh("ip address add 192.0.2.9/32 dev lo");
    assert!(teaches(), "without the setting: the test can see it");
    for nic in ["all", "eth0"] {
        let realserver = real.agent("realserver").params(&[("ip", "192.0.2.9"), ("nic", nic)]);
        realserver.start();
        assert!(!teaches(), "{nic}");
        assert_eq!(get(&real, &format!("{nic}/arp_announce")), "2");
        realserver.stop();
        real.sh("ip address replace 192.0.2.9/32 dev lo");
    }
}
