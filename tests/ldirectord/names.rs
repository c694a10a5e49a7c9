//! Names in DNS whose records are the real servers: they come and go with the records, and a name server that fails removes
//! nobody.

use super::common::name_server::{Manner, NO_SUCH_NAME, NameServer, SERVER_FAILURE};
use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::{Host, until, until_equal};
use super::{CONFIG, FALLBACK, LOG, ONE, TWO, config, daemons, ldirectord, status};

const NAME: &str = "db.example.test";
const SERVICE: &str = "_db._tcp.example.test";

/// A director whose real servers are those of one line.
fn lab(real: &str) -> (Host, NameServer, [Server; 2]) {
    let host = super::host("");
    host.write(CONFIG, &file(real, ""));
    let server = NameServer::start(&host);
    let servers = [Server::start(&host, ONE), Server::start(&host, TWO)];
    (host, server, servers)
}

/// A file whose only real servers are those of one line.
fn file(real: &str, lines: &str) -> String {
    let others = config("", lines).replace("real=10.9.1.2:80 gate 3", "");
    others.replace("real=10.9.1.1:80 gate 1", &format!("real={real}"))
}

fn until_weights(host: &Host, expected: &[(&str, u32)]) {
    until_equal("table", &weights(expected), || host.weights());
}

fn until_logged(host: &Host, words: &str) {
    until(words, || host.read(LOG).contains(words).then_some(()));
}

/// One life of a director, since each question to the name server takes its time.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn real_servers_come_and_go_with_their_records_and_a_name_server_that_fails_removes_nobody() {
    let (host, server, _servers) = lab(&format!("127.0.0.1:80 gate 1\n\treal={NAME}:80 gate 10 dns"));
    let _own = Server::start(&host, FALLBACK);
    let trouble = "DNS db.example.test (A): ";
    // A start without an answer: the other line serves.
    server.becomes(SERVER_FAILURE);
    server.host(NAME, &["10.9.1.1"]);
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(host.weights(), weights(&[(FALLBACK, 1)]));
    until_equal("monitor", &Some(190), || ldirectord.monitor().code);
    ldirectord.monitor().says(trouble).says("it has no real server until there is an answer");

    server.becomes(Manner::Answers);
    until_weights(&host, &[(FALLBACK, 1), (ONE, 10)]);
    until_equal("monitor", &Some(0), || ldirectord.monitor().code);
    until_logged(&host, &format!("{trouble}works again"));
    assert_eq!(status(&host, ONE)["dns"], NAME);
    let said = host.tool(&["status"]).expect(0).stdout;
    assert!(said.lines().any(|line| line.contains(ONE) && line.contains("from DNS db.example.test")), "{said}");

    // Without autoreload an edit waits for its order, and what was refused stays so. Without a connection, what has left goes at
    // once.
    host.replace(CONFIG, "nonsense");
    host.kill("HUP", daemons(&host)[0]);
    until_equal("monitor", &true, || ldirectord.monitor().stderr.contains("nonsense"));
    host.replace(CONFIG, &file(&format!("{NAME}:80 gate 99 dns"), ""));
    server.host(NAME, &["10.9.1.2"]);
    until_weights(&host, &[(FALLBACK, 1), (TWO, 10)]);
    ldirectord.monitor().expect(190).says("nonsense");

    // It is asked again and again, and named once.
    server.becomes(NO_SUCH_NAME);
    let watcher = Watcher::on(&host);
    until_equal("monitor", &true, || ldirectord.monitor().stderr.contains("no such name (NXDOMAIN) (since "));
    let asked = server.asked();
    until("another question", || (server.asked() > asked).then_some(()));
    until_logged(&host, "no such name (NXDOMAIN) (since ");
    assert_eq!(host.read(LOG).matches(": its real server stays").count(), 1);
    assert_eq!(watcher.seen(), [weights(&[(FALLBACK, 1), (TWO, 10)])], "nobody left");

    // After a kill the next health monitor goes on with what the killed one knew.
    server.becomes(Manner::IsSilent);
    host.kill("KILL", daemons(&host)[0]);
    until("its end", || daemons(&host).is_empty().then_some(()));
    let watcher = Watcher::on(&host);
    ldirectord.start();
    // A start reads the file.
    until_weights(&host, &[(TWO, 99)]);
    let seen = watcher.seen();
    assert!(seen.iter().all(|seen| seen.contains_key(TWO)), "{seen:?}");
    ldirectord.stop();
    assert_eq!(host.weights(), weights(&[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn srv_records_give_weights_and_by_their_priority_backups() {
    let (host, server, [one, _two]) = lab(&format!("{SERVICE} gate dns"));
    server.host("one.example.test", &["10.9.1.1"]);
    server.host("two.example.test", &["10.9.1.2"]);
    server.service(SERVICE, &[(20, 7, 80, "two.example.test"), (10, 5, 80, "one.example.test")]);
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(ONE, 5), (TWO, 0)]));
    assert_eq!(status(&host, TWO)["reason"], "backup: not needed");
    drop(one);
    until_weights(&host, &[(TWO, 7)]);
}

