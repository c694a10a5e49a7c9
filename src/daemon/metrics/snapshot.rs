//! What is shown, gathered from the loop, the kernel and the sink.

use std::fs;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use super::{CheckTimes, SharedTimes};
use crate::daemon::control::ControlCall;
use crate::daemon::protocol::{ControlReply, ControlRequest, HealthMonitorStatus};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::TableUsage;

/// How old an answer may be. Whoever asks more often gets the same again.
const AGE: Duration = Duration::from_secs(1);
/// How long the loop may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The kernel's totals, of the network namespace of the thread.
const TOTALS: &str = "/proc/thread-self/net/ip_vs_stats";

/// The kernel's totals since it has IPVS: connections, packets and bytes to the real servers and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub connections: u64,
    pub in_packets: u64,
    pub out_packets: u64,
    pub in_bytes: u64,
    pub out_bytes: u64,
}

/// What is known at one moment. `None` stands for what does not answer.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub status: Option<HealthMonitorStatus>,
    pub totals: Option<Totals>,
    pub usage: Option<TableUsage>,
    pub times: CheckTimes,
    pub texts: Texts,
}

/// The texts of a snapshot, each made when it is asked for first, and once.
#[derive(Debug, Default)]
pub struct Texts {
    pub exposition: OnceLock<Bytes>,
    pub page: OnceLock<Bytes>,
}

/// Gathers snapshots.
pub struct SnapshotSource {
    forward: Box<dyn Fn(ControlCall) -> bool + Send + Sync>,
    times: SharedTimes,
    last: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl SnapshotSource {
    pub fn new(forward: Box<dyn Fn(ControlCall) -> bool + Send + Sync>, times: SharedTimes) -> Self {
        Self { forward, times, last: Mutex::new(None) }
    }

    /// Returns what is known. Those that ask at the same time wait for one answer.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = last.as_ref().filter(|(at, _)| at.elapsed() < AGE) {
            return Arc::clone(known);
        }
        let ipvs = Ipvs::open_loaded().ok().flatten();
        let known = Arc::new(Snapshot {
            status: self.status(),
            totals: fs::read_to_string(TOTALS).ok().and_then(|text| totals(&text)),
            usage: ipvs.and_then(|mut ipvs| ipvs.usage().ok()),
            times: self.times.lock().clone(),
            texts: Texts::default(),
        });
        *last = Some((Instant::now(), Arc::clone(&known)));
        known
    }

    fn status(&self) -> Option<HealthMonitorStatus> {
        let ((reply, answer), (_sending, sent)) = (channel(), channel());
        let call = ControlCall { request: ControlRequest::Status, reply, sent };
        if !(self.forward)(call) {
            return None;
        }
        match answer.recv_timeout(PATIENCE) {
            Ok(ControlReply::Status(status)) => Some(*status),
            _ => None,
        }
    }
}

/// Reads the first line of numbers, which are hexadecimal (`ip_vs_stats_show` in net/netfilter/ipvs/ip_vs_ctl.c).
fn totals(text: &str) -> Option<Totals> {
    let numbers = text.lines().nth(2)?.split_whitespace().map(|word| u64::from_str_radix(word, 16));
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
    let [connections, in_packets, out_packets, in_bytes, out_bytes] = numbers.try_into().ok()?;
    Some(Totals { connections, in_packets, out_packets, in_bytes, out_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_totals_are_hexadecimal() {
        let text = "   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            \
                    Bytes            Bytes\n      1A       FF        0               10 1122334455667788\n\n Conns/s   Pkts/s\n";
        let expected =
            Totals { connections: 26, in_packets: 255, out_packets: 0, in_bytes: 16, out_bytes: 0x1122_3344_5566_7788 };
        assert_eq!(totals(text), Some(expected));
        assert_eq!(totals("Total\nConns\n 1 2 3\n"), None);
    }
}
