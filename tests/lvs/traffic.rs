//! Each forwarding method carries a client's connection to a real server on another machine, over IPv4 and IPv6.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::common::rows::check_rows;
use super::common::server::Server;
use super::common::{Host, PATIENCE};

/// What one family has: the virtual IP, the addresses of the real server and the client with their prefixes, and the
/// option of ip(8).
#[derive(Debug)]
struct Family {
    virtual_ip: &'static str,
    hosts: [&'static str; 3],
    option: &'static str,
    bits: u8,
    anywhere: &'static str,
    tunnel: &'static str,
    gre: &'static str,
}

const IPV4: Family = Family {
    virtual_ip: "10.9.0.100",
    hosts: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
    option: "-4",
    bits: 32,
    anywhere: "0.0.0.0:80",
    tunnel: "tunl0",
    gre: "gre",
};
const IPV6: Family = Family {
    virtual_ip: "2001:db8:9::100",
    hosts: ["2001:db8::1", "2001:db8::2", "2001:db8::3"],
    option: "-6",
    bits: 128,
    anywhere: "[::]:80",
    tunnel: "ip6tnl0",
    gre: "ip6gre",
};

/// Brings an address of ours onto a device, and takes packets out of it from wherever they come.
fn hold(virtual_ip: &str, device: &str, Family { option, bits, .. }: &Family) -> String {
    let filter = "for f in all default; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done";
    format!(
        "{filter}; test ! -e /proc/sys/net/ipv4/conf/{device} || echo 0 > /proc/sys/net/ipv4/conf/{device}/rp_filter; \
         ip link set {device} up && ip {option} address add {virtual_ip}/{bits} dev {device}"
    )
}

/// Returns what an administrator does on the real server for this forwarding method.
fn prepared_for(method: &str, family: &Family) -> String {
    let Family { virtual_ip, hosts: [director, client, real], option, bits, tunnel, gre, .. } = family;
    match method.split(' ').next().unwrap_or_default() {
        "gate" => hold(virtual_ip, "lo", family),
        // The way back leads through the director also to a client on the same cable, whatever the director says.
        "masq" => format!(
            "echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_redirects; ip {option} route add {client}/{bits} via {director}"
        ),
        "ipip" => format!("modprobe -a ipip ip6_tunnel; {}", hold(virtual_ip, tunnel, family)),
        "gue" => {
            let port = method.split("tun-port:").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("6080");
            let fou = format!("modprobe -a ipip ip6_tunnel fou fou6; ip {option} fou add port {port} gue");
            format!("{fou} && {}", hold(virtual_ip, tunnel, family))
        }
        "gre" => {
            // A device takes either packets with checksums or packets without.
            let checksum = if method.contains("tun-csum") { "icsum" } else { "" };
            let link = format!("modprobe -a ip_gre ip6_gre; ip link add lvs0 type {gre} local {real} {checksum}");
            format!("{link} && {}", hold(virtual_ip, "lvs0", family))
        }
        other => panic!("{other}: no forwarding method"),
    }
}

fn answer(client: &Host, service: SocketAddr) -> String {
    client.enter(move || {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&service, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        ask().unwrap_or_else(|error| error.to_string())
    })
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn every_forwarding_method_reaches_a_real_server_and_its_answer_the_client() {
    let methods =
        ["gate", "masq", "ipip", "gue", "gue tun-port:5555 tun-csum", "gue tun-remcsum", "gre", "gre tun-csum"];
    let rows = methods.into_iter().flat_map(|method| [(method, &IPV4), (method, &IPV6)]);
    check_rows(rows, |(method, family)| {
        let [director, client, real] = family.hosts;
        let addresses = [director, client, real].map(|host| format!("{host}/{}", family.bits / 4 * 3));
        let [one, two, three] = addresses.each_ref().map(String::as_str);
        let (_switch, [director_host, client_host, real_host]) = Host::network([&[one], &[two], &[three]]);
        let Family { virtual_ip, option, bits, .. } = family;
        director_host.sh(&format!(
            "ip {option} address add {virtual_ip}/{bits} dev lo; \
             for f in all eth0; do echo 0 > /proc/sys/net/ipv4/conf/$f/send_redirects; done"
        ));
        client_host.sh(&format!("ip {option} route add {virtual_ip}/{bits} via {director}"));
        real_host.sh(&prepared_for(method, family));
        let _server = Server::start(&real_host, family.anywhere);
        let bracketed = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let (word, options) = method.split_once(' ').unwrap_or((method, ""));
        let lvs = director_host.agent("lvs").params(&[
            ("virtual", format!("{}:80", bracketed(virtual_ip)).as_str()),
            ("real", &format!("{} {word} 1 {options}", bracketed(real))),
            ("checktype", "on"),
        ]);
        lvs.start();
        lvs.monitor().expect(0).silent();
        let service = format!("{}:80", bracketed(virtual_ip)).parse().expect("address");
        let text = answer(&client_host, service);
        assert!(text.ends_with("alive"), "{text}: {}", director_host.sh("ipvsadm -Ln; ipvsadm -Ln --stats"));
    });
}
