//! How much weight a virtual service needs, and what becomes of it below that.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;

/// An amount of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So much.
    Weight(u32),
    /// A share of the weight that the real servers have together by the configuration, backups aside; at most 100.
    Percent(u8),
}

impl Amount {
    /// Returns the weight of this amount, rounded up, where the real servers have so much together.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Weight(weight) => weight.into(),
            Self::Percent(percent) => (total * u64::from(percent)).div_ceil(100),
        }
    }
}

impl FromStr for Amount {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new(word, "a weight such as 3, or a share of the weight such as 50%");
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse::<u32>().map_err(|_| invalid()),
            false => Err(invalid()),
        };
        match word.strip_suffix('%') {
            Some(digits) => match number(digits)?.try_into() {
                Ok(percent) if percent <= 100 => Ok(Self::Percent(percent)),
                _ => Err(invalid()),
            },
            None => number(word).map(Self::Weight),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(weight) => write!(f, "{weight}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// The weight that has to serve, and what happens where it does not. The words are keepalived's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// The weight of the real servers that serve must reach this; at least 1.
    pub required: Amount,
    /// The quorum is lost below `required` less this, and met again at `required` and this.
    pub hysteresis: Amount,
    /// What happens while it is lost.
    pub action: QuorumAction,
}

impl Default for Quorum {
    /// One real server is enough, and the fallback serves without one.
    fn default() -> Self {
        Self { required: Amount::Weight(1), hysteresis: Amount::Weight(0), action: QuorumAction::Fallback }
    }
}

impl Quorum {
    /// Returns the weight that keeps the quorum, or that brings it back where it `is_lost`. More than all have together is
    /// never asked for to come back, unless the quorum alone is more.
    pub fn threshold(self, is_lost: bool, total: u64) -> u64 {
        let required = self.required.of(total).max(1);
        let hysteresis = self.hysteresis.of(total);
        match is_lost {
            true => (required + hysteresis).min(total.max(required)),
            false => required.saturating_sub(hysteresis).max(1),
        }
    }
}

/// What happens to a service that has lost its quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuorumAction {
    /// The fallback serves alone. Without a fallback those that are well go on.
    Fallback,
    /// Those that are well go on, and those that fail from then on stay too.
    Keep,
    /// No client is served.
    Stop,
    /// Those that are well go on; `fallbackcommand` is told.
    Command,
}

impl QuorumAction {
    const ALL: [Self; 4] = [Self::Fallback, Self::Keep, Self::Stop, Self::Command];

    /// Returns the word of `quorumaction`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Keep => "keep",
            Self::Stop => "stop",
            Self::Command => "command",
        }
    }
}

impl FromStr for QuorumAction {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        let known = Self::ALL.into_iter().find(|action| action.name() == word);
        known.ok_or_else(|| InvalidValue::new(word, "fallback, keep, stop or command"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_quorum_is_lost_below_one_bound_and_met_again_at_another() {
        use Amount::{Percent, Weight};
        check_rows(
            [
                // Required, hysteresis, weight of all, bound of the loss, bound of the return.
                (Weight(1), Weight(0), 10, 1, 1),
                (Weight(3), Weight(0), 10, 3, 3),
                (Weight(3), Weight(1), 10, 2, 4),
                (Weight(3), Weight(3), 10, 1, 6),
                (Weight(9), Weight(5), 10, 4, 10),
                (Weight(20), Weight(0), 10, 20, 20),
                (Weight(0), Weight(0), 10, 1, 1),
                (Percent(50), Weight(0), 10, 5, 5),
                (Percent(50), Weight(0), 5, 3, 3),
                (Percent(50), Percent(10), 10, 4, 6),
                (Percent(100), Weight(0), 10, 10, 10),
                (Percent(100), Weight(0), 0, 1, 1),
            ],
            |(required, hysteresis, total, lost, met)| {
                let quorum = Quorum { required, hysteresis, ..Quorum::default() };
                assert_eq!((quorum.threshold(false, total), quorum.threshold(true, total)), (lost, met));
            },
        );
    }

    #[test]
    fn an_amount_is_a_weight_or_a_share_and_reads_back() {
        for word in ["0", "3", "4294967295", "0%", "50%", "100%"] {
            assert_eq!(word.parse::<Amount>().expect(word).to_string(), word);
        }
        for word in ["", "%", "101%", "-1", "+1", "4294967296", "5 %", "half", "1.5"] {
            assert!(word.parse::<Amount>().is_err(), "{word}");
        }
        for action in QuorumAction::ALL {
            assert_eq!(action.name().parse(), Ok(action));
        }
    }
}
