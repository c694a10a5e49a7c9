//! How many questions of each other director are answered: each is a check of real servers. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// In one [`SPAN`]: a director of hundreds of services that loses its uplink asks about all of them at once.
const MOST: u32 = 256;
const SPAN: Duration = Duration::from_secs(1);

/// The questions of the present span.
#[derive(Debug)]
pub struct Rate {
    began: Instant,
    counts: HashMap<IpAddr, u32>,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Self { began: now, counts: HashMap::new() }
    }

    /// Counts a question, and returns whether it is answered.
    pub fn allows(&mut self, from: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= SPAN {
            *self = Self::new(now);
        }
        let count = self.counts.entry(from).or_default();
        *count = count.saturating_add(1);
        *count <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_asks_without_end_is_answered_so_often_and_takes_nothing_from_another_one() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        let mut answered = |from: u8, at| {
            let from = IpAddr::from([10, 9, 0, from]);
            (0..1000).filter(|_| rate.allows(from, at)).count()
        };
        assert_eq!([answered(11, now), answered(11, now + SPAN / 2), answered(12, now)], [256, 0, 256]);
        assert_eq!(answered(11, now + SPAN), 256);
    }
}
