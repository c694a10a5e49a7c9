//! The second opinion: before failed checks take the last real server from its clients, the other directors of the cluster are
//! asked whether they reach one that is to leave. Pure; who carries questions and answers is the caller's affair.
//!
//! The answer is awaited for a moment, and what has just failed stays in meanwhile. A director that reaches one keeps it in, as
//! the fault is at this node then; without an answer this node decides alone. The question is repeated as long as no real server
//! is well here, so that a late answer counts, and so that nothing stays in for an answer of long ago.

use std::time::{Duration, Instant};

use super::selection::Selection;
use super::settings::SecondOpinion;
use super::{Pool, PoolEvent, reason};
use crate::health::{Health, Transition};
use crate::model::RealServerKey;

/// How long an answer is awaited: so much later, at most, a service whose real servers have died is answered by its fallback.
const ANSWER: Duration = Duration::from_millis(300);
/// The time from one question to the next, while none is well here; and how long the first answer is awaited where another
/// director says that it is to come.
const AGAIN: Duration = Duration::from_secs(1);

/// What fails within this time is asked about together: thousands may fail at once, and each question costs a look at all.
const TOGETHER: Duration = Duration::from_millis(50);

/// What the other directors say of the real servers that are to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OthersAnswer {
    /// One of them reaches one.
    Reached {
        /// The name of its node.
        by: String,
    },
    /// None of them reaches one.
    NotReached,
    /// One of them reached one in the last interval, and the check that it makes now takes longer than an answer may.
    Awaited,
    /// There is no answer, and this is why.
    Silence(Silence),
}

/// Why the other directors do not say whether they reach a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// No answer came in time.
    NoAnswer,
    /// This node is alone in its cluster, or is in none.
    NoOther,
    /// They have answered that they do not know.
    Unknown,
}

impl Silence {
    pub(super) fn words(self) -> String {
        match self {
            Self::NoAnswer => format!("no other director answered within {} ms", ANSWER.as_millis()),
            Self::NoOther => "no other director is in the cluster".into(),
            Self::Unknown => "no other director knows whether it reaches one".into(),
        }
    }
}

/// What makes a service judge anew, beside the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// Failed checks have just taken a real server from its clients.
    Fall,
    /// The others have answered.
    Heard(Stand),
}

/// How the question to the others stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// The first answer is awaited.
    Asked,
    /// The same, and another director says that its answer is to come.
    Awaited,
    /// Another director reaches one.
    Reached,
    /// No other director reaches one.
    NotReached,
    /// This node has decided alone.
    Alone(Silence),
    /// Another director reached one, and the first of them is well here again. Until then the others have time to pass a check
    /// that is made after the end of the fault, which is none of theirs.
    Over { until: Instant },
}

/// What the checks of this node say of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// No real server is well without doubt, and one has failed.
    Alone,
    /// One is, and another one has failed.
    Mending,
    /// Nothing that has failed would leave.
    Clear,
}

impl Stand {
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Alone(_))
    }
}

impl From<&OthersAnswer> for Stand {
    fn from(answer: &OthersAnswer) -> Self {
        match answer {
            OthersAnswer::Reached { .. } => Self::Reached,
            OthersAnswer::NotReached => Self::NotReached,
            OthersAnswer::Awaited => Self::Awaited,
            OthersAnswer::Silence(why) => Self::Alone(*why),
        }
    }
}

/// The question about a service of which no real server is well here without doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opinion {
    /// When the last one was to leave.
    pub since: Instant,
    /// What failed from then on has failed at once with the last one: it is asked about, and stays in where it is reached.
    pub from: Instant,
    /// What failed from then on stays in until the first answer. One that has left by an earlier answer does not come back for
    /// a question alone.
    waits_from: Instant,
    pub stand: Stand,
    /// How many questions there were.
    pub questions: u32,
    asked: Instant,
    /// When the question is repeated.
    again_at: Instant,
    /// Until then an answer to the last question is awaited; `None`: it has been answered, or none came.
    answer_by: Option<Instant>,
    /// How long an answer counts that one is reached: a check of the other director may take longer than a question is open.
    counts_until: Instant,
}

