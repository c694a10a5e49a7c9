//! Mails over a real relay, exim4 (Debian: exim4-daemon-light), which is started on ports of its own.

#[expect(dead_code, reason = "the servers of other tests stand beside this one's")]
#[path = "../../../../tests/check_programs/servers.rs"]
mod servers;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use servers::{Authority, Directory, Program, free_port};

use super::*;

const PASSWORD: &str = "tops3cret";
/// Long enough for every answer of a relay that gives one.
const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(1);

/// Takes mails from those who log in as `alerts`, which needs TLS.
struct Exim {
    program: Program,
    plain: SocketAddr,
    tls: SocketAddr,
    spool: PathBuf,
}

impl Exim {
    /// `identity` is a file with certificate and key.
    fn start(directory: &Path, identity: &Path) -> Self {
        let (plain, tls, spool) = (free_port(), free_port(), directory.join("spool"));
        // The server gives its rights away before it writes.
        for folder in [directory, &spool] {
            fs::create_dir(folder).expect("folder");
            fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).expect("mode");
        }
        let authenticator = |name: &str, prompts: &str, user: &str, password: &str| {
            format!(
                "{name}:\n  driver = plaintext\n  public_name = {name}\n  server_prompts = {prompts}\n\
                 \x20 server_condition = ${{if and{{{{eq{{{user}}}{{alerts}}}}{{eq{{{password}}}{{{PASSWORD}}}}}}}}}\n\
                 \x20 server_advertise_condition = ${{if def:tls_in_cipher}}\n"
            )
        };
        let config = format!(
            "primary_hostname = mail.example.com\nspool_directory = {spool}\nlog_file_path = {spool}/%slog\n\
             local_interfaces = <; 127.0.0.1.{} ; 127.0.0.1.{}\ntls_on_connect_ports = {}\ntls_advertise_hosts = *\n\
             tls_certificate = {identity}\ntls_privatekey = {identity}\nhost_lookup =\nkeep_environment =\n\
             smtp_banner = ready\nrfc1413_query_timeout = 0s\nqueue_only\nacl_smtp_rcpt = known\nacl_smtp_data = all\n\
             begin acl\nknown:\n  accept authenticated = *\n  deny message = log in first\nall:\n  accept\n\
             begin authenticators\n{}{}",
            plain.port(),
            tls.port(),
            tls.port(),
            authenticator("PLAIN", ":", "$auth2", "$auth3"),
            authenticator("LOGIN", "<| Username: | Password:", "$auth1", "$auth2"),
            spool = spool.display(),
            identity = identity.display(),
        );
        let path = directory.join("exim.conf");
        fs::write(&path, config).expect("exim.conf");
        let arguments = ["-bdf".as_ref(), "-C".as_ref(), path.as_os_str()];
        let log = directory.join("log");
        let program = Program::start("exim4", "exim4-daemon-light", &arguments, &log, &[plain, tls]);
        Self { program, plain, tls, spool }
    }

    /// Returns what it has taken: headers, recipients and text of each mail, as they lie in its queue.
    fn taken(&self) -> String {
        let entries = fs::read_dir(self.spool.join("input")).into_iter().flatten().flatten();
        let read = |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        entries.map(|entry| read(entry.path())).collect::<Vec<_>>().join("\n")
    }

    fn count(&self) -> usize {
        self.taken().matches("Subject: ").count()
    }
}

/// Settings with these lines for the relay.
fn settings(host: &str, port: SocketAddr, lines: &str) -> String {
    let port = port.port();
    format!("emailalert=a@x.example\nemailalertfrom=ld@x.example\nsmtp={host}\nsmtp_port={port}\n{lines}")
}

fn login(tls: &str, passwd: &str) -> String {
    format!("smtp_tls={tls}\nsmtp_login=\"alerts\"\nsmtp_passwd=\"{passwd}\"")
}

/// Sends one mail with these settings and returns the first trouble, if the relay does not take it first.
fn trouble(exim: &Exim, settings: &str, patience: Duration) -> Option<String> {
    let mut lab = MailLab::patient(settings, patience);
    lab.configure("\treal=192.0.2.2:80 gate 3\n\tservicename=Shop\n");
    let before = exim.count();
    lab.quiesce();
    let deadline = Instant::now() + PATIENT * 2;
    loop {
        if let Ok(news) = lab.news.recv_timeout(Duration::from_millis(20)) {
            return Some(format!("{}: {}", news.object, news.trouble.expect("a trouble")));
        }
        if exim.count() > before {
            return None;
        }
        assert!(Instant::now() < deadline, "neither a mail nor a trouble: {settings}");
    }
}

