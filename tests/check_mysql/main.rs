//! MySQL checks against a real MariaDB, which this test starts in a directory and on a port of its own.
//!
//! Needs `mariadbd` and `mariadb-install-db` (Debian: mariadb-server); without them the tests fail.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod galera;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use lvs_agents::check::{self, CheckFailure, FailureKind, Sessions};
use lvs_agents::model::{Advice, Check, Field, Question, Secret, Standing};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

const PASSWORD: &str = "tops3cret";
/// The lowest that MariaDB accepts.
const MOST_CONNECTIONS: usize = 10;
const PATIENT: Duration = Duration::from_secs(20);

const SETUP: &str = "\
CREATE DATABASE shop;
CREATE TABLE shop.health (id INT PRIMARY KEY);
INSERT INTO shop.health VALUES (1), (2);
CREATE TABLE shop.empty (id INT);
CREATE USER monitor@'127.0.0.1' IDENTIFIED BY 'tops3cret';
GRANT SELECT ON shop.* TO monitor@'127.0.0.1';
CREATE USER nobody@'127.0.0.1' IDENTIFIED BY 'tops3cret';
CREATE USER boss@'127.0.0.1' IDENTIFIED BY 'tops3cret';
GRANT ALL ON *.* TO boss@'127.0.0.1';
INSTALL SONAME 'auth_ed25519';
CREATE USER ed@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('tops3cret');
CREATE USER sealed@'127.0.0.1' IDENTIFIED BY 'tops3cret' REQUIRE SSL;
";

/// A server that ends with its owner.
struct Server {
    child: Child,
    directory: PathBuf,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let directory = temporary();
        install(&directory);
        make_certificate(&directory);
        std::fs::write(directory.join("setup.sql"), SETUP).expect("setup.sql");
        let port = free_port();
        let log = std::fs::File::create(directory.join("log")).expect("log");
        let child = Command::new("mariadbd")
            .args(options(&directory))
            .arg(format!("--socket={}", directory.join("socket").display()))
            .arg(format!("--init-file={}", directory.join("setup.sql").display()))
            .arg(format!("--max-connections={MOST_CONNECTIONS}"))
            .arg(format!("--port={port}"))
            .arg(format!("--ssl-cert={}", directory.join("cert.pem").display()))
            .arg(format!("--ssl-key={}", directory.join("key.pem").display()))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mariadbd must be installed (Debian: mariadb-server)");
        let mut server = Self { child, directory, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        server.wait_until_it_answers();
        server
    }

    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.address).is_err() {
            let log = || std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let ended = self.child.try_wait().expect("wait");
            assert!(ended.is_none(), "mariadbd ended: {ended:?}\n{}", log());
            assert!(Instant::now() < deadline, "mariadbd does not listen\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn boss(&self) -> Conn {
        self.login("boss").expect("boss may log in")
    }

    fn login(&self, user: &str) -> mysql::Result<Conn> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some("127.0.0.1"))
            .tcp_port(self.address.port())
            .prefer_socket(false)
            .user(Some(user))
            .pass(Some(PASSWORD));
        Conn::new(options)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn temporary() -> PathBuf {
    let template = std::env::temp_dir().join("lvs-agents-mariadb.XXXXXX");
    nix::unistd::mkdtemp(&template).expect("temporary directory")
}

/// No port is given twice: a Galera node listens on one long after it was given it.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("free port").port();
        if GIVEN.lock().expect("ports").insert(free) {
            return free;
        }
    }
}

fn options(directory: &Path) -> Vec<String> {
    let data = format!("--datadir={}", directory.join("data").display());
    let small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--innodb-use-native-aio=0"];
    // A server that starts removes what others have in the folder that they share.
    let temporary = format!("--tmpdir={}", directory.display());
    let mut options = vec!["--no-defaults".to_owned(), "--user=root".to_owned(), data, temporary];
    options.extend(small.map(str::to_owned));
    options
}

fn install(directory: &Path) {
    let output = Command::new("mariadb-install-db")
        .args(options(directory))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .stdin(Stdio::null())
        .output()
        .expect("mariadb-install-db must be installed (Debian: mariadb-server)");
    assert!(output.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&output.stderr));
}

/// One that nobody has signed, as such servers have.
fn make_certificate(directory: &Path) {
    let request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server.test -out cert.pem -keyout key.pem";
    let output = Command::new("openssl").args(request.split(' ')).current_dir(directory).output();
    let output = output.expect("openssl must be installed (Debian: openssl)");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}

