//! What other directors are told of the real servers of a service, and what they say.

use std::time::Instant;

use super::{Services, earlier, heed};
use crate::daemon::event::Sinks;
use crate::daemon::opinion::{Asked, Question, Word};
use crate::health::OthersAnswer;
use crate::model::{RealServerKey, ServiceKey};

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
    pub fn consult(&self, Question { service, real_servers, .. }: &Question, now: Instant) -> Consulted {
        let Some(watched) = self.watched.get(service) else { return Consulted::Known(Word::Unknown) };
        let known: Vec<&RealServerKey> =
            real_servers.iter().filter(|real| watched.pool.serving_state(real).is_some()).collect();
        let well: Vec<&RealServerKey> = known.iter().filter(|real| watched.pool.may_be_well(real)).copied().collect();
        let asked =
            self.questions.of(*service, |real| well.contains(&real)).into_iter().map(|(real, job, standing)| {
                let since = now.checked_sub(job.interval).unwrap_or(now);
                Asked { job: job.clone(), standing, was_good: watched.pool.is_sure_since(&real, since) }
            });
        let asked: Vec<Asked> = asked.collect();
        match (known.is_empty(), well.is_empty(), asked.is_empty()) {
            (false, true, _) => Consulted::Known(Word::None),
            (_, _, true) => Consulted::Known(Word::Unknown),
            _ => Consulted::Asks(asked),
        }
    }
}
