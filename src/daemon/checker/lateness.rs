//! Measures by how much checks start late. Pure.

use std::time::{Duration, Instant};

/// Lateness is forgotten when one to two windows have passed without it: a number that is read once a second or less
/// often must not miss a peak between two looks.
const WINDOW: Duration = Duration::from_secs(1);

/// The greatest lateness of the last one to two seconds.
#[derive(Debug)]
pub struct Lateness {
    since: Instant,
    current: Duration,
    former: Duration,
}

impl Lateness {
    pub fn new(now: Instant) -> Self {
        Self { since: now, current: Duration::ZERO, former: Duration::ZERO }
    }

    pub fn note(&mut self, late: Duration, now: Instant) {
        self.move_window(now);
        self.current = self.current.max(late);
    }

    pub fn greatest(&mut self, now: Instant) -> Duration {
        self.move_window(now);
        self.current.max(self.former)
    }

    fn move_window(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return;
        }
        self.former = if passed < WINDOW * 2 { self.current } else { Duration::ZERO };
        self.current = Duration::ZERO;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_seen_for_a_second_and_forgotten_after_two() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut lateness = Lateness::new(start);
        lateness.note(Duration::from_secs(7), at(900));
        lateness.note(Duration::from_secs(1), at(1100));
        assert_eq!(lateness.greatest(at(1900)), Duration::from_secs(7));
        assert_eq!(lateness.greatest(at(2200)), Duration::from_secs(1));
        assert_eq!(lateness.greatest(at(3300)), Duration::ZERO);
        lateness.note(Duration::from_secs(7), at(4000));
        assert_eq!(lateness.greatest(at(9000)), Duration::ZERO, "no look came for long");
    }
}
