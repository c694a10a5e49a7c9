//! The questions of other directors that wait for checks of this node. Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::PeerQuestion;
use super::message::Word;
use crate::daemon::checker::{Finished, Job};
use crate::health::Outcome;

/// The director that asks decides alone after 300 ms: by then it has heard at least that this node does not know.
const PATIENCE: Duration = Duration::from_millis(250);
/// A check that was under way when the question came is made again, so that it may take twice its time limit.
const RUNS: u32 = 2;
/// More than the answered rate makes of checks that take seconds; the oldest ones have been repeated since.
const MOST: usize = 1024;

/// A check that decides a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub job: Arc<Job>,
    /// Which of its verdicts is meant.
    pub standing: usize,
    /// Whether it was good the last time, less than an interval ago.
    pub was_good: bool,
}

/// All questions that wait.
#[derive(Debug, Default)]
pub struct Consultations(Vec<Consultation>);

#[derive(Debug)]
struct Consultation {
    question: PeerQuestion,
    /// The checks that have not failed since.
    jobs: Vec<Asked>,
    begun: Instant,
    /// What is answered when the checks take long; `None` when it was.
    meanwhile: Option<Word>,
    until: Instant,
}

/// An answer, and to whom.
pub type Reply = (PeerQuestion, Word);

impl Consultations {
    /// Takes a question that these checks answer, which are made now.
    pub fn begin(&mut self, question: PeerQuestion, jobs: Vec<Asked>, now: Instant) {
        let limit = |job: &Job| job.check.timeout + job.path.as_ref().map_or(Duration::ZERO, |path| path.timeout);
        let longest = jobs.iter().map(|asked| limit(&asked.job)).max().unwrap_or_default();
        let was_good = jobs.iter().any(|asked| asked.was_good);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        let until = now + longest.saturating_mul(RUNS) + PATIENCE;
        let meanwhile = Some(if was_good { Word::Lately } else { Word::Unknown });
        self.0.push(Consultation { question, jobs, begun: now, meanwhile, until });
    }

    /// Takes the result of a check, and returns what is decided by it.
    pub fn note(&mut self, finished: &Finished, now: Instant) -> Vec<Reply> {
        let started = now.checked_sub(finished.timing.took).unwrap_or(now);
        let mut replies = Vec::new();
        self.0.retain_mut(|one| match one.note(finished, started) {
            Some(word) => {
                replies.push((one.question.clone(), word));
                false
            }
            None => true,
        });
        replies
    }

    /// Returns what time alone decides.
    pub fn advance(&mut self, now: Instant) -> Vec<Reply> {
        self.0.retain(|one| now < one.until);
        let late = self.0.iter_mut().filter(|one| one.begun + PATIENCE <= now);
        late.filter_map(|one| Some((one.question.clone(), one.meanwhile.take()?))).collect()
    }

    /// Returns when [`Consultations::advance`] has something to do.
    pub fn next_change(&self) -> Option<Instant> {
        self.0.iter().map(|one| if one.meanwhile.is_none() { one.until } else { one.begun + PATIENCE }).min()
    }
}

impl Consultation {
    /// A run that began before the question says nothing of the time after it.
    fn note(&mut self, finished: &Finished, started: Instant) -> Option<Word> {
        if started < self.begun {
            return None;
        }
        let outcome = |asked: &Asked| {
            let verdict = finished.verdicts.get(asked.standing).filter(|_| asked.job == finished.job)?;
            Some(&verdict.outcome)
        };
        let is_well = |outcome: &Outcome| matches!(outcome, Outcome::Good | Outcome::Alive | Outcome::Advised(_));
        if self.jobs.iter().filter_map(outcome).any(is_well) {
            return Some(Word::Well);
        }
        self.jobs.retain(|asked| !matches!(outcome(asked), Some(Outcome::Bad(_))));
        self.jobs.is_empty().then_some(Word::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::checker::Timing;
    use crate::daemon::opinion::message::Question;
    use crate::model::{Check, Question as CheckQuestion};

    fn now() -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now)
    }

    fn at(milliseconds: u64) -> Instant {
        now() + Duration::from_millis(milliseconds)
    }

    fn job(port: u16) -> Arc<Job> {
        let target = ([192, 0, 2, 2], port).into();
        let timeout = Duration::from_secs(3);
        let check = Check { question: CheckQuestion::of("connect").into(), target, timeout, between: None };
        let interval = Duration::from_secs(1);
        Arc::new(Job { check, interval, path: None, doubt: None, standings: vec![Arc::default(); 2] })
    }

