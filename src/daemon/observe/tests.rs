use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::config::Config;
use crate::daemon::checker::Pulse;
use crate::daemon::control;
use crate::daemon::protocol::{ControlReply, ControlRequest, ObserveRequest};
use crate::system::RunDir;
use crate::testing::Scratch;

/// An observe socket for this user's own group, and a count of the questions that reach the loop.
struct Lab {
    scratch: Scratch,
    sink: Observe,
    asked: Arc<AtomicUsize>,
    news: std::sync::mpsc::Receiver<SinkNews>,
}

impl Lab {
    fn new(name: &str, group: Option<&str>) -> Self {
        let scratch = Scratch::new(name);
        let view = LivenessView::new(|| Pulse { last_turn: Instant::now(), late: Duration::ZERO });
        let asked = Arc::new(AtomicUsize::new(0));
        let forward = {
            let asked = Arc::clone(&asked);
            move |call: ControlCall| {
                assert_eq!(call.request, ControlRequest::Status, "nothing else can reach the loop");
                asked.fetch_add(1, Ordering::Relaxed);
                // A long answer, which no buffer of a socket holds.
                call.reply.send(ControlReply::Failed("x".repeat(4 << 20))).is_ok()
            }
        };
        let (tell, news) = std::sync::mpsc::channel();
        let tell = Box::new(move |told| tell.send(told).is_ok());
        let folder = RunDir::at(scratch.path()).observed("db");
        let sink = Observe::start(group, folder, view, forward, tell).expect("start");
        Self { scratch, sink, asked, news }
    }

    fn own() -> String {
        nix::unistd::getegid().to_string()
    }

    fn socket(&self) -> PathBuf {
        RunDir::at(self.scratch.path()).observed("db").socket()
    }

    fn apply(&mut self, group: Option<&str>) {
        let mut config = Config::default();
        config.global.observe_group = group.map(Box::from);
        self.sink.receive(&Event::ConfigurationApplied { config: &config, warnings: &[], first: false });
    }

    fn connect(&self) -> UnixStream {
        until(|| UnixStream::connect(self.socket()).ok())
    }
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn answer(peer: &UnixStream, request: &[u8]) -> String {
    // A peer that is dropped has its answer all the same.
    let _ = (&mut &*peer).write_all(request);
    let mut line = String::new();
    let _ = BufReader::new(peer).read_line(&mut line);
    line
}

#[test]
fn nothing_listens_until_a_group_is_named_and_the_folder_is_closed_again_afterwards() {
    let mut lab = Lab::new("observe", None);
    assert!(UnixStream::connect(lab.socket()).is_err());
    lab.apply(Some(&Lab::own()));
    assert!(answer(&lab.connect(), b"\"alive\"\n").starts_with("{\"alive\":"));
    std::fs::remove_dir_all(lab.scratch.path().join("observe")).expect("the run directory is lost");
    assert!(answer(&lab.connect(), b"\"alive\"\n").starts_with("{\"alive\":"), "it comes back");
    lab.apply(None);
    until(|| (!lab.socket().exists()).then_some(()));
    let folder = RunDir::at(lab.scratch.path()).observed("db");
    until(|| folder.group().is_none().then_some(()));
}

#[test]
fn a_group_that_does_not_exist_is_said_until_it_is_right() {
    let mut lab = Lab::new("observe-group", Some("there-is-no-such-group"));
    let said = lab.news.recv_timeout(Duration::from_secs(20)).expect("told");
    let cause = "there-is-no-such-group: find the group: /etc/group has none of this name";
    assert_eq!((said.object.as_str(), said.trouble.as_deref()), (OBJECT, Some(cause)));
    lab.apply(Some(&Lab::own()));
    assert_eq!(lab.news.recv_timeout(Duration::from_secs(20)).expect("told").trouble, None);
}

#[test]
fn what_changes_anything_is_not_understood() {
    let lab = Lab::new("observe-words", Some(&Lab::own()));
    for request in
        ["\"stop\"\n", "\"reload\"\n", "\"send-latest\"\n", "\"settled\"\n", "{\"stop\":[]}\n", "\n", "\u{0}\n", "[["]
    {
        let peer = lab.connect();
        (&mut &peer).write_all(request.as_bytes()).expect("ask");
        peer.shutdown(std::net::Shutdown::Write).expect("that was all");
        let mut text = String::new();
        (&mut &peer).read_to_string(&mut text).expect("answer");
        assert!(text.starts_with("{\"failed\":\"request "), "{request:?}: {text}");
    }
    assert_eq!(lab.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn those_that_never_read_or_never_ask_take_the_places_of_their_user_only_and_the_loop_is_asked_once_a_second() {
    let lab = Lab::new("observe-hostile", Some(&Lab::own()));
    let began = Instant::now();
    // They ask and never read: the answer fills the buffer of the socket.
    let deaf: Vec<UnixStream> = (0..4)
        .map(|_| {
            let mut peer = lab.connect();
            peer.write_all(b"\"status\"\n").expect("ask");
            peer
        })
        .collect();
    until(|| (lab.asked.load(Ordering::Relaxed) > 0).then_some(()));
    let mute: Vec<UnixStream> = (0..200).map(|_| lab.connect()).collect();
    let refused = mute.iter().skip(4).map(|peer| {
        peer.set_read_timeout(Some(Duration::from_secs(20))).expect("set timeout");
        answer(peer, b"")
    });
    let refused = refused.filter(|line| line.contains("too many observers at once")).count();
    assert!(refused >= 190, "{refused}");
    // More than a request may have, which is not read to its end.
    let seconds = began.elapsed().as_secs() as usize;
    assert!(lab.asked.load(Ordering::Relaxed) <= seconds + 1);
    drop((deaf, mute));
    let reply = until(|| {
        let reply = control::ask(&lab.socket(), &ObserveRequest::Alive, Duration::from_secs(20)).ok()?;
        matches!(reply, ControlReply::Alive(_)).then_some(reply)
    });
    assert!(matches!(reply, ControlReply::Alive(_)));
    let mut flood = lab.connect();
    let sent = (0..10).map(|_| flood.write(&vec![b'x'; 1 << 20])).take_while(|sent| sent.is_ok()).count();
    assert!(sent < 10, "ten megabytes are not read");
}
