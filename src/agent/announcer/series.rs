//! When announcements are sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `count` announcements, each `interval` after the one before, and all of them again `repeat_after` the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// How often each address is announced; 0 means not at all.
    pub count: u32,
    /// The time from one announcement of an address to the next.
    pub interval: Duration,
    /// The time after which the whole series is sent once more.
    pub repeat_after: Option<Duration>,
}

impl Series {
    /// Returns the time of each announcement after the first one, counted from the first one, in order.
    pub fn offsets(&self) -> Vec<Duration> {
        let burst = |from: Duration, numbers: std::ops::Range<u32>| {
            // Users write a great number for "never", so the sum must not overflow.
            numbers.map(move |number| from.saturating_add(self.interval * number)).collect::<Vec<_>>()
        };
        let end = self.interval * self.count;
        let again = self.repeat_after.map(|after| burst(after.max(end), 0..self.count));
        [burst(Duration::ZERO, 1..self.count), again.unwrap_or_default()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_sent_by_start_and_the_second_burst_never_overlaps_the_first() {
        let offsets = |count, repeat_after: Option<u64>| {
            let repeat_after = repeat_after.map(Duration::from_millis);
            let series = Series { count, interval: Duration::from_millis(200), repeat_after };
            series.offsets().iter().map(Duration::as_millis).collect::<Vec<_>>()
        };
        assert_eq!(offsets(0, None), [0; 0]);
        assert_eq!(offsets(1, None), [0; 0]);
        assert_eq!(offsets(3, None), [200, 400]);
        assert_eq!(offsets(1, Some(5000)), [5000]);
        assert_eq!(offsets(3, Some(5000)), [200, 400, 5000, 5200, 5400]);
        assert_eq!(offsets(3, Some(300)), [200, 400, 600, 800, 1000]);
        assert_eq!(offsets(2, Some(u64::MAX)).len(), 3);
    }
}
