//! Decides what `monitor` answers for the differences between the declaration and the kernel. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::model::RealServerKey;
use crate::netlink::ipvs::Held;
use crate::ocf::{Failure, Status};
use crate::ownership::{Declared, Drain, RealServerMover, Refusal, Registry};
use crate::plan::{self, Difference, DifferenceKind};

/// The number of entries that the exit reason names; more of them say nothing new.
const NAMED: usize = 5;

/// What was declared, and what the kernel holds where that may be something else.
pub struct DeclarationView<'a> {
    /// The declaration.
    pub declared: &'a Declared,
    /// The entries of the kernel that may differ from it.
    pub observed: &'a Held,
}

/// What monitor answers for all differences.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DeclarationVerdict {
    /// A restart mends it.
    wrong: Vec<String>,
    /// It is reported, and not a reason to stop what serves.
    degraded: Vec<String>,
    /// Another program has made it, and it stays so.
    drift: Vec<Difference>,
}

/// What one difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DifferenceVerdict {
    /// A health monitor has made it.
    Right,
    /// A restart mends it.
    Wrong,
    /// A restart would mend it too, but takes the service away for that.
    Surplus,
    /// A health monitor has made it, and none is left that would undo it.
    Abandoned,
    /// Another program has made it, and it stays so.
    Drift,
}

/// Who looks after a virtual service, and what becomes of the changes of others.
struct Care<'a> {
    mover: RealServerMover,
    fallback: Option<&'a RealServerKey>,
    /// The changes of other programs stay and are reported.
    reports: bool,
}

/// Judges the differences by who looks after each service, and by what the kernel refused at the last start.
pub fn judge(view: &DeclarationView<'_>, registry: &Registry, refusals: &[Refusal]) -> DeclarationVerdict {
    let reasons: HashMap<(&str, Option<&str>), &str> = refusals
        .iter()
        .map(|refusal| ((refusal.service.as_str(), refusal.real_server.as_deref()), refusal.reason.as_str()))
        .collect();
    let mut verdict = DeclarationVerdict::default();
    for (key, held) in view.observed {
        let Some(wanted) = view.declared.table.get(key) else { continue };
        let care = Care {
            mover: registry.real_server_mover(key),
            fallback: view.declared.fallbacks.get(key),
            reports: view.declared.reporting.contains(key),
        };
        let draining = view.declared.draining.get(key);
        for difference in plan::entry_differences(wanted, held.as_ref()) {
            if is_draining(&difference, draining) {
                continue;
            }
            match refusal(&difference, &reasons) {
                Some(text) => verdict.degraded.push(text),
                None => {
                    let is_known = registry.drifts().since(key, &difference.real_server().copied()).is_some();
                    let judged = judge_difference(&difference, &care, is_known);
                    verdict.add(difference, judged);
                }
            }
        }
    }
    verdict
}

/// Whether the entry is one that leaves the table with its last connection.
fn is_draining(difference: &Difference, draining: Option<&BTreeMap<RealServerKey, Drain>>) -> bool {
    let DifferenceKind::RealServerIsSurplus(real, _) = &difference.kind else { return false };
    draining.is_some_and(|draining| draining.contains_key(real))
}

/// Returns why the kernel refused the entry, if it did so at the last start.
fn refusal(difference: &Difference, reasons: &HashMap<(&str, Option<&str>), &str>) -> Option<String> {
    // Only differences of refused entries are put into words, and there are few or none.
    if reasons.is_empty() {
        return None;
    }
    let (service, real) = (difference.service.to_string(), difference.real_server().map(ToString::to_string));
    let reason = reasons.get(&(service.as_str(), real.as_deref()))?;
    let what = if reason.is_empty() { difference.to_string() } else { (*reason).to_owned() };
    Some(format!("{what}: refused at the last start"))
}

/// `is_known` says that a health monitor knows of it as another program's doing.
fn judge_difference(difference: &Difference, care: &Care<'_>, is_known: bool) -> DifferenceVerdict {
    let Care { mover, fallback, reports } = care;
    let is_drift = *reports && (is_known || *mover == RealServerMover::ServiceOwner);
    match (&difference.kind, mover) {
        (DifferenceKind::ServiceIsMissing | DifferenceKind::ServiceDiffers(_), _) if *reports => {
            DifferenceVerdict::Drift
        }
        (DifferenceKind::ServiceIsMissing | DifferenceKind::ServiceDiffers(_), _) => DifferenceVerdict::Wrong,
        (DifferenceKind::RealServerIsSurplus(real, _), mover) => match (*fallback == Some(real), mover) {
            (true, RealServerMover::HealthMonitor) => DifferenceVerdict::Right,
            (true, RealServerMover::EndedHealthMonitor) => DifferenceVerdict::Abandoned,
            _ if *reports => DifferenceVerdict::Drift,
            _ => DifferenceVerdict::Surplus,
        },
        _ if is_drift => DifferenceVerdict::Drift,
        (_, RealServerMover::HealthMonitor) => DifferenceVerdict::Right,
        (_, RealServerMover::EndedHealthMonitor) => DifferenceVerdict::Abandoned,
        (_, RealServerMover::ServiceOwner) => DifferenceVerdict::Wrong,
    }
}

impl DeclarationVerdict {
    fn add(&mut self, difference: Difference, verdict: DifferenceVerdict) {
        match verdict {
            DifferenceVerdict::Right => {}
            DifferenceVerdict::Wrong => self.wrong.push(difference.to_string()),
            DifferenceVerdict::Surplus => self.degraded.push(difference.to_string()),
            DifferenceVerdict::Abandoned => self.degraded.push(abandoned(&difference)),
            DifferenceVerdict::Drift => self.drift.push(difference),
        }
    }

    /// Returns what stays as other programs have made it.
    pub fn drift(&self) -> &[Difference] {
        &self.drift
    }

    /// `drift` has [`Self::drift`] in words.
    ///
    /// # Errors
    /// What a restart mends.
    pub fn answer(mut self, drift: Vec<String>) -> Result<Status, Failure> {
        if !self.wrong.is_empty() {
            return Err(Failure::generic(brief(&self.wrong)));
        }
        self.degraded.extend(drift);
        Ok(if self.degraded.is_empty() { Status::Running } else { Status::Degraded(brief(&self.degraded)) })
    }
}

fn abandoned(difference: &Difference) -> String {
    let ended = "and its health monitor has ended";
    match &difference.kind {
        DifferenceKind::RealServerIsSurplus(real, _) => {
            format!("virtual service {}: the fallback {real} is in, {ended}", difference.service)
        }
        _ => format!("{difference}, {ended}"),
    }
}

fn brief(lines: &[String]) -> String {
    let mut named: Vec<String> = lines.iter().take(NAMED).cloned().collect();
    let rest = lines.len().saturating_sub(NAMED);
    named.extend((rest > 0).then(|| format!("and {rest} more")));
    named.join("; ")
}

#[cfg(test)]
mod tests;
