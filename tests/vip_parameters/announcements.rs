//! Parameters that change nothing that the kernel shows: announcements (what is heard of them is in tests/vip_wire),
//! questions before start, traces, and those of IPaddr2 without effect.

use super::common::Host;
use super::{ParameterRow, boundary, check_all, valid};

const BOTH: (&str, &str) = ("ip", "192.0.2.9 2001:db8::9");
const SHOWN: &[&str] = &["eth0 192.0.2.9/24", "eth0 2001:db8::9/64 nodad", "label 2001:db8::9/128 99"];
const GATEWAYS: &str = "ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2";
/// The other end of the cable belongs to this machine too, and would answer for every address of it.
const SILENT_END: &str = "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore";
const ONE: (&str, &str) = ("arp_count", "1");

pub const ANNOUNCEMENTS: [ParameterRow; 20] = [
    valid(&[("arp_count", "3"), BOTH], SHOWN),
    boundary(&[("arp_count", "0"), BOTH], SHOWN),
    boundary(&[("arp_count", "1000"), BOTH], SHOWN),
    valid(&[("arp_interval", "300"), ("arp_count", "2"), BOTH], SHOWN),
    boundary(&[("arp_interval", "1"), ("arp_count", "2"), BOTH], SHOWN),
    boundary(&[("arp_interval", "60000"), ("arp_count", "2"), BOTH], SHOWN),
    valid(&[("arp_repeat_after", "5"), ONE, BOTH], SHOWN),
    valid(&[("arp_repeat_after", "500ms"), ONE, BOTH], SHOWN),
    valid(&[("arp_repeat_after", "2min"), ONE, BOTH], SHOWN),
    valid(&[("arp_repeat_after", "1H"), ONE, BOTH], SHOWN),
    valid(&[("arp_repeat_after", "7us"), ONE, BOTH], SHOWN),
    boundary(&[("arp_repeat_after", "0"), ONE, BOTH], SHOWN),
    boundary(&[("arp_repeat_after", "0ms"), ONE, BOTH], SHOWN),
    valid(&[("arp_count_refresh", "1"), BOTH], SHOWN),
    boundary(&[("arp_count_refresh", "0"), BOTH], SHOWN),
    boundary(&[("arp_count_refresh", "1000"), BOTH], SHOWN),
    valid(&[("arp_gateway", "yes"), ONE, BOTH], SHOWN).after(GATEWAYS),
    valid(&[("arp_gateway", "no"), ONE, BOTH], SHOWN).after(GATEWAYS),
    valid(&[("run_arping", "yes"), BOTH], SHOWN).after(SILENT_END),
    valid(&[("run_arping", "no"), BOTH], SHOWN),
];

pub const OTHERS: [ParameterRow; 11] = [
    valid(&[("arp_bg", "yes")], &["eth0 192.0.2.9/24"]),
    valid(&[("arp_bg", "whatever"), BOTH], SHOWN),
    valid(&[("arp_sender", "iputils_arping")], &["eth0 192.0.2.9/24"]),
    valid(&[("arp_sender", "ipoibarping"), BOTH], SHOWN),
    valid(&[("send_arp_opts", "-A -c 3")], &["eth0 192.0.2.9/24"]),
    valid(&[("send_arp_opts", "-x"), BOTH], SHOWN),
    valid(&[("trace_ra", "1"), ("trace_dir", "/run/test/traces")], &["eth0 192.0.2.9/24"]),
    valid(&[("trace_ra", "no")], &["eth0 192.0.2.9/24"]),
    valid(&[("trace_ra", "perhaps")], &["eth0 192.0.2.9/24"]),
    valid(&[("trace_file", "/run/test/traced"), ("trace_ra", "1")], &["eth0 192.0.2.9/24"]),
    valid(&[("trace_dir", "/run/test/traces"), ("trace_ra", "1"), BOTH], SHOWN),
];

#[test]
fn parameters_of_announcements_change_nothing_that_the_kernel_shows() {
    check_all(&ANNOUNCEMENTS);
}

#[test]
fn parameters_without_effect_on_the_kernel_are_accepted() {
    check_all(&OTHERS);
}

/// The longest times that are allowed must not overflow when they are added up.
#[test]
fn the_longest_series_is_either_refused_or_works() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let vip = host.agent("vip").param("ip", "192.0.2.9");
    for after in ["18446744073709551615", "5124095576030431h"] {
        let longest = [("arp_count", "1000"), ("arp_interval", "60000"), ("arp_repeat_after", after)];
        let vip = vip.clone().params(&longest);
        let answer = vip.run("start");
        let works = answer.code == Some(0) && vip.monitor().code == Some(0);
        let is_refused = answer.code == Some(6) && answer.stderr.contains("arp_repeat_after");
        assert!(works || is_refused, "{after}: {:?} {}", answer.code, answer.stderr);
        vip.stop();
    }
}

#[test]
fn a_neighbour_with_the_address_is_an_error_only_when_it_is_asked_for() {
    let (host, peer) = Host::pair(&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.2/24", "2001:db8::2/64"]);
    let mac = peer.mac_text("eth0");
    for ip in ["192.0.2.2", "2001:db8::2"] {
        let vip = |ask: &str| host.agent("vip").params(&[("ip", ip), ("nodad", "yes"), ("run_arping", ask)]);
        let before = host.addresses();
        let refused = vip("yes").run("start").expect(1).says(&format!("ip \"{ip}\": another host on eth0 has it"));
        refused.says(&mac);
        assert_eq!(host.addresses(), before);
        vip("no").param("arp_count", "0").start();
        vip("no").stop();
        assert_eq!(host.addresses(), before);
    }
}
