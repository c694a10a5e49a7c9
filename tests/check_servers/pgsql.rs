//! PostgreSQL 15.

use std::path::PathBuf;
use std::time::Instant;

use lvs_agents::check::FailureKind;
use lvs_agents::model::Question;

use super::{PASSWORD, SECOND, Server, all_are, ask, finish, login};

const ACCESS: &str = "\
local all all trust
hostssl all sealed 127.0.0.1/32 scram-sha-256
host all sealed 127.0.0.1/32 reject
hostnossl all open 127.0.0.1/32 trust
host all monitor 127.0.0.1/32 scram-sha-256
host all old 127.0.0.1/32 md5
";

fn program(name: &str) -> String {
    let folders = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL must be installed (Debian: postgresql)");
    let mut programs: Vec<PathBuf> =
        folders.map(|folder| folder.expect("folder").path().join("bin").join(name)).collect();
    programs.sort();
    programs.pop().expect("a version of PostgreSQL").display().to_string()
}

/// The server refuses to run as root; its files must be its own.
fn unprivileged<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["--reuid=postgres", "--regid=postgres", "--clear-groups"], rest].concat()
}

/// One test: the server takes seconds to install and start.
#[test]
fn a_real_database_is_judged_as_it_is() {
    let mut server = Server::new("pgsql");
    server.make_certificate();
    server.write("access", ACCESS);
    let (owner, data) = ("postgres:postgres", server.directory.join("data").display().to_string());
    finish("chown", "coreutils", &["-R", owner, "."], &server.directory);
    finish("chmod", "coreutils", &["600", "key.pem"], &server.directory);
    let initdb = program("initdb");
    let install = unprivileged(&[&initdb, "--pgdata", &data, "--auth=trust", "--no-sync", "--username=boss"]);
    finish("setpriv", "util-linux", &install, &server.directory);
    let (directory, port) = (server.directory.display().to_string(), server.address.port().to_string());
    let settings = format!(
        "listen_addresses=127.0.0.1\nport={port}\nunix_socket_directories={directory}\nhba_file={directory}/access\n\
         ssl=on\nssl_cert_file={directory}/cert.pem\nssl_key_file={directory}/key.pem\nfsync=off\nmax_connections=10\n\
         log_connections=on\nlog_disconnections=on\n"
    );
    let settings = settings.lines().map(|line| line.replacen('=', "='", 1) + "'\n").collect::<String>();
    std::fs::write(server.directory.join("data/postgresql.conf"), settings).expect("postgresql.conf");
    let psql = program("psql");
    let postgres = program("postgres");
    server.run("setpriv", "util-linux", &unprivileged(&[&postgres, "-D", &data]), |server| {
        server.log().contains("ready to accept connections")
    });
    let setup = format!(
        "CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE sealed LOGIN PASSWORD '{PASSWORD}';
         CREATE ROLE open LOGIN; SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD '{PASSWORD}';
         CREATE DATABASE shop;"
    );
    let tables =
        "CREATE TABLE health (id INT PRIMARY KEY); INSERT INTO health VALUES (1), (2); CREATE TABLE empty (id INT);
                  GRANT ALL ON health, empty TO monitor";
    for (database, statements) in [
        ("postgres", setup.replace("CREATE DATABASE shop;", "").as_str()),
        ("postgres", "CREATE DATABASE shop"),
        ("shop", tables),
    ] {
        let connection =
            ["-h", &directory, "-p", &port, "-U", "boss", "-v", "ON_ERROR_STOP=1", "-c", statements, database];
        finish(&psql, "postgresql-client", &connection, &server.directory);
    }
    judge(&server);
    the_server_sees_orderly_clients(&server);
    server.end();
    all_are(server.address, [(query("SELECT 1"), Err("connect: connection refused"))]);
}

fn query(request: &str) -> Question {
    Question { database: "shop".into(), request: request.into(), ..login("pgsql", "monitor", PASSWORD) }
}

fn judge(server: &Server) {
    let user = |name: &str, passwd: &str| Question { login: name.into(), ..login("pgsql", name, passwd) };
    let of_postgres = |question| Question { database: "postgres".into(), request: "SELECT 1".into(), ..question };
    let rows = [
        (query("SELECT id FROM health"), Ok(())),
        (query("/SELECT id FROM health"), Ok(())),
        (query("UPDATE health SET id = id"), Ok(())),
        (query("SELECT id FROM empty; SELECT 1"), Ok(())),
        (query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)"), Ok(())),
        (of_postgres(user("sealed", PASSWORD)), Ok(())),
        (of_postgres(user("old", PASSWORD)), Ok(())),
        (query("SELECT 1; SELECT id FROM empty"), Err("query \"SELECT 1; SELECT id FROM empty\": returned no row")),
        (query("SELECT id FROM empty"), Err("query \"SELECT id FROM empty\": returned no row")),
        (query("UPDATE empty SET id = 1"), Err("query \"UPDATE empty SET id = 1\": returned no row")),
        (query("SET work_mem = '1MB'"), Err("query \"SET work_mem = '1MB'\": returned no row")),
        (
            query("SELECT 1 FROM nosuch"),
            Err("query \"SELECT 1 FROM nosuch\": relation \"nosuch\" does not exist (error 42P01)"),
        ),
        (query("SELEKT 1"), Err("query \"SELEKT 1\": syntax error at or near \"SELEKT\" (error 42601)")),
        (
            of_postgres(user("monitor", "wr0ng")),
            Err("login as \"monitor\": password authentication failed for user \"monitor\" (error 28P01)"),
        ),
        (
            Question { database: "nosuch".into(), ..query("SELECT 1") },
            Err("login as \"monitor\": database \"nosuch\" does not exist (error 3D000)"),
        ),
    ];
    all_are(server.address, rows);
    let stranger = ask(server.address, of_postgres(user("stranger", "x")), SECOND * 20).expect_err("unknown");
    assert!(stranger.to_string().contains("no pg_hba.conf entry for host"), "{stranger}");
    // This machine may not run the test for a moment, but not five times.
    let mut tries = (0..5).map(|_| {
        let started = Instant::now();
        (ask(server.address, query("SELECT pg_sleep(5)"), SECOND).expect_err("too slow"), started.elapsed())
    });
    let (slow, _) = tries.find(|(_, took)| *took < SECOND * 4).expect("within 4 s");
    assert!(slow.to_string().ends_with("query \"SELECT pg_sleep(5)\": no answer within 1 s"), "{slow}");
    assert_eq!(slow.kind(), FailureKind::Timeout);
}

/// Checks that hang up without a word would fill the server's log.
fn the_server_sees_orderly_clients(server: &Server) {
    let lost = |server: &Server| server.log().matches("unexpected EOF on client connection").count();
    let ended = |server: &Server| server.log().matches("disconnection: session time").count();
    let (lost_before, ended_before) = (lost(server), ended(server));
    for _ in 0..5 {
        ask(server.address, query("SELECT 1"), SECOND * 20).expect("up");
        ask(server.address, query("SELECT id FROM empty"), SECOND * 20).expect_err("down");
    }
    let deadline = Instant::now() + SECOND * 20;
    while ended(server) < ended_before + 10 {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(lost(server), lost_before, "{}", server.log());
}