#[test]
fn each_fault_of_a_name_server_has_its_words() {
    let host = Host::new();
    let server = NameServer::start(&host);
    host.write(CONFIG, &format!("virtual=10.9.0.100:80\n\treal={NAME} gate dns\n\tchecktype=on\n"));
    server.host(NAME, &["10.9.1.1"]);
    for (manner, cause) in [
        (Manner::Answers, "right: 1 virtual service, 1 real server"),
        (SERVER_FAILURE, "the name server says: Server Failure: no real server"),
        (NO_SUCH_NAME, "no such name (NXDOMAIN): no real server"),
        (Manner::Truncates, "no real server of it until its records are known"),
        (Manner::IsSilent, "no answer within 3 s: no real server"),
    ] {
        server.becomes(manner);
        // On a busy machine an answer may come too late.
        until(&format!("{manner:?}: {cause}"), || {
            host.tool(&["check-config", CONFIG]).expect(0).stdout.contains(cause).then_some(())
        });
    }
    server.becomes(Manner::Answers);
    server.host(NAME, &["2001:db8::1"]);
    let said = |words: &str| {
        until(words, || host.tool(&["check-config", CONFIG]).expect(0).stdout.contains(words).then_some(()));
    };
    said("it has no A record: no real server");
    host.sh("umount /etc/resolv.conf; mount --bind /dev/null /etc/resolv.conf");
    said("/etc/resolv.conf: ");
}

#[test]
fn check_config_shows_the_members_of_a_name_and_says_what_is_missing() {
    let host = Host::new();
    let server = NameServer::start(&host);
    host.write("/run/test/hosts", "127.0.0.1 localhost\n10.9.1.7 db.example.hosts\n10.9.1.6 db.example.hosts\n");
    host.sh("mount --bind /run/test/hosts /etc/hosts");
    server.host(NAME, &["10.9.1.2", "10.9.1.1", "2001:db8::1"]);
    server.host("one.example.test", &["10.9.1.4"]);
    server.service(SERVICE, &[(1, 0, 80, "one.example.test"), (1, 5, 80, "nosuch.example.test")]);
    let lines = [
        format!("{NAME}:80 gate 10 dns"),
        "db.example.hosts gate 3 dns backup".into(),
        format!("{SERVICE} gate dns"),
        "nosuch.example.test gate dns".into(),
    ];
    let reals: String = lines.iter().map(|line| format!("\treal={line}\n")).collect();
    host.write(CONFIG, &format!("virtual=10.9.0.100:80\n{reals}\tchecktype=on\n"));
    let shown = || -> Vec<String> {
        let said = host.tool(&["check-config", "--explain", CONFIG]).expect(0).stdout;
        let lines =
            said.lines().filter(|line| ["  real = ", "warning", ": right: "].iter().any(|word| line.contains(word)));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let expected = [
        "real = 10.9.1.1:80 gate 10 # line 2, from DNS db.example.test",
        "real = 10.9.1.2:80 gate 10 # line 2, from DNS db.example.test",
        "real = 10.9.1.6:80 gate 3 backup # line 3, from DNS db.example.hosts",
        "real = 10.9.1.7:80 gate 3 backup # line 3, from DNS db.example.hosts",
        "real = 10.9.1.4:80 gate 1 # line 4, from DNS _db._tcp.example.test",
        "real = nosuch.example.test gate dns # line 5, no records known",
        "/run/test/ldirectord.cf: warning: line 5: real \"nosuch.example.test gate dns\": no such name (NXDOMAIN): no \
         real server of it until its records are known",
        "/run/test/ldirectord.cf: right: 1 virtual service, 5 real servers",
    ];
    // On a busy machine an answer may come too late.
    until_equal("check-config", &expected.map(str::to_owned).to_vec(), shown);
}
