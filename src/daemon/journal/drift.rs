//! The log's sentences about what other programs do at the kernel's table. ldirectord has none.

use crate::config::OnDrift;
use crate::daemon::reasons::{advice, drift_outcome};
use crate::plan::Difference;

/// `entry` is the entry's name.
pub fn began_sentence(entry: &str, difference: &Difference, on_drift: OnDrift) -> String {
    let (held, wanted) = (difference.held(), difference.wanted());
    let outcome = drift_outcome(on_drift);
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
