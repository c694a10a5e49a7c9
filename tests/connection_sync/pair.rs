//! A director and a standby with the same services, a client and two real servers, on one switch.

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use lvs_agents::sync::{Endpoints, MessageWriter, SyncMessage, SyncRecord};

use super::common::{Agent, Host, PATIENCE, schema, until};

const PORT: u16 = 8848;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 81);

/// The multicast group of the channel.
#[derive(Debug, Clone, Copy)]
pub enum Group {
    Ipv4,
    Ipv6,
}

impl Group {
    fn address(self) -> &'static str {
        match self {
            Self::Ipv4 => "224.0.0.81",
            Self::Ipv6 => "ff02::81",
        }
    }
}

pub struct Pair {
    pub director: Host,
    pub standby: Host,
    pub client: Host,
    group: Group,
    /// The real servers, whose kernels take the connections. The first one has 10.9.0.100:80.
    listeners: Vec<TcpListener>,
    _others: [Host; 3],
}

impl Pair {
    /// Makes the hosts with their services; nothing of connections is synchronised yet. Real server 10.9.0.21 is reached by
    /// gate, and 10.9.0.22 by masq.
    pub fn new(group: Group) -> Self {
        let (switch, [client, director, standby, gate, masq]) = Host::network([
            &["10.9.0.31/24", "2001:db8::31/64"],
            &["10.9.0.11/24", "2001:db8::11/64"],
            &["10.9.0.12/24", "2001:db8::12/64"],
            &["10.9.0.21/24", "2001:db8::21/64"],
            &["10.9.0.22/24", "2001:db8::22/64"],
        ]);
        gate.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2");
        gate.sh("ip address add 10.9.0.100/32 dev lo && ip address add 2001:db8::100/128 dev lo nodad");
        // What the masqueraded server answers has to come back to the director.
        masq.sh("ip route add 10.9.0.31/32 via 10.9.0.11 && ip route add 2001:db8::31/128 via 2001:db8::11");
        client.sh("ip route add 224.0.0.0/4 dev eth0");
        director.sh("sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0");
        director.sh("ip address add 10.9.0.100/32 dev eth0 && ip address add 2001:db8::100/128 dev eth0 nodad");
        for host in [&director, &standby] {
            host.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
            declare(host);
        }
        let listen = |host: &Host, address: &str| {
            let address: SocketAddr = address.parse().expect(address);
            host.enter(move || TcpListener::bind(address).expect("listen"))
        };
        let listeners = vec![
            listen(&gate, "10.9.0.100:80"),
            listen(&gate, "10.9.0.100:82"),
            listen(&gate, "[2001:db8::100]:80"),
            listen(&masq, "10.9.0.22:8081"),
            listen(&masq, "[2001:db8::22]:8081"),
        ];
        Self { director, standby, client, group, listeners, _others: [switch, gate, masq] }
    }

    /// Connects the client to a service.
    pub fn connect(&self, service: &str) -> TcpStream {
        let address: SocketAddr = service.parse().expect(service);
        let connect = move || TcpStream::connect_timeout(&address, Duration::from_secs(10));
        self.client.enter(connect).unwrap_or_else(|cause| panic!("{service}: connect: {cause}"))
    }

    /// Moves the addresses of the first service to the standby.
    pub fn move_address(&self) {
        self.director.sh("ip address del 10.9.0.100/32 dev eth0");
        self.standby.sh("ip address add 10.9.0.100/32 dev eth0");
        self.client.sh("ip neigh flush dev eth0");
    }

    /// Returns how many of so many connections of the first service bring a byte to the real server.
    pub fn arrived(&self, connections: usize) -> usize {
        let Some(listener) = self.listeners.first() else { return 0 };
        let accepted: Vec<TcpStream> =
            listener.incoming().take(connections).map(|peer| peer.expect("accept")).collect();
        let end = Instant::now() + PATIENCE;
        let brings = |mut peer: &TcpStream| {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            peer.set_read_timeout(Some(left)).is_ok() && matches!(peer.read(&mut [0]), Ok(1))
        };
        accepted.iter().filter(|peer| brings(peer)).count()
    }

    /// Gives a node its role and starts its health monitor.
    pub fn join(&self, host: &Host, promoted: bool) {
        self.write_role(host, promoted);
        self.start_health_monitor(host);
    }

    pub fn start_health_monitor(&self, host: &Host) {
        host.agent("ldirectord").start();
    }

    pub fn write_role(&self, host: &Host, promoted: bool) {
        self.write_role_on(host, promoted, "eth0");
    }

    pub fn write_role_on(&self, host: &Host, promoted: bool, interface: &str) {
        let group = self.group.address();
        let channel = serde_json::json!({
            "interface": interface, "id": super::ID, "group": group, "port": PORT, "ttl": 1, "maxlen": 1472,
        });
        let record = serde_json::json!({ "promoted": promoted, "channel": channel });
        host.replace("/run/lvs-agents/services/my-lvs.role", &record.to_string());
    }

    /// Starts a daemon of the kernel: `master` sends connections, and `backup` takes them.
    pub fn start_daemon(&self, host: &Host, daemon: &str, id: u8) {
        let group = self.group.address();
        host.sh(&format!("ipvsadm --start-daemon {daemon} --mcast-interface eth0 --syncid {id} --mcast-group {group}"));
    }

