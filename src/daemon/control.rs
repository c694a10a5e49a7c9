//! The control socket: the health monitor's end, and the end of the programs that ask.
//!
//! The health monitor's end has threads of its own: a loop that is busy, or hangs, must not look like a health monitor
//! that is dead.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use socket2::{Domain, SockAddr, Socket, Type};

use super::protocol::{ControlReply, ControlRequest};
use super::view::LivenessView;

/// The longest request in bytes, so that no peer can fill our memory.
pub const LONGEST_REQUEST: u64 = 4096;
/// The time after which a peer that does not finish its line, or does not read its answer, is dropped.
const PEER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the loop may take for an answer. A reload waits for name servers, and a stop waits for the kernel.
const LOOP_TIMEOUT: Duration = Duration::from_secs(60);
/// The most peers that are served at once, each by a thread; one more is dropped, so that no peer can fill our memory
/// either.
const PEERS: usize = 32;
/// The pause between two attempts to accept a peer when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A request on its way to the loop, with the way back for the answer.
#[derive(Debug)]
pub struct ControlCall {
    /// What the peer asks for.
    pub request: ControlRequest,
    /// The loop sends its answer here.
    pub reply: Sender<ControlReply>,
    /// This channel closes when the answer is on its way: a process that ends before that would swallow it.
    pub sent: Receiver<()>,
}

impl ControlCall {
    /// Sends the answer, and waits at most half a second until the peer has it.
    pub fn answer_and_wait(self, reply: ControlReply) {
        const PATIENCE: Duration = Duration::from_millis(500);
        // A peer that went away wants no answer, and the wait then ends at once.
        let _ = self.reply.send(reply);
        let _ = self.sent.recv_timeout(PATIENCE);
    }
}

/// Serves the socket as long as the process lives, or until `forward` says that the loop has ended. A socket file that
/// a killed predecessor has left is replaced: the caller holds the instance's lock.
///
/// # Errors
/// Fails when the socket cannot be made, or its thread cannot be started.
pub fn listen(
    path: &Path,
    view: LivenessView,
    forward: impl Fn(ControlCall) -> bool + Clone + Send + 'static,
) -> anyhow::Result<()> {
    // The file may be missing; another obstacle shows at the next step.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| format!("{}: listen", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("{}: set mode 0600", path.display()))?;
    let accept = move || {
        let peers = Arc::new(());
        for peer in listener.incoming() {
            let Ok(peer) = peer else {
                std::thread::sleep(PAUSE);
                continue;
            };
            let place = Arc::clone(&peers);
            if Arc::strong_count(&place) > PEERS + 1 {
                continue;
            }
            let (view, forward) = (view.clone(), forward.clone());
            let served = std::thread::Builder::new().name("control".into()).spawn(move || {
                serve(&peer, &view, &forward);
                drop(place);
            });
            // Without a thread this peer is not served; it asks again.
            drop(served);
        }
    };
    std::thread::Builder::new().name("control".into()).spawn(accept).context("control socket: start its thread")?;
    Ok(())
}

/// Serves one request of one peer. Whatever goes wrong is the loss of this peer only.
fn serve(peer: &UnixStream, view: &LivenessView, forward: &impl Fn(ControlCall) -> bool) {
    if peer.set_read_timeout(Some(PEER_TIMEOUT)).and_then(|()| peer.set_write_timeout(Some(PEER_TIMEOUT))).is_err() {
        return;
    }
    let mut line = String::new();
    if BufReader::new(peer.take(LONGEST_REQUEST)).read_line(&mut line).is_err() {
        return;
    }
    let (_sending, sent) = channel();
    let reply = match serde_json::from_str(&line) {
        Ok(ControlRequest::Alive) => ControlReply::Alive(view.liveness(Instant::now()).into()),
        Ok(request) => ask_loop(request, sent, LOOP_TIMEOUT, forward),
        Err(cause) => ControlReply::Failed(format!("request \"{}\": {cause}", line.trim_end())),
    };
    if let Ok(mut text) = serde_json::to_string(&reply) {
        text.push('\n');
        let mut writer = peer;
        // A peer that went away wants no answer.
        let _ = writer.write_all(text.as_bytes());
    }
}

/// Gives the loop a request and waits for its answer.
pub fn ask_loop(
    request: ControlRequest,
    sent: Receiver<()>,
    patience: Duration,
    forward: &impl Fn(ControlCall) -> bool,
) -> ControlReply {
    let (reply, answer) = channel();
    if !forward(ControlCall { request, reply, sent }) {
        return ControlReply::Failed("the health monitor is ending".into());
    }
    answer
        .recv_timeout(patience)
        .unwrap_or_else(|_| ControlReply::Failed("the health monitor's loop does not answer".into()))
}

