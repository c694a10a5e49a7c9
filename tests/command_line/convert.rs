//! `import` and `export`: what they print, where, and with which exit status.

use super::Host;

const KEEPALIVED: &str = "/run/test/keepalived.conf";
const FILE: &str = "/run/test/ldirectord.cf";

/// The example that the lab has keepalived itself program.
const EXAMPLE: &str = include_str!("../../cts/config/keepalived.conf");

#[test]
fn the_example_is_imported_as_the_golden_file_has_it() {
    let host = Host::new();
    host.write(KEEPALIVED, EXAMPLE);
    let imported = host.tool(&["import", "keepalived.conf", KEEPALIVED]).expect(0);
    assert_eq!(imported.stdout, include_str!("imported.cf"));
    host.write(FILE, &imported.stdout);
    let right = format!("{FILE}: right: 6 virtual services, 10 real servers\n");
    assert_eq!(host.tool(&["check-config", FILE]).expect(0).silent().stdout, right);
}

#[test]
fn the_exit_status_says_whether_something_is_left_out_and_the_place_is_told() {
    let host = Host::new();
    host.write("/run/test/conf.d/more.conf", "virtual_server 192.0.2.1 80 {\n protocol TCP\n mystery\n}\n");
    host.write(KEEPALIVED, "include conf.d/*.conf\ninclude nothing/*.conf\n");
    let told = host.tool(&["import", "keepalived.conf", KEEPALIVED]).expect(2);
    let expected = format!(
        "{KEEPALIVED}:2: include nothing/*.conf: left out: no such file\n\
         /run/test/conf.d/more.conf:3: mystery: left out: not known here\n"
    );
    let (mut lines, mut wanted): (Vec<&str>, Vec<&str>) = (told.stderr.lines().collect(), expected.lines().collect());
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
    assert!(wanted.iter().all(|line| told.stdout.contains(&format!("# {line}\n"))), "{}", told.stdout);
    assert!(told.stdout.contains("virtual=192.0.2.1:80\n\tprotocol=tcp\n"), "{}", told.stdout);
    let missing = host.tool(&["import", "keepalived.conf", "/run/test/none"]).expect(1);
    assert_eq!(missing.stderr, "lvs-agents: /run/test/none: read: No such file or directory (os error 2)\n");
    let endless = host.tool(&["check-config", "/dev/zero"]).expect(1);
    assert!(endless.stderr.contains("/dev/zero: read: it is larger than 64 MiB"), "{}", endless.stderr);
    let endless = host.tool(&["import", "ipvsadm-save", "/dev/zero"]).expect(1);
    assert_eq!(endless.stderr, "lvs-agents: /dev/zero: read: larger than 64 MiB\n");
}

#[test]
fn a_saved_table_comes_by_standard_input() {
    let host = Host::new();
    let program = env!("CARGO_BIN_EXE_lvs-agents");
    let saved = "-A -t 192.0.2.1:80 -s rr\\n-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 1\\n";
    let text = host.sh(&format!("printf '%b' '{saved}' | {program} import ipvsadm-save"));
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).collect();
    assert_eq!(
        lines,
        ["", "virtual=192.0.2.1:80", "protocol=tcp", "scheduler=rr", "checktype=on", "real=192.0.2.2:80 gate 1"]
    );
}

#[test]
fn a_password_in_the_cluster_is_told_and_one_in_a_file_is_not_shown() {
    let host = Host::new();
    let text =
        "virtual=192.0.2.1:3306\n\treal=192.0.2.2 gate\n\tlogin=\"l\"\n\tpasswd=\"hunter2\"\n\trequest=\"SELECT 1\"\n";
    host.write(FILE, text);
    let with_file = host.tool(&["export", "crm", FILE, "--name", "db", "--nic", "eth0"]).expect(0);
    assert!(!with_file.stdout.contains("hunter2") && !with_file.stderr.contains("hunter2"));
    assert!(
        with_file.stdout.starts_with(&format!("primitive db-lvs ocf:rust:lvs params configfile={FILE} op monitor"))
    );
    assert!(with_file.stderr.contains("needed at the same place on both directors"), "{}", with_file.stderr);
    let inline = host.tool(&["export", "pcs", FILE, "--inline"]).expect(0);
    assert!(inline.stdout.contains("passwd=hunter2"), "{}", inline.stdout);
    assert!(inline.stderr.starts_with("passwd: everybody who can read"), "{}", inline.stderr);
}

#[test]
fn what_cannot_be_exported_is_refused_with_the_next_step() {
    let host = Host::new();
    for (text, options, expected) in [
        ("virtual=7\n\tchecktype=on\n", vec![], "--ip names those of vip"),
        ("", vec![], "has no virtual service"),
        (
            "virtual=192.0.2.1:80\n\tchecktype=on\nvirtual=192.0.2.1:81\n\tchecktype=on\n",
            vec!["--inline"],
            "leave --inline out",
        ),
        (
            "execute=other.cf\nvirtual=192.0.2.1:80\n\tchecktype=on\n",
            vec![],
            "a resource ocf:rust:ldirectord of its own",
        ),
        ("virtual=192.0.2.1:80\n\tchecktype=on\n", vec!["--name", "a b"], "name \"a b\": expected letters"),
    ] {
        host.write(FILE, text);
        let refused = host.tool(&[&["export", "crm", FILE], options.as_slice()].concat()).expect(1);
        assert!(refused.stderr.contains(expected) && refused.stdout.is_empty(), "{text}: {}", refused.stderr);
    }
    host.write(FILE, "virtual=7\n\tchecktype=on\n");
    let marks = host.tool(&["export", "crm", FILE, "--ip", "192.0.2.1,192.0.2.2"]).expect(0);
    assert!(marks.stdout.contains("params ip=\"192.0.2.1, 192.0.2.2\" cidr_netmask=32 op"), "{}", marks.stdout);
}