fn monitor() -> Question {
    Question {
        login: "monitor".into(),
        passwd: Secret::new(PASSWORD),
        database: "shop".into(),
        request: "SELECT id FROM health".into(),
        ..Question::of("mysql")
    }
}

fn ask(target: SocketAddr, question: Question, timeout: Duration) -> Result<Option<Advice>, CheckFailure> {
    let check = Check { question: question.into(), target, timeout, between: None };
    runtime().block_on(check::run(&check))
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime"))
}

/// What the check says, without its `mysql ADDRESS: `.
fn failure(server: &Server, question: Question) -> String {
    let failure = ask(server.address, question, PATIENT).expect_err("must fail");
    assert_eq!(failure.kind(), FailureKind::Answer, "{failure}");
    let text = failure.to_string();
    assert!(!text.contains(PASSWORD), "{text}");
    text.strip_prefix(&format!("mysql {}: ", server.address)).expect("names the server").to_owned()
}

fn query(request: &str) -> Question {
    Question { request: request.into(), ..monitor() }
}

/// One test: the server takes seconds to install and start.
#[test]
fn a_real_server_is_judged_as_it_is() {
    let server = Server::start();
    rows_decide(&server);
    every_login_method_is_spoken(&server);
    refusals_are_understood(&server);
    role_and_state_are_judged(&server);
    one_login_serves_all(&server);
    a_session_is_kept_as_long_as_all_is_well_and_wanted(&server);
    a_long_query_ends_at_the_deadline(&server);
    a_full_server_says_so(&server);
    the_server_sees_orderly_clients(&server);
}

fn rows_decide(server: &Server) {
    for good in ["SELECT id FROM health", "SELECT 1", "SELECT NULL", "SELECT id FROM empty; SELECT 1"] {
        ask(server.address, query(good), PATIENT).expect(good);
    }
    let nowhere = Question { database: String::new(), ..query("SELECT id FROM shop.health") };
    ask(server.address, nowhere, PATIENT).expect("without a database");
    // Found and left as it is, found and changed, made: each is a row.
    let boss = |request: &str| Question { login: "boss".into(), ..query(request) };
    for good in [
        "UPDATE health SET id = id WHERE id = 1",
        "UPDATE health SET id = 3 WHERE id = 2",
        "INSERT INTO health VALUES (2)",
    ] {
        ask(server.address, boss(good), PATIENT).expect(good);
    }
    ask(server.address, query("/SELECT 1"), PATIENT).expect("ldirectord takes a slash away");
    assert!(failure(server, boss("UPDATE health SET id = 9 WHERE id = 8")).ends_with("returned no row"));
    assert_eq!(failure(server, query("SELECT id FROM empty")), "query \"SELECT id FROM empty\": returned no row");
    assert!(failure(server, query("SET @a = 1")).ends_with("returned no row"));
}

fn every_login_method_is_spoken(server: &Server) {
    for user in ["ed", "sealed"] {
        let question = Question { login: user.into(), database: String::new(), ..query("SELECT 1") };
        ask(server.address, question, PATIENT).expect(user);
    }
}

fn refusals_are_understood(server: &Server) {
    let login = "login as \"monitor\"";
    let wrong = Question { passwd: Secret::new("wr0ng"), ..monitor() };
    assert_eq!(failure(server, wrong), format!("{login}: access denied (error 1045)"));
    let boss = |database: &str| Question { login: "boss".into(), database: database.into(), ..monitor() };
    assert_eq!(failure(server, boss("nosuch")), "login as \"boss\": unknown database (error 1049)");
    let nobody = Question { login: "nobody".into(), ..monitor() };
    assert_eq!(failure(server, nobody), "login as \"nobody\": access to the database denied (error 1044)");
    let missing = query("SELECT 1 FROM nosuch");
    assert_eq!(failure(server, missing), "query \"SELECT 1 FROM nosuch\": no such table (error 1146)");
    let nonsense = failure(server, query("SELEKT 1"));
    assert!(nonsense.starts_with("query \"SELEKT 1\": you have an error in your SQL syntax"), "{nonsense}");
}

/// Asked for role and state alone: the request says nothing.
fn standing(login: &str, said: &[(Field, &str)]) -> Question {
    let mut question = Question { login: login.into(), database: String::new(), ..query("") };
    said.iter().for_each(|(field, text)| question.set(*field, (*text).to_owned()));
    question
}

