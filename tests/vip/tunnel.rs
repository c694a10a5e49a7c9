//! An IPv6 service whose director sends to its real server by a tunnel.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::common::Host;
use super::common::server::Server;

const VIP: &str = "2001:db8::9";

/// A director with the table of the service, its real server, and a client, at one switch.
struct World {
    director: Host,
    client: Host,
    _server: Server,
    _real: Host,
    _switch: Host,
}

impl World {
    fn new() -> Self {
        let (switch, [director, real, client]) =
            Host::network([&["2001:db8::1/64"], &["2001:db8::2/64"], &["2001:db8::3/64"]]);
        real.sh("modprobe ip6_tunnel");
        real.agent("realserver").params(&[("ip", VIP), ("forwarding", "ipip")]).start();
        let server = Server::start(&real, "[::]:80");
        director.sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        director.sh(&format!("ipvsadm -A -t [{VIP}]:80 -s rr && ipvsadm -a -t [{VIP}]:80 -r [2001:db8::2]:80 -i"));
        Self { director, client, _server: server, _real: real, _switch: switch }
    }

    fn is_answered(&self) -> bool {
        let address: SocketAddr = format!("[{VIP}]:80").parse().expect("address");
        self.client.enter(move || TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
    }
}

/// The kernel would choose the virtual IP as the outer source of the tunnel, the real server has it too, and so drops
/// the packet as one of its own.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_address_of_a_director_is_never_the_source_of_its_tunnels() {
    // An address label is enough to choose another address of the interface, but not where the interface has no other
    // one.
    for only_on_the_loopback in [false, true] {
        let world = World::new();
        if only_on_the_loopback {
            world.director.sh("ip address del 2001:db8::1/64 dev eth0 && ip address add 2001:db8::1/128 dev lo");
        }
        let own = [("ip", VIP), ("cidr_netmask", "64"), ("nic", "eth0"), ("nodad", "yes")];
        let vip = world.director.agent("vip").params(&own);
        vip.start();
        assert!(world.is_answered(), "its own address is only on the loopback: {only_on_the_loopback}");
        vip.stop();
    }
    let world = World::new();
    world.director.sh(&format!("ip address add {VIP}/64 dev eth0 nodad"));
    assert!(!world.is_answered(), "the test can see that a source of that kind is dropped");
}
