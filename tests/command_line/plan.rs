//! `plan` and `what-if`: they look, and change nothing.

use super::common::server::Server;
use super::common::until_equal;
use super::{Host, ONE, TWO};

const FILE: &str = "/run/test/ldirectord.cf";

fn config(reals: &[&str]) -> String {
    let reals: String = reals.iter().map(|real| format!("\treal={real}\n")).collect();
    format!(
        "virtual=10.9.0.100:80\n\tchecktype=connect\n\tchecktimeout=1\n\tcheckinterval=1\n\tdrain_timeout=0\n{reals}"
    )
}

fn plan(host: &Host, subject: &str, code: i32) -> Vec<String> {
    host.tool(&["plan", subject]).expect(code).silent().stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_subject_that_is_neither_a_file_nor_a_resource_is_told() {
    let host = Host::new();
    let refused = host.tool(&["plan", "db"]).expect(1);
    assert!(
        refused.stderr.contains("no lvs resource that has been started on this node (started: none)"),
        "{}",
        refused.stderr
    );
    host.write(FILE, "virtual=x\n");
    assert!(host.tool(&["plan", FILE]).expect(1).stderr.contains("line 1: "));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_plan_is_what_the_next_start_does_and_nothing_else() {
    let host = Host::new();
    let lvs = host.agent("lvs").param("configfile", FILE);
    host.write(FILE, &config(&["10.9.1.1:80 gate 1", "10.9.1.2:80 gate 3"]));
    let all_new = [
        "+ tcp 10.9.0.100:80  wrr",
        "+   tcp 10.9.0.100:80  10.9.1.1:80  gate 1",
        "+   tcp 10.9.0.100:80  10.9.1.2:80  gate 3",
    ];
    assert_eq!(plan(&host, FILE, 2), all_new);
    let left = host.sh("ls -d /run/lvs-agents 2>/dev/null || echo none");
    assert_eq!((host.ipvs_table(), left), (vec![], "none\n".into()), "it only looks");
    lvs.start();
    assert_eq!(plan(&host, FILE, 0), [""; 0]);
    assert_eq!(plan(&host, "my-lvs", 0), [""; 0]);

    host.write(FILE, &config(&["10.9.1.2:80 gate 5", "10.9.1.3:80 masq 1"]));
    let before = host.ipvs_table();
    let changes = [
        "-   tcp 10.9.0.100:80  10.9.1.1:80  gate 1",
        "~   tcp 10.9.0.100:80  10.9.1.2:80  weight is 3, must be 5",
        "+   tcp 10.9.0.100:80  10.9.1.3:80  masq 1",
    ];
    assert_eq!(plan(&host, FILE, 2), changes);
    let json: serde_json::Value =
        serde_json::from_str(&host.tool(&["plan", FILE, "--json"]).expect(2).stdout).expect("json");
    let actions: Vec<&str> =
        json["changes"].as_array().into_iter().flatten().filter_map(|row| row["action"].as_str()).collect();
    assert_eq!(actions, ["delete", "change", "add"]);
    assert_eq!(host.ipvs_table(), before);
    lvs.start();
    assert_eq!(plan(&host, FILE, 0), [""; 0]);

    // What the resource has declared, and the file has no more, goes.
    host.write(FILE, &config(&[]).replace("10.9.0.100", "10.9.0.101"));
    host.sh("ipvsadm -A -t 10.9.0.99:80 -s rr");
    assert_eq!(plan(&host, FILE, 2), ["+ tcp 10.9.0.101:80  wrr"], "nothing says that it is this resource's");
    host.sh("ipvsadm -E -t 10.9.0.100:80 -s rr");
    assert_eq!(plan(&host, "my-lvs", 2), ["~ tcp 10.9.0.100:80  scheduler is rr, must be wrr"]);
    let both = config(&[]).replace("10.9.0.100", "10.9.0.101") + "virtual=10.9.0.102:80\n\tchecktype=on\n";
    host.write(FILE, &(config(&["10.9.1.2:80 gate 5", "10.9.1.3:80 masq 1"]) + &both));
    lvs.start();
    host.write(FILE, &both);
    assert_eq!(
        plan(&host, FILE, 2),
        ["- tcp 10.9.0.100:80  wrr"],
        "a service of the same resource that the file has no more goes with its real servers"
    );
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_plan_and_a_what_if_know_which_servers_the_health_monitor_has_taken_out() {
    let host = Host::new();
    host.sh("for a in 10.9.0.100 10.9.1.1 10.9.1.2; do ip address add $a/32 dev lo; done");
    let _two = Server::start(&host, TWO);
    host.write(FILE, &config(&["10.9.1.1:80 gate 1", "10.9.1.2:80 gate 3"]));
    let lvs = host.agent("lvs").param("configfile", FILE);
    lvs.start();
    host.agent("ldirectord").start();
    until_equal("weights", &super::weights(&[(TWO, 3)]), || host.weights());
    until_equal("plan", &Vec::<String>::new(), || plan_of(&host));
    host.write(FILE, &config(&["10.9.1.1:80 gate 1", "10.9.1.2:80 gate 4"]));
    assert_eq!(plan(&host, FILE, 2), ["~   tcp 10.9.0.100:80  10.9.1.2:80  weight is 3, must be 4"]);

    let now = host.tool(&["what-if", "down", ONE]).expect(0).stdout;
    let rows: Vec<Vec<&str>> = now.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["10.9.1.2:80", "3", "100.0%", "3", "100.0%"]), "{now}");
    let gone = host.tool(&["what-if", "down", "10.9.1.2"]).expect(2).stdout;
    assert!(gone.ends_with("left without a server: tcp 10.9.0.100:80\n"), "{gone}");
}

/// Without an assertion about the exit status: the record of the health monitor is written after the table.
fn plan_of(host: &Host) -> Vec<String> {
    host.tool(&["plan", FILE]).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn what_if_reckons_with_a_file() {
    let host = Host::new();
    let text = "virtual=10.9.0.100:80\n\tchecktype=on\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n\
        virtual=10.9.0.101:80\n\tchecktype=on\n\treal=10.9.1.1:80 gate 1\n\tfallback=127.0.0.1:80\n\
        virtual=10.9.0.102:80\n\tchecktype=on\n\tscheduler=rr\n\treal=10.9.1.2:80 gate 9\n\treal=10.9.1.3:80 gate 1\n";
    host.write(FILE, text);
    let lines = |servers: &[&str], code| {
        let words = [&["what-if", "down", "--file", FILE], servers].concat();
        let told = host.tool(&words).expect(code).silent().stdout;
        told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let one = [
        "tcp 10.9.0.100:80 wrr",
        "real server weight share then share",
        "10.9.1.1:80 1 25.0% 0 0.0%",
        "10.9.1.2:80 3 75.0% 3 100.0%",
        "tcp 10.9.0.101:80 wrr",
        "real server weight share then share",
        "10.9.1.1:80 1 100.0% 0 0.0%",
        "127.0.0.1:80: the fallback serves then",
    ];
    assert_eq!(lines(&["10.9.1.1"], 0), one);
    let two = lines(&["10.9.1.2:80", "10.9.1.3"], 2);
    assert_eq!(two.last().map(String::as_str), Some("left without a server: tcp 10.9.0.102:80"));
    let strange = host.tool(&["what-if", "down", "--file", FILE, "10.9.1.9"]).expect(1);
    assert_eq!(strange.stderr, "lvs-agents: server 10.9.1.9: no virtual service has it\n");
    let nobody = host.tool(&["what-if", "down", "10.9.1.1"]).expect(1);
    assert!(
        nobody.stderr.contains("no health monitor on this node looks after a virtual service: --file"),
        "{}",
        nobody.stderr
    );
}