impl Opinion {
    fn begun(rule: SecondOpinion, now: Instant) -> Self {
        let from = rule.from(now);
        Self {
            since: now,
            from,
            waits_from: from,
            stand: Stand::Asked,
            questions: 1,
            asked: now,
            again_at: now + AGAIN,
            answer_by: Some(now + ANSWER),
            counts_until: now,
        }
    }

    /// Returns what stands after the news.
    pub fn next(before: Option<Self>, rule: SecondOpinion, outlook: Outlook, news: News, now: Instant) -> Option<Self> {
        let before = match outlook {
            Outlook::Clear => return None,
            Outlook::Mending => return before.and_then(|before| before.over(rule, now)),
            Outlook::Alone => before.map(|before| before.resumed(rule, now)),
        };
        match (before, news) {
            (None, News::Fall) => Some(Self::begun(rule, now)),
            (None, _) => None,
            (Some(before), News::Fall) => Some(before.at(now).fall(now)),
            (Some(before), News::Heard(stand)) => Some(before.heard(stand, rule, now)),
            (Some(before), News::None) => Some(before.at(now)),
        }
    }

    /// Returns what stands while one is well here again.
    fn over(self, rule: SecondOpinion, now: Instant) -> Option<Self> {
        match self.stand {
            Stand::Reached => Some(Self { stand: Stand::Over { until: now + rule.round }, answer_by: None, ..self }),
            Stand::Over { until } => (now < until).then_some(self),
            Stand::Asked | Stand::Awaited | Stand::NotReached | Stand::Alone(_) => None,
        }
    }

    /// The one that was well has failed again: what was heard before it counts until the answer of now. One that has failed for
    /// longer than a round has not failed with it: it would stay in as long as the first one comes and goes.
    fn resumed(self, rule: SecondOpinion, now: Instant) -> Self {
        match self.stand {
            Stand::Over { .. } => {
                let from = rule.from(now).max(self.from);
                Self { stand: Stand::Reached, from, counts_until: now + ANSWER, ..self.ask(now) }
            }
            _ => self,
        }
    }

    /// Another one has failed: it is asked about at once, or together with those that have failed a moment ago.
    fn fall(self, now: Instant) -> Self {
        let soon = self.asked + TOGETHER;
        if now < soon {
            return Self { again_at: self.again_at.min(soon), ..self };
        }
        let waits = match self.stand {
            Stand::NotReached | Stand::Alone(_) => {
                Self { stand: Stand::Asked, waits_from: now, answer_by: None, ..self }
            }
            _ => self,
        };
        waits.ask(now)
    }

    /// Asks. The first answer is awaited no longer for another question.
    fn ask(self, now: Instant) -> Self {
        let before = self.answer_by.filter(|_| matches!(self.stand, Stand::Asked | Stand::Awaited));
        let answer_by = before.or(Some(now + ANSWER));
        let questions = self.questions.wrapping_add(1);
        Self { questions, asked: now, again_at: now + AGAIN, answer_by, ..self }
    }

    fn heard(self, stand: Stand, rule: SecondOpinion, now: Instant) -> Self {
        if stand == Stand::Awaited {
            let waits = matches!(self.stand, Stand::Asked | Stand::Awaited);
            return if waits { Self { stand, answer_by: Some(self.asked + AGAIN), ..self } } else { self }.at(now);
        }
        if (self.stand, stand.is_alone()) == (Stand::Reached, true) {
            return Self { answer_by: None, ..self }.at(now);
        }
        // A round is two seconds at least, so the question is answered again before.
        Self { stand, answer_by: None, counts_until: now + rule.round, ..self }.at(now)
    }

