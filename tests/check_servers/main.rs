//! Checks of servers that no test imitates: each test starts the program of Debian in a directory and on ports of its own,
//! on loopback. A program that is missing fails its test, which names the package.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod dns;
mod http_proxy;
mod ldap;
mod pgsql;
mod radius;

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lvs_agents::check::{self, CheckFailure};
use lvs_agents::model::{Check, Question, Secret};

pub const PASSWORD: &str = "tops3cret";
pub const SECOND: Duration = Duration::from_secs(1);
pub const PATIENT: Duration = Duration::from_secs(20);

/// A directory that goes with its owner, and the program that works in it.
pub struct Server {
    child: Option<Child>,
    pub directory: PathBuf,
    pub address: SocketAddr,
}

impl Server {
    /// A new directory and a free port; nothing runs yet.
    pub fn new(name: &str) -> Self {
        let template = std::env::temp_dir().join(format!("lvs-agents-{name}.XXXXXX"));
        let directory = nix::unistd::mkdtemp(&template).expect("temporary directory");
        Self { child: None, directory, address: free_address() }
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        std::fs::write(&path, text).expect(name);
        path.display().to_string()
    }

    /// Makes `cert.pem`, a certificate that nobody has signed, and its `key.pem`.
    pub fn make_certificate(&self) {
        let request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server.test -out cert.pem -keyout key.pem";
        let arguments: Vec<&str> = request.split(' ').collect();
        finish("openssl", "openssl", &arguments, &self.directory);
    }

    /// Starts the program, which must stay in the foreground, and waits until `ready` says that it answers.
    pub fn run(&mut self, program: &str, package: &str, arguments: &[&str], ready: impl Fn(&Self) -> bool) {
        let log = File::create(self.directory.join("log")).expect("log");
        let errors = log.try_clone().expect("log");
        let child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{program}: {error} (Debian: {package})")));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready(self) {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("wait"));
            assert!(ended.is_none(), "{program} ended: {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "{program} does not answer\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.directory.join("log")).unwrap_or_default()).into_owned()
    }

    /// Ends the program, whose port is closed then.
    pub fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port")
}

/// A program that does its work and ends.
pub fn finish(program: &str, package: &str, arguments: &[&str], directory: &Path) {
    let output = Command::new(program).args(arguments).current_dir(directory).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (Debian: {package})"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {text}");
}

pub fn ask(target: SocketAddr, question: Question, timeout: Duration) -> Result<(), CheckFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(check::run(&Check { question: question.into(), target, timeout, between: None })).map(drop)
}

/// Asks every row; those whose result is another are told together. Each result is what follows `KIND ADDRESS: `.
pub fn all_are(target: SocketAddr, rows: impl IntoIterator<Item = (Question, Result<(), &'static str>)>) {
    let mut wrong = Vec::new();
    for (question, wanted) in rows {
        let asked = format!("{question:?}");
        let subject = format!("{} {target}: ", question.kind);
        let result = ask(target, question, PATIENT).map_err(|failure| failure.to_string());
        let result = result.map_err(|text| text.strip_prefix(&subject).unwrap_or(&text).to_owned());
        assert!(!format!("{result:?}").contains(PASSWORD), "{result:?}");
        if result.as_ref().map_err(String::as_str) != wanted.as_ref().map_err(|text| *text) {
            wrong.push(format!("{asked}: {result:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A question of this kind with a login.
pub fn login(kind: &'static str, login: &str, passwd: &str) -> Question {
    Question { login: login.into(), passwd: Secret::new(passwd), ..Question::of(kind) }
}
