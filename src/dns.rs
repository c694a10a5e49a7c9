//! Decides which real servers a name in DNS stands for, and when it is asked again. Pure: answers in, members out, and time
//! is an argument.
//!
//! One rule keeps a broken name server from taking real servers away: what an answer has joins, and only a whole answer
//! removes. An answer that is empty, that says that there is no such name, or that never came is not whole.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::model::DnsMember;

/// The bounds of the time after which a name is asked again, whatever its records say: sooner would load the name server for
/// nothing, and later would keep a removed host for longer than operators wait.
pub const PAUSE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(300)];
/// The same where the answer has no time to live, as the lines of /etc/hosts have none.
pub const USUAL_PAUSE: Duration = Duration::from_secs(30);
/// The same after an answer that was not whole.
pub const RETRY: Duration = PAUSE[0];
/// More real servers from one name are a slip of the hand in a zone, and would fill the kernel's table.
pub const MOST: usize = 64;

/// What came of one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// In any order.
    pub members: Vec<DnsMember>,
    /// For how long the records count; `None`: they do not say.
    pub time_to_live: Option<Duration>,
    /// Why the answer is not whole, if it is not.
    pub missing: Option<String>,
    /// The records that were left out, since they are too many.
    pub left_out: usize,
}

impl Answer {
    /// Returns the answer that did not come.
    pub fn missing(cause: impl Into<String>) -> Self {
        Self { missing: Some(cause.into()), ..Self::default() }
    }
}

/// What keeps the members from following the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What the last answer says: a name server that fails in several ways, one after the other, is one trouble.
    pub cause: String,
    /// When it began.
    pub since: Instant,
}

/// What is known of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Sorted; no two have the same address and port.
    members: Vec<DnsMember>,
    trouble: Option<Trouble>,
    due: Option<Instant>,
}

impl Known {
    /// Returns what a health monitor before this one knew of a name that was not asked yet.
    pub fn remembered(members: Vec<DnsMember>) -> Self {
        Self { members, ..Self::default() }
    }

    /// Returns the members, in an order that does not depend on that of the records.
    pub fn members(&self) -> &[DnsMember] {
        &self.members
    }

    /// Returns what is wrong with the last answers.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Returns when the name is to be asked again; `None`: it was never asked.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes an answer, and says whether other members follow from it.
    pub fn note(&mut self, answer: Answer, now: Instant) -> bool {
        let Answer { members, time_to_live, missing, left_out } = answer;
        let missing = missing.or_else(|| members.is_empty().then(|| "the answer has no address".into()));
        let before: &[DnsMember] = if missing.is_some() { &self.members } else { &[] };
        let found = distinct(before, members);
        let count = found.len();
        let members = bounded(found, &self.members);
        self.due = Some(now + if missing.is_some() { RETRY } else { pause(time_to_live) });
        let crowd = || match left_out {
            0 => (count > MOST).then(|| format!("{count} real servers: {MOST} of them count")),
            _ => Some(format!("{} records: {MOST} of them count", MOST + left_out)),
        };
        let since = self.trouble.take().map_or(now, |trouble| trouble.since);
        self.trouble = missing.or_else(crowd).map(|cause| Trouble { cause, since });
        let is_changed = members != self.members;
        self.members = members;
        is_changed
    }
}

fn pause(time_to_live: Option<Duration>) -> Duration {
    let [shortest, longest] = PAUSE;
    time_to_live.map_or(USUAL_PAUSE, |life| life.clamp(shortest, longest))
}

/// The members by what tells them apart. What the answer says of one counts more than what was known before, and among its own
/// records the one that makes it serve most.
fn distinct(before: &[DnsMember], mut found: Vec<DnsMember>) -> BTreeMap<(IpAddr, Option<u16>), DnsMember> {
    found.sort_by_key(|member| (!member.backup, member.weight));
    before.iter().cloned().chain(found).map(|member| ((member.address, member.port), member)).collect()
}

/// The members that are known already and the first of the others, as many as may be.
fn bounded(mut found: BTreeMap<(IpAddr, Option<u16>), DnsMember>, known: &[DnsMember]) -> Vec<DnsMember> {
    let mut kept = Vec::with_capacity(found.len().min(MOST));
    for member in known {
        kept.extend(found.remove(&(member.address, member.port)));
    }
    kept.extend(found.into_values());
    kept.truncate(MOST);
    kept.sort();
    kept
}
