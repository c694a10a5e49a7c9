//! A real server in a network namespace of its own, and a director that asks it.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::*;
use crate::netlink::testing::{in_namespace, ip, poll};

/// For what is answered: a loaded machine is no reason to fail.
const PATIENT: Duration = Duration::from_secs(20);
/// For what is not.
const SHORT: Duration = Duration::from_millis(500);
const V4: [&str; 2] = ["10.9.0.100:80", "10.9.0.21:80"];
const V6: [&str; 2] = ["[fd09::100]:80", "[fd09::21]:80"];
const MAC: &str = "02:00:00:00:00:21";

/// The machine beyond the cable, which ends with the value.
struct RealServer(Child);

impl RealServer {
    /// Both have addresses of both families on `lan`; the real server has the virtual ones on lo.
    fn beyond_a_cable() -> Self {
        let holder = Command::new("unshare").args(["--net", "cat"]).stdin(Stdio::piped()).spawn().expect("unshare");
        let real = Self(holder);
        let own = std::fs::read_link("/proc/thread-self/ns/net").expect("namespace");
        let inside = format!("/proc/{}/ns/net", real.0.id());
        assert!(poll(|| std::fs::read_link(&inside).is_ok_and(|its| its != own)));
        // Neighbours are asked from a link-local address, which would be tentative for a second.
        std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").expect("sysctl");
        ip(&format!("link add lan type veth peer name lan address {MAC} netns {}", real.0.id()));
        for order in ["link set lan up", "address add 10.9.0.11/24 dev lan", "address add fd09::11/64 dev lan nodad"] {
            ip(order);
        }
        real.sh("ip link set lo up; ip link set lan up; sysctl -qw net.ipv4.conf.all.arp_ignore=1; \
                 ip address add 10.9.0.21/24 dev lan; ip address add fd09::21/64 dev lan nodad");
        real.sh(ADD_VIPS);
        real
    }

    fn sh(&self, script: &str) {
        let inside = format!("--net=/proc/{}/ns/net", self.0.id());
        let output = Command::new("nsenter").args([&inside, "sh", "-ec", script]).output().expect("nsenter");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn listen(&self, address: &str) -> TcpListener {
        let (address, inside): (SocketAddr, _) =
            (address.parse().expect(address), format!("/proc/{}/ns/net", self.0.id()));
        let listen = move || {
            setns(std::fs::File::open(inside).expect("namespace"), CloneFlags::CLONE_NEWNET).expect("enter");
            TcpListener::bind(address).expect("listen")
        };
        std::thread::spawn(listen).join().expect("listens")
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const ADD_VIPS: &str = "ip address add 10.9.0.100/32 dev lo; ip address add fd09::100/128 dev lo";
const DELETE_VIPS: &str = "ip address del 10.9.0.100/32 dev lo; ip address del fd09::100/128 dev lo";

fn path([vip, real]: [&str; 2], forwarding: ForwardingMethod, timeout: Duration) -> PathCheck {
    PathCheck { vip: vip.parse().expect(vip), real: real.parse().expect(real), forwarding, timeout }
}

/// Asks all at once.
fn ask_all(paths: &mut Paths, asked: &[PathCheck]) -> Vec<PathResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let answers: Vec<_> = asked.iter().map(|path| paths.ask(*path)).collect();
    runtime.block_on(async {
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await);
        }
        results
    })
}

/// Asks again where this machine did not run the test for a moment.
fn said(paths: &mut Paths, asked: PathCheck) -> String {
    let mut said = String::new();
    let is_said = || {
        said = match ask_all(paths, std::slice::from_ref(&asked)).pop().expect("an answer") {
            Ok(()) => "good".into(),
            Err(failure) if failure.kind() == FailureKind::Internal => format!("not asked: {failure}"),
            Err(failure) => failure.to_string(),
        };
        !said.contains("too busy to notice the answer in time")
    };
    assert!(poll(is_said), "{said}");
    said
}

fn gate(which: [&str; 2], timeout: Duration) -> PathCheck {
    path(which, ForwardingMethod::Gate, timeout)
}

