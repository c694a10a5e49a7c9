//! When the director sends its whole table of connections, and when it says how many it has. Pure.
//!
//! The kernel's daemon sends what has traffic; the whole table is for a standby that comes later, or has lost some of it. To
//! read the table costs time that grows with its square, so it is read the less often the longer that takes, and the less
//! often the less it helps.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Coverage, Notice, SyncEvent};

/// What the director shall do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectorStep {
    /// It sends its whole table, and reports that with [`Director::sent`].
    SendTable,
    /// It sends a notice.
    Speak(Notice),
    /// It waits.
    Wait,
}

/// What a sending of the whole table was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sending {
    /// The connections that the kernel counts and that were not sent, such as unfinished handshakes.
    pub withheld: u32,
    /// The time that the reading took, without the pauses between datagrams.
    pub cost: Duration,
}

/// A standby that has spoken.
#[derive(Debug)]
struct HeardStandby {
    run: u32,
    known: u32,
    heard: Instant,
    /// Nothing has been sent since it came.
    is_new: bool,
    /// It has spoken since the last judgement.
    is_fresh: bool,
    is_warm: Option<bool>,
}

/// The active director.
#[derive(Debug, Default)]
pub struct Director {
    standbys: BTreeMap<IpAddr, HeardStandby>,
    /// The last sending, and when it ended.
    last: Option<(Sending, Instant)>,
    /// The most connections that a standby lacked before the last sending.
    lack: u32,
    /// How many sendings in a row have changed nothing.
    in_vain: u32,
    connections: u32,
    spoke: Option<Instant>,
    is_asked: bool,
    has_too_many: bool,
    events: Vec<SyncEvent>,
}

impl Director {
    /// More standbys than this are not heard: their addresses may be forged.
    const MOST_STANDBYS: usize = 16;
    /// More connections than this are not read: on kernels that read in square time this takes ten seconds and more.
    const MOST_CONNECTIONS: u32 = 100_000;
    /// Up to here every single connection counts; above, one in a hundred may be missing.
    const EVERY_ONE: u32 = 30_000;
    /// The shortest pause after a sending, and the longest one that a sending in vain leads to.
    const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
    /// The reading takes at most one part in this many of the time.
    const SHARE: u32 = 10;
    /// The shortest time between two answers.
    const ANSWER: Duration = Duration::from_millis(200);
    /// The longest time between two notices, by which another director is noticed too.
    const UNASKED: Duration = Duration::from_secs(3);
    /// A standby that has been silent for so long is one no more.
    const SILENT: Duration = Duration::from_secs(20);

    /// Notes what a standby says.
    pub fn hear(&mut self, from: IpAddr, known: u32, run: u32, now: Instant) {
        let is_full = self.standbys.len() >= Self::MOST_STANDBYS;
        if is_full && !self.standbys.contains_key(&from) {
            return;
        }
        let before = self.standbys.remove(&from).filter(|before| before.run == run);
        let (is_new, is_warm) = before.map_or((true, None), |before| (before.is_new, before.is_warm));
        self.standbys.insert(from, HeardStandby { run, known, heard: now, is_new, is_fresh: true, is_warm });
        self.is_asked = true;
    }

    /// Returns when [`Director::judge`] has something to do, as far as is known now.
    pub fn next_step(&self, now: Instant) -> Instant {
        let pause = if self.is_asked { Self::ANSWER } else { Self::UNASKED };
        self.spoke.map_or(now, |spoke| spoke + pause)
    }

    /// Decides what to do when the kernel has so many connections.
    pub fn judge(&mut self, connections: u32, now: Instant) -> DirectorStep {
        self.standbys.retain(|_, standby| now.saturating_duration_since(standby.heard) < Self::SILENT);
        let withheld = self.last.map_or(0, |(last, _)| last.withheld);
        self.connections = connections.saturating_sub(withheld);
        self.note_coverage();
        let lack = self.lack_of_fresh();
        let is_new = self.standbys.values().any(|standby| standby.is_new);
        if (is_new || lack > self.tolerated()) && self.may_send(is_new, lack, now) {
            return DirectorStep::SendTable;
        }
        self.standbys.values_mut().for_each(|standby| standby.is_fresh = false);
        if now < self.next_step(now) {
            return DirectorStep::Wait;
        }
        self.spoke = Some(now);
        self.is_asked = false;
        DirectorStep::Speak(Notice::Director { connections: self.connections })
    }