    /// Sends so many connections of the first service from the client, as another director would.
    pub fn send_connections(&self, id: u8, count: u32) {
        let mut writer = MessageWriter::new(id, 1472);
        let mut datagrams: Vec<Vec<u8>> =
            (0..count).filter_map(|number| writer.add(&made_up_connection(number))).collect();
        datagrams.extend(writer.finish());
        self.client.enter(move || {
            let socket = UdpSocket::bind("10.9.0.31:0").expect("socket");
            for datagram in datagrams {
                socket.send_to(&datagram, (GROUP, PORT)).expect("send");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
    }

    /// Returns the entries of a node's table of connections, without the time that is left of each.
    pub fn connections(host: &Host) -> Vec<String> {
        let text = fs::read_to_string(host.proc_file("net/ip_vs_conn")).expect("connections");
        let entry = |line: &str| Some(line.trim_end().rsplit_once(' ')?.0.trim_end().to_owned());
        let mut entries: Vec<String> = text.lines().skip(1).filter_map(entry).collect();
        entries.sort();
        entries
    }

    /// Returns how many connections the real servers of a node have. The table is read at once: at the next piece the kernel
    /// leaves out services where those of other namespaces lie between them (ip_vs_info_seq_next does not tell them apart).
    pub fn counted(host: &Host) -> u32 {
        let mut text = vec![0; 4096];
        let mut table = fs::File::open(host.proc_file("net/ip_vs")).expect("table");
        let length = table.read(&mut text).expect("table");
        let text = String::from_utf8_lossy(&text[..length]);
        let reals = text.lines().skip(3).filter(|line| line.starts_with("  -> "));
        reals
            .flat_map(|line| line.split_whitespace().rev().take(2))
            .map(|count| count.parse::<u32>().expect(count))
            .sum()
    }

    /// Returns the record of a node's health monitor.
    pub fn record(host: &Host) -> serde_json::Value {
        serde_json::from_str(&host.read("/run/lvs-agents/monitors/my-ldirectord.json")).unwrap_or_default()
    }

    /// Returns what a node's health monitor says of itself.
    pub fn status(host: &Host) -> serde_json::Value {
        let text = host.tool(&["status", "--json"]).expect(0).stdout;
        let overview = schema::status(&text);
        overview["monitors"][0].clone()
    }
}

pub fn lvs(host: &Host) -> Agent<'_> {
    let service = [("virtual", "10.9.0.100:80"), ("real", "10.9.0.21 gate"), ("checktype", "on"), ("scheduler", "rr")];
    host.agent("lvs").params(&service)
}

/// Fills a node's table: one service is declared, so that the health monitor has something to look after.
fn declare(host: &Host) {
    lvs(host).start();
    for (service, real) in [
        ("-t 10.9.0.100:81 -s rr", "10.9.0.22:8081 -m"),
        ("-t 10.9.0.100:82 -s rr -p 300", "10.9.0.21:82 -g"),
        ("-t [2001:db8::100]:80 -s rr", "[2001:db8::21]:80 -g"),
        ("-t [2001:db8::100]:81 -s rr", "[2001:db8::22]:8081 -m"),
    ] {
        let (key, _) = service.split_once(" -s").expect("a scheduler");
        host.sh(&format!("ipvsadm -A {service} && ipvsadm -a {key} -r {real}"));
    }
}

fn made_up_connection(number: u32) -> SyncRecord {
    let client = (IpAddr::from(Ipv4Addr::from(0x0b00_0000 + number)), 40_000);
    let ends = Endpoints {
        client,
        service: (Ipv4Addr::new(10, 9, 0, 100).into(), 80),
        real_server: (Ipv4Addr::new(10, 9, 0, 21).into(), 80),
    };
    // It is an established TCP connection by gate.
    SyncRecord { protocol: 6, flags: 3, state: 1, ends, fwmark: 0, timeout: 900 }
}

/// What one host hears of the channel.
pub struct Heard {
    messages: UdpSocket,
    notices: UdpSocket,
    /// The messages of connections that were heard since they were last asked for.
    count: Cell<usize>,
}

impl Heard {
    pub const STANDBY: u8 = 1;
    pub const DIRECTOR: u8 = 2;

    pub fn by(host: &Host) -> Self {
        let listen = |port| {
            host.enter(move || {
                let socket = UdpSocket::bind((GROUP, port)).expect("socket");
                socket.join_multicast_v4(&GROUP, &Ipv4Addr::new(10, 9, 0, 31)).expect("join");
                socket.set_nonblocking(true).expect("nonblocking");
                socket
            })
        };
        Self { messages: listen(PORT), notices: listen(PORT + 1), count: Cell::new(0) }
    }

    /// Waits for a notice of this kind from this node. What came before is not looked at.
    pub fn until_notice(&self, from: &str, kind: u8) {
        let from: IpAddr = from.parse().expect(from);
        while next(&self.notices).is_some() {}
        until("a notice", || {
            self.count_messages();
            let (sender, datagram) = next(&self.notices)?;
            (sender == from && datagram.starts_with(b"lvsa") && datagram.get(6) == Some(&kind)).then_some(())
        });
    }

    /// Waits for a message of connections from this node.
    pub fn until_message(&self, from: &str) {
        let from: IpAddr = from.parse().expect(from);
        until("a message", || {
            let (sender, datagram) = next(&self.messages)?;
            let message = SyncMessage::decode(&datagram).expect("a message");
            self.count.set(self.count.get() + 1);
            (sender == from && message.sync_id == super::ID).then_some(())
        });
    }

    /// Returns how many messages of connections were heard since the last call.
    pub fn messages(&self) -> usize {
        self.count_messages();
        self.count.take()
    }

    /// Counts what waits, before it overflows.
    fn count_messages(&self) {
        while next(&self.messages).is_some() {
            self.count.set(self.count.get() + 1);
        }
    }
}

fn next(socket: &UdpSocket) -> Option<(IpAddr, Vec<u8>)> {
    let mut buffer = [0; 2048];
    let (length, from) = socket.recv_from(&mut buffer).ok()?;
    Some((from.ip(), buffer[..length].to_vec()))
}