    /// Does what time alone changes.
    fn at(self, now: Instant) -> Self {
        let mut next = self;
        let is_unanswered = next.answer_by.is_some_and(|end| end <= now);
        if is_unanswered {
            next.answer_by = None;
        }
        let is_silent = match next.stand {
            Stand::Reached => next.counts_until <= now,
            _ => is_unanswered,
        };
        if is_silent {
            let was_awaited = self.stand == Stand::Awaited;
            next.stand = Stand::Alone(if was_awaited { Silence::Unknown } else { Silence::NoAnswer });
        }
        if next.again_at <= now { next.ask(now) } else { next }
    }

    /// Returns when time alone changes something.
    pub fn due(self) -> Instant {
        let question = self.answer_by.map_or(self.again_at, |answer_by| answer_by.min(self.again_at));
        match self.stand {
            Stand::Over { until } => until,
            Stand::Reached => question.min(self.counts_until),
            _ => question,
        }
    }

    /// Returns from when on those that fail stay in.
    pub fn holds_from(self) -> Option<Instant> {
        match self.stand {
            Stand::Asked | Stand::Awaited => Some(self.waits_from),
            Stand::Reached | Stand::Over { .. } => Some(self.from),
            Stand::NotReached | Stand::Alone(_) => None,
        }
    }
}

impl Pool {
    /// Returns the real servers that other directors are to be asked about: those that have failed at once with the last one.
    /// Where only one may serve it is the one that does; that another one is reached says nothing for it.
    pub fn doubted(&self) -> Vec<RealServerKey> {
        let Selection { opinion: Some(opinion), choice, .. } = self.selection else { return Vec::new() };
        let reals = self.settings.real_servers.iter().zip(&self.members);
        let failed = reals.filter(|(real, member)| {
            let has_failed_at_once = member.failed_checks_at().is_some_and(|fell| fell >= opinion.from);
            !real.disabled && has_failed_at_once && member.weight(real.real_server.weight) > 0
        });
        let keys: Vec<RealServerKey> = failed.map(|(real, _)| real.real_server.key).collect();
        match choice.made().filter(|made| keys.contains(made)) {
            Some(made) => vec![made],
            None => keys,
        }
    }

    /// Whether these events are news of one that served. Where only one may serve, the end of another one takes out nobody.
    pub(super) fn news_of(&self, events: &[PoolEvent]) -> News {
        let serves = |real: &RealServerKey| self.selection.choice.made().is_none_or(|made| made == *real);
        let is_fall = |event: &PoolEvent| match event {
            PoolEvent::Member { real, transition: Transition::WentDown } => serves(real),
            _ => false,
        };
        if events.iter().any(is_fall) { News::Fall } else { News::None }
    }

    /// Whether the question about them is the first one since a real server was well here.
    pub fn begins_to_ask(&self) -> bool {
        self.selection.opinion.is_some_and(|opinion| opinion.questions == 1)
    }

    /// Whether the last check of a real server of this pool was good, and ended at this time or later.
    pub fn is_sure_since(&self, key: &RealServerKey, time: Instant) -> bool {
        let member = self.index.get(key).and_then(|place| self.members.get(*place));
        member.is_some_and(|member| member.is_sure_since(time))
    }

    /// Whether a real server of this pool has not failed here, so that its next check may well be good.
    pub fn may_be_well(&self, key: &RealServerKey) -> bool {
        let member = self.index.get(key).and_then(|place| self.members.get(*place));
        member.is_some_and(|member| member.health() != Health::Down)
    }

    /// Takes what the other directors say of them.
    pub fn hear(&mut self, answer: &OthersAnswer, now: Instant) -> Vec<PoolEvent> {
        if let OthersAnswer::Reached { by } = answer {
            self.reached_by.clone_from(by);
        }
        let mut events = Vec::new();
        self.settle(reason::has_quorum(&self.settings), News::Heard(answer.into()), now, &mut events);
        events
    }
}
