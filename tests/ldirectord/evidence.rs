//! Real servers that pass their checks and swallow the connections of clients (`evidence`).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::common::server::Server;
use super::common::{Host, schema};
use super::{CONFIG, LOG, ldirectord};

const ONE: &str = "10.9.0.21";
const TWO: &str = "10.9.0.22";
/// A service that only reports, one that acts and whose packets come back through the director, and one that acts and is
/// flooded, each with the address of its clients.
const REPORTS: (&str, &str) = ("10.9.0.100:80", "10.9.0.31");
const ACTS: (&str, &str) = ("10.9.0.100:81", "10.9.0.32");
const FLOODED: (&str, &str) = ("10.9.0.101:82", "10.9.0.31");
/// The address that no answer reaches.
const FLOODER: &str = "10.9.0.33";

/// Clients of the first service come twenty times a second, those of the others half as often.
const PACE: Duration = Duration::from_millis(50);
/// A client that gets no answer has repeated its SYN twice by then.
const CLIENT_WAITS: Duration = Duration::from_secs(4);
const FLOOD: usize = 300;

const CONFIGURATION: &str = "checkinterval=1\nchecktimeout=5\n\
    virtual=10.9.0.100:80\n\treal=10.9.0.21:80 gate 9\n\treal=10.9.0.22:80 gate 9\n\tscheduler=rr\n\tchecktype=connect\n\
    virtual=10.9.0.100:81\n\treal=10.9.0.21:81 masq 9\n\treal=10.9.0.22:81 masq 9\n\tscheduler=rr\n\tchecktype=connect\n\tevidence=act\n\
    virtual=10.9.0.101:82\n\treal=10.9.0.21:82 gate 9\n\treal=10.9.0.22:82 gate 9\n\tscheduler=rr\n\tchecktype=connect\n\tevidence=act\n";

/// A socket of this address that connects to a service, and does not wait for it.
fn connecting(from: &str, service: &str) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from.parse().expect("address"), 0).into())?;
    socket.set_nonblocking(true)?;
    let _ = socket.connect(&service.parse::<SocketAddr>().expect("address").into());
    Ok(socket)
}

/// Asks as a browser does, and waits for the answer to its end.
fn ask(from: &str, service: &str) -> std::io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from.parse().expect("address"), 0).into())?;
    socket.connect_timeout(&service.parse::<SocketAddr>().expect("address").into(), CLIENT_WAITS)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(CLIENT_WAITS))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: www.example.com\r\nAccept: text/html\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Threads on the client's machine that end when this is dropped.
struct Clients {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    fn start(machine: &Host) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let threads = machine.enter_network(move || {
            let comes = |(service, from): (&'static str, &'static str), pace| {
                let end = end.clone();
                std::thread::spawn(move || {
                    while !end.load(Ordering::Relaxed) {
                        std::thread::spawn(move || ask(from, service));
                        std::thread::sleep(pace);
                    }
                })
            };
            let mut threads = vec![comes(REPORTS, PACE), comes(ACTS, PACE * 2), comes(FLOODED, PACE * 2)];
            threads.push(std::thread::spawn(move || flood(&end)));
            threads
        });
        Self { ended, threads }
    }
}

/// Connects five times as often as the clients of the service, a bounded number of times, and keeps all of it open.
fn flood(end: &AtomicBool) {
    let mut kept = Vec::new();
    while !end.load(Ordering::Relaxed) {
        if kept.len() < FLOOD {
            kept.push(connecting(FLOODER, FLOODED.0));
        }
        std::thread::sleep(PACE * 2 / 5);
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Polls until it is so. A suspicion rests on figures that the kernel adds up every other second.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        // A look may cost a process, and the machine has one processor for all.
        std::thread::sleep(PACE * 5);
    }
}

/// Returns why a real server of a service is what it is.
fn reason(director: &Host, port: u16, host: &str) -> Option<String> {
    let overview = schema::status(&director.tool(&["status", "--json"]).silent().stdout);
    let services = overview["monitors"][0]["services"].as_array()?;
    let mut rows = services.iter().filter_map(|service| service["real_servers"].as_array()).flatten();
    let row = rows.find(|row| row["real_server"] == format!("{host}:{port}"))?;
    row["reason"].as_str().map(str::to_owned)
}

