//! The questions of this node that are open, and what their answers say together. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::message::{Answer, Nonce, Word};
use crate::health::{OthersAnswer, Silence};
use crate::model::ServiceKey;

/// How many questions about one service stay open, one a second: a check of another director may take that long.
const MOST_OPEN: usize = 16;

/// The questions that were asked about each service.
#[derive(Debug, Default)]
pub struct Asking(BTreeMap<ServiceKey, Asked>);

#[derive(Debug, Default)]
struct Asked {
    /// The newest is the last.
    nonces: VecDeque<Nonce>,
    /// What each of the others has answered to the newest.
    words: Vec<Option<Word>>,
}

impl Asking {
    /// Notes that so many others are asked. `begins`: what was asked before was about another failure.
    pub fn ask(&mut self, service: ServiceKey, nonce: Nonce, (others, begins): (usize, bool)) {
        let asked = self.0.entry(service).or_default();
        if begins {
            asked.nonces.clear();
        }
        if asked.nonces.len() == MOST_OPEN {
            asked.nonces.pop_front();
        }
        asked.nonces.push_back(nonce);
        asked.words = vec![None; others];
    }

    /// Forgets all questions: who is asked, or about what, is another one from now on.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the answer of one of the others, by its place, and returns what is known then. An answer to no open question is
    /// nothing, and of an earlier one only a real server that is reached is news.
    pub fn note(&mut self, answer: &Answer, other: usize) -> Option<OthersAnswer> {
        let asked = self.0.get_mut(&answer.service)?;
        let place = asked.nonces.iter().position(|nonce| *nonce == answer.nonce)?;
        if answer.word == Word::Well {
            return Some(OthersAnswer::Reached { by: answer.node.clone() });
        }
        if place + 1 == asked.nonces.len() {
            *asked.words.get_mut(other)? = Some(answer.word);
            return asked.together();
        }
        None
    }
}

impl Asked {
    /// Returns what all of them say, once all have answered and none reaches one, or one says that it may.
    fn together(&self) -> Option<OthersAnswer> {
        if self.words.contains(&Some(Word::Lately)) {
            return Some(OthersAnswer::Awaited);
        }
        let words: Vec<Word> = self.words.iter().copied().collect::<Option<_>>()?;
        // One that does not have the service knows nothing of it.
        Some(match words.contains(&Word::None) {
            true => OthersAnswer::NotReached,
            false => OthersAnswer::Silence(Silence::Unknown),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nonce: u8, word: Word) -> Answer {
        Answer { nonce: [nonce; 16], service: service(80), word, node: "n2".into() }
    }

    fn service(port: u16) -> ServiceKey {
        format!("tcp 10.9.0.100:{port}").parse().expect("a key")
    }

    fn reached() -> Option<OthersAnswer> {
        Some(OthersAnswer::Reached { by: "n2".into() })
    }

    #[test]
    fn one_that_reaches_is_enough_and_all_that_know_have_to_say_that_they_do_not() {
        use Word::{Lately, None as Not, Unknown, Well};
        let silence = Some(OthersAnswer::Silence(Silence::Unknown));
        crate::testing::check_rows(
            [
                (vec![(0, Well)], reached()),
                (vec![(0, Not)], None),
                (vec![(0, Not), (0, Not)], None),
                (vec![(0, Not), (1, Well)], reached()),
                (vec![(0, Not), (1, Not)], Some(OthersAnswer::NotReached)),
                (vec![(0, Not), (1, Unknown)], Some(OthersAnswer::NotReached)),
                (vec![(1, Unknown), (0, Unknown)], silence.clone()),
                (vec![(1, Lately)], Some(OthersAnswer::Awaited)),
                (vec![(1, Lately), (0, Not)], Some(OthersAnswer::Awaited)),
                (vec![(1, Lately), (0, Not), (1, Not)], Some(OthersAnswer::NotReached)),
                (vec![(1, Lately), (0, Unknown), (1, Unknown)], silence),
                (vec![(1, Unknown), (0, Unknown), (1, Well)], reached()),
                (vec![(2, Not)], None),
            ],
            |(answers, expected)| {
                let mut asking = Asking::default();
                asking.ask(service(80), [1; 16], (2, true));
                let said = answers.into_iter().map(|(other, word)| asking.note(&answer(1, word), other));
                assert_eq!(said.last().flatten(), expected);
            },
        );
    }

    #[test]
    fn an_answer_counts_only_with_the_nonce_of_an_open_question_about_its_service() {
        let mut asking = Asking::default();
        assert_eq!(asking.note(&answer(1, Word::Well), 0), None);
        asking.ask(service(81), [1; 16], (1, true));
        assert_eq!(asking.note(&answer(1, Word::Well), 0), None, "it was asked about another service");
        asking.ask(service(80), [1; 16], (1, true));
        asking.ask(service(80), [2; 16], (1, false));
        assert_eq!(asking.note(&answer(1, Word::Well), 0), reached(), "a late answer, while the question is repeated");
        assert_eq!(asking.note(&answer(1, Word::None), 0), None, "it says nothing of now");
        assert_eq!(asking.note(&answer(2, Word::None), 0), Some(OthersAnswer::NotReached));
        asking.ask(service(80), [3; 16], (1, true));
        assert_eq!(asking.note(&answer(2, Word::Well), 0), None, "another failure");
        (4..20).for_each(|nonce| asking.ask(service(80), [nonce; 16], (1, false)));
        assert_eq!(asking.note(&answer(3, Word::Well), 0), None, "too long ago");
        assert_eq!(asking.note(&answer(4, Word::Well), 0), reached());
        asking.clear();
        assert_eq!(asking.note(&answer(19, Word::Well), 0), None);
    }
}