    fn question(nonce: u8) -> PeerQuestion {
        let service = "tcp 10.9.0.100:80".parse().expect("a key");
        PeerQuestion {
            question: Question { nonce: [nonce; 16], service, real_servers: Vec::new() },
            from: ([10, 9, 0, 12], 9118).into(),
            via: [10, 9, 0, 11].into(),
        }
    }

    /// The result of a check that took so long.
    fn finished(port: u16, outcome: Outcome, took: u64) -> Finished {
        let verdicts = vec![Outcome::NotAsked("another one".into()).into(), outcome.into()];
        Finished { job: job(port), verdicts, timing: Timing { took: Duration::from_millis(took), ..Timing::default() } }
    }

    fn bad() -> Outcome {
        Outcome::Bad("refused".into())
    }

    fn words(replies: Vec<Reply>) -> Vec<(u8, Word)> {
        replies.into_iter().map(|(question, word)| (question.question.nonce[0], word)).collect()
    }

    /// The second verdict of the check is meant.
    fn asked(port: u16, was_good: bool) -> Asked {
        Asked { job: job(port), standing: 1, was_good }
    }

    fn begun() -> Consultations {
        let mut consultations = Consultations::default();
        consultations.begin(question(1), vec![asked(1, false), asked(2, false)], now());
        consultations
    }

    #[test]
    fn the_first_good_check_since_the_question_says_well_and_the_last_bad_one_none() {
        let mut all = begun();
        assert_eq!(words(all.note(&finished(1, Outcome::Good, 60), at(50))), [], "it began before the question");
        assert_eq!(words(all.note(&finished(9, Outcome::Good, 10), at(50))), [], "a check that nobody asked for");
        assert_eq!(words(all.note(&finished(1, bad(), 10), at(50))), []);
        assert_eq!(words(all.note(&finished(2, Outcome::Good, 10), at(60))), [(1, Word::Well)]);
        assert_eq!(all.next_change(), None);

        let mut all = begun();
        assert_eq!(words(all.note(&finished(1, bad(), 10), at(50))), []);
        assert_eq!(words(all.note(&finished(1, bad(), 10), at(70))), [], "the same one again");
        assert_eq!(words(all.note(&finished(2, Outcome::NotAsked("full".into()), 10), at(80))), [], "it says nothing");
        assert_eq!(words(all.note(&finished(2, bad(), 10), at(90))), [(1, Word::None)]);
    }

    #[test]
    fn a_question_that_checks_do_not_answer_in_time_is_put_off_and_a_late_good_one_still_answers_it() {
        let mut all = begun();
        assert_eq!((words(all.advance(at(249))), all.next_change()), (vec![], Some(at(250))));
        assert_eq!(words(all.advance(at(250))), [(1, Word::Unknown)]);
        assert_eq!((words(all.advance(at(251))), all.next_change()), (vec![], Some(at(6250))));
        assert_eq!(words(all.note(&finished(1, Outcome::Good, 900), at(1000))), [(1, Word::Well)]);

        let mut late = begun();
        late.advance(at(250));
        assert_eq!(words(late.note(&finished(1, bad(), 900), at(1000))), []);
        assert_eq!(words(late.note(&finished(2, bad(), 900), at(1000))), [(1, Word::None)]);
        assert_eq!(late.next_change(), None);
        let mut silent = begun();
        silent.advance(at(250));
        assert_eq!((words(silent.advance(at(6250))), silent.next_change()), (vec![], None));
    }

    #[test]
    fn while_its_checks_take_long_it_says_whether_one_of_the_last_interval_was_good() {
        let mut all = Consultations::default();
        all.begin(question(1), vec![asked(1, false), asked(2, true)], now());
        assert_eq!(words(all.advance(at(250))), [(1, Word::Lately)]);
        assert_eq!(words(all.advance(at(500))), []);
        assert_eq!(words(all.note(&finished(1, bad(), 600), at(700))), []);
        assert_eq!(words(all.note(&finished(2, bad(), 600), at(700))), [(1, Word::None)]);
    }

    #[test]
    fn of_too_many_questions_the_oldest_is_forgotten() {
        let mut all = Consultations::default();
        (0..=u16::try_from(MOST).expect("a port")).for_each(|number| {
            let port = if number == 0 { 1 } else { 2 };
            all.begin(question(0), vec![asked(port, false)], now());
        });
        assert_eq!(words(all.note(&finished(1, Outcome::Good, 1), at(10))), []);
        assert_eq!(all.note(&finished(2, Outcome::Good, 1), at(10)).len(), MOST);
    }
}