#[test]
fn each_fault_of_direct_routing_is_found_and_no_application_sees_a_connection() {
    in_namespace(|| {
        let real = RealServer::beyond_a_cable();
        let all = real.listen("[::]:80");
        let mut paths = Paths::default();
        let both = [V4, V6];
        for which in both {
            assert_eq!(said(&mut paths, gate(which, PATIENT)), "good", "{which:?}");
        }
        real.sh(DELETE_VIPS);
        for which in both {
            let expected = format!(
                "path {} by {MAC}: no answer within 0.5 s: the real server does not have the virtual IP on lo, or drops what is \
                 for it",
                which[0]
            );
            assert_eq!(said(&mut paths, gate(which, SHORT)), expected);
        }
        // A real server that forwards says so by ICMP.
        real.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; \
                 ip route add prohibit 10.9.0.100/32; ip -6 route add prohibit fd09::100/128");
        for which in both {
            let expected =
                format!("path {} by {MAC}: administratively prohibited (ICMP): the packet was not delivered", which[0]);
            assert_eq!(said(&mut paths, gate(which, PATIENT)), expected);
        }
        real.sh("ip route del prohibit 10.9.0.100/32; ip -6 route del prohibit fd09::100/128");
        real.sh(ADD_VIPS);
        // A filter of the virtual IP alone: here of its answers.
        real.sh("ip rule add from 10.9.0.100 blackhole pref 0; ip -6 rule add from fd09::100 blackhole pref 0");
        for which in both {
            assert!(said(&mut paths, gate(which, SHORT)).contains("no answer within"), "{which:?}");
        }
        real.sh("ip rule del pref 0 from 10.9.0.100; ip -6 rule del pref 0 from fd09::100");
        for which in both {
            assert_eq!(said(&mut paths, gate(which, PATIENT)), "good", "{which:?}");
        }
        all.set_nonblocking(true).expect("nonblocking");
        assert!(all.accept().is_err(), "the application saw a connection");
        drop(all);
        let _own = [real.listen("10.9.0.21:80"), real.listen("[fd09::21]:80")];
        for which in both {
            let expected =
                format!("path {} by {MAC}: connection refused: no program listens on the virtual IP there", which[0]);
            assert_eq!(said(&mut paths, gate(which, PATIENT)), expected);
        }
        // Answering ARP for the virtual IP is another fault, of which a packet by its MAC knows nothing.
        let _all = real.listen("10.9.0.100:80");
        real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=0");
        assert_eq!(said(&mut paths, gate(V4, PATIENT)), "good");
    });
}

/// The answer of the real server must come back to this node, whatever address of it the kernel would choose.
#[test]
fn a_director_that_has_the_virtual_ip_asks_as_well_as_one_that_has_not() {
    in_namespace(|| {
        let real = RealServer::beyond_a_cable();
        let _listeners = [real.listen("10.9.0.100:80"), real.listen("[fd09::100]:80")];
        ip("address add 10.9.0.100/32 dev lan");
        ip("address add fd09::100/128 dev lan nodad");
        // Another virtual IP, which looks as an address of this node does.
        ip("address add fd09::1/64 dev lan nodad");
        real.sh("ip address add fd09::1/128 dev lo");
        let mut paths = Paths::default();
        paths.know_virtual_ips(["10.9.0.100", "fd09::100", "fd09::1"].map(|vip| vip.parse().expect(vip)).into());
        for which in [V4, V6] {
            assert_eq!(said(&mut paths, gate(which, PATIENT)), "good", "{which:?}");
        }
    });
}

/// Two nodes that are directors and real servers, as the standby sees the other one: what that gets for the virtual IP it directs,
/// and it may direct it to this node, which drops it.
#[test]
fn a_silent_real_server_that_has_the_virtual_ip_on_its_network_is_the_director() {
    in_namespace(|| {
        let real = RealServer::beyond_a_cable();
        real.sh(DELETE_VIPS);
        let mut paths = Paths::default();
        for which in [V4, V6] {
            assert!(said(&mut paths, gate(which, SHORT)).contains("no answer within"), "{which:?}");
        }
        real.sh("ip address add 10.9.0.100/32 dev lan; ip address add fd09::100/128 dev lan nodad; \
                 ip rule add from 10.9.0.100 blackhole pref 0; ip -6 rule add from fd09::100 ipproto tcp blackhole pref 0");
        for which in [V4, V6] {
            // The kernel remembers for a while that no host has the address.
            let mut last = String::new();
            let is_good = || {
                last = said(&mut paths, gate(which, PATIENT / 10));
                last == "good"
            };
            assert!(poll(is_good), "{last}");
        }
    });
}

