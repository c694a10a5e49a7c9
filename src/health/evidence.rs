//! What the connections of clients say of the real servers of a service, beside their checks: one whose own address is
//! well may still swallow every connection, since it has not the virtual IP, a filter drops it, or its way back is lost.
//!
//! The kernel's counters raise a suspicion, as they cost little: a real server that swallows gets new connections, and
//! packets of the size of a SYN alone. They are too coarse for a judgement: a flood of SYNs and a client that only looks
//! whether the port is open are of that size too. So a sample of the table of connections confirms it or does not: the new
//! connections are still half open, and of those of another real server of the service hardly any are.
//!
//! Only new connections are compared. A thousand sessions of yesterday say nothing of whether clients are answered now.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::{Family, RealServerKey};

/// The new connections in a row, none of them answered, that raise a suspicion.
const ROW: u64 = 10;
/// The time of such a row at most. A kernel keeps a half open connection for 60 s, so that all of a row are still there.
const ROW_TIME: Duration = Duration::from_secs(30);
/// How long nothing may have been swallowed when an answer ends a suspicion. Clients of older connections repeat their data and
/// their ends, and that looks like an answer.
const CALM: Duration = Duration::from_secs(5);
/// A client sends its SYN once and repeats it six times at most (`net.ipv4.tcp_syn_retries` of Linux).
const SYNS: u64 = 7;
/// The fewest half open connections of a sample that say something, and the fewest connections, and new ones, of another real
/// server.
const SAMPLE: u64 = 8;

/// What the kernel counts for a real server since it has the entry, and its connections at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// New connections. This and the next three are up to 2 s old: the kernel adds them up at that interval.
    pub connections: u64,
    /// Packets to it.
    pub in_packets: u64,
    /// Bytes to it.
    pub in_bytes: u64,
    /// Packets from it, as far as they come this way.
    pub out_packets: u64,
    /// Connections that have ended and are not forgotten yet. This and the next one are of the moment.
    pub inactive: u64,
    /// All connections, these among them.
    pub open: u64,
}

/// What a sample of the table of connections has of a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Its connections in the sample.
    pub connections: u64,
    /// Of these, those that wait for the client's second packet (`SYN_RECV`).
    pub half_open: u64,
}

/// What came to a real server between two readings in which the kernel's counters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Nothing is new.
    Quiet,
    /// New connections, and nothing but SYNs.
    Swallowed(Unanswered),
    /// A connection has carried data, has ended, or was answered.
    Answered,
    /// Neither is clear, such as many small packets.
    Unclear,
}

/// New connections of which none was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unanswered {
    /// Their number.
    pub connections: u64,
    /// The packets that came for them.
    pub packets: u64,
    /// The bytes of these packets.
    pub bytes: u64,
}

#[derive(Debug, Clone)]
struct Watched {
    counts: Counts,
    row: Unanswered,
    /// When the row began, or would have.
    since: Instant,
    recent: Recent,
    /// When it has answered, swallowed, and was suspected last.
    answered: Option<Instant>,
    swallowed: Option<Instant>,
    suspected: Option<Instant>,
}

/// The new connections of the last [`ROW_TIME`], or of half of it at least.
#[derive(Debug, Clone, Copy)]
struct Recent {
    /// When the present half began.
    begun: Instant,
    present: u64,
    before: u64,
}

/// How many of the new connections of a real server are half open, as a fraction.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    half_open: u128,
    new: u128,
}

/// As many as came.
const ALL_WAIT: Waiting = Waiting { half_open: 1, new: 1 };

/// What is known of the real servers of a service that takes TCP connections.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    watched: BTreeMap<RealServerKey, Watched>,
}

impl Evidence {
    /// Notes what the kernel counts for the real servers that take new clients, and returns those that answer and have not
    /// swallowed anything for a while. One that is not given is forgotten.
    pub fn note(
        &mut self,
        family: Family,
        counted: impl IntoIterator<Item = (RealServerKey, Counts)>,
        now: Instant,
    ) -> Vec<RealServerKey> {
        let mut before = std::mem::take(&mut self.watched);
        let mut are_well = Vec::new();
        for (key, counts) in counted {
            let mut watched = before.remove(&key).unwrap_or_else(|| Watched::new(counts, now));
            if watched.note(counts, family, now) == Reading::Answered && watched.is_calm(now) {
                are_well.push(key);
            }
            self.watched.insert(key, watched);
        }
        are_well
    }

    /// Whether a sample of the table of connections is needed: the counters suspect a real server that may be judged, and
    /// there is another one to compare it with.
    pub fn needs_sample(&self, may_be_judged: impl Fn(&RealServerKey) -> bool, now: Instant) -> bool {
        self.watched.iter().any(|(key, watched)| watched.is_suspected() && may_be_judged(key))
            && self.watched.values().any(|watched| watched.is_comparable(now))
    }

    /// Returns the real servers that the sample proves to swallow connections.
    pub fn judge(&self, sample: &BTreeMap<RealServerKey, Sample>, now: Instant) -> Vec<(RealServerKey, Unanswered)> {
        let sampled = |key| sample.get(key).copied().unwrap_or_default();
        let comparable = self.watched.iter().filter(|(_, watched)| watched.is_comparable(now));
        let sampled_well = comparable.filter(|(key, _)| sampled(key).connections >= SAMPLE);
        let best = sampled_well.map(|(key, watched)| watched.waiting(sampled(key))).min_by(Waiting::compare);
        // Under a flood no real server is well to tell.
        let Some(best) = best.filter(|best| best.is_an_eighth_of(ALL_WAIT)) else { return Vec::new() };
        let suspected = self.watched.iter().filter(|(_, watched)| watched.is_suspected());
        let proven = suspected.filter(|(key, watched)| {
            let sample = sampled(key);
            // Where the way back of all is lost, each has as many: the counters of one only show it before those of another.
            sample.proves(watched.row, watched.counts.open) && best.is_an_eighth_of(watched.waiting(sample))
        });
        proven.map(|(key, watched)| (*key, watched.row)).collect()
    }
}

