//! Decides when it is time to remind of a real server that is away. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::model::{RealServerKey, ServiceKey};

type Place = (ServiceKey, RealServerKey);

/// How often the list is gone through: no frequency is a shorter one.
const LOOK: Duration = Duration::from_secs(1);

/// The real servers that are away, each with the time of the last mail about it.
#[derive(Debug, Default)]
pub struct Reminders {
    away: BTreeMap<Place, Instant>,
    looked_at: Option<Instant>,
}

impl Reminders {
    /// Takes whether a real server serves. One that is away already keeps its time.
    pub fn note(&mut self, place: Place, serves: bool, now: Instant) {
        if serves {
            self.away.remove(&place);
        } else {
            self.away.entry(place).or_insert(now);
        }
    }

    /// Forgets what is no longer configured.
    pub fn keep_only(&mut self, configured: &BTreeSet<Place>) {
        self.away.retain(|place, _| configured.contains(place));
    }

    /// Returns the real servers of which a reminder is due now. A frequency of zero is none.
    pub fn due(&mut self, now: Instant, frequency: impl Fn(&ServiceKey) -> Duration) -> Vec<Place> {
        let is_fresh = self.looked_at.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK);
        if self.away.is_empty() || is_fresh {
            return Vec::new();
        }
        self.looked_at = Some(now);
        let mut due = Vec::new();
        for (place, last) in &mut self.away {
            let every = frequency(&place.0);
            if !every.is_zero() && now.saturating_duration_since(*last) >= every {
                *last = now;
                due.push(*place);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> Place {
        let service = format!("tcp 192.0.2.1:{port}").parse().expect("key");
        (service, "192.0.2.2:80".parse().expect("key"))
    }

    /// Returns the seconds at which reminders come, of two minutes.
    fn seconds(reminders: &mut Reminders, start: Instant, from: u64, every: u64) -> Vec<u64> {
        let at = |second| start + Duration::from_secs(second);
        let due = |second: &u64| !reminders.due(at(*second), |_| Duration::from_secs(every)).is_empty();
        (from..120).filter(due).collect()
    }

    #[test]
    fn a_reminder_comes_at_each_frequency_until_the_server_is_back_or_gone_and_never_without_one() {
        let start = Instant::now();
        let mut reminders = Reminders::default();
        reminders.note(place(80), false, start);
        assert_eq!(seconds(&mut reminders, start, 0, 0), [0_u64; 0]);
        reminders.looked_at = None;
        reminders.note(place(80), false, start + Duration::from_secs(10));
        assert_eq!(seconds(&mut reminders, start, 0, 50), [50, 100], "from the first");
        reminders.keep_only(&[place(80)].into());
        let later = start + Duration::from_secs(120);
        assert_eq!(seconds(&mut reminders, later, 0, 100), [80], "with the frequency of the new file");
        reminders.note(place(80), true, later);
        assert_eq!(seconds(&mut reminders, later + Duration::from_secs(120), 0, 1), [0_u64; 0], "it is back");
        reminders.note(place(80), false, later);
        reminders.keep_only(&[place(81)].into());
        assert_eq!(seconds(&mut reminders, later + Duration::from_secs(240), 0, 1), [0_u64; 0], "it is gone");
    }
}
