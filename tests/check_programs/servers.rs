//! Programs with a directory of their own, which end with their owner, and small responders.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A directory that everybody may read, since servers give their rights away, and that is removed with its owner.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new(name: &str) -> Self {
        let template = std::env::temp_dir().join(format!("lvs-agents-{name}.XXXXXX"));
        let directory = Self(nix::unistd::mkdtemp(&template).expect("temporary directory"));
        open(&directory.0, 0o755);
        directory
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect(name);
    }

    pub fn folder(&self, name: &str) {
        std::fs::create_dir(self.path(name)).expect(name);
    }

    /// One that servers may write to after they have given their rights away.
    pub fn folder_for_all(&self, name: &str) {
        self.folder(name);
        open(&self.path(name), 0o777);
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

/// Free when it was looked at.
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("free port")
}

/// A server program in the foreground.
pub struct Program(Child);

impl Program {
    /// Started, and listening on all these ports.
    pub fn start(name: &str, package: &str, arguments: &[impl AsRef<OsStr>], log: &Path, ports: &[SocketAddr]) -> Self {
        let output = std::fs::File::create(log).expect("log");
        let child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("log"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} must be installed (Debian: {package}): {error}"));
        let mut program = Self(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        for port in ports {
            while TcpStream::connect(port).is_err() {
                let log = || std::fs::read_to_string(log).unwrap_or_default();
                let ended = program.0.try_wait().expect("wait");
                assert!(ended.is_none(), "{name} ended: {ended:?}\n{}", log());
                assert!(Instant::now() < deadline, "{name} does not listen\n{}", log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        program
    }

    /// Its port stays open, and nothing comes from it any more.
    pub fn hold(&self) {
        self.signal(Signal::SIGSTOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).expect("process number");
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Program {
    /// In the ordinary way first: a master ends its workers.
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        self.signal(Signal::SIGCONT);
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Dovecot {
    _program: Program,
    pub pop: SocketAddr,
    pub pops: SocketAddr,
    pub imap: SocketAddr,
    pub imaps: SocketAddr,
}

impl Dovecot {
    /// The user `mon` may log in. `identity` is a file with certificate and key.
    pub fn start(directory: &Path, identity: &Path) -> Self {
        std::fs::create_dir(directory).expect("directory");
        let [pop, pops, imap, imaps] = [free_port(), free_port(), free_port(), free_port()];
        let place = directory.display();
        std::fs::create_dir(directory.join("mail")).expect("mail");
        open(&directory.join("mail"), 0o777);
        std::fs::write(directory.join("users"), "mon:{PLAIN}tops3cret\n").expect("users");
        let listeners = |plain: &str, plain_port: SocketAddr, tls: &str, tls_port: SocketAddr| {
            let listener = |name: &str, port: SocketAddr, ssl: &str| {
                let port = port.port();
                format!(
                    "  inet_listener {name} {{\n    address = 127.0.0.1\n    port = {port}\n    ssl = {ssl}\n  }}\n"
                )
            };
            listener(plain, plain_port, "no") + &listener(tls, tls_port, "yes")
        };
        let config = format!(
            "protocols = pop3 imap\nbase_dir = {place}/run\nstate_dir = {place}/state\nlog_path = /dev/stderr\n\
             ssl = yes\nssl_cert = <{identity}\nssl_key = <{identity}\nssl_dh =\nmail_location = maildir:{place}/mail/%u\n\
             auth_mechanisms = plain login cram-md5 apop\npassdb {{\n  driver = passwd-file\n  args = {place}/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid=nobody gid=nogroup home={place}/mail\n}}\n\
             first_valid_uid = 1\nauth_failure_delay = 0\n\
             service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\nservice pop3-login {{\n{}}}\nservice imap-login {{\n{}}}\n",
            listeners("pop3", pop, "pop3s", pops),
            listeners("imap", imap, "imaps", imaps),
            identity = identity.display(),
        );
        let path = directory.join("dovecot.conf");
        std::fs::write(&path, config).expect("dovecot.conf");
        let arguments = ["-F".as_ref(), "-c".as_ref(), path.as_os_str()];
        let ports = [pop, pops, imap, imaps];
        let packages = "dovecot-imapd, dovecot-pop3d";
        let program = Program::start("dovecot", packages, &arguments, &directory.join("log"), &ports);
        Self { _program: program, pop, pops, imap, imaps }
    }
}

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority"))
    }

    pub fn certificate(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// A certificate of this authority and its key, for one name and for the address of every server here.
    pub fn identity(&self) -> String {
        let key = KeyPair::generate().expect("key");
        let names = vec!["mail.example.com".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        pem("CERTIFICATE", certificate.der()) + &pem("PRIVATE KEY", &key.serialize_der())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Greets, and answers a line that begins with `line`; any other ends the connection.
pub fn responder(greeting: &'static str, line: &'static str, answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || respond(stream, greeting, line, answer));
        }
    });
    address
}

fn respond(mut stream: TcpStream, greeting: &str, line: &str, answer: &str) -> std::io::Result<()> {
    stream.write_all(greeting.as_bytes())?;
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut read = String::new();
    lines.read_line(&mut read)?;
    if read.starts_with(line) {
        stream.write_all(answer.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
    }
    // What is left unread would become a reset.
    while lines.read_line(&mut read)? > 0 {}
    Ok(())
}

pub fn udp_responder(line: &'static str, answer: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let address = socket.local_addr().expect("address");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if buffer.get(..length).is_some_and(|datagram| datagram.starts_with(line.as_bytes())) {
                let _ = socket.send_to(answer.as_bytes(), from);
            }
        }
    });
    address
}