impl Watched {
    fn new(counts: Counts, now: Instant) -> Self {
        Self {
            counts,
            row: Unanswered::default(),
            since: now,
            recent: Recent { begun: now, present: 0, before: 0 },
            answered: None,
            swallowed: None,
            suspected: None,
        }
    }

    fn note(&mut self, counts: Counts, family: Family, now: Instant) -> Reading {
        let reading = reading(self.counts, counts, family);
        self.recent.add(counts.connections.saturating_sub(self.counts.connections), now);
        self.counts = counts;
        if now.saturating_duration_since(self.since) > ROW_TIME {
            (self.row, self.since) = (Unanswered::default(), now);
        }
        match reading {
            Reading::Quiet => {}
            Reading::Swallowed(more) => (self.row, self.swallowed) = (self.row.and(more), Some(now)),
            Reading::Answered | Reading::Unclear => (self.row, self.since) = (Unanswered::default(), now),
        }
        if reading == Reading::Answered {
            self.answered = Some(now);
        }
        if self.is_suspected() {
            self.suspected = Some(now);
        }
        reading
    }

    fn is_suspected(&self) -> bool {
        self.row.connections >= ROW
    }

    /// Single SYNs that nothing follows come from everywhere: with answers between them they keep up no suspicion.
    fn is_calm(&self, now: Instant) -> bool {
        let is_past = |at: Option<Instant>, time| at.is_none_or(|at| now.saturating_duration_since(at) >= time);
        is_past(self.swallowed, CALM) || is_past(self.suspected, ROW_TIME)
    }

    /// Whether another one can be compared with it: it takes new clients, and answers them as far as the counters say.
    fn is_comparable(&self, now: Instant) -> bool {
        self.has_answered(now) && !self.is_suspected() && self.recent.connections() >= SAMPLE
    }

    /// Of a large table the sample has a part, which is that of all open connections.
    fn waiting(&self, sample: Sample) -> Waiting {
        let open = u128::from(self.counts.open.max(sample.connections));
        Waiting {
            half_open: u128::from(sample.half_open).saturating_mul(open),
            new: u128::from(self.recent.connections()).saturating_mul(sample.connections.into()),
        }
    }

    fn has_answered(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now.saturating_duration_since(at) <= ROW_TIME)
    }
}

impl Recent {
    fn add(&mut self, connections: u64, now: Instant) {
        let age = now.saturating_duration_since(self.begun);
        if age >= ROW_TIME / 2 {
            let before = if age < ROW_TIME { self.present } else { 0 };
            *self = Self { begun: now, present: 0, before };
        }
        self.present = self.present.saturating_add(connections);
    }

    fn connections(self) -> u64 {
        self.present.saturating_add(self.before)
    }
}

impl Waiting {
    fn compare(&self, other: &Self) -> Ordering {
        self.half_open.saturating_mul(other.new).cmp(&other.half_open.saturating_mul(self.new))
    }

    /// Whether so few wait that a row of connections of which none was answered is no chance.
    fn is_an_eighth_of(self, other: Self) -> bool {
        let eightfold = Self { half_open: self.half_open.saturating_mul(8), ..self };
        eightfold.compare(&other) != Ordering::Greater
    }
}

impl Unanswered {
    fn and(self, more: Self) -> Self {
        Self {
            connections: self.connections.saturating_add(more.connections),
            packets: self.packets.saturating_add(more.packets),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

impl Sample {
    /// Whether so many are half open as a row of unanswered ones leaves, but for a quarter. Of a large table the sample has
    /// a part, which is that of all `open` connections.
    fn proves(self, row: Unanswered, open: u64) -> bool {
        let (half_open, sampled) = (u128::from(self.half_open), u128::from(self.connections));
        let expected = u128::from(row.connections) * sampled * 3;
        self.half_open >= SAMPLE && half_open * u128::from(open.max(self.connections)) * 4 >= expected
    }
}

/// The largest SYN: a header of IP, one of TCP, and the options of macOS, which sends the most of all.
fn largest_syn(family: Family) -> u64 {
    match family {
        Family::Ipv4 => 64,
        Family::Ipv6 => 84,
    }
}

fn reading(before: Counts, now: Counts, family: Family) -> Reading {
    let risen = |of: fn(&Counts) -> u64| of(&now).checked_sub(of(&before));
    let (Some(connections), Some(packets), Some(bytes), Some(out)) = (
        risen(|counts| counts.connections),
        risen(|counts| counts.in_packets),
        risen(|counts| counts.in_bytes),
        risen(|counts| counts.out_packets),
    ) else {
        // The entry is another one than before, and counts from zero.
        return Reading::Unclear;
    };
    let is_large = bytes > packets.saturating_mul(largest_syn(family));
    // A connection that is swallowed ends by its timeout, and never counts as inactive before.
    if is_large || out > 0 || now.inactive > before.inactive {
        return Reading::Answered;
    }
    match (connections, packets) {
        (0, 0) => Reading::Quiet,
        (1.., 1..) if packets <= connections.saturating_mul(SYNS) => {
            Reading::Swallowed(Unanswered { connections, packets, bytes })
        }
        _ => Reading::Unclear,
    }
}

#[cfg(test)]
mod tests;
