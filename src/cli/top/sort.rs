//! By which column the rows are sorted. Pure.

use std::cmp::Ordering;

use clap::ValueEnum;

use super::history::Rates;
use super::model::Server;
use crate::cli::status::State;

/// A column by which rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// As configured
    Name,
    /// What is wrong first
    Health,
    /// The weight in the kernel
    Weight,
    /// Established connections
    Active,
    /// Connections in other states
    Inactive,
    /// New connections in a second
    Connections,
    /// Bytes to the real server in a second
    In,
    /// Bytes from it in a second
    Out,
}

impl SortKey {
    /// Returns the next column to the right; the first follows the last.
    pub fn next(self) -> Self {
        self.neighbour(1)
    }

    /// Returns the next column to the left.
    pub fn previous(self) -> Self {
        self.neighbour(Self::value_variants().len().saturating_sub(1))
    }

    fn neighbour(self, distance: usize) -> Self {
        let all = Self::value_variants();
        let place = all.iter().position(|key| *key == self).unwrap_or_default();
        all.get((place + distance) % all.len()).copied().unwrap_or(self)
    }

    /// Whether rates decide, which have to be read for every service then.
    pub fn needs_rates(self) -> bool {
        matches!(self, Self::Connections | Self::In | Self::Out)
    }
}

/// What of a row, or of all rows of a service, decides.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weights {
    pub weight: u64,
    pub active: u64,
    pub inactive: u64,
    pub rates: Rates,
}

impl Weights {
    pub fn of(server: &Server) -> Self {
        Self {
            weight: server.weight.unwrap_or_default().into(),
            active: server.active.into(),
            inactive: server.inactive.into(),
            rates: server.rates.unwrap_or_default(),
        }
    }

    pub fn sum(servers: &[Server]) -> Self {
        servers.iter().map(Self::of).fold(Self::default(), |sum, one| Self {
            weight: sum.weight + one.weight,
            active: sum.active + one.active,
            inactive: sum.inactive + one.inactive,
            rates: sum.rates + one.rates,
        })
    }

    /// Compares so that the larger comes first. Names and health have no number.
    fn cmp(&self, other: &Self, key: SortKey) -> Ordering {
        match key {
            SortKey::Name | SortKey::Health => Ordering::Equal,
            SortKey::Weight => other.weight.cmp(&self.weight),
            SortKey::Active => other.active.cmp(&self.active),
            SortKey::Inactive => other.inactive.cmp(&self.inactive),
            SortKey::Connections => other.rates.connections.total_cmp(&self.rates.connections),
            SortKey::In => other.rates.incoming.total_cmp(&self.rates.incoming),
            SortKey::Out => other.rates.outgoing.total_cmp(&self.rates.outgoing),
        }
    }
}

/// Sorts values by what `of` tells of each. Equal ones stay as they are configured.
pub fn sort<T>(values: &mut [T], key: SortKey, is_reversed: bool, of: impl Fn(&T) -> (State, Weights)) {
    let compare = |one: &T, other: &T| {
        let ((state, weights), (other_state, other_weights)) = (of(one), of(other));
        match key {
            SortKey::Health => other_state.cmp(&state),
            _ => weights.cmp(&other_weights, key),
        }
    };
    if key == SortKey::Name {
        if is_reversed {
            values.reverse();
        }
    } else if is_reversed {
        values.sort_by(|one, other| compare(other, one));
    } else {
        values.sort_by(compare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_go_round_in_both_directions() {
        assert_eq!(SortKey::Name.next(), SortKey::Health);
        assert_eq!(SortKey::Out.next(), SortKey::Name);
        assert_eq!(SortKey::Name.previous(), SortKey::Out);
        for key in SortKey::value_variants() {
            assert_eq!(key.next().previous(), *key);
        }
    }

    #[test]
    fn the_larger_comes_first_the_worse_comes_first_and_equal_ones_stay() {
        let row = |name: char, state, active| (name, state, Weights { active, ..Weights::default() });
        let rows = [row('a', State::Well, 1), row('b', State::Unserved, 5), row('c', State::Well, 5)];
        crate::testing::check_rows(
            [
                (SortKey::Name, false, "abc"),
                (SortKey::Name, true, "cba"),
                (SortKey::Active, false, "bca"),
                (SortKey::Active, true, "abc"),
                (SortKey::Health, false, "bac"),
                (SortKey::Health, true, "acb"),
                (SortKey::Weight, false, "abc"),
            ],
            |(key, is_reversed, expected)| {
                let mut sorted = rows;
                sort(&mut sorted, key, is_reversed, |(_, state, weights)| (*state, *weights));
                assert_eq!(sorted.iter().map(|(name, ..)| *name).collect::<String>(), expected);
            },
        );
    }
}
