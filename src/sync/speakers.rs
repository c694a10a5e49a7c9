//! Notices that two nodes send with the same sync id: both take themselves for the director, or two pairs share an id.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Who has spoken as the director of this channel, this node included.
#[derive(Debug, Default)]
pub struct Speakers {
    /// The latest speakers, each with when it began to speak after another one.
    turns: VecDeque<(IpAddr, Instant)>,
    /// The last one's latest word.
    latest: Option<Instant>,
    clash: Option<Clash>,
}

#[derive(Debug)]
struct Clash {
    between: [IpAddr; 2],
    seen: Instant,
}

impl Speakers {
    /// Two nodes clash when they have spoken in turn so often: a role that moves from one to the other is one change, and one
    /// that moves back at once is a second.
    const TURNS: usize = 4;
    /// The time within which they have.
    const WITHIN: Duration = Duration::from_secs(20);
    /// A clash is over when only one has spoken for so long.
    const OVER: Duration = Duration::from_secs(30);

    /// Notes that a node speaks as the director.
    pub fn hear(&mut self, from: IpAddr, now: Instant) {
        self.latest = Some(now);
        if self.turns.back().is_some_and(|(last, _)| *last == from) {
            return;
        }
        let before = self.turns.back().map(|(last, _)| *last);
        self.turns.push_back((from, now));
        while self.turns.len() > Self::TURNS {
            self.turns.pop_front();
        }
        let first = self.turns.front().map(|(_, at)| *at).filter(|_| self.turns.len() == Self::TURNS);
        let has_turned = first.is_some_and(|first| now.saturating_duration_since(first) <= Self::WITHIN);
        // A clash lasts as long as another one breaks in at all.
        if let Some(before) = before.filter(|_| has_turned || self.clash.is_some()) {
            self.clash = Some(Clash { between: [before, from], seen: now });
        }
    }

    /// Returns in words who clashes with `own`, the address of this node if it is a director itself.
    pub fn clash(&mut self, own: Option<IpAddr>, now: Instant) -> Option<String> {
        if self.clash.as_ref().is_some_and(|clash| now.saturating_duration_since(clash.seen) > Self::OVER) {
            self.clash = None;
            self.turns.clear();
        }
        let [one, other] = self.clash.as_ref()?.between;
        Some(match own {
            Some(own) if own == one => other.to_string(),
            Some(own) if own == other => one.to_string(),
            _ => format!("{} and {}", one.min(other), one.max(other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [10, 0, 0, 2];

    /// Returns the clash after these words, each in its second.
    fn clash(words: &[(u64, [u8; 4])], own: Option<[u8; 4]>, at: u64) -> Option<String> {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut speakers = Speakers::default();
        words.iter().for_each(|(at, from)| speakers.hear((*from).into(), after(*at)));
        speakers.clash(own.map(Into::into), after(at))
    }

    #[test]
    fn two_that_speak_in_turn_clash_and_a_role_that_moves_does_not() {
        let both = Some("10.0.0.1 and 10.0.0.2");
        crate::testing::check_rows(
            [
                (vec![], None),
                (vec![(0, A), (5, A), (10, A)], None),
                (vec![(0, A), (1, B), (2, B), (3, B), (4, B)], None),
                (vec![(0, A), (1, B), (2, A), (3, A)], None),
                (vec![(0, A), (1, B), (2, A), (3, B)], both),
                (vec![(0, B), (5, A), (10, B), (15, A)], both),
                (vec![(0, A), (30, B), (60, A), (90, B), (120, A)], None),
            ],
            |(words, expected)| {
                let last = words.last().map_or(0, |(at, _)| *at);
                assert_eq!(clash(&words, None, last).as_deref(), expected, "{words:?}");
            },
        );
    }

    #[test]
    fn a_director_names_the_other_one() {
        let words = [(0, A), (1, B), (2, A), (3, B)];
        assert_eq!(clash(&words, Some(A), 3).as_deref(), Some("10.0.0.2"));
        assert_eq!(clash(&words, Some(B), 3).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn a_clash_ends_when_only_one_speaks() {
        let words: Vec<_> = (0..4).map(|at| (at, if at % 2 == 0 { A } else { B })).collect();
        assert!(clash(&words, Some(A), 33).is_some());
        assert_eq!(clash(&words, Some(A), 34), None);
        let more = [words.as_slice(), &[(20, A), (30, B)]].concat();
        assert!(clash(&more, Some(A), 60).is_some(), "it goes on");
    }
}
