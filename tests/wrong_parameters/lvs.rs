use super::common::wrong::{WrongRow, check, everywhere, here};
use super::common::{Agent, Host};

const ROWS: [WrongRow; 52] = [
    everywhere(&[("virtual", "")], "virtual: not set: name a virtual service, or a configfile"),
    everywhere(&[("virtual", "10.9.0.100")], "virtual: \"10.9.0.100\": expected ADDRESS:PORT or a firewall mark"),
    everywhere(&[("virtual", "10.9.0.100:70000")], "port \"70000\": expected 0 to 65535"),
    everywhere(&[("virtual", "10.9.0.300:80")], "\"10.9.0.300\" is not an IPv4 address"),
    here(&[("virtual", "10.9.0.100:nosuch")], 2, "port \"nosuch\": no such tcp service"),
    everywhere(&[("virtual", "0")], "firewall mark: expected a whole number from 1 to 4294967295"),
    everywhere(&[("virtual", "10.9.0.100:0")], "port 0 (every port): expected persistent with it"),
    everywhere(&[("virtual", "10.9.0.100:80, 10.9.0.100:80")], "tcp 10.9.0.100:80 is already defined"),
    everywhere(&[("virtual", "[2001:db8::1]:80")], "an IPv4 address: use virtual, real and fallback for IPv4"),
    everywhere(&[("real", "[2001:db8::2] gate")], "an IPv6 address: use virtual6, real6 and fallback6 for IPv6"),
    everywhere(&[("real", "10.9.1.1")], "expected a forwarding method after the address: gate, masq, ipip, gue or gre"),
    everywhere(&[("real", "10.9.1.1 nat")], "\"nat\": expected a forwarding method: gate, masq, ipip, gue or gre"),
    everywhere(&[("real", "10.9.1.1 gate, 10.9.1.2")], "real: \"10.9.1.2\": expected a forwarding method"),
    everywhere(&[("real", "10.9.1.1:81 gate")], "port 81: gate cannot change the port: expected 80, or masq"),
    everywhere(&[("real", "10.9.1.1 gate 2147483648")], "expected a whole number from 0 to 2147483647"),
    everywhere(&[("real", "10.9.1.1 gate -1")], "\"-1\": expected a weight"),
    everywhere(&[("real", "10.9.1.1 gate, 10.9.1.1 gate 2")], "10.9.1.1:80: given twice"),
    everywhere(&[("real", "10.9.1.999 gate")], "\"10.9.1.999\" is not an IPv4 address"),
    everywhere(&[("real", "10.9.1.1:70000 masq")], "port \"70000\": expected 0 to 65535"),
    everywhere(&[("real", "10.9.1.1 gate dns")], "dns: expected a host name with it"),
    everywhere(
        &[("real", "localhost gate dns")],
        "real \"localhost gate dns\": dns: not followed by lvs: configfile of",
    ),
    everywhere(&[("scheduler", "nosuch")], "scheduler: \"nosuch\": expected a scheduler, one of rr wrr"),
    everywhere(&[("persistent", "-1")], "persistent: \"-1\": expected a whole number from 0 to 4294967295"),
    everywhere(&[("persistent", "long")], "persistent: \"long\": expected a whole number"),
    everywhere(&[("persistent", "60"), ("netmask", "255.0.255.0")], "expected a netmask of leading ones"),
    everywhere(&[("schedflags", "sh-port")], "expected flags of the scheduler wrr"),
    everywhere(&[("protocol", "esp")], "protocol: \"esp\": expected tcp, udp, sctp or fwm"),
    everywhere(&[("protocol", "fwm")], "expected tcp, udp or sctp, since virtual is an address"),
    everywhere(&[("ops", "perhaps")], "ops: \"perhaps\": expected yes or no"),
    everywhere(&[("sync_interface", "lo"), ("sync_id", "0")], "sync_id \"0\": expected a whole number from 1 to 255"),
    everywhere(&[("sync_interface", "lo"), ("sync_group", "10.0.0.1")], "\"10.0.0.1\": expected a multicast address"),
    everywhere(
        &[("sync_interface", "lo"), ("sync_threshold", "50 3")],
        "expected two numbers, of which the first is the",
    ),
    everywhere(&[("sync_port", "8848")], "sync_port: set without sync_interface"),
    everywhere(&[("checktype", "telepathy")], "checktype: \"telepathy\": expected connect, negotiate, ping"),
    everywhere(&[("service", "ssh")], "service: \"ssh\": expected one of ftp smtp"),
    everywhere(&[("checktype", "negotiate"), ("service", "oracle")], "oracle: only Oracle's own client can ask it"),
    everywhere(&[("checktype", "negotiate"), ("service", "mysql"), ("request", "SELECT 1")], "login is missing"),
    everywhere(&[("checktype", "negotiate"), ("receive", "a(b")], "expected a regular expression"),
    everywhere(&[("checkinterval", "-5")], "checkinterval: \"-5\": expected a whole number of seconds, at least 1"),
    everywhere(&[("checktimeout", "0")], "checktimeout: \"0\": expected a whole number of seconds"),
    everywhere(&[("failurecount", "0")], "failurecount: \"0\": expected a whole number from 1"),
    everywhere(&[("checkport", "70000")], "checkport: \"70000\": expected a port number from 1 to 65535"),
    everywhere(&[("quiescent", "on")], "quiescent: \"on\": expected yes or no"),
    everywhere(&[("httpmethod", "POST")], "httpmethod: \"POST\": expected GET or HEAD"),
    everywhere(&[("fallback", "127.0.0.1:80 nat")], "\"nat\": expected a forwarding method"),
    everywhere(&[("configfile", "/run/test/right.cf")], "configfile, virtual: both are set"),
    here(&[("virtual", ""), ("configfile", "/run/test/nosuch.cf")], 2, "/run/test/nosuch.cf: read: No such file"),
    here(&[("virtual", ""), ("configfile", "/run/test")], 2, "configfile /run/test: read: Is a directory"),
    here(&[("virtual", ""), ("configfile", "/run/test/broken.cf")], 2, "/run/test/broken.cf: line 2: scheduler \"x1\""),
    here(&[("virtual", ""), ("configfile", "/run/test/empty.cf")], 2, "/run/test/empty.cf: has no virtual service"),
    here(&[("virtual", "10.9.0.7:25, 10.9.0.100:80")], 2, "lvs resource \"owner\" owns it on this node already"),
    here(&[("virtual", ""), ("configfile", "/run/test/taken.cf")], 2, "lvs resource \"owner\" owns it"),
];

/// Makes a node where all is well with the services of another resource.
pub fn node() -> Host {
    let host = Host::new();
    host.write("/run/test/right.cf", "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n\tchecktype=on\n");
    host.write("/run/test/broken.cf", "virtual=10.9.0.100:80\n\tscheduler=x1\n");
    host.write("/run/test/taken.cf", "virtual=10.9.0.7:25\n\treal=10.9.1.7:25 gate\n\tchecktype=on\n");
    host.write("/run/test/empty.cf", "# nothing yet\n");
    let owner = host.agent("lvs").instance("owner");
    owner.params(&[("virtual", "10.9.0.7:25"), ("real", "10.9.1.7 gate 7"), ("checktype", "on")]).start();
    host
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn start_of_lvs_refuses_each_wrong_parameter() {
    let host = node();
    let right = || -> Agent<'_> {
        let real = ("real", "10.9.1.1 gate");
        host.agent("lvs").params(&[("virtual", "10.9.0.100:80"), real, ("checktype", "connect")])
    };
    check(&host, right, &ROWS);
}
