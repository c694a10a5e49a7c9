//! What other directors are told of the real servers of a service, and what they say.

use std::time::Instant;

use super::{Services, earlier, heed};
use crate::daemon::event::Sinks;
use crate::daemon::opinion::{Asked, Question, Word};
use crate::health::OthersAnswer;
use crate::model::ServiceKey;

/// What this node can say of real servers that another director has asked about.
#[derive(Debug)]
pub enum Consulted {
    /// It is known at once.
    Known(Word),
    /// These checks decide.
    Asks(Vec<Asked>),
}

impl Services {
    /// Takes what the other directors say of a service, and returns whether that has changed anything.
    pub fn hear(&mut self, service: &ServiceKey, answer: &OthersAnswer, now: Instant, sinks: &mut Sinks) -> bool {
        let Some(watched) = self.watched.get_mut(service) else { return false };
        let events = watched.pool.hear(answer, now);
        self.next_change = earlier(self.next_change, watched.pool.next_change(now));
        heed(&watched.pool, events, &mut self.dirty, sinks)
    }

    /// Returns what this node can say. Of real servers that have failed here as well none is asked: their next check comes soon
    /// enough, and the question is repeated.
    pub fn consult(&self, Question { service, real_servers, .. }: &Question) -> Consulted {
        let Some(watched) = self.watched.get(service) else { return Consulted::Known(Word::Unknown) };
        let known = || real_servers.iter().filter(|real| watched.pool.serving_state(real).is_some());
        let well = known().filter(|real| watched.pool.may_be_well(real));
        let jobs: Vec<Asked> = well.clone().filter_map(|real| self.questions.asked_of(&(*service, *real))).collect();
        match (known().next(), well.count(), jobs.as_slice()) {
            (Some(_), 0, _) => Consulted::Known(Word::None),
            (_, _, []) => Consulted::Known(Word::Unknown),
            _ => Consulted::Asks(jobs),
        }
    }
}