/// Returns the real servers that the kernel sends clients of a service to.
fn taking(director: &Host, service: &str) -> Vec<String> {
    let of_service = format!("-a -t {service} ");
    let lines = director.ipvs_table().into_iter().filter(|line| line.starts_with(&of_service));
    lines.filter_map(|line| line.split(' ').nth(4).map(str::to_owned)).collect()
}

/// Returns the connections of the flooded service that wait for their client, by real server.
fn half_open(director: &Host) -> [usize; 2] {
    let connections = director.connections();
    ["0A090015 0052 SYN_RECV", "0A090016 0052 SYN_RECV"]
        .map(|of| connections.iter().filter(|line| line.contains(of)).count())
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_swallows_connections_is_seen_and_under_a_flood_of_all_none_is() {
    let (_switch, [director, client, one, two]) = Host::network([
        &["10.9.0.11/24"],
        &["10.9.0.31/24", "10.9.0.32/24", "10.9.0.33/24"],
        &["10.9.0.21/24"],
        &["10.9.0.22/24"],
    ]);
    director.sh(
        "ip address add 10.9.0.100/32 dev lo; ip address add 10.9.0.101/32 dev lo; echo 1 >/proc/sys/net/ipv4/ip_forward; \
         for f in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$f/send_redirects; done",
    );
    client.sh("ip route add 10.9.0.100/31 via 10.9.0.11");
    for real in [&one, &two] {
        // The way back of masq leads through the director also to a client on the same cable.
        real.sh(
            "for f in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done; \
             ip address add 10.9.0.100/32 dev lo; ip address add 10.9.0.101/32 dev lo; ip route add 10.9.0.32/32 via 10.9.0.11; ip route add blackhole 10.9.0.33/32",
        );
    }
    let _servers: Vec<Server> = [&one, &two]
        .into_iter()
        .flat_map(|real| [80, 81, 82].map(|port| Server::start(real, &format!("0.0.0.0:{port}"))))
        .collect();
    director.write(CONFIG, CONFIGURATION);
    let ldirectord = ldirectord(&director);
    ldirectord.start();
    let clients = Clients::start(&client);
    let port = |service: &str| service.rsplit(':').next().unwrap_or_default().to_owned();
    let both = |service: &str| [ONE, TWO].map(|host| format!("{host}:{}", port(service))).to_vec();
    until("the flood reaches both", || half_open(&director).iter().all(|count| *count > FLOOD / 8));
    for (service, _) in [REPORTS, ACTS, FLOODED] {
        assert_eq!(taking(&director, service), both(service), "{service}");
    }

    // Its own address goes on answering, so that every check is good.
    two.sh("ip address del 10.9.0.100/32 dev lo; ip route del 10.9.0.32/32; ip route add blackhole 10.9.0.32/32");
    let broken = Instant::now();
    let says = |port, words: &str| reason(&director, port, TWO).is_some_and(|reason| reason.starts_with(words));
    let is_logged = |words: &str| director.read(LOG).contains(words);
    let reported = "WARNING: real server: 10.9.0.22:80 (tcp:10.9.0.100:80): swallows connections: ";
    until("the one that reports", || is_logged(reported));
    eprintln!("seen after {} ms", broken.elapsed().as_millis());
    let out = "Deleted real server: 10.9.0.22:81 (10.9.0.100:81): counts as failed for 30 s (evidence=act): swallows";
    until("the one that acts", || is_logged(out));
    assert!(says(80, "swallows connections: of the last "));
    assert_eq!(taking(&director, REPORTS.0), both(REPORTS.0), "it only reports");
    ldirectord
        .monitor()
        .expect(190)
        .says("virtual service tcp 10.9.0.100:80: real server 10.9.0.22:80: swallows connections");

    two.sh("ip address add 10.9.0.100/32 dev lo");
    until("it answers again", || says(80, "configured"));
    drop(clients);
    assert_eq!(taking(&director, FLOODED.0), both(FLOODED.0), "a flood over all real servers ejects none");
    let log = director.read(LOG);
    let named: Vec<&str> = log.lines().filter(|line| line.contains("swallows connections")).collect();
    assert!(named.iter().all(|line| line.contains("10.9.0.22:8")), "{named:#?}");
    assert!(!named.iter().any(|line| line.contains(":82")), "{named:#?}");
    ldirectord.stop();
}
