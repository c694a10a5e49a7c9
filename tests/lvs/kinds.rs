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
    let cases: [Case; 16] = [
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
        (
            &[("virtual", "10.9.0.1:3868"), ("protocol", "sctp"), ("real", REAL)],
            &["-A --sctp-service 10.9.0.1:3868 -s wrr", "-a --sctp-service 10.9.0.1:3868 -r 10.9.1.1:3868 -g -w 5"],
        ),
        (
            &[
                ("virtual", "10.9.0.1:5060"),
                ("protocol", "udp"),
                ("real", "10.9.1.1 masq"),
                ("persistent", "60"),
                ("persistence_engine", "sip"),
            ],
            &["-A -u 10.9.0.1:5060 -s wrr -p 60 --pe sip", "-a -u 10.9.0.1:5060 -r 10.9.1.1:5060 -m -w 1"],
        ),
        (
            &[
                ("virtual", "10.9.0.1:80"),
                ("real", "10.9.1.1 gue 5, 10.9.1.2 gue tun-port:5555 tun-csum, 10.9.1.3 gue tun-remcsum"),
            ],
            &[
                "-A -t 10.9.0.1:80 -s wrr",
                "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -i -w 5 --tun-type gue --tun-port 6080 --tun-nocsum",
                "-a -t 10.9.0.1:80 -r 10.9.1.2:80 -i -w 1 --tun-type gue --tun-port 5555 --tun-csum",
                "-a -t 10.9.0.1:80 -r 10.9.1.3:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
            ],
        ),
        (
            &[("virtual", "[2001:db8::1]:80"), ("real", "[2001:db8:1::1] gre, [2001:db8:1::2] gre 2 tun-csum")],
            &[
                "-A -t [2001:db8::1]:80 -s wrr",
                "-a -t [2001:db8::1]:80 -r [2001:db8:1::1]:80 -i -w 1 --tun-type gre --tun-nocsum",
                "-a -t [2001:db8::1]:80 -r [2001:db8:1::2]:80 -i -w 2 --tun-type gre --tun-csum",
            ],
        ),
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

/// Every scheduler that this kernel has (net/netfilter/ipvs), with the flags of those that have some; `twos` is newer.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn each_scheduler_is_set_and_one_reload_leads_to_the_next() {
    let host = Host::new();
    let lvs = |scheduler: &str, flags: &str| {
        let lvs =
            host.agent("lvs").params(&[("virtual", "10.9.0.1:80"), ("real", "10.9.1.1 gate"), ("checktype", "on")]);
        lvs.params(&[("scheduler", scheduler), ("schedflags", flags)])
    };
    lvs("wrr", "").start();
    for (scheduler, flags) in [
        ("rr", ""),
        ("lc", ""),
        ("wlc", ""),
        ("lblc", ""),
        ("lblcr", ""),
        ("dh", ""),
        ("sh", "sh-fallback,sh-port"),
        ("sed", ""),
        ("nq", ""),
        ("fo", ""),
        ("ovf", ""),
        ("mh", "mh-fallback,mh-port"),
        ("mh", "mh-port"),
        ("wrr", ""),
    ] {
        let lvs = lvs(scheduler, flags);
        lvs.run("reload-agent").expect(0).silent();
        let shown = if flags.is_empty() { String::new() } else { format!(" -b {flags}") };
        let service = format!("-A -t 10.9.0.1:80 -s {scheduler}{shown}");
        assert_eq!(host.ipvs_table(), [service.as_str(), "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 1"]);
        lvs.monitor().expect(0).silent();
    }
}

/// What /proc/net/ip_vs does not tell is asked of netlink.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn another_tunnel_or_engine_than_declared_is_seen_and_mended() {
    let host = Host::new();
    let tunnel = host.agent("lvs").params(&[("virtual", "10.9.0.1:80"), ("real", "10.9.1.1 gue"), ("checktype", "on")]);
    tunnel.start();
    let words = "real server 10.9.1.1:80: forwarding method is gue tun-port:5555 tun-csum, must be gue";
    host.sh("ipvsadm -e -t 10.9.0.1:80 -r 10.9.1.1:80 -i --tun-type gue --tun-port 5555 --tun-csum -w 1");
    tunnel.monitor().expect(1).says(words);
    host.sh("ipvsadm -e -t 10.9.0.1:80 -r 10.9.1.1:80 -i -w 1");
    tunnel.monitor().expect(1).says("forwarding method is ipip, must be gue");
    tunnel.start();
    tunnel.monitor().expect(0).silent();
    tunnel.stop();
    let sip = host.agent("lvs").params(&[("virtual", "10.9.0.1:5060"), ("protocol", "udp"), ("persistent", "60")]);
    let sip = sip.params(&[("persistence_engine", "sip"), ("real", "10.9.1.1 gate"), ("checktype", "on")]);
    sip.start();
    host.sh("ipvsadm -E -u 10.9.0.1:5060 -s wrr -p 60");
    sip.monitor().expect(1).says("persistence is 60 s for each /32, must be 60 s for each /32 by engine sip");
    sip.start();
    sip.monitor().expect(0).silent();
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
