//! Two directors without a sync daemon: the scheduler `mh` sends a client to the same real server on both, so open TCP
//! connections go on at a director that has never heard of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::common::agent::AGENT_LOG;
use super::common::{Agent, Host, PATIENCE};
use super::promotable::promotable;

const SERVICE: &str = "10.9.0.100:80";
const SLOPPY: &str = "cat /proc/sys/net/ipv4/vs/sloppy_tcp";
const CONNECTIONS: usize = 60;

struct Pair {
    one: Host,
    other: Host,
    client: Host,
    _others: [Host; 4],
}

impl Pair {
    fn new() -> Self {
        let (switch, [client, one, other, a, b, c]) = Host::network([
            &["10.9.0.31/24"],
            &["10.9.0.11/24"],
            &["10.9.0.12/24"],
            &["10.9.0.21/24"],
            &["10.9.0.22/24"],
            &["10.9.0.23/24"],
        ]);
        for (name, real) in [(b'a', &a), (b'b', &b), (b'c', &c)] {
            real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2");
            real.sh("ip address add 10.9.0.100/32 dev lo");
            let listener = real.enter(|| TcpListener::bind(SERVICE)).expect("listen");
            // Its threads end with the test program.
            std::thread::spawn(move || listener.incoming().flatten().for_each(|peer| serve(name, peer)));
        }
        for director in [&one, &other] {
            director.sh("sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0");
        }
        one.sh("ip address add 10.9.0.100/32 dev eth0");
        Self { one, other, client, _others: [switch, a, b, c] }
    }

    /// Opens connections; each comes with the name of its real server.
    fn connect(&self) -> Vec<(TcpStream, u8)> {
        self.client.enter(|| {
            let open = || {
                let address: SocketAddr = SERVICE.parse().expect("address");
                let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
                stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
                let name = ask(&mut stream).expect("the director that has it answers");
                (stream, name)
            };
            (0..CONNECTIONS).map(|_| open()).collect()
        })
    }

    fn move_to(&self, to: &Host, from: &Host) {
        from.sh("ip address del 10.9.0.100/32 dev eth0");
        to.sh("ip address add 10.9.0.100/32 dev eth0");
        self.client.sh("ip neigh flush dev eth0");
    }
}

/// Answers each byte with the name of the real server.
fn serve(name: u8, mut peer: TcpStream) {
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(peer.read(&mut byte), Ok(1)) && peer.write_all(&[name]).is_ok() {}
    });
}

fn ask(stream: &mut TcpStream) -> std::io::Result<u8> {
    let mut name = [0];
    stream.write_all(b"?")?;
    stream.read_exact(&mut name)?;
    Ok(name[0])
}

/// How many connections are answered by the real server that answered them before.
fn surviving(connections: &mut [(TcpStream, u8)]) -> usize {
    connections.iter_mut().filter_map(|(stream, name)| (ask(stream).ok()? == *name).then_some(())).count()
}

fn by_hash<'a>(host: &'a Host, real: &str) -> Agent<'a> {
    host.agent("lvs").params(&[
        ("virtual", SERVICE),
        ("scheduler", "mh"),
        ("schedflags", "mh-port"),
        ("checktype", "on"),
        ("drain_timeout", "0"),
        ("real", real),
    ])
}

fn stateless<'a>(host: &'a Host, real: &str) -> Agent<'a> {
    promotable(by_hash(host, real))
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn open_connections_go_on_at_a_director_that_has_never_heard_of_them() {
    let pair = Pair::new();
    stateless(&pair.one, "10.9.0.21 gate, 10.9.0.22 gate, 10.9.0.23 gate").start();
    // The order in which they are written does not matter.
    let other = stateless(&pair.other, "10.9.0.23 gate, 10.9.0.21 gate, 10.9.0.22 gate");
    other.start();
    assert_eq!([&pair.one, &pair.other].map(|host| host.sh(SLOPPY)), ["1\n", "1\n"]);
    let mut connections = pair.connect();
    let names: std::collections::BTreeSet<u8> = connections.iter().map(|(_, name)| *name).collect();
    assert_eq!(names.len(), 3, "all three serve: {names:?}");
    pair.move_to(&pair.other, &pair.one);
    assert_eq!(surviving(&mut connections), CONNECTIONS);
    // A real server that has left and come back takes another place in the kernel's list, and with three real servers one slot
    // in a thousand goes to another one by that.
    other.stop();
    other.start();
    pair.other.sh(&format!("ipvsadm -d -t {SERVICE} -r 10.9.0.21 && ipvsadm -a -t {SERVICE} -r 10.9.0.21 -g -w 1"));
    pair.move_to(&pair.one, &pair.other);
    assert_eq!(surviving(&mut connections), CONNECTIONS, "the first director still knows them");
    let mut connections = pair.connect();
    pair.move_to(&pair.other, &pair.one);
    let survivors = surviving(&mut connections);
    assert!(survivors >= CONNECTIONS - 2, "{survivors} of {CONNECTIONS}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn when_a_real_server_was_removed_the_connections_of_the_others_go_on() {
    let pair = Pair::new();
    for director in [&pair.one, &pair.other] {
        stateless(director, "10.9.0.21 gate, 10.9.0.22 gate, 10.9.0.23 gate").start();
    }
    let mut connections = pair.connect();
    for director in [&pair.one, &pair.other] {
        stateless(director, "10.9.0.21 gate, 10.9.0.22 gate").run("reload-agent").expect(0);
    }
    pair.move_to(&pair.other, &pair.one);
    let (mut removed, mut others): (Vec<_>, Vec<_>) = connections.drain(..).partition(|(_, name)| *name == b'c');
    assert!(!removed.is_empty() && !others.is_empty());
    assert_eq!(surviving(&mut removed), 0);
    let survivors = surviving(&mut others);
    assert!(survivors >= others.len() - 2, "{survivors} of {}", others.len());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn sloppy_tcp_is_set_for_a_promotable_mh_without_synchronisation_only() {
    let one_server = "10.9.0.21 gate";
    let host = || Host::with_eth0(&["10.9.0.11/24"]);
    let (plain, synchronised, other_scheduler) = (host(), host(), host());
    by_hash(&plain, one_server).start();
    stateless(&synchronised, one_server).param("sync_interface", "eth0").start();
    stateless(&other_scheduler, one_server).param("scheduler", "wrr").param("schedflags", "").start();
    assert_eq!([&plain, &synchronised, &other_scheduler].map(|host| host.sh(SLOPPY)), ["0\n"; 3]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn weights_that_the_table_of_mh_cannot_keep_are_in_the_log() {
    let host = Host::with_eth0(&["10.9.0.11/24"]);
    by_hash(&host, "10.9.0.21 gate 1, 10.9.0.22 gate 63").start();
    assert_eq!(host.read(AGENT_LOG).matches("mh gives").count(), 0);
    let uneven = by_hash(&host, "10.9.0.21 gate 1, 10.9.0.22 gate 64");
    uneven.run("reload-agent").expect(0).silent();
    uneven.monitor().expect(0).silent();
    let log = host.read(AGENT_LOG);
    assert_eq!(log.matches("mh gives some real servers a share that is wrong by up to 98 %").count(), 1, "{log}");
}
