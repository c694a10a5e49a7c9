//! The IPVS code against a kernel that has IPVS, seen through ipvsadm. Each test has a network namespace, and so a
//! table, of its own. Needs root, ip and ipvsadm.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod steps;
#[path = "../../src/testing/tables.rs"]
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use lvs_agents::model::{
    Change, ForwardingMethod, Persistence, PersistenceEngine, RealServer, RealServerKey, Scheduler, ServiceEntry,
    ServiceFlags, ServiceKey, Table, TunnelChecksum, VirtualService,
};
use lvs_agents::netlink::ipvs::{ComparisonDepth, Connections, Ipvs, Traffic, Version};
// The paths under which `tables` knows the library, of which it is a part for the tests of the plan.
use lvs_agents::{model, plan};
use nix::sched::{CloneFlags, unshare};

fn in_namespace(test: impl FnOnce(Ipvs) + Send + 'static) {
    let run = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: the tests need root");
        // Without any local address the kernel takes every real server for a broadcast address: EINVAL.
        command("ip", "link set lo up");
        test(Ipvs::open_loading().expect("a kernel with IPVS"));
    };
    if let Err(panic) = std::thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

fn command(program: &str, arguments: &str) -> String {
    let output = Command::new(program).args(arguments.split(' ')).output().expect(program);
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns what ipvsadm would save, in an order that does not depend on the kernel's hash.
fn saved() -> BTreeSet<String> {
    command("ipvsadm", "-Sn").lines().map(|line| line.trim().to_owned()).collect()
}

fn lines(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|line| (*line).to_owned()).collect()
}

fn key(text: &str) -> ServiceKey {
    text.parse().expect(text)
}

fn service(key_text: &str, scheduler: &str) -> VirtualService {
    VirtualService {
        key: key(key_text),
        scheduler: scheduler.parse().expect(scheduler),
        persistence: None,
        flags: ServiceFlags::default(),
    }
}