    /// Notes that the whole table was sent. What standbys have said until now is out of date.
    pub fn sent(&mut self, sending: Sending, now: Instant) {
        self.last = Some((sending, now));
        for standby in self.standbys.values_mut() {
            standby.is_new = false;
            standby.is_fresh = false;
        }
        // They learn at once how many there are.
        self.is_asked = true;
        self.spoke = None;
    }

    /// Notes that a sending failed: it is tried again after the longest pause.
    pub fn failed(&mut self, now: Instant) {
        let [_, longest] = Self::PAUSE;
        let withheld = self.last.map_or(0, |(last, _)| last.withheld);
        self.last = Some((Sending { withheld, cost: longest / Self::SHARE }, now));
    }

    /// Whether the latest connections are sent when this node is about to be demoted: a standby listens, and they are so few
    /// that reading them does not hold the demotion up.
    pub fn may_send_latest(&self) -> bool {
        !self.standbys.is_empty() && self.connections <= Self::EVERY_ONE
    }

    /// Returns what has changed since the last call.
    pub fn take_events(&mut self) -> Vec<SyncEvent> {
        std::mem::take(&mut self.events)
    }

    /// Returns each standby with what it knows.
    pub fn standbys(&self) -> impl Iterator<Item = (IpAddr, Coverage)> {
        let connections = self.connections;
        self.standbys.iter().map(move |(address, standby)| (*address, Coverage { known: standby.known, connections }))
    }

    /// Returns how many connections it has of which a standby can know.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    fn note_coverage(&mut self) {
        let connections = self.connections;
        for (address, standby) in self.standbys.iter_mut().filter(|(_, standby)| standby.is_fresh) {
            let coverage = Coverage { known: standby.known, connections };
            let is_warm = coverage.is_warm(standby.is_warm.unwrap_or(false));
            if standby.is_warm.replace(is_warm) != Some(is_warm) {
                self.events.push(SyncEvent::StandbyKnows { standby: *address, coverage });
            }
        }
    }

    fn lack_of_fresh(&self) -> u32 {
        let fresh = self.standbys.values().filter(|standby| standby.is_fresh);
        fresh.map(|standby| self.connections.saturating_sub(standby.known)).max().unwrap_or(0)
    }

    fn tolerated(&self) -> u32 {
        if self.connections <= Self::EVERY_ONE { 0 } else { self.connections / 100 }
    }

    /// Whether the table is sent now, which this notes.
    fn may_send(&mut self, is_new: bool, lack: u32, now: Instant) -> bool {
        let has_too_many = self.connections > Self::MOST_CONNECTIONS;
        if has_too_many && !std::mem::replace(&mut self.has_too_many, has_too_many) {
            self.events.push(SyncEvent::TooMany { connections: self.connections });
        }
        self.has_too_many = has_too_many;
        let helped = is_new || u64::from(lack) * 10 <= u64::from(self.lack) * 9;
        let in_vain = if helped { 0 } else { self.in_vain.saturating_add(1) };
        let is_due = self.last.is_none_or(|(last, ended)| now >= ended + Self::pause(last.cost, in_vain));
        if has_too_many || !is_due {
            return false;
        }
        (self.in_vain, self.lack) = (in_vain, lack);
        true
    }

    fn pause(cost: Duration, in_vain: u32) -> Duration {
        let [shortest, longest] = Self::PAUSE;
        let ordinary = shortest.max(cost * Self::SHARE);
        ordinary.max((ordinary * (1 << in_vain.min(6))).min(longest))
    }
}

#[cfg(test)]
mod tests;
