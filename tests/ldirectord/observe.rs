//! What has happened, for root and for a group that may observe: before and after the end of the health monitor.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::common::server::Server;
use crate::common::{Outcome, until, until_equal};
use crate::{CONFIG, Host, ONE, TWO, config, daemons, host, ldirectord};

const GROUP: &str = "4711";
const FOLDER: &str = "/run/lvs-agents-observe/my-ldirectord";
/// The binary, where every user reaches it.
const TOOL: &str = "/run/test/lvs-agents";

fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}

/// Returns the events as `kind real server`, of those that have one.
fn kinds(text: &str) -> Vec<String> {
    // A line whose end is not written yet is none.
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    let events = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let of_real = |event: Value| Some(format!("{} {}", event["kind"].as_str()?, event["real_server"].as_str()?));
    events.filter_map(of_real).collect()
}

fn events(host: &Host, arguments: &[&str]) -> String {
    host.tool(&[&["events"], arguments].concat()).expect(0).silent().stdout
}

/// Starts `events --follow --json`, and returns its process. Its output and its exit status go into files.
fn follow(host: &Host) -> u32 {
    let tool = env!("CARGO_BIN_EXE_lvs-agents");
    let command = format!("{tool} events --follow --json >/run/test/followed 2>&1; echo $? >/run/test/ended");
    host.sh(&format!("({command}) >/dev/null 2>&1 &"));
    // The shell has the same words, and others behind them.
    let is_tool = |line: &str| line.trim_end().ends_with("events --follow --json");
    until("it follows", || host.processes().into_iter().find(|(_, line)| is_tool(line)).map(|(pid, _)| pid))
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn every_change_is_told_with_its_reason_and_outlives_the_health_monitor() {
    let host = host("quiescent=yes");
    assert_eq!(host.tool(&["events"]).expect(0).stdout, "");
    let (one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let follower = follow(&host);
    drop(one);
    let told = || kinds(&host.read("/run/test/followed"));
    let shown = || events(&host, &["--service", "10.9.0.100:80", "--since", "10m"]);
    let reason = "check failed 1 of 1: ";
    let down = format!("  my-ldirectord  tcp 10.9.0.100:80  {ONE}  down: {reason}");
    until_true("the end of a real server is told", || shown().contains(&down));
    let weight = format!("  {ONE}  weight 0, was 1: {reason}");
    until_true("the change of its weight is told", || shown().contains(&weight));
    assert_eq!(events(&host, &["--service", "10.9.0.100:81"]), "");

    host.kill("KILL", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    assert!(events(&host, &[]).contains(&down), "read without a health monitor");
    // The killed one may have been in the middle of a line; a file that is full takes the place of the earlier one.
    host.sh(&format!("printf '{{\"version\":1,\"ti' >>{FOLDER}/events.jsonl"));
    ldirectord.start();
    host.sh(&format!("mv {FOLDER}/events.jsonl {FOLDER}/events.1.jsonl"));
    let _one = Server::start(&host, ONE);
    let up = format!("up {ONE}");
    until_true("the follower has gone on", || told().into_iter().filter(|kind| *kind == up).count() == 2);
    until_true("both have the same", || kinds(&events(&host, &["--json"])) == told());
    assert!(told().contains(&format!("down {ONE}")), "{:?}", told());

    host.kill("INT", follower);
    until_equal("the follower ends", &"0\n".to_owned(), || host.read("/run/test/ended"));
    let tool = env!("CARGO_BIN_EXE_lvs-agents");
    let ended = host.sh(&format!("bash -c '{tool} events --follow | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}'"));
    assert_eq!(ended, "0\n", "a reader that has seen enough");

    host.tool(&["drain", ONE, "--reason", "replaces the disk"]).expect(0);
    until_true("an order is told with its reason", || {
        events(&host, &["--since", "10m"])
            .lines()
            .any(|line| line.contains("order begins: ") && line.contains("replaces the disk"))
    });
    host.write(CONFIG, "virtual=10.9.0.100:80\n\tnonsense=1\n");
    host.kill("HUP", daemons(&host)[0]);
    until_true("a refused configuration is told", || {
        events(&host, &[]).contains("new configuration refused: the one before stays: ")
    });
    ldirectord.stop();
    let last = events(&host, &[]);
    assert!(last.contains("  virtual service removed") && last.contains("  the health monitor stops"), "{last}");
}

/// A run directory that takes nothing: it is said, and real servers are moved all the same.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn events_that_cannot_be_written_cost_one_message() {
    let host = host("quiescent=yes");
    let (one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    host.sh(&format!(
        "mount -t tmpfs -o size=4k tmpfs {FOLDER} && dd if=/dev/zero of={FOLDER}/full bs=4k count=2 2>/dev/null || true"
    ));
    drop(one);
    until_equal("the table", &Some(0), || host.weights().get(ONE).copied());
    until_true("monitor says so", || ldirectord.monitor().stderr.contains("events: "));
    assert!(ldirectord.monitor().expect(190).stderr.contains("No space left on device"));
    let log = host.read(crate::LOG);
    assert_eq!(log.lines().filter(|line| line.contains("No space left")).count(), 1, "{log}");
    host.sh(&format!("umount {FOLDER}"));
    let _one = Server::start(&host, ONE);
    until_true("nothing is wrong any more", || ldirectord.monitor().code == Some(0));
    ldirectord.stop();
}

fn as_user(host: &Host, user: &str, group: &str, command: &str) -> Outcome {
    let mut process = std::process::Command::new("setpriv");
    process.args(["--reuid", user, "--regid", group, "--clear-groups", "sh", "-c", command]);
    Outcome::new(format!("as {user}:{group}: {command}"), host.run(process))
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_group_may_look_and_nothing_else_and_others_may_not_look() {
    let mysql = "checktype=negotiate\nservice=mysql\nlogin=\"check\"\npasswd=\"hunter2\"\nrequest=\"SELECT 1\"";
    let host = host("");
    host.write(CONFIG, &config("", mysql));
    host.sh(&format!("touch {TOOL} && mount --bind {} {TOOL}", env!("CARGO_BIN_EXE_lvs-agents")));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let [status, events] = ["status", "events"].map(|word| format!("{TOOL} {word}"));
    let inside = |command: &str| as_user(&host, "4712", GROUP, command);
    let outside = |command: &str| as_user(&host, "4713", "4713", command);
    for command in [&status, &events] {
        let denied = inside(command).expect(1).stderr;
        assert!(denied.contains("my-ldirectord: only root may look: observe_group=GROUP"), "{denied}");
    }
    ldirectord.stop();

    let ldirectord = ldirectord.param("observe_group", GROUP);
    ldirectord.start();
    until_true("the socket is there", || host.path(&format!("{FOLDER}/socket")).exists());
    let shown = inside(&status).expect(0).stdout;
    assert!(shown.contains(TWO) && shown.contains("check failed 1 of 1: mysql"), "{shown}");
    assert!(inside(&events).expect(0).silent().stdout.contains("down: check failed 1 of 1: mysql"));
    for command in [&status, &events] {
        let denied = outside(command).expect(1).stderr;
        assert!(denied.contains("only root and the group 4711 may look, and this user is not in it"), "{denied}");
    }
    // What the group can read: the events, and no declaration, record or lock.
    let find = "find /run/lvs-agents /run/lvs-agents-observe -type f -readable 2>/dev/null | sort";
    assert_eq!(inside(find).stdout, format!("{FOLDER}/events.jsonl\n"));
    assert_eq!(outside(find).stdout, "");
    let write = "find /run/lvs-agents /run/lvs-agents-observe -writable ! -type s 2>/dev/null";
    assert_eq!(inside(write).stdout, "", "nothing can be written");
    assert!(!inside(&format!("{status}; {events}; cat {FOLDER}/*")).stdout.contains("hunter2"));

    // Nothing can be ordered, and a thousand connections that never read keep root from nothing.
    let daemon = daemons(&host);
    let socket = host.path(&format!("{FOLDER}/socket"));
    for request in ["\"stop\"\n", "\"reload\"\n", "\"send-latest\"\n"] {
        let mut peer = UnixStream::connect(&socket).expect("connect");
        peer.write_all(request.as_bytes()).expect("ask");
        let mut answer = String::new();
        peer.read_to_string(&mut answer).expect("answer");
        assert!(answer.starts_with("{\"failed\":"), "{request}: {answer}");
    }
    let peers: Vec<UnixStream> = (0..1000).filter_map(|_| UnixStream::connect(&socket).ok()).collect();
    peers.iter().for_each(|peer| drop((&mut &*peer).write_all(b"\"status\"\n")));
    ldirectord.monitor().expect(0).silent();
    assert!(inside(&status).expect(0).stdout.contains(TWO), "another user has places of his own");
    drop(peers);
    assert_eq!(daemons(&host), daemon);
    ldirectord.stop();
    assert!(inside(&events).expect(0).stdout.contains("the health monitor stops"), "read without a health monitor");
}
