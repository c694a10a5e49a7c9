//! The kernel's IPVS table without a process: fast enough to see states that last milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Host;

/// The weight of each IPv4 real server, whatever its service.
pub type Weights = BTreeMap<String, u32>;

pub fn weights(pairs: &[(&str, u32)]) -> Weights {
    pairs.iter().map(|(real, weight)| ((*real).to_owned(), *weight)).collect()
}

impl Host {
    pub fn weights(&self) -> Weights {
        read(&self.proc_file("net/ip_vs"))
    }
}

fn read(path: &PathBuf) -> Weights {
    fs::read_to_string(path).unwrap_or_default().lines().filter_map(real_server).collect()
}

/// `  -> 0A090101:0050      Route   1      0          0`
fn real_server(line: &str) -> Option<(String, u32)> {
    let mut words = line.trim().strip_prefix("->")?.split_whitespace();
    let (address, port) = words.next()?.split_once(':')?;
    let address = Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?);
    let weight = words.nth(1)?.parse().ok()?;
    Some((SocketAddrV4::new(address, u16::from_str_radix(port, 16).ok()?).to_string(), weight))
}

/// Looks at the table every millisecond until it is asked for what it saw.
pub struct Watcher {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<Weights>>,
}

impl Watcher {
    pub fn on(host: &Host) -> Self {
        let (path, ended) = (host.proc_file("net/ip_vs"), Arc::new(AtomicBool::new(false)));
        let end = ended.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !end.load(Ordering::Relaxed) {
                seen.insert(read(&path));
                std::thread::sleep(Duration::from_millis(1));
            }
            // The caller may have seen this state already.
            seen.insert(read(&path));
            seen
        });
        Self { ended, thread }
    }

    /// Returns every state that was there.
    pub fn seen(self) -> Vec<Weights> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("watcher").into_iter().collect()
    }
}