/// The test runs itself again with the trust store of its own authority, since only the environment names that.
#[test]
fn a_real_relay_takes_mails_over_tls_and_every_fault_is_told_with_its_step_and_cause() {
    const INSIDE: &str = "LVS_AGENTS_TEST_RELAY";
    let Some(directory) = std::env::var_os(INSIDE) else {
        let directory = Directory::new("relay");
        let authority = Authority::new();
        directory.write("ca.pem", &authority.certificate());
        directory.write("identity.pem", &authority.identity());
        directory.write("stranger.pem", &Authority::new().identity());
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", std::thread::current().name().expect("the name of this test"), "--nocapture"])
            .env("SSL_CERT_FILE", directory.path("ca.pem"))
            .env_remove("SSL_CERT_DIR")
            .env(INSIDE, directory.path(""))
            .output()
            .expect("this program");
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
        return;
    };
    let directory = Path::new(&directory);
    let exim = Exim::start(&directory.join("known"), &directory.join("identity.pem"));
    let stranger = Exim::start(&directory.join("unknown"), &directory.join("stranger.pem"));
    let here = "127.0.0.1";
    for (tls, port) in [("starttls", exim.plain), ("yes", exim.tls)] {
        assert_eq!(trouble(&exim, &settings(here, port, &login(tls, PASSWORD)), PATIENT), None, "{tls}");
    }
    let taken = exim.taken();
    let is_ours =
        taken.contains("Subject: [Shop] Quiescent real server: 192.0.2.2:80") && taken.contains("a@x.example");
    assert!(is_ours, "{taken}");

    let stranger_told = "tls handshake: certificate not trusted: no CA in this machine's trust store has signed it: install its CA there";
    let refused = "login as \"alerts\": 535 Incorrect authentication data";
    let other_name = "tls handshake: invalid peer certificate: certificate not valid for name \"localhost\"";
    let no_tls = "tls handshake: received corrupt message of type InvalidContentType";
    let no_login = "login as \"alerts\": No compatible authentication mechanism";
    let rows = [
        (here, exim.plain, login("starttls", "wr0ng"), refused),
        (here, exim.tls, login("yes", "wr0ng"), refused),
        (here, stranger.plain, login("starttls", PASSWORD), stranger_told),
        (here, stranger.tls, login("yes", PASSWORD), stranger_told),
        ("localhost", exim.plain, login("starttls", PASSWORD), other_name),
        ("localhost", exim.tls, login("yes", PASSWORD), other_name),
        (here, exim.plain, login("yes", PASSWORD), no_tls),
        (here, exim.plain, login("no", PASSWORD), no_login),
        ("no-such-host.invalid", exim.plain, String::new(), "look up its name: "),
        (here, free_port(), String::new(), "connect: Connection refused"),
    ];
    crate::testing::check_rows(rows, |(host, port, lines, cause)| {
        let told = trouble(&exim, &settings(host, port, &lines), PATIENT).expect("a trouble");
        let expected = format!("mail relay {host}:{}: send: {cause}", port.port());
        assert!(told.starts_with(&expected), "told {told}, expected {expected}");
        assert!(!told.contains(PASSWORD) && !told.contains("wr0ng"), "{told}");
    });
    let told = trouble(&exim, &settings(here, exim.plain, ""), PATIENT).expect("a trouble");
    assert_eq!(told, "emailalert to a@x.example: RCPT TO: 550 log in first");
    // This port waits for a handshake, so it says nothing.
    let silent = trouble(&exim, &settings(here, exim.tls, ""), SHORT).expect("a trouble");
    assert!(silent.ends_with(": send: greeting: no answer within 1s"), "{silent}");
    exim.program.hold();
    for (tls, port, step) in [("starttls", exim.plain, "greeting"), ("yes", exim.tls, "tls handshake or greeting")] {
        let silent = trouble(&exim, &settings(here, port, &login(tls, PASSWORD)), SHORT).expect("a trouble");
        assert!(silent.ends_with(&format!(": send: {step}: no answer within 1s")), "{silent}");
    }
    // A thousand changes later the relay is still being waited for: the loop has not waited.
    let mut lab = MailLab::patient(&settings(here, exim.plain, &login("starttls", PASSWORD)), PATIENT);
    for _ in 0..1000 {
        lab.hear(&Outcome::Bad("refused".into()));
        lab.quiesce();
        lab.sink.end_turn();
    }
    assert!(lab.news.try_recv().is_err(), "the relay has been given up already");
}
