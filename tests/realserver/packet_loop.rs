//! Two directors that are each other's real servers, both with the virtual service in their tables.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::common::{Host, until, until_equal};

const VIP: &str = "192.0.2.100";
const SERVICE: &str = "192.0.2.100:80";
/// The TTL ends the loop: every director on the way takes one off.
const TTL: u32 = 20;
/// The time is shorter than TCP's first repetition, 1 s, so that one packet is sent.
const ONE_PACKET: Duration = Duration::from_millis(600);
const DECLARATION: &str = "/run/lvs-agents/services/my-lvs.cf";
const HANDED_BACK: &str = "/run/lvs-agents/realserver/.handed-back";

/// Makes a file of the agents look old.
fn age(host: &Host, path: &str) {
    host.sh(&format!("touch -c -d '1 minute ago' {path}"));
}

/// Returns the connections and packets of clients that IPVS has directed.
fn directed(host: &Host) -> (u64, u64) {
    let text = std::fs::read_to_string(host.proc_file("net/ip_vs_stats")).expect("ip_vs_stats");
    let line = text.lines().nth(2).expect("totals");
    let mut numbers = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).expect("hexadecimal"));
    numbers.next().zip(numbers.next()).expect("connections and packets")
}

/// Listens, and accepts no more than it is asked to.
fn listen(host: &Host) -> TcpListener {
    let listener = host.enter(|| TcpListener::bind(SERVICE)).expect("listen");
    listener.set_nonblocking(true).expect("nonblocking");
    listener
}

fn connect(client: &Host) -> std::io::Result<Socket> {
    client.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_ttl_v4(TTL)?;
        let address: SocketAddr = SERVICE.parse().expect(SERVICE);
        socket.connect_timeout(&address.into(), ONE_PACKET).map(|()| socket)
    })
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_packet_goes_round_until_the_standby_is_told_to_serve() {
    let (_switch, [active, standby, client]) =
        Host::network([&["192.0.2.11/24"], &["192.0.2.12/24"], &["192.0.2.31/24"]]);
    active.sh(&format!("ip address add {VIP}/32 dev eth0"));
    for (director, other) in [(&active, "192.0.2.12"), (&standby, "192.0.2.11")] {
        director.sh(&format!("modprobe ip_vs; ipvsadm -A -t {SERVICE} -s rr && ipvsadm -a -t {SERVICE} -r {other} -g"));
        director.sh("echo 0 > /proc/sys/net/ipv4/vs/backup_only");
    }
    let realservers = [&active, &standby].map(|host| host.agent("realserver").param("ip", VIP));
    realservers.iter().for_each(|agent| agent.start());
    let listener = listen(&standby);

    assert!(connect(&client).is_err(), "nobody serves");
    let total = until("the packet goes round", || {
        Some(directed(&active).1 + directed(&standby).1).filter(|packets| *packets > u64::from(TTL / 2))
    });
    assert!(total <= u64::from(TTL), "one packet, and its TTL: {total}");
    assert!(listener.accept().is_err(), "nobody got it");
    let warning = "virtual service tcp 192.0.2.100:80: in the table of this node, which is not its director";
    realservers[1].monitor().expect(190).says(warning);
    realservers[1].probe().expect(190);
    realservers[0].monitor().expect(0).silent();

    // The state of a sync daemon alone does nothing, nor does the setting alone.
    standby.sh("ipvsadm --start-daemon backup --mcast-interface eth0");
    realservers[1].monitor().expect(190).says("net.ipv4.vs.backup_only=1");
    let lvs = standby.agent("lvs").params(&[("virtual", SERVICE), ("real", "192.0.2.11 gate"), ("checktype", "on")]);
    lvs.start();
    assert_eq!(standby.sh("cat /proc/sys/net/ipv4/vs/backup_only"), "1\n");
    realservers[1].monitor().expect(0).silent();

    let before = (directed(&active), directed(&standby));
    let connection = connect(&client).expect("served by the standby");
    let accepted = until("the standby accepts it", || listener.accept().ok());
    // The two packets are the client's SYN and its acknowledgement of the answer.
    until_equal("directed once", &(before.0.0 + 1, before.0.1 + 2), || directed(&active));
    assert_eq!(directed(&standby), before.1);
    drop((connection, accepted));

    // With both daemons, as some run them everywhere, the setting would end all directing.
    standby.sh("ipvsadm --start-daemon master --mcast-interface eth0; echo 0 > /proc/sys/net/ipv4/vs/backup_only");
    lvs.start();
    assert_eq!(standby.sh("cat /proc/sys/net/ipv4/vs/backup_only"), "0\n");

    standby.sh("ipvsadm --stop-daemon master && ipvsadm --stop-daemon backup");
    age(&standby, DECLARATION);
    realservers[1].monitor().expect(190).says("ipvsadm --start-daemon backup");
    lvs.stop();
    realservers[1].monitor().expect(0).silent();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn only_a_service_that_passes_packets_on_is_reported() {
    let host = Host::with_eth0(&["192.0.2.11/24"]);
    let realserver = host.agent("realserver").param("ip", VIP);
    realserver.start();
    host.sh("modprobe ip_vs");
    realserver.monitor().expect(0).silent();
    let harmless = [
        ("-f 7", "192.0.2.12 -g"),
        ("-t 192.0.2.99:80", "192.0.2.12 -g"),
        (&format!("-t {SERVICE}"), "192.0.2.12 -m"),
        (&format!("-t {VIP}:81"), "192.0.2.11 -g"),
    ];
    for (service, real) in harmless {
        host.sh(&format!("ipvsadm -A {service} -s rr && ipvsadm -a {service} -r {real}"));
        realserver.monitor().expect(0).silent();
    }
    host.sh(&format!("ipvsadm -a -t {VIP}:81 -r 192.0.2.12 -i"));
    realserver.monitor().expect(190).says("virtual service tcp 192.0.2.100:81: in the table");
    host.sh(&format!("ip address add {VIP}/24 dev eth0"));
    realserver.monitor().expect(0).silent();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_director_that_comes_or_goes_causes_no_warning_and_one_that_stays_without_its_address_does() {
    let host = Host::with_eth0(&["192.0.2.11/24"]);
    let realserver = host.agent("realserver").param("ip", VIP);
    let lvs = host.agent("lvs").params(&[("virtual", SERVICE), ("real", "192.0.2.12 gate"), ("checktype", "on")]);
    let vip = host.agent("vip").params(&[("ip", VIP), ("nic", "eth0"), ("cidr_netmask", "32")]);
    realserver.start();
    lvs.start();
    realserver.monitor().expect(0).silent();
    age(&host, DECLARATION);
    realserver.monitor().expect(190).says("virtual service tcp 192.0.2.100:80: in the table");

    vip.start();
    realserver.monitor().expect(0).silent();
    vip.stop();
    realserver.monitor().expect(0).silent();
    age(&host, HANDED_BACK);
    realserver.monitor().expect(190).says("virtual service tcp 192.0.2.100:80: in the table");
    lvs.stop();
    realserver.monitor().expect(0).silent();

    // Nothing says where a service belongs that no resource owns.
    vip.start();
    vip.stop();
    host.sh(&format!("ipvsadm -A -t {SERVICE} -s rr && ipvsadm -a -t {SERVICE} -r 192.0.2.12 -g"));
    realserver.monitor().expect(190);
}
