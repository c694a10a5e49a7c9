use crate::config::{AnyName, parse_file};
use crate::convert::{Conversion, import_ipvsadm};

/// The lines of the result without comments, and the remarks.
fn imported(text: &str) -> (Vec<String>, Vec<String>) {
    let Conversion { text, remarks } = import_ipvsadm("saved", text);
    let config = parse_file(text.as_bytes(), &AnyName::default()).expect(&text);
    assert!(config.warnings.is_empty(), "{:?}\n{text}", config.warnings);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    (lines.map(|line| line.trim().to_owned()).collect(), remarks.iter().map(ToString::to_string).collect())
}

#[test]
fn a_saved_table_is_read_with_every_option() {
    let text = "-A -t 192.0.2.100:80 -s wrr -p 300 -M 255.255.255.0\n\
        -a -t 192.0.2.100:80 -r 192.0.2.11:80 -g -w 3 -x 100 -y 10\n\
        -a -t 192.0.2.100:80 -r 192.0.2.12:8080 -m -w 1\n\
        -A -u 192.0.2.100:53 -s rr -o\n\
        -a -u 192.0.2.100:53 -r 192.0.2.11:53 -i -w 1 --tun-type gue --tun-port 6081 --tun-csum\n\
        -A -f 7 -6 -s sh -b sh-port -p\n\
        -a -f 7 -6 -r [2001:db8::1]:0 -i -w 0 --tun-type ipip\n\
        --add-service --sctp-service=192.0.2.100:3868\n";
    let expected = "virtual=192.0.2.100:80|protocol=tcp|scheduler=wrr|persistent=300|netmask=255.255.255.0|checktype=on|\
        real=192.0.2.11:80 gate 3 l:10 u:100|real=192.0.2.12:8080 masq 1|\
        virtual=192.0.2.100:53|protocol=udp|scheduler=rr|ops=yes|checktype=on|\
        real=192.0.2.11:53 gue 1 tun-port:6081 tun-csum|\
        virtual6=7|scheduler=sh|schedflags=sh-port|persistent=300|checktype=on|real6=[2001:db8::1] ipip 0|\
        virtual=192.0.2.100:3868|protocol=sctp|scheduler=wlc|checktype=on";
    let (lines, remarks) = imported(text);
    assert_eq!(lines.join("|"), expected);
    assert_eq!(remarks, [""; 0]);
}

#[test]
fn a_name_is_not_taken_for_an_address_of_the_same_table() {
    let table = "-A -t vip:80\n-A -f 7 -6\n-a -f 7 -6 -r other\n-a -f 7 -6 -r [2001:db8::1]\n\
        -A -t 198.18.0.0:80\n-a -t 198.18.0.0:80 -r 198.18.0.3:80\n-a -t 198.18.0.0:80 -r another:80\n";
    let (lines, remarks) = imported(table);
    assert_eq!(lines.iter().filter(|line| line.starts_with("real")).count(), 4, "{lines:?}");
    assert_eq!(remarks, [""; 0]);
}

#[test]
fn virtual_services_that_differ_only_in_a_name_are_two() {
    let table = "-A -t vip1:80\n-A -t vip2:80\n-A -t 192.0.2.1:http\n-a -t 192.0.2.1:http -r web1:http\n\
        -A -t 192.0.2.1:https\n-a -t 192.0.2.1:https -r web1:https\n";
    let (lines, remarks) = imported(table);
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("virtual") || line.starts_with("real")).count(),
        6,
        "{lines:?}"
    );
    assert_eq!(remarks, [""; 0]);
}

#[test]
fn what_cannot_be_said_is_told_with_its_line_and_takes_nothing_else_down() {
    let text = "-A -t 192.0.2.100:80 -s wrr\n-C\n-a -t 192.0.2.100:80 -r 192.0.2.11:80 -x 1 -y 2\n\
        -a -t 192.0.2.200:80 -r 192.0.2.11:80\n-A -t 192.0.2.100:80\n-a -t 192.0.2.100:80\n-A -t 192.0.2.101:x/y -s\n\
        -a -t 192.0.2.100:80 -r 192.0.2.12:80 -g\n";
    let (lines, remarks) = imported(text);
    assert_eq!(
        lines,
        ["virtual=192.0.2.100:80", "protocol=tcp", "scheduler=wrr", "checktype=on", "real=192.0.2.12:80 gate 1"]
    );
    let expected = [
        "saved:2: -C: left out: \"-C\": no option of a saved table",
        "saved:3: real: left out: \"192.0.2.11:80 gate 1 l:2 u:1\": expected a lower threshold (l:) that is not above the upper \
         one (u:)",
        "saved:4: -a -t 192.0.2.200:80 -r 192.0.2.11:80: left out: no line before it adds its virtual service",
        "saved:5: virtual=192.0.2.100:80: left out: the virtual service is already defined at saved:1",
        "saved:6: -a: left out: expected -r and a real server",
        "saved:7: -A -t 192.0.2.101:x/y -s: left out: \"-s\": expected a value behind it",
    ];
    assert_eq!(remarks, expected);
}
