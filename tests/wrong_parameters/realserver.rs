use super::common::Host;
use super::common::wrong::{Row, check, everywhere};

const ROWS: [Row; 7] = [
    everywhere(&[("ip", "")], "ip: required, but not set"),
    everywhere(&[("ip", "192.0.2.300")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "192.0.2.9/32")], "ip \"192.0.2.9\": takes neither prefix nor nic"),
    everywhere(&[("ip", "192.0.2.9@lo")], "ip \"192.0.2.9\": takes neither prefix nor nic"),
    everywhere(&[("ip", "192.0.2.9,192.0.2.9")], "ip \"192.0.2.9\": named twice"),
    everywhere(&[("ip", "::")], "ip \"::\": not the address of a host"),
    everywhere(&[("ip", "192.0.2.9, x, y")], "ip \"y\": not an IPv4 or IPv6 address"),
];

#[test]
fn of_realserver() {
    let host = Host::new();
    host.sh("ip address add 192.0.2.9/24 dev lo");
    check(&host, || host.agent("realserver"), &ROWS);
}
