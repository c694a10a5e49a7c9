//! Small servers on loopback for the tests of the checks. Each lives in the runtime of its test and ends with it.

mod table;
pub mod tls;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::model::{Check, Question};

pub use table::Table;

pub const SECOND: Duration = Duration::from_secs(1);
/// For checks that must succeed: a loaded machine is no reason to fail.
pub const PATIENT: Duration = Duration::from_secs(20);

/// Returns what a check that sends a second request says, and asks again where this machine did not run the test when that
/// was due: one request is what it says then.
pub async fn of_two_requests<T: ToString>(ask: impl AsyncFn() -> T) -> T {
    for _ in 0..5 {
        let said = ask().await;
        if !said.to_string().contains("(1 requests") {
            return said;
        }
    }
    ask().await
}

/// Returns what a check says that ends within `bound`. It is made again where it took longer: this machine may not have run
/// the test for a moment, but not five times.
pub async fn ends_within<T>(bound: Duration, ask: impl AsyncFn() -> T) -> T {
    for _ in 0..5 {
        let started = Instant::now();
        let said = ask().await;
        if started.elapsed() < bound {
            return said;
        }
    }
    panic!("it has not ended within {bound:?}, five times");
}

/// The question, put to one server.
pub fn check(question: Question, target: SocketAddr, timeout: Duration) -> Check {
    Check { question: question.into(), target, timeout, between: None }
}

/// Loopback port whose backlog is full, so that the kernel drops every further SYN: an unreachable server.
pub struct FullListener {
    pub address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl FullListener {
    pub fn new() -> Self {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("bind");
        listener.listen(0).expect("listen");
        let address = listener.local_addr().expect("address").as_socket().expect("inet");
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let client = socket();
            client.set_nonblocking(true).expect("non-blocking");
            let _in_progress = client.connect(&address.into());
            sockets.push(client);
        }
        Self { address, _sockets: sockets }
    }
}

/// A port that refuses everybody, by TCP and by UDP, until the end of the test process. One that was merely free a moment
/// ago may be another test's by now.
pub fn closed(address: &str) -> SocketAddr {
    let address: SocketAddr = address.parse().expect("address");
    let domain = Domain::for_address(address);
    let stream = Socket::new(domain, Type::STREAM, None).expect("socket");
    stream.bind(&address.into()).expect("bind");
    let taken = stream.local_addr().expect("address").as_socket().expect("inet");
    // Connected to itself, it takes datagrams of nobody else.
    let datagrams = Socket::new(domain, Type::DGRAM, None).expect("socket");
    datagrams.bind(&taken.into()).expect("bind");
    datagrams.connect(&taken.into()).expect("connect");
    Box::leak(Box::new((stream, datagrams)));
    taken
}

/// Accepts for ever and gives each connection to `handle`.
pub async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// Accepts, reads whatever comes and never says a word.
pub async fn silent() -> SocketAddr {
    serve(|mut stream| async move { while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {} }).await
}

/// Sends `bytes` and ends its side at once, in the ordinary way: what the other side has sent is read, so there is no reset.
pub async fn close_after(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    })
    .await
}

/// Sends `bytes` and does nothing more, not even when the other side ends.
pub async fn stay_after(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
        std::future::pending::<()>().await;
    })
    .await
}

/// Sends `bytes` at once when somebody connects, and keeps the connection.
pub async fn greet(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
        while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    })
    .await
}

/// Sends `bytes` over and over, one byte every 100 ms.
pub async fn drip(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        for byte in bytes.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

/// The beginning of a line, and the answer to it. `None` closes the connection, an empty one keeps it.
pub type Answers = &'static [(&'static str, Option<&'static str>)];

/// Greets, then answers each line by the first row that it begins with. A line that is in no row closes the connection.
pub async fn talk(greeting: &'static str, answers: Answers) -> SocketAddr {
    serve(move |stream| converse(stream, greeting, answers)).await
}

/// The same over TLS.
pub async fn talk_tls(identity: tls::Identity, greeting: &'static str, answers: Answers) -> SocketAddr {
    let acceptor = identity.acceptor();
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, greeting, answers).await;
            }
        }
    })
    .await
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, greeting: &str, answers: Answers) {
    let mut stream = BufReader::new(stream);
    let mut answer = greeting;
    loop {
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        let mut line = String::new();
        if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            return;
        }
        match answers.iter().find(|(beginning, _)| line.starts_with(beginning)) {
            Some((_, Some(text))) => answer = text,
            Some((_, None)) | None => return,
        }
    }
}

/// Answers each datagram but the first `lost` with these.
pub async fn datagrams(lost: usize, answers: &'static [&'static str]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let address = socket.local_addr().expect("address");
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        for count in 0.. {
            let Ok((_, from)) = socket.recv_from(&mut buffer).await else { continue };
            for answer in answers.iter().filter(|_| count >= lost) {
                let _ = socket.send_to(answer.as_bytes(), from).await;
            }
        }
    });
    address
}

/// Reads an HTTP request head (all of it, as text).
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
        head.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers each HTTP request head with the bytes that `answer` makes of it, then closes.
pub async fn http_server(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> SocketAddr {
    serve(move |mut stream| {
        let answer = answer.clone();
        async move {
            let head = read_head(&mut stream).await;
            let bytes = answer(&head);
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// As [`serve`], over TLS with a certificate that nobody has signed.
pub async fn tls_server<F>(handle: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let acceptor = acceptor();
    serve(move |stream| {
        let (acceptor, handle) = (acceptor.clone(), handle.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                handle(stream).await;
            }
        }
    })
    .await
}

/// The server's side of a handshake, with a certificate that nobody has signed.
pub fn acceptor() -> TlsAcceptor {
    tls::self_signed(rcgen::IsCa::NoCa).acceptor()
}

const INSIDE: &str = "LVS_AGENTS_TEST_INSIDE";

/// Whether this test is the one that [`run_again`] has started.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of that name (below `check`) again, as `wrapper` arranges it: in a network namespace, with fewer
/// capabilities.
pub fn run_again(name: &str, wrapper: &[&str]) {
    let (program, arguments) = wrapper.split_first().expect("a program");
    let output = std::process::Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", &format!("check::{name}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect(program);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}