/// Asks the health monitor behind `path`, which is its control socket or its observe socket as the request is.
///
/// # Errors
/// Fails when no process listens, when no answer comes within `timeout`, and when the answer makes no sense.
pub fn ask(path: &Path, request: &impl Serialize, timeout: Duration) -> anyhow::Result<ControlReply> {
    let name = path.display();
    let stream = connect(path, timeout).with_context(|| format!("{name}: connect"))?;
    stream.set_read_timeout(Some(timeout)).with_context(|| format!("{name}: set timeout"))?;
    stream.set_write_timeout(Some(timeout)).with_context(|| format!("{name}: set timeout"))?;
    let mut text = serde_json::to_string(request).context("request: encode")?;
    text.push('\n');
    (&stream).write_all(text.as_bytes()).with_context(|| format!("{name}: ask"))?;
    let mut line = String::new();
    match BufReader::new(&stream).read_line(&mut line) {
        Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            bail!("{name}: no answer within {timeout:?}");
        }
        read => read.with_context(|| format!("{name}: read the answer"))?,
    };
    if line.is_empty() {
        bail!("{name}: closed without an answer");
    }
    serde_json::from_str(&line).with_context(|| format!("{name}: understand the answer"))
}

/// A health monitor that hangs accepts nobody, and when its queue is full the kernel lets the next one wait.
fn connect(path: &Path, timeout: Duration) -> std::io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(timeout))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::checker::Pulse;
    use crate::testing::Scratch;

    fn view() -> LivenessView {
        LivenessView::new(|| Pulse { last_turn: Instant::now(), late: Duration::ZERO })
    }

    #[test]
    fn alive_is_answered_while_the_loop_answers_nothing() {
        let scratch = Scratch::new("control");
        let path = scratch.path().join("socket");
        let (calls, unread) = channel();
        listen(&path, view(), move |call| calls.send(call).is_ok()).expect("listen");
        let busy = std::thread::spawn({
            let path = path.clone();
            move || ask(&path, &ControlRequest::Status, Duration::from_secs(60))
        });
        let call = unread.recv().expect("the loop has the call");
        let alive = ask(&path, &ControlRequest::Alive, Duration::from_secs(10)).expect("answered");
        assert!(matches!(alive, ControlReply::Alive(_)));
        call.answer_and_wait(ControlReply::Done);
        assert_eq!(busy.join().expect("thread").expect("answered"), ControlReply::Done);
    }

    #[test]
    fn silent_peers_keep_no_other_peer_from_being_answered() {
        let scratch = Scratch::new("control-silent");
        let path = scratch.path().join("socket");
        listen(&path, view(), |_| false).expect("listen");
        let silent: Vec<_> = (0..PEERS / 2).map(|_| UnixStream::connect(&path).expect("connect")).collect();
        assert!(matches!(ask(&path, &ControlRequest::Alive, Duration::from_secs(4)), Ok(ControlReply::Alive(_))));
        drop(silent);
        let ControlReply::Failed(cause) = ask(&path, &ControlRequest::Stop, Duration::from_secs(4)).expect("answered")
        else {
            panic!("the loop has ended")
        };
        assert_eq!(cause, "the health monitor is ending");
    }

    #[test]
    fn a_health_monitor_whose_queue_is_full_is_waited_for_no_longer_than_said() {
        let scratch = Scratch::new("control-full");
        let path = scratch.path().join("socket");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("socket");
        socket.bind(&SockAddr::unix(&path).expect("path")).expect("bind");
        socket.listen(0).expect("listen");
        let waiting = UnixStream::connect(&path).expect("the queue takes one");
        let refused = ask(&path, &ControlRequest::Alive, Duration::from_millis(50)).expect_err("nobody accepts");
        assert!(format!("{refused:#}").contains("connect: "), "{refused:#}");
        drop(waiting);
    }

    #[test]
    fn an_unknown_request_is_answered_with_its_words() {
        let scratch = Scratch::new("control-unknown");
        let path = scratch.path().join("socket");
        listen(&path, view(), |_| true).expect("listen");
        let mut peer = UnixStream::connect(&path).expect("connect");
        peer.write_all(b"\"dance\"\n").expect("ask");
        let mut text = String::new();
        peer.read_to_string(&mut text).expect("answer");
        assert!(text.starts_with("{\"failed\":") && text.contains("dance"), "{text}");
    }
}
