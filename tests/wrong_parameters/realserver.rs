use super::common::Host;
use super::common::wrong::{WrongRow, check, everywhere, here};

const ROWS: [WrongRow; 14] = [
    everywhere(&[("ip", "")], "ip: required, but not set"),
    everywhere(&[("ip", "192.0.2.300")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "192.0.2.9/32")], "ip \"192.0.2.9\": takes neither prefix nor nic"),
    everywhere(&[("ip", "192.0.2.9@lo")], "ip \"192.0.2.9\": takes neither prefix nor nic"),
    everywhere(&[("ip", "192.0.2.9,192.0.2.9")], "ip \"192.0.2.9\": named twice"),
    everywhere(&[("ip", "::")], "ip \"::\": not the address of a host"),
    everywhere(&[("ip", "192.0.2.9, x, y")], "ip \"y\": not an IPv4 or IPv6 address"),
    everywhere(&[("forwarding", "masq")], "forwarding \"masq\": expected one of gate, ipip"),
    everywhere(&[("forwarding", "Gate")], "forwarding \"Gate\": expected one of gate, ipip"),
    everywhere(&[("nic", " , ")], "nic: names no interface"),
    everywhere(&[("nic", "x/y,../eth1")], "nic \"../eth1\": not the name of an interface"),
    everywhere(&[("nic", "eth0 x/y"), ("ip", "z")], "ip \"z\": not an IPv4 or IPv6 address; nic \"x/y\": not the name"),
    here(&[("nic", "nosuch")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("nic", "all, nosuch"), ("forwarding", "gate")], 5, "nic \"nosuch\": no such interface on this node"),
];

#[test]
fn start_of_realserver_refuses_each_wrong_parameter() {
    let host = Host::new();
    host.sh("ip address add 192.0.2.9/24 dev lo");
    check(&host, || host.agent("realserver").param("ip", "192.0.2.9"), &ROWS);
}
