//! `lvs-agents top` on a terminal: whatever ends it, the terminal is as before.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use rustix::termios::{Winsize, tcsetwinsize};

use super::common::{Host, PATIENCE};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

struct Terminal {
    master: File,
    slave: OwnedFd,
    output: Receiver<Vec<u8>>,
    before: Termios,
    shown: String,
}

impl Terminal {
    fn new() -> Self {
        // Any other program that kept the machine's side open would keep the terminal from going away.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("its other side");
        let slave = open(ptsname_r(&master).expect("its name").as_str(), flags, Mode::empty()).expect("its other side");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("its size");
        let master = File::from(OwnedFd::from(master));
        let before = tcgetattr(&slave).expect("its mode");
        let (sender, output) = channel();
        let mut reader = master.try_clone().expect("the same");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { master, slave, output, before, shown: String::new() }
    }

    fn start(&self, host: &Host) -> Child {
        let ends = [(); 3].map(|()| self.slave.try_clone().expect("the same"));
        host.enter(move || {
            let [input, output, errors] = ends;
            let mut command = Command::new(env!("CARGO_BIN_EXE_lvs-agents"));
            command.arg("top").env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
            command.stdin(input).stdout(output).stderr(errors).spawn().expect("lvs-agents top")
        })
    }

    /// Waits until this has been shown since the last key.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown.contains(text) && !words(&self.shown).contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else { panic!("{text}: not in {:?}", self.shown) };
            self.shown += &String::from_utf8_lossy(&bytes);
        }
    }

    fn press(&mut self, keys: &str) {
        self.shown.clear();
        self.master.write_all(keys.as_bytes()).expect("typed");
    }
}

/// Returns what is shown without the sequences that move the cursor and change colours, which may stand for spaces.
fn words(shown: &str) -> String {
    let text =
        |part: &str| part.split_once(|end: char| end.is_ascii_alphabetic()).map_or("", |(_, text)| text).to_owned();
    let mut parts = shown.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let all: Vec<String> = [first].into_iter().chain(parts.map(text)).collect();
    all.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn end(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().expect("a child") {
            Some(status) => return status,
            None if Instant::now() > deadline => {
                child.kill().expect("killed");
                panic!("lvs-agents top did not end");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn host() -> Host {
    let host = Host::new();
    host.write(
        "/run/lvs-agents/services/my-lvs.cf",
        "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n\tchecktype=on\n",
    );
    host
}

#[test]
fn keys_and_signals_end_it_and_the_terminal_is_as_before() {
    let host = host();
    for (keys, signal, code) in [
        ("q", None, 0),
        ("\u{3}", None, 0),
        ("/x\u{3}", None, 0),
        ("", Some(Signal::SIGTERM), 143),
        ("", Some(Signal::SIGHUP), 129),
        ("", Some(Signal::SIGINT), 130),
    ] {
        let mut terminal = Terminal::new();
        let mut child = terminal.start(&host);
        terminal.until("tcp 10.9.0.100:80");
        assert!(terminal.shown.contains(ENTER), "{:?}", terminal.shown);
        assert_ne!(tcgetattr(&terminal.slave).expect("its mode"), terminal.before, "it reads single keys");
        terminal.press(keys);
        if let Some(signal) = signal {
            kill(Pid::from_raw(child.id().cast_signed()), signal).expect("sent");
        }
        assert_eq!(end(&mut child).code(), Some(code), "{keys:?} {signal:?}");
        terminal.until(LEAVE);
        assert_eq!(tcgetattr(&terminal.slave).expect("its mode"), terminal.before, "{keys:?} {signal:?}");
    }
}

#[test]
fn keys_change_what_is_shown() {
    let (host, mut terminal) = (host(), Terminal::new());
    let mut child = terminal.start(&host);
    terminal.until("10.9.1.1:80");
    terminal.press("h");
    terminal.until("only what is wrong, and all again");
    terminal.press("h/no-such");
    terminal.until("nothing to show");
    terminal.press("\r\u{1b}");
    terminal.until("10.9.1.1:80");
    // A virtual service that comes is shown, and one that goes is not.
    host.sh("rm /run/lvs-agents/services/my-lvs.cf");
    terminal.until("no virtual service");
    terminal.press("q");
    assert_eq!(end(&mut child).code(), Some(0));
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let (host, mut terminal) = (host(), Terminal::new());
    let mut child = terminal.start(&host);
    terminal.until("tcp 10.9.0.100:80");
    // The reading thread has the terminal too.
    let Terminal { master, slave, output, .. } = terminal;
    drop((master, slave, output));
    end(&mut child);
}

#[test]
fn what_is_no_terminal_is_told_of_status() {
    let told = host().tool(&["top"]).expect(1).stderr;
    assert!(told.contains("have to be a terminal (lvs-agents status prints the same once)"), "{told}");
}
