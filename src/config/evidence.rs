//! What becomes of a real server that swallows the connections of clients (`evidence`), and where that can be told.

use super::value;
use crate::model::{Protocol, ServiceKey, VirtualService};

/// What becomes of a real server that passes its checks and swallows the connections of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEvidence {
    /// The connections are not looked at.
    No,
    /// It is reported.
    Report,
    /// It is out for a while as well.
    Act,
}

/// Each answer by its word.
const WORDS: [(&str, OnEvidence); 3] =
    [("no", OnEvidence::No), ("report", OnEvidence::Report), ("act", OnEvidence::Act)];

/// Schedulers that send each client to the same real server again (net/netfilter/ipvs/ip_vs_{sh,mh}.c).
const BY_CLIENT: [&str; 2] = ["sh", "mh"];

pub(super) fn checked(word: &str) -> Result<Box<str>, String> {
    match find(value::bare(word)) {
        Some((name, _)) => Ok((*name).into()),
        None => Err("expected report, act or no".into()),
    }
}

fn find(word: &str) -> Option<&'static (&'static str, OnEvidence)> {
    WORDS.iter().find(|(name, _)| *name == word)
}

/// Returns the word of the answer; `None` where there is nothing to tell, so that no word is meant.
pub(super) fn word_of(key: &ServiceKey, answer: OnEvidence) -> Option<&'static str> {
    let word = WORDS.iter().find(|(_, known)| *known == answer).map(|(name, _)| *name);
    word.filter(|_| objection(key).is_none())
}

/// Returns the answer that counts for a service, and why it is not the one of the word.
pub(super) fn answer(service: &VirtualService, word: &str) -> (OnEvidence, Option<String>) {
    let wanted = find(word).map_or(OnEvidence::Report, |(_, answer)| *answer);
    let key = &service.key;
    if let Some(objection) = objection(key).filter(|_| wanted != OnEvidence::No) {
        return (OnEvidence::No, Some(format!("ignored for {key}: {objection}")));
    }
    // Packets that one machine makes would take out one real server after the other.
    let by_client = if service.persistence.is_some() { Some("persistent") } else { None };
    let scheduler = service.scheduler.as_str();
    match by_client.or_else(|| BY_CLIENT.contains(&scheduler).then_some(scheduler)) {
        Some(cause) if wanted == OnEvidence::Act => {
            let text = format!("act: only reported with {cause}: one client could take a real server from all others");
            (OnEvidence::Report, Some(text))
        }
        _ => (wanted, None),
    }
}

fn objection(key: &ServiceKey) -> Option<&'static str> {
    match key {
        ServiceKey::Address { protocol: Protocol::Tcp, port: 1.., .. } => None,
        ServiceKey::Address { protocol: Protocol::Tcp, .. } => Some("each port of it is an application of its own"),
        ServiceKey::Address { .. } => Some("only TCP says by its packets whether a client was answered"),
        ServiceKey::Fwmark { .. } => Some("a firewall mark takes packets of any protocol"),
    }
}
