//! What has passed and what was open at a real server in the last minute. Pure: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cli::status::TrafficRow;

/// How many looks a history has.
pub const LENGTH: usize = 60;

/// What passes in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// New connections.
    pub connections: f64,
    /// Bytes to the real server.
    pub incoming: f64,
    /// Bytes from it, as far as they come this way.
    pub outgoing: f64,
}

impl std::ops::Add for Rates {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            incoming: self.incoming + other.incoming,
            outgoing: self.outgoing + other.outgoing,
        }
    }
}

/// The history of one real server.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Its open connections at each look, the latest last.
    open: VecDeque<u32>,
    /// Its counters, and when they were read.
    counters: Option<(Duration, TrafficRow)>,
    /// From the last two counters; `None` where they are not known.
    pub rates: Option<Rates>,
}

impl History {
    /// Adds a look. `at` is the time since any fixed moment.
    pub fn add(&mut self, at: Duration, open: u32, counters: Option<TrafficRow>) {
        if self.open.len() == LENGTH {
            self.open.pop_front();
        }
        self.open.push_back(open);
        self.rates =
            self.counters.zip(counters).and_then(|((before, old), new)| rates(old, new, at.checked_sub(before)?));
        self.counters = counters.map(|counters| (at, counters));
    }

    /// Returns the last looks as a line of so many characters, each as high as its share of the largest number. `is_plain`
    /// does without characters outside of ASCII.
    pub fn line(&self, width: usize, is_plain: bool) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const PLAIN: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
        let levels = if is_plain { PLAIN } else { BLOCKS };
        let most = u64::from(self.open.iter().copied().max().unwrap_or_default()).max(1);
        let level = |open: &u32| {
            let level = (u64::from(*open) * 7).div_ceil(most);
            levels.get(level as usize).copied().unwrap_or(' ')
        };
        self.open.iter().skip(self.open.len().saturating_sub(width)).map(level).collect()
    }
}

/// A counter that is smaller than before is that of a new entry, or has begun anew.
fn rates(old: TrafficRow, new: TrafficRow, time: Duration) -> Option<Rates> {
    let seconds = Some(time.as_secs_f64()).filter(|seconds| *seconds > 0.0)?;
    let rate = |old: u64, new: u64| new.checked_sub(old).map(|passed| passed as f64 / seconds);
    Some(Rates {
        connections: rate(old.connections, new.connections)?,
        incoming: rate(old.in_bytes, new.in_bytes)?,
        outgoing: rate(old.out_bytes, new.out_bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(connections: u64) -> Option<TrafficRow> {
        Some(TrafficRow { connections, in_bytes: connections * 100, ..TrafficRow::default() })
    }

    #[test]
    fn a_rate_is_the_difference_of_two_counters_and_unknown_where_they_were_set_back() {
        let mut history = History::default();
        let mut at = |seconds, connections| {
            history.add(Duration::from_secs(seconds), 1, connections);
            history.rates
        };
        assert_eq!(at(10, counters(5)), None);
        let expected = Rates { connections: 10.0, incoming: 1000.0, outgoing: 0.0 };
        assert_eq!(at(12, counters(25)), Some(expected));
        assert_eq!(at(12, counters(25)), None, "no time has passed");
        assert_eq!(at(13, counters(3)), None, "a new entry");
        assert_eq!(at(14, counters(4)).map(|rates| rates.connections), Some(1.0));
        assert_eq!(at(15, None), None);
        assert_eq!(at(16, counters(9)), None, "nothing to compare with");
    }

    #[test]
    fn the_line_has_the_latest_looks_by_their_share_of_the_largest() {
        let mut history = History::default();
        for open in [0, 1, 7, 14, 14, 0] {
            history.add(Duration::ZERO, open, None);
        }
        assert_eq!(history.line(10, false), "▁▂▅██▁");
        assert_eq!(history.line(3, true), "##_");
        assert_eq!(History::default().line(10, false), "");
        (0..200).for_each(|_| history.add(Duration::ZERO, u32::MAX, None));
        assert_eq!(history.line(1000, true), "#".repeat(LENGTH));
    }
}
