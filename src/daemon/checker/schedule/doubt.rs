//! Whether the results of a check contradict what is known of its server. The members of the pools that subscribe to it count
//! the same results for themselves; here they only say how soon the check is made again.

use crate::daemon::checker::DoubtInterval;
use crate::health::Outcome;

/// What the results of one check say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doubt {
    /// What the last full row of equal results said; `None` before the first one.
    is_well: Option<bool>,
    /// The results in a row that say the contrary, or the first ones.
    contrary: u32,
    /// What those say.
    says_well: bool,
}

impl Doubt {
    /// Takes a result. One that could not be made says nothing.
    pub fn note(&mut self, outcome: &Outcome, limits: Option<DoubtInterval>) {
        let is_good = match outcome {
            Outcome::NotAsked(_) => return,
            Outcome::Bad(_) => false,
            Outcome::Good | Outcome::Alive | Outcome::Advised(_) => true,
        };
        if self.is_well == Some(is_good) {
            self.contrary = 0;
            return;
        }
        let is_next = self.contrary > 0 && self.says_well == is_good;
        (self.contrary, self.says_well) = (if is_next { self.contrary + 1 } else { 1 }, is_good);
        let limit = limits.map_or(1, |limits| if is_good { limits.successes } else { limits.failures });
        if self.contrary >= limit {
            *self = Self { is_well: Some(is_good), ..Self::default() };
        }
    }

    pub fn stands(self) -> bool {
        self.contrary > 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_server_is_in_doubt_from_the_first_contrary_result_until_the_row_is_full_or_broken() {
        let limits = DoubtInterval { interval: Duration::from_secs(1), failures: 3, successes: 2 };
        check_rows(
            [
                // Results (g: good, b: bad, n: not made), and after which of them there is doubt.
                ("gggg", "?..."),
                ("ggbbb", "?.??."),
                ("ggbbbgg", "?.??.?."),
                ("ggbgbg", "?.?.?."),
                ("ggbnbb", "?.???."),
                ("bbbb", "??.."),
                ("bgbbb", "????."),
                ("nngg", "..?."),
            ],
            |(results, expected)| {
                let mut doubt = Doubt::default();
                let seen = results.chars().map(|result| {
                    let outcome = match result {
                        'g' => Outcome::Good,
                        'b' => Outcome::Bad("refused".into()),
                        _ => Outcome::NotAsked("no descriptors".into()),
                    };
                    doubt.note(&outcome, Some(limits));
                    if doubt.stands() { '?' } else { '.' }
                });
                let seen: String = seen.collect();
                assert_eq!(seen, expected);
            },
        );
    }
}
