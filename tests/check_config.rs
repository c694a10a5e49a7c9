//! `lvs-agents check-config`: what is wrong with a file, and what this node's kernel would refuse of it.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::fmt::Write;

use common::{Host, Outcome};

const FILE: &str = "/run/test/ldirectord.cf";

fn check(host: &Host, text: &str) -> Outcome {
    host.write(FILE, text);
    host.tool(&["check-config", FILE])
}

#[test]
fn a_broadcast_address_of_this_node_is_an_error_with_its_line() {
    let host = Host::new();
    let text = "virtual=10.9.0.100:80\n\tchecktype=on\n\treal=10.9.5.250->10.9.5.255 gate\n\tfallback=127.0.0.1\n";
    let right = check(&host, text).expect(0).silent().stdout;
    assert_eq!(right, format!("{FILE}: right: 1 virtual service, 6 real servers\n"));
    host.sh("ip route add broadcast 10.9.5.255 dev lo table local");
    let wrong = check(&host, text).expect(1).silent().stdout;
    let line = "line 3: real server 10.9.5.255: the kernel refuses a broadcast address of this node";
    assert_eq!(wrong, format!("{FILE}: {line}\n{FILE}: 1 line wrong\n"));
}

#[test]
fn warnings_are_told_beside_errors() {
    let host = Host::new();
    let told =
        check(&host, "quiescent=no # why\nfoo=1\nvirtual=10.9.0.100:80\n\treal=10.9.0.1::80 gate\n").expect(1).stdout;
    let expected = [
        "warning: line 1: quiescent: a comment behind the value, which ldirectord refuses",
        "warning: line 4: real \"10.9.0.1::80 gate\": two colons before the port: they count as one",
        "line 2: \"foo\": unknown directive",
        "1 line wrong",
    ];
    let lines: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix(&format!("{FILE}: "))).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_link_local_address_is_right_when_it_is_this_nodes_own() {
    let host = Host::with_eth0(&["fe80::9/64"]);
    let section = |real: &str| format!("virtual6=[2001:db8::1]:80\n\tchecktype=on\n\treal6=[{real}] gate\n");
    check(&host, &section("fe80::9")).expect(0);
    let wrong = check(&host, &section("fe80::8")).expect(1).stdout;
    assert!(wrong.contains("line 3: real server fe80::8: the kernel refuses a link-local address"), "{wrong}");
}

/// Ten thousand questions to the kernel would be ten thousand more system calls.
#[test]
fn ten_thousand_addresses_cost_as_many_questions_as_one() {
    let host = Host::new();
    let sends = |last: &str| {
        host.write(FILE, &format!("virtual=10.9.0.100:80\n\tchecktype=on\n\treal=10.1.0.0->{last} gate\n"));
        let traced = format!(
            "strace -f -e trace=sendto,sendmsg,socket -o /run/test/trace {} check-config {FILE}",
            env!("CARGO_BIN_EXE_lvs-agents")
        );
        host.sh(&traced);
        host.read("/run/test/trace").lines().filter(|line| line.contains("send") || line.contains("socket(")).count()
    };
    assert_eq!(sends("10.1.0.0"), sends("10.1.39.15"));
}

/// Asks ipvsadm to add one service for each real server and returns which of them it refused.
fn refused_by_the_kernel(host: &Host, commands: &[String]) -> Vec<bool> {
    let run = |command: &String| host.sh(&format!("ipvsadm -C; {command} 2>/dev/null && echo taken || echo refused"));
    let refused = commands.iter().map(|command| run(command) == "refused\n").collect();
    host.sh("ipvsadm -C");
    refused
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_scheduler_is_wrong_where_the_kernel_refuses_it_and_the_trial_leaves_no_trace() {
    const NAMES: [&str; 14] =
        ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"];
    let host = Host::new();
    let refused = refused_by_the_kernel(&host, &NAMES.map(|name| format!("ipvsadm -A -f 1 -s {name}")));
    let text = NAMES.iter().zip(1..).fold(String::new(), |mut text, (name, mark)| {
        let _ = writeln!(text, "virtual={mark}\n\tscheduler={name}\n\tchecktype=on");
        text
    });
    host.sh("ipvsadm -A -f 99 -s rr");
    let before = host.ipvs_table();
    let told = check(&host, &text).stdout;
    let wanted = NAMES.iter().zip(0..).zip(&refused).filter(|(_, refused)| **refused).map(|((name, index), _)| {
        let line = 1 + 3 * index;
        format!(
            "{FILE}: line {line}: scheduler {name}: this kernel does not have it: is the module ip_vs_{name} installed?"
        )
    });
    let found: Vec<&str> = told.lines().filter(|line| line.contains("scheduler")).collect();
    assert_eq!(found, wanted.collect::<Vec<_>>());
    assert_eq!(host.ipvs_table(), before);
    assert!(refused.contains(&false), "the kernel has no scheduler at all");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_address_is_wrong_where_the_kernel_refuses_it() {
    const ADDRESSES: [&str; 17] = [
        "10.9.0.21",
        "127.0.0.1",
        "0.0.0.0",
        "223.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.254",
        "255.255.255.255",
        "10.9.5.255",
        "[2001:db8::21]",
        "[fd00::21]",
        "[::1]",
        "[::]",
        "[ff02::1]",
        "[fe80::2]",
        "[::ffff:10.9.0.21]",
    ];
    let host = Host::new();
    host.sh("ip route add broadcast 10.9.5.255 dev lo table local");
    let command = |address: &str| {
        let service = if address.starts_with('[') { "-f 1 -6" } else { "-f 1" };
        format!("ipvsadm -A {service} -s rr && ipvsadm -a {service} -r {address}:80 -g")
    };
    let refused = refused_by_the_kernel(&host, &ADDRESSES.map(command));
    for (address, refused) in ADDRESSES.iter().zip(refused) {
        let six = if address.starts_with('[') { "6" } else { "" };
        let text = format!("virtual{six}=1\n\tscheduler=rr\n\tchecktype=on\n\treal{six}={address} gate\n");
        assert_eq!(check(&host, &text).code, Some(i32::from(refused)), "{address}");
    }
}

/// The suite executes the other blocks of the documents; these are shown, and nothing else would read them.
#[test]
fn every_configuration_that_the_documents_show_is_right() {
    let host = Host::new();
    host.sh("mkdir -p /etc/ha.d; mount -t tmpfs tmpfs /etc/ha.d; umask 077; echo secret >/etc/ha.d/monitor.password");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for file in files.chain([root.join("README.md")]).filter(|file| file.extension().is_some_and(|word| word == "md")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for block in text.split("```ldirectord\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let told = check(&host, block).expect(0).stdout;
            // The names of the documents are in no DNS.
            let doubts =
                told.lines().filter(|line| line.contains("warning: ") && !line.contains("until its records are known"));
            assert_eq!(doubts.collect::<Vec<_>>(), [""; 0], "{}: {block}", file.display());
            count += 1;
        }
    }
    assert!(count >= 5, "{count} configurations were found");
}