fn role_and_state_are_judged(server: &Server) {
    use Field::{Busypercent, Heartbeat, Maxlag, Role};
    let mut boss = server.boss();
    let well = |question: Question| ask(server.address, question, PATIENT).expect("well").map(|advice| advice.reason);
    let writer = || standing("monitor", &[(Role, "writer")]);
    let reader = || standing("monitor", &[(Role, "reader")]);
    assert_eq!(well(writer()), None);
    assert_eq!(failure(server, reader()), "state: no reader: it takes writes (read_only=OFF)");
    boss.query_drop("SET GLOBAL read_only = ON").expect("read only");
    assert_eq!(well(reader()), None);
    assert_eq!(failure(server, writer()), "state: no writer: read_only=ON");
    // The request is asked too, after the state.
    let both = Question { request: "SELECT id FROM shop.empty".into(), ..reader() };
    assert_eq!(failure(server, both), "query \"SELECT id FROM shop.empty\": returned no row");
    let lag = |login: &str| standing(login, &[(Role, "reader"), (Maxlag, "10")]);
    let drained = "replication is not set up: its lag is not known";
    assert_eq!(well(lag("boss")).as_deref(), Some(drained));
    let denied = failure(server, lag("monitor"));
    assert!(denied.starts_with("state: access denied; you need") && denied.contains("SLAVE MONITOR"), "{denied}");
    boss.query_drop("CREATE TABLE shop.heartbeat (ts VARCHAR(26), server_id INT PRIMARY KEY)").expect("table");
    let beaten = || standing("monitor", &[(Role, "reader"), (Maxlag, "10"), (Heartbeat, "shop.heartbeat")]);
    assert_eq!(well(beaten()).as_deref(), Some("no heartbeat in its table"));
    let beat = |boss: &mut Conn, ago: u32| {
        let now = format!(
            "REPLACE shop.heartbeat SELECT CONCAT(DATE(t), 'T', TIME(t)), 1 FROM \
                           (SELECT UTC_TIMESTAMP(6) - INTERVAL {ago} SECOND t) a"
        );
        boss.query_drop(now).expect("a beat");
    };
    beat(&mut boss, 3600);
    let old = well(beaten()).expect("a reason");
    assert!(old.starts_with("age of the heartbeat: 36") && old.ends_with(" s, more than maxlag=10"), "{old}");
    beat(&mut boss, 0);
    let fresh = well(beaten()).expect("a reason");
    assert!(fresh.starts_with("age of the heartbeat: ") && !fresh.contains("maxlag"), "{fresh}");
    boss.query_drop("SET GLOBAL read_only = OFF").expect("read and write");
    let busy = well(standing("monitor", &[(Busypercent, "1")])).expect("a reason");
    assert!(busy.ends_with(&format!(" of {MOST_CONNECTIONS} connections")), "{busy}");
}

/// The user of the check may not ask for the lag: that takes down only the service that wants it.
fn one_login_serves_all(server: &Server) {
    let mut boss = server.boss();
    let wants = [
        &[(Field::Role, "writer")][..],
        &[(Field::Role, "reader")],
        &[(Field::Role, "any"), (Field::Maxlag, "10")],
        &[(Field::Role, "any"), (Field::Maxlag, "10"), (Field::Heartbeat, "shop.heartbeat")],
        &[],
    ];
    let standings = wants.map(|said| standing("monitor", said).standing);
    let check = Check { question: monitor().into(), target: server.address, timeout: PATIENT, between: None };
    let before = logins(&mut boss);
    let answers = runtime().block_on(check::run_for(
        &check,
        &standings.each_ref().map(|standing| &**standing),
        &Sessions::default(),
    ));
    assert_eq!(logins(&mut boss), before + 1);
    let [writer, reader, lag, heartbeat, any] = answers.try_into().expect("an answer each");
    assert_eq!((writer, heartbeat, any), (Ok(None), Ok(None), Ok(None)));
    let reader = reader.expect_err("it takes writes").to_string();
    assert!(reader.ends_with("state: no reader: it takes writes (read_only=OFF)"), "{reader}");
    let lag = lag.expect_err("it may not ask").to_string();
    assert!(lag.contains("state: access denied; you need"), "{lag}");
}

fn logins(boss: &mut Conn) -> u64 {
    let counter = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'CONNECTIONS'";
    boss.query_first(counter).expect("status").expect("a row")
}

