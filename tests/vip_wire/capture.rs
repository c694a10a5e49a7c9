//! tcpdump on a neighbour, and the frames that it has written so far.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::common::{Host, until};

/// No program listens at this address, no neighbour has to be known for it, and every interface passes it on.
const EVERYBODY: &str = "224.0.0.200:9";
static MARKS: AtomicUsize = AtomicUsize::new(0);

/// A frame and the time, since 1970, at which the kernel handed it over.
#[derive(Debug, Clone)]
pub struct Frame {
    pub at: Duration,
    pub bytes: Vec<u8>,
}

pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("clock")
}

pub struct Capture(PathBuf);

impl Capture {
    /// Records every frame from now on.
    pub fn on(host: &Host, nic: &str) -> Self {
        needs(host, "tcpdump", "tcpdump");
        let (file, words) = (format!("/run/test/{nic}.pcap"), format!("/run/test/{nic}.log"));
        let options = "--immediate-mode --packet-buffered --buffer-size=16384 --relinquish-privileges=root";
        host.sh(&format!("tcpdump {options} -i {nic} -w {file} </dev/null >{words} 2>&1 &"));
        until("tcpdump listens", || host.read(&words).contains("listening on").then_some(()));
        Self(host.path(&file))
    }

    /// Returns the frames up to one that `sender` sends for that purpose, from its address `source`.
    pub fn frames(&self, sender: &Host, source: &'static str) -> Vec<Frame> {
        let mark = format!("mark {}.", MARKS.fetch_add(1, Ordering::Relaxed)).into_bytes();
        let payload = mark.clone();
        sender.enter(move || {
            let socket = UdpSocket::bind((source, 0)).expect(source);
            socket.send_to(&payload, EVERYBODY).expect("send");
        });
        until("the mark is in the capture", || {
            let mut frames = self.so_far();
            let is_mark = |frame: &Frame| frame.bytes.windows(mark.len()).any(|window| window == mark);
            let end = frames.iter().position(is_mark)?;
            frames.truncate(end);
            Some(frames)
        })
    }

    fn so_far(&self) -> Vec<Frame> {
        /// The lengths of the headers of the file and of each record.
        const HEADERS: (usize, usize) = (24, 16);
        let bytes = std::fs::read(&self.0).unwrap_or_default();
        let mut rest = bytes.get(HEADERS.0..).unwrap_or_default();
        let mut frames = Vec::new();
        while let Some((header, body)) = rest.split_at_checked(HEADERS.1) {
            let number = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_ne_bytes);
            let Some((frame, next)) = body.split_at_checked(number(8) as usize) else { break };
            let at = Duration::from_secs(number(0).into()) + Duration::from_micros(number(4).into());
            frames.push(Frame { at, bytes: frame.to_vec() });
            rest = next;
        }
        frames
    }
}

/// Fails without `program`: a comparison that passed without what it compares with would say nothing.
pub fn needs(host: &Host, program: &str, package: &str) {
    let found = host.sh(&format!("command -v {program} || true"));
    assert!(!found.is_empty(), "{program} is missing: this test needs the Debian package {package}");
}

impl Frame {
    pub fn sender(&self) -> &[u8] {
        self.bytes.get(6..12).unwrap_or_default()
    }

    /// Whether the frame is ARP, or a neighbour solicitation or advertisement in the name of an address, with a VLAN
    /// tag or without.
    pub fn is_for_neighbours(&self) -> bool {
        let bytes = &self.bytes;
        let at = if bytes.get(12..14) == Some(&[0x81, 0]) { 16 } else { 12 };
        let Some((kind, packet)) = bytes.get(at..).and_then(|rest| rest.split_at_checked(2)) else { return false };
        match kind {
            [8, 6] => true,
            [0x86, 0xdd] => {
                let is_discovery = packet.get(6) == Some(&58) && matches!(packet.get(40), Some(135 | 136));
                // The kernel looks for duplicates of its own link-local address without the name of an address.
                is_discovery && packet.get(8..24) != Some(&[0; 16])
            }
            _ => false,
        }
    }
}
