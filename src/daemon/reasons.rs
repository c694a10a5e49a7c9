//! Why a real server is what it is, and what a change of it has repaired: in the words of the log and of the events.

use super::event::Repair;
use crate::config::OnDrift;
use crate::health::{Condition, Pool};
use crate::model::RealServerKey;
use crate::plan::Difference;

/// Why a real server is drained.
const LEFT: &str = "it has left the configuration, and keeps the connections that it has";

/// Returns why the real server serves or does not; nothing for the fallback.
pub fn reason(pool: &Pool, real: &RealServerKey) -> String {
    let drained = || pool.draining().any(|draining| draining.real_server.key == *real).then(|| LEFT.to_owned());
    let state = pool.serving_state(real).map(|serving_state| serving_state.reason);
    state.or_else(drained).unwrap_or_default()
}

/// Returns the reason, unless it is that the configuration says so.
pub fn told_reason(pool: Option<&Pool>, real: &RealServerKey) -> String {
    pool.map(|pool| reason(pool, real)).filter(|reason| reason != "configured").unwrap_or_default()
}

/// Returns why the entry is as it was before another program changed it, and what was found.
pub fn repair_reason(pool: Option<&Pool>, repair: &Repair<'_>) -> String {
    let real = repair.difference.real_server();
    let why = pool.zip(real).map(|(pool, real)| reason(pool, real)).filter(|why| !why.is_empty());
    [why, Some(repair_words(repair))].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn repair_words(Repair { difference, .. }: &Repair<'_>) -> String {
    let (held, wanted) = (difference.held(), difference.wanted());
    format!("repaired: another program had changed it: the kernel had {held}, must have {wanted}{}", advice(difference))
}

/// Returns the command that does the same with the knowledge of the health monitor, to be read behind a reason.
pub fn advice(difference: &Difference) -> String {
    difference.command().map_or_else(String::new, |command| format!("; the command for this is: {command}"))
}

/// Whether the real server is the fallback of the service, and not one of its real servers.
pub fn is_fallback(pool: Option<&Pool>, real: &RealServerKey) -> bool {
    let fallback = pool.and_then(|pool| pool.settings().fallback.as_ref());
    let configured = pool.is_some_and(|pool| pool.serving_state(real).is_some());
    !configured && fallback.is_some_and(|fallback| fallback.key == *real)
}

/// Returns why a state of a service began.
pub fn condition_cause(pool: &Pool, condition: Condition) -> String {
    let alarm = pool.alarms().into_iter().find(|alarm| alarm.condition == condition);
    alarm.map(|alarm| alarm.cause).unwrap_or_default()
}

/// Returns what becomes of a drift.
pub fn drift_outcome(on_drift: OnDrift) -> &'static str {
    match on_drift {
        OnDrift::Repair => "its lvs resource repairs it",
        OnDrift::Report => "it stays so (on_drift=report)",
    }
}
