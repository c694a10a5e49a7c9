//! The log's sentences about what other programs do at the kernel's table. ldirectord has none.

use crate::config::OnDrift;
use crate::daemon::event::Repair;
use crate::plan::Difference;

/// Says what a change has repaired, behind the sentence of that change and its reason.
pub fn repair_words(Repair { difference, .. }: &Repair<'_>) -> String {
    let (held, wanted) = (difference.held(), difference.wanted());
    format!("repaired: another program had changed it: the kernel had {held}, must have {wanted}{}", advice(difference))
}

/// `entry` is the entry's name.
pub fn began_sentence(entry: &str, difference: &Difference, on_drift: OnDrift) -> String {
    let (held, wanted) = (difference.held(), difference.wanted());
    let outcome = match on_drift {
        OnDrift::Repair => "its lvs resource repairs it",
        OnDrift::Report => "it stays so (on_drift=report)",
    };
    format!(
        "WARNING: drift of {entry}: another program has changed it: the kernel has {held}, configured is {wanted}: \
         {outcome}{}",
        advice(difference)
    )
}

pub fn ended_sentence(entry: &str) -> String {
    format!("Drift has ended of {entry}")
}

pub fn again_sentence(entry: &str, times: u32) -> String {
    format!("WARNING: drift of {entry}: another program changes it again and again: repaired {times} times in a minute")
}

fn advice(difference: &Difference) -> String {
    difference.command().map_or_else(String::new, |command| format!("; the command for this is: {command}"))
}