fn a_session_is_kept_as_long_as_all_is_well_and_wanted(server: &Server) {
    let mut boss = server.boss();
    let sessions = Sessions::default();
    let check = |freshlogin: &str, request: &str| {
        let question = Question { freshlogin: freshlogin.into(), ..query(request) };
        Check { question: question.into(), target: server.address, timeout: PATIENT, between: None }
    };
    let (reused, failing, fresh) =
        (check("600", "SELECT id FROM health"), check("600", "SELECT id FROM empty"), check("0", "SELECT 1"));
    let ask = |check: &Check| runtime().block_on(check::run_for(check, &[&Standing::default()], &sessions)).remove(0);
    let mut logins_of = |check: &Check| {
        let before = logins(&mut boss);
        for _ in 0..5 {
            let _ = ask(check);
        }
        logins(&mut boss) - before
    };
    assert_eq!(logins_of(&reused), 5, "it is not known");
    sessions.keep_for([&reused, &failing, &fresh].into_iter());
    assert_eq!([&reused, &failing, &fresh].map(&mut logins_of), [1, 5, 5]);
    let mut boss = server.boss();
    wait_for_clients(&mut boss, 1);
    boss.query_drop("KILL USER monitor@'127.0.0.1'").expect("kill");
    let before = logins(&mut boss);
    assert_eq!(ask(&reused), Ok(None), "a session that the server has ended is no failure");
    assert_eq!(ask(&reused), Ok(None));
    assert_eq!(logins(&mut boss), before + 1);
    let short = check("1", "SELECT 1");
    sessions.keep_for([&short].into_iter());
    wait_for_clients(&mut boss, 0);
    let (before, deadline) = (logins(&mut boss), Instant::now() + PATIENT);
    while logins(&mut boss) < before + 2 {
        assert_eq!(ask(&short), Ok(None));
        assert!(Instant::now() < deadline, "no second login");
        std::thread::sleep(Duration::from_millis(50));
    }
    wait_for_clients(&mut boss, 1);
    drop(sessions);
    wait_for_clients(&mut boss, 0);
}

fn a_long_query_ends_at_the_deadline(server: &Server) {
    // This machine may not run the test for a moment, but not five times.
    let mut tries = (0..5).map(|_| {
        let started = Instant::now();
        let asked = ask(server.address, query("SELECT SLEEP(4)"), Duration::from_secs(1));
        (asked.expect_err("too slow"), started.elapsed())
    });
    let (failure, _) = tries.find(|(_, took)| *took < Duration::from_secs(3)).expect("within 3 s");
    assert!(failure.to_string().ends_with("query \"SELECT SLEEP(4)\": no answer within 1 s"), "{failure}");
    assert_eq!(failure.kind(), FailureKind::Timeout);
    ask(server.address, monitor(), PATIENT).expect("the next check asks anew");
}

fn a_full_server_says_so(server: &Server) {
    let mut clients = Vec::new();
    while let Ok(client) = server.login("monitor") {
        clients.push(client);
        assert!(clients.len() <= MOST_CONNECTIONS, "the server has no limit");
    }
    assert!(!clients.is_empty());
    let full = Advice { percent: 10, lets_in: false, reason: "too many connections (error 1040)".into() };
    assert_eq!(ask(server.address, monitor(), PATIENT), Ok(Some(full)), "it keeps a part of its clients");
    drop(clients);
    let deadline = Instant::now() + PATIENT;
    while ask(server.address, monitor(), PATIENT) != Ok(None) {
        assert!(Instant::now() < deadline, "it has connections again");
    }
}

/// Checks that hang up without a word make the server count errors, and block this host in the end.
fn the_server_sees_orderly_clients(server: &Server) {
    let aborted = |boss: &mut Conn| -> u64 {
        let counters = "SELECT SUM(VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS \
                        WHERE VARIABLE_NAME LIKE 'ABORTED_C%'";
        boss.query_first::<f64, _>(counters).expect("status").expect("a row") as u64
    };
    let mut boss = server.boss();
    // The query that was too slow ends late, and counts.
    wait_for_clients(&mut boss, 0);
    let before = aborted(&mut boss);
    for _ in 0..20 {
        ask(server.address, monitor(), PATIENT).expect("up");
        ask(server.address, query("SELECT id FROM empty"), PATIENT).expect_err("down");
    }
    wait_for_clients(&mut boss, 0);
    assert_eq!(aborted(&mut boss), before);
}

/// The server counts when its thread for a client ends.
fn wait_for_clients(boss: &mut Conn, wanted: u64) {
    let deadline = Instant::now() + PATIENT;
    let threads = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'monitor'";
    while boss.query_first::<u64, _>(threads).expect("status") != Some(wanted) {
        assert!(Instant::now() < deadline, "there are not {wanted} clients");
        std::thread::sleep(Duration::from_millis(20));
    }
}
