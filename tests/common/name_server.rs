//! A name server of a test's own, whose records and faults change while it runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Host;

const POLL: Duration = Duration::from_millis(20);
const ADDRESS: &str = "127.0.0.53:53";
/// In seconds: less than the product waits at least.
const TIME_TO_LIVE: u8 = 1;

/// What it does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It answers with its records.
    Answers,
    /// It says nothing at all.
    IsSilent,
    /// It answers with this code and no record.
    Fails(u8),
    /// It answers that the answer is longer than it can say, and has no other way.
    Truncates,
}

pub const SERVER_FAILURE: Manner = Manner::Fails(2);
pub const NO_SUCH_NAME: Manner = Manner::Fails(3);

type Zone = BTreeMap<(String, u16), Vec<Vec<u8>>>;

/// The only name server of a host, until it is dropped.
pub struct NameServer {
    state: Arc<Mutex<(Zone, Manner)>>,
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    pub fn start(host: &Host) -> Self {
        host.write("/run/test/resolv.conf", "nameserver 127.0.0.53\n");
        host.sh("mount --bind /run/test/resolv.conf /etc/resolv.conf");
        let socket = host.enter(|| UdpSocket::bind(ADDRESS)).expect(ADDRESS);
        socket.set_read_timeout(Some(POLL)).expect("time limit");
        let state = Arc::new(Mutex::new((Zone::new(), Manner::Answers)));
        let (asked, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (zone, count, end) = (state.clone(), asked.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                let answer = answer(&buffer[..length], &zone.lock().expect("state"));
                if let Some(answer) = answer {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Self { state, asked, ended, thread: Some(thread) }
    }

    /// Gives a host these addresses and no others.
    pub fn host(&self, name: &str, addresses: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().expect("address")).collect();
        let ipv4 = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(address.octets().to_vec()),
            IpAddr::V6(_) => None,
        });
        let ipv6 = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address.octets().to_vec()),
        });
        let mut state = self.state.lock().expect("state");
        state.0.insert((name.into(), 1), ipv4.collect());
        state.0.insert((name.into(), 28), ipv6.collect());
    }

    /// Gives a service these hosts and no others, each with priority, weight and port.
    pub fn service(&self, name: &str, records: &[(u16, u16, u16, &str)]) {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
            let numbers = [*priority, *weight, *port].into_iter().flat_map(u16::to_be_bytes);
            numbers.chain(encoded(target)).collect()
        };
        self.state.lock().expect("state").0.insert((name.into(), 33), records.iter().map(record).collect());
    }

    pub fn becomes(&self, manner: Manner) {
        self.state.lock().expect("state").1 = manner;
    }

    /// Returns the number of questions so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

fn answer(query: &[u8], (zone, manner): &(Zone, Manner)) -> Option<Vec<u8>> {
    let (code, truncated) = match manner {
        Manner::Answers => (0, 0),
        Manner::IsSilent => return None,
        Manner::Fails(code) => (*code, 0),
        Manner::Truncates => (0, 2),
    };
    let (mut name, mut at) = (Vec::new(), 12);
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        name.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let record_type = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let question = &query[12..at + 5];
    let known = zone.get(&(name.join("."), record_type)).filter(|_| *manner == Manner::Answers);
    let records = known.map(Vec::as_slice).unwrap_or_default();
    let is_known = known.is_some() || *manner != Manner::Answers;
    let code = if is_known { code } else { 3 };
    let counts = [0, 1, 0, records.len() as u8, 0, 0, 0, 0];
    let header = [&query[..2], &[0x84 | truncated, 0x80 | code], &counts].concat();
    let mut message = [header.as_slice(), question].concat();
    for data in records {
        let [high, low] = record_type.to_be_bytes();
        message.extend([0xc0, 12, high, low, 0, 1, 0, 0, 0, TIME_TO_LIVE, 0, data.len() as u8]);
        message.extend(data);
    }
    Some(message)
}
