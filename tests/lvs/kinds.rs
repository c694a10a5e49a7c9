//! Every kind of virtual service, in the words of ipvsadm.

use super::common::Host;
use super::{FOREIGN, sorted, with_foreign_service};

/// Each row has parameters, and what ipvsadm saves then.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn each_kind_is_added_and_exactly_it_is_removed() {
    let host = with_foreign_service();
    const REAL: &str = "10.9.1.1 gate 5";
    let cases: [Case; 12] = [
        (
            &[("virtual", "10.9.0.1:53"), ("protocol", "udp"), ("real", "10.9.1.1:5353 masq")],
            &["-A -u 10.9.0.1:53 -s wrr", "-a -u 10.9.0.1:53 -r 10.9.1.1:5353 -m -w 1"],
        ),
        (
            &[("virtual", "10.9.0.1:53"), ("protocol", "udp"), ("ops", "yes"), ("real", "10.9.1.1 ipip 2")],
            &["-A -u 10.9.0.1:53 -s wrr -o", "-a -u 10.9.0.1:53 -r 10.9.1.1:53 -i -w 2"],
        ),
        (
            &[("virtual", "[2001:db8::1]:80"), ("real", "[2001:db8:1::1] gate 5")],
            &["-A -t [2001:db8::1]:80 -s wrr", "-a -t [2001:db8::1]:80 -r [2001:db8:1::1]:80 -g -w 5"],
        ),
        (&[("virtual", "7"), ("real", REAL)], &["-A -f 7 -s wrr", "-a -f 7 -r 10.9.1.1:0 -g -w 5"]),
        (
            &[("virtual", "7"), ("real", "[2001:db8:1::1] masq")],
            &["-A -f 7 -6 -s wrr", "-a -f 7 -6 -r [2001:db8:1::1]:0 -m -w 1"],
        ),
        (
            &[("virtual", "10.9.0.1:80"), ("real", REAL), ("persistent", "600"), ("netmask", "255.255.255.0")],
            &["-A -t 10.9.0.1:80 -s wrr -p 600 -M 255.255.255.0", "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 5"],
        ),
        (
            &[("virtual", "10.9.0.1:0"), ("real", REAL), ("persistent", "60")],
            &["-A -t 10.9.0.1:0 -s wrr -p 60", "-a -t 10.9.0.1:0 -r 10.9.1.1:0 -g -w 5"],
        ),
        (
            &[
                ("virtual", "[2001:db8::1]:80"),
                ("real", "[2001:db8:1::1] gate"),
                ("persistent", "60"),
                ("netmask", "64"),
            ],
            &["-A -t [2001:db8::1]:80 -s wrr -p 60 -M 64", "-a -t [2001:db8::1]:80 -r [2001:db8:1::1]:80 -g -w 1"],
        ),
        (
            &[("virtual", "10.9.0.1:80"), ("real", REAL), ("scheduler", "sh"), ("schedflags", "sh-port,sh-fallback")],
            &["-A -t 10.9.0.1:80 -s sh -b sh-fallback,sh-port", "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 5"],
        ),
        (
            &[("virtual", "10.9.0.1:80"), ("real", "10.9.1.1 gate 0, 10.9.1.2 gate 65535"), ("scheduler", "wlc")],
            &[
                "-A -t 10.9.0.1:80 -s wlc",
                "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 0",
                "-a -t 10.9.0.1:80 -r 10.9.1.2:80 -g -w 65535",
            ],
        ),
        (
            &[("virtual", "10.9.0.1:80, 10.9.0.1:443"), ("real", REAL), ("scheduler", "rr")],
            &[
                "-A -t 10.9.0.1:80 -s rr",
                "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 5",
                "-A -t 10.9.0.1:443 -s rr",
                "-a -t 10.9.0.1:443 -r 10.9.1.1:443 -g -w 5",
            ],
        ),
        (&[("virtual", "10.9.0.1:80")], &["-A -t 10.9.0.1:80 -s wrr"]),
    ];
    for (parameters, expected) in cases {
        let lvs = host.agent("lvs").param("checktype", "on").params(parameters);
        lvs.start();
        assert_eq!(host.ipvs_table(), sorted(expected, &FOREIGN), "{parameters:?}");
        lvs.monitor().expect(0).silent();
        lvs.stop();
        assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]), "{parameters:?}");
    }
}

/// The health monitor alone uses the fallback: without one, every real server is taken for healthy.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_fallback_is_not_in_the_table_of_lvs_alone() {
    let host = Host::new();
    let lvs = host.agent("lvs").params(&[("virtual", "10.9.0.1:80"), ("real", "10.9.1.1 gate"), ("checktype", "on")]);
    lvs.param("fallback", "127.0.0.1:80").start();
    assert_eq!(host.ipvs_table(), ["-A -t 10.9.0.1:80 -s wrr", "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 1"]);
}

/// Masquerading without forwarding is a service that answers no client; other programs may rely on forwarding after us.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn forwarding_is_switched_on_where_it_is_needed_and_never_off() {
    const V4: &str = "/proc/sys/net/ipv4/ip_forward";
    const V6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
    let host = Host::new();
    let forwarding = || host.sh(&format!("cat {V4} {V6}")).split_whitespace().collect::<String>();
    host.sh(&format!("echo 0 > {V4}; echo 0 > {V6}"));
    for (virtual_service, real, expected) in [
        ("10.9.0.1:80", "10.9.1.1 gate, 10.9.1.2 ipip", "00"),
        ("10.9.0.1:80", "10.9.1.1:8080 masq", "10"),
        ("[2001:db8::1]:80", "[2001:db8:1::1] masq", "11"),
    ] {
        let lvs = host.agent("lvs").params(&[("virtual", virtual_service), ("real", real), ("checktype", "on")]);
        lvs.start();
        assert_eq!(forwarding(), expected, "{real}");
        lvs.stop();
        assert_eq!(forwarding(), expected, "{real}");
    }
}