fn real(socket: &str, forwarding: ForwardingMethod, weight: u32) -> RealServer {
    let socket: SocketAddr = socket.parse().expect(socket);
    RealServer {
        key: RealServerKey { address: socket.ip(), port: socket.port() },
        forwarding,
        local: false,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn apply(ipvs: &mut Ipvs, changes: &[Change]) {
    let failures: Vec<String> = ipvs.apply(changes).iter().map(ToString::to_string).collect();
    assert_eq!(failures, Vec::<String>::new());
}

/// Returns one service of each kind, with real servers of each forwarding method.
fn example() -> Table {
    use ForwardingMethod::{Gate, Ipip, Masq};
    let persistent =
        VirtualService { persistence: Some(Persistence::by_address(360, 24)), ..service("tcp 10.9.0.1:3306", "wrr") };
    let persistent6 = VirtualService {
        persistence: Some(Persistence::by_address(60, 64)),
        ..service("tcp [2001:db8::1]:443", "wlc")
    };
    let mut limited = real("10.9.1.2:3306", Gate, 0);
    (limited.upper_threshold, limited.lower_threshold) = (300, 200);
    let one_packet = ServiceFlags { one_packet: true, ..ServiceFlags::default() };
    let sh_flags = ServiceFlags { scheduler: [true, true, false], ..ServiceFlags::default() };
    let gue = ForwardingMethod::Gue { port: 5555, checksum: TunnelChecksum::Remote };
    let gre = ForwardingMethod::Gre { checksum: TunnelChecksum::Outer };
    let sip = Persistence { engine: Some(PersistenceEngine::Sip), ..Persistence::by_address(60, 32) };
    let entries = [
        (persistent, vec![real("10.9.1.1:3306", Gate, 10), limited]),
        (persistent6, vec![real("[2001:db8:1::1]:443", Gate, 1), real("[2001:db8:1::2]:443", Ipip, 2)]),
        (
            VirtualService { flags: one_packet, ..service("udp 10.9.0.1:53", "rr") },
            vec![real("10.9.1.1:5353", Masq, 1)],
        ),
        (VirtualService { flags: sh_flags, ..service("tcp 10.9.0.2:80", "sh") }, vec![]),
        (
            service("sctp 10.9.0.1:3868", "nq"),
            vec![real("10.9.1.1:3868", gue, 1), real("10.9.1.2:3868", gre, 2), real("10.9.1.3:3868", Ipip, 3)],
        ),
        (VirtualService { persistence: Some(sip), ..service("udp 10.9.0.1:5060", "fo") }, vec![]),
        (service("fwmark 7", "wrr"), vec![real("10.9.1.1:0", Gate, 1)]),
        (service("fwmark 7 ipv6", "mh"), vec![real("[2001:db8:1::1]:0", Masq, 65535)]),
    ];
    let entry = |(service, reals): (VirtualService, Vec<RealServer>)| {
        let real_servers = reals.into_iter().map(|real| (real.key, real)).collect();
        (service.key, ServiceEntry { service, real_servers })
    };
    entries.into_iter().map(entry).collect()
}

fn additions(table: &Table) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, entry) in table {
        changes.push(Change::AddService(entry.service.clone()));
        changes.extend(entry.real_servers.values().map(|real| Change::AddRealServer(*key, real.clone())));
    }
    changes
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_table_is_read_as_it_was_written_and_ipvsadm_sees_the_same() {
    in_namespace(|mut ipvs| {
        assert_eq!(ipvs.table(), Ok(Table::new()), "a fresh namespace");
        let wanted = example();
        apply(&mut ipvs, &additions(&wanted));
        assert_eq!(ipvs.table().as_ref(), Ok(&wanted));
        assert_eq!(
            saved(),
            lines(&[
                "-A -t 10.9.0.1:3306 -s wrr -p 360 -M 255.255.255.0",
                "-a -t 10.9.0.1:3306 -r 10.9.1.1:3306 -g -w 10",
                "-a -t 10.9.0.1:3306 -r 10.9.1.2:3306 -g -w 0",
                "-A -t [2001:db8::1]:443 -s wlc -p 60 -M 64",
                "-a -t [2001:db8::1]:443 -r [2001:db8:1::1]:443 -g -w 1",
                "-a -t [2001:db8::1]:443 -r [2001:db8:1::2]:443 -i -w 2 --tun-type ipip",
                "-A -u 10.9.0.1:53 -s rr -o",
                "-a -u 10.9.0.1:53 -r 10.9.1.1:5353 -m -w 1",
                "-A -t 10.9.0.2:80 -s sh -b sh-fallback,sh-port",
                "-A --sctp-service 10.9.0.1:3868 -s nq",
                "-a --sctp-service 10.9.0.1:3868 -r 10.9.1.1:3868 -i -w 1 --tun-type gue --tun-port 5555 --tun-remcsum",
                "-a --sctp-service 10.9.0.1:3868 -r 10.9.1.2:3868 -i -w 2 --tun-type gre --tun-csum",
                "-a --sctp-service 10.9.0.1:3868 -r 10.9.1.3:3868 -i -w 3 --tun-type ipip",
                "-A -u 10.9.0.1:5060 -s fo -p 60 --pe sip",
                "-A -f 7 -s wrr",
                "-a -f 7 -r 10.9.1.1:0 -g -w 1",
                "-A -f 7 -6 -s mh",
                "-a -f 7 -6 -r [2001:db8:1::1]:0 -m -w 65535",
            ])
        );
        let limits = command("ipvsadm", "-Ln --thresholds -t 10.9.0.1:3306");
        let words: Vec<&str> =
            limits.lines().find(|line| line.contains("10.9.1.2")).expect("line").split_whitespace().collect();
        assert_eq!(words, ["->", "10.9.1.2:3306", "300", "200", "0", "0"]);
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn every_change_may_be_repeated() {
    in_namespace(|mut ipvs| {
        let wanted = example();
        for _ in 0..2 {
            apply(&mut ipvs, &additions(&wanted));
            assert_eq!(ipvs.table().as_ref(), Ok(&wanted));
        }
        let services: Vec<Change> = wanted.keys().map(|key| Change::DeleteService(*key)).collect();
        for _ in 0..2 {
            apply(&mut ipvs, &services);
            assert_eq!(saved(), BTreeSet::new());
        }
        let mut gone = Vec::new();
        for (key, entry) in &wanted {
            gone.extend(entry.real_servers.keys().map(|real| Change::DeleteRealServer(*key, *real)));
        }
        apply(&mut ipvs, &gone);
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn edits_change_what_is_there_and_restore_what_is_gone() {
    in_namespace(|mut ipvs| {
        let vip = key("tcp 10.9.0.1:80");
        let first = real("10.9.1.1:80", ForwardingMethod::Masq, 5);
        apply(
            &mut ipvs,
            &[
                Change::AddService(VirtualService {
                    persistence: Some(Persistence::by_address(60, 32)),
                    ..service("tcp 10.9.0.1:80", "wrr")
                }),
                Change::AddRealServer(vip, first),
            ],
        );
        let edits = [
            Change::EditService(service("tcp 10.9.0.1:80", "wlc")),
            Change::EditRealServer(vip, real("10.9.1.1:80", ForwardingMethod::Gate, 0)),
            Change::EditRealServer(vip, real("10.9.1.2:80", ForwardingMethod::Gate, 3)),
        ];
        let expected = lines(&[
            "-A -t 10.9.0.1:80 -s wlc",
            "-a -t 10.9.0.1:80 -r 10.9.1.1:80 -g -w 0",
            "-a -t 10.9.0.1:80 -r 10.9.1.2:80 -g -w 3",
        ]);
        apply(&mut ipvs, &edits);
        assert_eq!(saved(), expected, "persistence is gone, the missing real server is there");
        command("ipvsadm", "-D -t 10.9.0.1:80");
        apply(&mut ipvs, &edits);
        assert_eq!(saved(), expected, "another program had deleted the service");
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_service_is_read_alone_and_a_missing_one_is_none() {
    in_namespace(|mut ipvs| {
        let wanted = example();
        apply(&mut ipvs, &additions(&wanted));
        for (key, entry) in &wanted {
            assert_eq!(ipvs.service(key).as_ref(), Ok(&Some(entry.clone())), "{key}");
        }
        for missing in ["tcp 10.9.0.1:3307", "udp 10.9.0.1:3306", "fwmark 8", "tcp [2001:db8::1]:80"] {
            assert_eq!(ipvs.service(&key(missing)), Ok(None), "{missing}");
            assert_eq!(ipvs.connections(&key(missing)), Ok(BTreeMap::new()), "{missing}");
        }
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn services_of_one_address_and_port_are_told_apart_by_their_protocol() {
    in_namespace(|mut ipvs| {
        for option in ["-t", "-u", "--sctp-service"] {
            command("ipvsadm", &format!("-A {option} 10.9.0.1:80 -s rr"));
        }
        let keys =
            |ipvs: &mut Ipvs| -> Vec<String> { ipvs.table().expect("table").keys().map(ToString::to_string).collect() };
        assert_eq!(keys(&mut ipvs), ["tcp 10.9.0.1:80", "udp 10.9.0.1:80", "sctp 10.9.0.1:80"]);
        apply(&mut ipvs, &[Change::DeleteService(key("sctp 10.9.0.1:80"))]);
        assert_eq!(keys(&mut ipvs), ["tcp 10.9.0.1:80", "udp 10.9.0.1:80"]);
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn refusals_name_the_object_and_the_rest_is_done() {
    in_namespace(|mut ipvs| {
        let vip = key("tcp 10.9.0.1:80");
        let unknown = VirtualService { scheduler: Scheduler::named("nosuch"), ..service("tcp 10.9.0.2:80", "rr") };
        let mut crossed = real("10.9.1.1:80", ForwardingMethod::Gate, 1);
        (crossed.upper_threshold, crossed.lower_threshold) = (1, 2);
        let failures = ipvs.apply(&[
            Change::AddService(unknown),
            Change::AddRealServer(key("tcp 10.9.0.2:80"), real("10.9.1.1:80", ForwardingMethod::Gate, 1)),
            Change::AddService(service("tcp 10.9.0.1:80", "rr")),
            Change::AddRealServer(vip, crossed),
            Change::AddRealServer(vip, real("10.9.1.2:80", ForwardingMethod::Gate, 1)),
        ]);
        let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "virtual service tcp 10.9.0.2:80: add: No such file or directory \
             (is the scheduler module ip_vs_nosuch available?)",
                "virtual service tcp 10.9.0.2:80: add real server 10.9.1.1:80 weight 1: No such process \
             (the virtual service does not exist)",
                "virtual service tcp 10.9.0.1:80: add real server 10.9.1.1:80 weight 1: Numerical result out of range \
             (weights reach to 2147483647, and a lower threshold to the upper one)",
            ]
        );
        assert_eq!(saved(), lines(&["-A -t 10.9.0.1:80 -s rr", "-a -t 10.9.0.1:80 -r 10.9.1.2:80 -g -w 1"]));
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_tunnelled_real_server_may_be_of_the_other_family() {
    in_namespace(|mut ipvs| {
        let vip = key("tcp 10.9.0.1:80");
        let tunnelled = real("[2001:db8:1::1]:80", ForwardingMethod::Ipip, 1);
        let add = [Change::AddService(service("tcp 10.9.0.1:80", "rr")), Change::AddRealServer(vip, tunnelled.clone())];
        apply(&mut ipvs, &add);
        let entry = ipvs.service(&vip).expect("read").expect("service");
        assert_eq!(entry.real_servers, BTreeMap::from([(tunnelled.key, tunnelled.clone())]));
        apply(&mut ipvs, &[Change::DeleteRealServer(vip, tunnelled.key)]);
        assert_eq!(saved(), lines(&["-A -t 10.9.0.1:80 -s rr"]));
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn connections_are_counted_by_real_server() {
    in_namespace(|mut ipvs| {
        command("ip", "addr add 10.9.0.1/32 dev lo");
        command("ip", "addr add 10.9.1.1/32 dev lo");
        let listener = TcpListener::bind("10.9.1.1:8080").expect("listen");
        let vip = key("tcp 10.9.0.1:80");
        let here = real("10.9.1.1:8080", ForwardingMethod::Masq, 1);
        let elsewhere = real("10.9.1.2:8080", ForwardingMethod::Masq, 0);
        apply(
            &mut ipvs,
            &[
                Change::AddService(service("tcp 10.9.0.1:80", "wrr")),
                Change::AddRealServer(vip, here.clone()),
                Change::AddRealServer(vip, elsewhere.clone()),
            ],
        );
        let target: SocketAddr = "10.9.0.1:80".parse().expect("address");
        let client = TcpStream::connect_timeout(&target, Duration::from_secs(5)).expect("through IPVS");
        let (_server, _) = listener.accept().expect("accept");
        let deadline = Instant::now() + Duration::from_secs(15);
        let busy = Connections { active: 1, inactive: 0, persistent: 0 };
        let expected = BTreeMap::from([(here.key, busy), (elsewhere.key, Connections::default())]);
        while ipvs.connections(&vip).as_ref() != Ok(&expected) {
            assert!(Instant::now() < deadline, "{:?}", ipvs.connections(&vip));
            std::thread::sleep(Duration::from_millis(10));
        }
        // The kernel adds up its counters every two seconds.
        let traffic = |ipvs: &mut Ipvs| {
            let in_use = ipvs.real_servers_in_use(&vip).expect("read");
            in_use.into_iter().map(|one| (one.real_server.key, one.traffic)).collect::<BTreeMap<_, _>>()
        };
        let has_passed = |traffic: &Traffic| traffic.connections == 1 && traffic.in_packets > 0 && traffic.in_bytes > 0;
        while !has_passed(&traffic(&mut ipvs)[&here.key]) {
            assert!(Instant::now() < deadline, "{:?}", traffic(&mut ipvs));
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(traffic(&mut ipvs)[&elsewhere.key], Traffic::default());
        drop(client);
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_on_the_director_itself_is_local_or_keeps_its_method() {
    in_namespace(|mut ipvs| {
        command("ip", "addr add 10.9.1.1/32 dev lo");
        let vip = key("tcp 10.9.0.1:80");
        for method in [ForwardingMethod::Gate, ForwardingMethod::Masq, ForwardingMethod::Ipip] {
            let own = real("10.9.1.1:80", method, 1);
            apply(
                &mut ipvs,
                &[Change::AddService(service("tcp 10.9.0.1:80", "rr")), Change::AddRealServer(vip, own.clone())],
            );
            let entry = ipvs.service(&vip).expect("read").expect("service");
            let read = &entry.real_servers[&own.key];
            assert!(read.local || read.forwarding == method, "{read:?}");
            command("ipvsadm", "-D -t 10.9.0.1:80");
        }
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_unreachable_real_server_is_refused_with_a_hint() {
    in_namespace(|mut ipvs| {
        let vip = key("tcp 10.9.0.1:80");
        let add = [
            Change::AddService(service("tcp 10.9.0.1:80", "rr")),
            Change::AddRealServer(vip, real("[2001:db8:1::1]:80", ForwardingMethod::Gate, 1)),
            Change::AddRealServer(vip, real("224.0.0.1:80", ForwardingMethod::Gate, 1)),
        ];
        let failures = ipvs.apply(&add);
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures.iter().all(|failure| failure.error.errno() == Some(22)), "{failures:?}");
        let text = failures[0].to_string();
        assert!(text.contains("add real server [2001:db8:1::1]:80 weight 1: Invalid argument (it must be"), "{text}");
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn version_and_timeouts_are_those_that_ipvsadm_shows() {
    in_namespace(|mut ipvs| {
        command("ipvsadm", "--set 1000 130 310");
        let timeouts = ipvs.timeouts().expect("timeouts");
        assert_eq!((timeouts.tcp, timeouts.tcp_fin, timeouts.udp), (1000, 130, 310));
        let Version { major, minor, patch } = ipvs.version().expect("version");
        let listing = command("ipvsadm", "-Ln");
        assert!(listing.contains(&format!("IP Virtual Server version {major}.{minor}.{patch} ")), "{listing}");
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_large_table_is_complete() {
    in_namespace(|mut ipvs| {
        let mut changes = Vec::new();
        for number in 0..1000u16 {
            let vip = format!("tcp 10.9.{}.{}:80", number / 250, number % 250 + 1);
            changes.push(Change::AddService(service(&vip, "wrr")));
            for last in 1..=10u32 {
                let server = real(&format!("10.10.{}.{last}:80", number % 250), ForwardingMethod::Gate, last);
                changes.push(Change::AddRealServer(key(&vip), server));
            }
        }
        apply(&mut ipvs, &changes);
        let table = ipvs.table().expect("table");
        assert_eq!(table.len(), 1000);
        assert!(table.values().all(|entry| entry.real_servers.len() == 10));
        assert_eq!(additions(&table).len(), changes.len());
        assert_eq!(saved().len(), 11_000);
    });
}

/// Returns ten services beside those of the example, so that there are too many to ask for one by one.
fn many() -> Table {
    let mut table = example();
    for last in 1..=10 {
        let persistence = Some(Persistence::by_address(60, 24)).filter(|_| last > 4);
        let service = VirtualService { persistence, ..service(&format!("tcp 10.9.7.{last}:80"), "wrr") };
        let local = real("127.0.0.1:80", ForwardingMethod::Masq, 1);
        let reals = [real("10.9.1.1:80", ForwardingMethod::Gate, last), local];
        table.insert(
            service.key,
            ServiceEntry { service, real_servers: reals.into_iter().map(|real| (real.key, real)).collect() },
        );
    }
    table
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_quick_comparison_asks_only_for_what_differs_or_cannot_be_seen_otherwise() {
    in_namespace(|mut ipvs| {
        let wanted = many();
        let missing = ipvs.compare(&wanted, ComparisonDepth::Quick).expect("compare");
        assert_eq!(missing, wanted.keys().map(|key| (*key, None)).collect::<Vec<_>>());
        apply(&mut ipvs, &additions(&wanted));
        let names = |compared: &[(ServiceKey, Option<ServiceEntry>)]| -> BTreeSet<String> {
            compared.iter().map(|(key, _)| key.to_string()).collect()
        };
        // Marks, tunnels of other kinds than IP in IP, and thresholds.
        let unseen = lines(&["fwmark 7", "fwmark 7 ipv6", "sctp 10.9.0.1:3868", "tcp 10.9.0.1:3306"]);
        assert_eq!(names(&ipvs.compare(&wanted, ComparisonDepth::Quick).expect("compare")), unseen);
        command("ipvsadm", "-e -t 10.9.7.3:80 -r 10.9.1.1:80 -w 9");
        command("ipvsadm", "-D -t 10.9.7.4:80");
        command("ipvsadm", "-E -t 10.9.7.5:80 -s wrr -p 61 -M 255.255.255.0");
        let found = ipvs.compare(&wanted, ComparisonDepth::Quick).expect("compare");
        assert_eq!(found.len(), unseen.len() + 3);
        for (key, held) in found {
            assert_eq!(Ok(held), ipvs.service(&key), "{key}: as netlink tells");
        }
        assert_eq!(ipvs.compare(&wanted, ComparisonDepth::Thorough).expect("compare").len(), wanted.len());
    });
}