#[test]
fn the_way_back_of_masquerading_is_asked_from_the_virtual_ip() {
    in_namespace(|| {
        let real = RealServer::beyond_a_cable();
        let _listeners = [real.listen("10.9.0.21:80"), real.listen("[fd09::21]:80")];
        ip("link add wan type veth peer name cable");
        ip("link set wan up");
        ip("address add 192.0.2.100/24 dev wan");
        ip("address add 2001:db8::100/64 dev wan nodad");
        let mut paths = Paths::default();
        let asked = [["192.0.2.100:80", V4[1]], ["[2001:db8::100]:80", V6[1]]];
        let masq = |which, timeout| path(which, ForwardingMethod::Masq, timeout);
        for which in asked {
            let vip: SocketAddr = which[0].parse().expect("address");
            let expected = format!(
                "path from {} back to {}: no answer within 0.5 s: its answers to clients do not come back through this node",
                which[1],
                vip.ip()
            );
            assert_eq!(said(&mut paths, masq(which, SHORT)), expected);
        }
        real.sh("ip route add default via 10.9.0.11; ip -6 route add default via fd09::11");
        for which in asked {
            assert_eq!(said(&mut paths, masq(which, PATIENT)), "good", "{which:?}");
        }
        // Another router is as bad as none.
        real.sh("ip route replace default via 10.9.0.254; ip -6 route replace default via fd09::254");
        for which in asked {
            assert!(said(&mut paths, masq(which, SHORT)).contains("no answer within"), "{which:?}");
        }
        // In its own network, and on a standby, nothing can be shown.
        for which in [V4, V6, ["198.51.100.1:80", V4[1]]] {
            assert_eq!(said(&mut paths, masq(which, SHORT)), "good", "{which:?}");
        }
    });
}

#[test]
fn a_thread_that_has_ended_by_a_fault_is_started_again() {
    in_namespace(|| {
        let mut paths = Paths { asker: Some(Asker::panicked()), ..Paths::default() };
        let no_route = "not asked: path 10.9.0.100:80 by gate to 10.9.0.21:80: no route to 10.9.0.21";
        assert_eq!(said(&mut paths, gate(V4, SHORT)), no_route);
    });
}

#[test]
fn what_cannot_be_asked_says_nothing_of_the_real_server_but_a_router_before_it_does() {
    in_namespace(|| {
        let mut paths = Paths::default();
        let no_route = "not asked: path 10.9.0.100:80 by gate to 10.9.0.21:80: no route to 10.9.0.21";
        assert_eq!(said(&mut paths, gate(V4, SHORT)), no_route);
        let real = RealServer::beyond_a_cable();
        let absent = ["10.9.0.100:80", "10.9.0.22:80"];
        let unknown = "not asked: path 10.9.0.100:80 by gate to 10.9.0.22:80: the link-layer address of 10.9.0.22 on lan is not \
                       known";
        assert_eq!(said(&mut paths, gate(absent, SHORT)), unknown);
        ip("route add 10.8.0.0/24 via 10.9.0.21");
        let beyond = ["10.9.0.100:80", "10.8.0.21:80"];
        let router = "path 10.9.0.100:80 by gate: the real server is behind a router, which sends what is for the virtual IP back";
        assert_eq!(said(&mut paths, gate(beyond, PATIENT)), router);
        // The route of a moment ago is not believed for ever.
        let _listener = real.listen("10.9.0.100:80");
        assert!(poll(|| said(&mut paths, gate(V4, PATIENT)) == "good"));
        ip("link set lan down");
        assert!(poll(|| said(&mut paths, gate(V4, SHORT)).starts_with("not asked: ")));
        ip("link set lan up");
        assert!(poll(|| said(&mut paths, gate(V4, PATIENT)) == "good"));
    });
}

/// As it is measured: `cargo test --lib thousand_paths -- --nocapture`.
#[test]
fn a_thousand_paths_are_asked_by_a_handful_of_sockets() {
    in_namespace(|| {
        let real = RealServer::beyond_a_cable();
        let _listener = real.listen("[::]:80");
        real.sh(
            "for n in $(seq 101 125); do ip address add 10.9.0.$n/32 dev lo; ip address add fd09::$n/128 dev lo nodad; done",
        );
        let mut paths = Paths::default();
        let of = |n: u32| [[format!("10.9.0.{n}:80"), V4[1].to_owned()], [format!("[fd09::{n}]:80"), V6[1].to_owned()]];
        let asked: Vec<PathCheck> =
            (101..=125).flat_map(of).map(|[vip, real]| gate([vip.as_str(), real.as_str()], PATIENT)).collect();
        assert_eq!(ask_all(&mut paths, &asked), vec![Ok(()); 50]);
        let sockets = || std::fs::read_dir("/proc/self/fd").expect("descriptors").count();
        let (before, busy) = (sockets(), processor_time());
        const ROUNDS: u32 = 20;
        for _ in 0..ROUNDS {
            assert_eq!(ask_all(&mut paths, &asked), vec![Ok(()); 50]);
        }
        // Other tests of this process open files too.
        assert!(sockets() < before + 500, "{} were {before}", sockets());
        let each = (processor_time() - busy) / (ROUNDS * 50);
        eprintln!("{each:?} of processor time for a path, the real server's kernel with it");
    });
}

/// What the threads that ask paths have had of a processor, in the whole process.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads").flatten().map(|entry| entry.path());
    let asking = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "paths\n"));
    let spent = asking.filter_map(|task| -> Option<u64> {
        let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    });
    Duration::from_nanos(spent.sum())
}
