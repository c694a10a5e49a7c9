//! Servers that rustls cannot be: `openssl s_server` is one of them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::*;
use crate::testing::Scratch;

/// A folder with a CA and certificates that it signed.
struct Workshop(Scratch);

impl Workshop {
    fn new(name: &str) -> Self {
        let workshop = Self(Scratch::new(name));
        workshop.run(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ours",
        ]);
        workshop
    }

    fn run(&self, words: &[&str]) -> Output {
        let output = Command::new("openssl")
            .args(words)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("the program openssl (Debian package openssl) makes the certificates of this test");
        assert!(output.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// A certificate for a new key: of X.509 v1, as there are no extensions.
    fn version_1(&self, name: &str, key: &[&str]) {
        let (key_file, request, certificate) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let words =
            ["req", "-nodes", "-keyout", &key_file, "-out", &request, "-subj", "/CN=www.example.com", "-newkey"];
        self.run(&[&words, key].concat());
        self.run(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-set_serial",
            "7",
            "-out",
            &certificate,
        ]);
        let text = self.run(&["x509", "-in", &certificate, "-noout", "-text"]);
        assert!(String::from_utf8_lossy(&text.stdout).contains("Version: 1 "), "openssl made another version");
    }

    fn trust(&self) -> Trust {
        let authority = CertificateDer::from_pem_file(self.0.path().join("ca.pem")).expect("certificate");
        Trust::of(vec![authority]).expect("trust")
    }

    fn serve(&self, name: &str, options: &[&str]) -> Server {
        let mut server = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-cert", &format!("{name}.pem"), "-key", &format!("{name}.key")])
            .args(options)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl s_server");
        let lines = BufReader::new(server.stdout.take().expect("output")).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        Server { address: address.expect("s_server says where it listens"), process: server }
    }
}

struct Server {
    address: SocketAddr,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn ask(server: &Server, trust: &Trust) -> Result<(), CheckFailure> {
    let question = HttpQuestion { tls: true, ..expecting("s_server") };
    let subject = Named { target: server.address, question: &question };
    let attempt = Attempt::about(Subject::Other(&subject), PATIENT);
    Client { target: server.address, question: &question, attempt, trust: Some(trust) }.run().await.map(drop)
}

async fn refusal(server: &Server, trust: &Trust) -> String {
    ask(server, trust).await.expect_err("must fail").to_string()
}

#[tokio::test]
async fn a_certificate_of_version_1_is_up_under_an_installed_authority() {
    let workshop = Workshop::new("version-1");
    let trust = workshop.trust();
    let keys: [(&str, &[&str]); 2] = [("rsa", &["rsa:2048"]), ("ec", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])];
    for (name, key) in keys {
        workshop.version_1(name, key);
        for version in ["-tls1_2", "-tls1_3"] {
            let server = workshop.serve(name, &[version]);
            ask(&server, &trust).await.unwrap_or_else(|failure| panic!("{name} {version}: {failure}"));
        }
    }
    let (stranger, server) = (Workshop::new("version-1-stranger"), workshop.serve("rsa", &[]));
    let failure = refusal(&server, &stranger.trust()).await;
    assert!(failure.contains("not trusted: signed with another key than the installed CA's (install"), "{failure}");
}

/// A server that shows a certificate must have its key.
#[tokio::test]
async fn a_certificate_of_version_1_does_not_speak_for_another_key() {
    let workshop = Workshop::new("version-1-key");
    workshop.version_1("good", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let good = CertificateDer::from_pem_file(workshop.0.path().join("good.pem")).expect("certificate");
    for version in [&tokio_rustls::rustls::version::TLS12, &tokio_rustls::rustls::version::TLS13] {
        let target = super::tls::server_with_another_key(good.clone(), version).await;
        let question = HttpQuestion { tls: true, ..expecting("OK") };
        let subject = Named { target, question: &question };
        let attempt = Attempt::about(Subject::Other(&subject), PATIENT);
        let trust = workshop.trust();
        let client = Client { target, question: &question, attempt, trust: Some(&trust) };
        let failure = client.run().await.expect_err("another key").to_string();
        assert!(failure.contains("certificate not trusted: signed with another key"), "{failure}");
    }
}

#[tokio::test]
async fn what_is_not_spoken_here_is_named() {
    let workshop = Workshop::new("suites");
    workshop.version_1("server", &["rsa:2048"]);
    let trust = workshop.trust();
    for suites in ["kRSA", "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA", "DHE"] {
        let server = workshop.serve("server", &["-tls1_2", "-cipher", &format!("{suites}:@SECLEVEL=0")]);
        let failure = refusal(&server, &trust).await;
        assert!(
            failure.contains("tls handshake: the server refused the handshake: it may have no cipher suite of ours"),
            "{failure}"
        );
        assert!(failure.contains("RSA key exchange, DHE and CBC are not spoken"), "{suites}: {failure}");
    }
    for version in ["-tls1_1", "-tls1"] {
        let server = workshop.serve("server", &[version, "-cipher", "ALL:@SECLEVEL=0"]);
        let failure = refusal(&server, &trust).await;
        assert!(
            failure.contains("the server offers neither TLS 1.2 nor 1.3, and older versions"),
            "{version}: {failure}"
        );
    }
}

#[tokio::test]
async fn a_signature_that_can_be_forged_is_named() {
    let workshop = Workshop::new("sha1");
    let trust = workshop.trust();
    workshop.run(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "v1.key",
        "-out",
        "v1.csr",
        "-subj",
        "/CN=server",
    ]);
    std::fs::copy(workshop.0.path().join("v1.key"), workshop.0.path().join("v3.key")).expect("key");
    std::fs::write(workshop.0.path().join("extensions"), "basicConstraints=CA:FALSE\n").expect("extensions");
    let sign =
        ["x509", "-req", "-sha1", "-in", "v1.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-out"];
    workshop.run(&[&sign[..], &["v1.pem"]].concat());
    workshop.run(&[&sign[..], &["v3.pem", "-extfile", "extensions"]].concat());
    for version in ["v1", "v3"] {
        let server = workshop.serve(version, &["-cipher", "ALL:@SECLEVEL=0"]);
        let failure = refusal(&server, &trust).await;
        assert!(
            failure.contains("certificate refused: it is signed with SHA-1, which can be forged"),
            "{version}: {failure}"
        );
    }
}
