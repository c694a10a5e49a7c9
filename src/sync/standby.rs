//! When a standby says how many connections it knows, and what it makes of what the director says. Pure.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Coverage, Notice, SyncEvent};

/// A node that takes over when the director dies.
#[derive(Debug)]
pub struct Standby {
    run: u32,
    spoke: Option<Instant>,
    coverage: Option<Coverage>,
    /// When it heard the director last.
    heard: Option<Instant>,
    is_warm: bool,
}

impl Standby {
    /// How often it speaks while it lags behind, so that it soon does so no more.
    const BEHIND: Duration = Duration::from_millis(250);
    /// How often it speaks when hardly a connection is missing, as those do that came a moment ago.
    const NEARLY: Duration = Duration::from_secs(1);
    /// How often it speaks when none is missing.
    const COMPLETE: Duration = Duration::from_secs(5);
    /// A director that lives speaks every three seconds at least.
    const SILENT: Duration = Duration::from_secs(20);

    /// Creates a standby that has not spoken yet. `run` tells it from an earlier one with the same address.
    pub fn new(run: u32) -> Self {
        Self { run, spoke: None, coverage: None, heard: None, is_warm: false }
    }

    /// Notes what the director has, and what this node knows at that moment.
    pub fn hear(&mut self, director: IpAddr, connections: u32, known: u32, now: Instant) -> Option<SyncEvent> {
        self.heard = Some(now);
        let coverage = Coverage { known, connections };
        let before = self.coverage.replace(coverage);
        if coverage.per_cent() == 100 && before.is_none_or(|before| before.per_cent() < 100) {
            // The director waits for that, and would not hear it for some time.
            self.spoke = None;
        }
        let was_warm = self.is_warm;
        self.is_warm = coverage.is_warm(was_warm);
        (before.is_none() || was_warm != self.is_warm).then_some(SyncEvent::Knows { director, coverage })
    }

    /// Returns when it speaks next.
    pub fn next_word(&self, now: Instant) -> Instant {
        let pause = match self.coverage.map(Coverage::per_cent) {
            Some(100) => Self::COMPLETE,
            Some(0..98) => Self::BEHIND,
            // Without a director there is none that answers.
            _ => Self::NEARLY,
        };
        self.spoke.map_or(now, |spoke| spoke + pause)
    }

    /// Returns what it says now, when it knows so many connections.
    pub fn speak(&mut self, known: u32, now: Instant) -> Notice {
        self.spoke = Some(now);
        Notice::Standby { connections: known, run: self.run }
    }

    /// Returns what it knew when it last heard the director; `None` when it never did. After the director's death this is what
    /// it takes over.
    pub fn coverage(&self) -> Option<Coverage> {
        self.coverage
    }

    /// Whether the director was heard, and is not any more: it is dead, or the channel between the two is broken.
    pub fn hears_no_more(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_duration_since(heard) > Self::SILENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn director() -> IpAddr {
        [10, 0, 0, 1].into()
    }

    #[test]
    fn it_speaks_at_once_and_the_more_often_the_less_it_knows() {
        let now = Instant::now();
        let mut standby = Standby::new(7);
        assert_eq!(standby.next_word(now), now);
        assert_eq!(standby.speak(3, now), Notice::Standby { connections: 3, run: 7 });
        assert_eq!(standby.next_word(now) - now, Duration::from_secs(1), "no director");
        crate::testing::check_rows(
            [(0, 250), (97, 250), (98, 1000), (99, 1000), (100, 5000), (101, 5000)],
            |(known, pause)| {
                let mut standby = Standby::new(7);
                standby.hear(director(), 100, known, now);
                standby.speak(known, now);
                assert_eq!((standby.next_word(now) - now).as_millis(), pause, "{known}");
            },
        );
    }

    #[test]
    fn it_says_at_once_that_nothing_is_missing_any_more() {
        let now = Instant::now();
        let mut standby = Standby::new(7);
        for (known, waits) in [(50, true), (100, false), (100, true), (99, true), (100, false)] {
            standby.speak(known, now);
            standby.hear(director(), 100, known, now);
            assert_eq!(standby.next_word(now) > now, waits, "{known}");
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let (mut standby, now) = (Standby::new(7), Instant::now());
        let mut told = |known| {
            standby.hear(director(), 100, known, now).map(|event| match event {
                SyncEvent::Knows { coverage, .. } => coverage.per_cent(),
                other => panic!("{other:?}"),
            })
        };
        let told: Vec<_> = [10, 20, 100, 95, 91, 100, 50, 60, 99].into_iter().map(&mut told).collect();
        assert_eq!(told, [Some(10), None, Some(100), None, None, None, Some(50), None, Some(99)]);
    }

    #[test]
    fn what_it_knew_stays_known_when_the_director_falls_silent() {
        let (mut standby, now) = (Standby::new(7), Instant::now());
        assert_eq!(standby.coverage(), None);
        assert!(!standby.hears_no_more(now + Standby::SILENT * 2), "it has never heard one");
        standby.hear(director(), 200, 100, now);
        assert!(!standby.hears_no_more(now + Standby::SILENT));
        assert!(standby.hears_no_more(now + Standby::SILENT * 2));
        assert_eq!(standby.coverage().map(Coverage::per_cent), Some(50));
        standby.speak(0, Instant::now() + Duration::from_secs(1000));
        assert_eq!(standby.coverage().map(Coverage::per_cent), Some(50));
    }
}
