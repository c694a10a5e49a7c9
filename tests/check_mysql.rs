//! MySQL checks against a real MariaDB, which this test starts in a directory and on a port of its own.
//!
//! Needs `mariadbd` and `mariadb-install-db` (Debian: mariadb-server); without them the tests fail.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lvs_agents::check::{self, CheckFailure, FailureKind};
use lvs_agents::model::{Check, Question, Secret};
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
        let template = std::env::temp_dir().join("lvs-agents-mariadb.XXXXXX");
        let directory = nix::unistd::mkdtemp(&template).expect("temporary directory");
        install(&directory);
        make_certificate(&directory);
        std::fs::write(directory.join("setup.sql"), SETUP).expect("setup.sql");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("free port").port();
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

fn options(directory: &Path) -> Vec<String> {
    let data = format!("--datadir={}", directory.join("data").display());
    let small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--innodb-use-native-aio=0"];
    let mut options = vec!["--no-defaults".to_owned(), "--user=root".to_owned(), data];
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

fn ask(target: SocketAddr, question: Question, timeout: Duration) -> Result<(), CheckFailure> {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime"));
    let check = Check { question: question.into(), target, timeout, between: None };
    runtime.block_on(check::run(&check))
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

fn a_long_query_ends_at_the_deadline(server: &Server) {
    let started = Instant::now();
    let failure = ask(server.address, query("SELECT SLEEP(4)"), Duration::from_secs(1)).expect_err("too slow");
    assert!(failure.to_string().ends_with("query \"SELECT SLEEP(4)\": no answer within 1 s"), "{failure}");
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    ask(server.address, monitor(), PATIENT).expect("the next check asks anew");
}

fn a_full_server_says_so(server: &Server) {
    let mut clients = Vec::new();
    while let Ok(client) = server.login("monitor") {
        clients.push(client);
        assert!(clients.len() <= MOST_CONNECTIONS, "the server has no limit");
    }
    assert!(!clients.is_empty());
    assert_eq!(failure(server, monitor()), "login as \"monitor\": too many connections (error 1040)");
    drop(clients);
    let deadline = Instant::now() + PATIENT;
    while let Err(failure) = ask(server.address, monitor(), PATIENT) {
        assert!(Instant::now() < deadline, "{failure}");
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
    wait_until_no_client_is_left(&mut boss);
    let before = aborted(&mut boss);
    for _ in 0..20 {
        ask(server.address, monitor(), PATIENT).expect("up");
        ask(server.address, query("SELECT id FROM empty"), PATIENT).expect_err("down");
    }
    wait_until_no_client_is_left(&mut boss);
    assert_eq!(aborted(&mut boss), before);
}

/// The server counts when its thread for a client ends.
fn wait_until_no_client_is_left(boss: &mut Conn) {
    let deadline = Instant::now() + PATIENT;
    let threads = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'monitor'";
    while boss.query_first::<u64, _>(threads).expect("status") != Some(0) {
        assert!(Instant::now() < deadline, "clients remain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
