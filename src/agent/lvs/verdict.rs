//! What `monitor` makes of the differences between the declaration and the kernel. Pure.

use std::collections::HashMap;

use crate::model::RealServerKey;
use crate::netlink::ipvs::Held;
use crate::ocf::{Failure, Status};
use crate::ownership::{Declared, RealServerMover, Refusal, Registry};
use crate::plan::{self, Difference, DifferenceKind};

/// The exit reason names so many entries; more of them say nothing new.
const NAMED: usize = 5;

/// What was declared, and what the kernel holds where that may be something else.
pub struct View<'a> {
    pub declared: &'a Declared,
    pub observed: &'a Held,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// A restart mends it.
    wrong: Vec<String>,
    /// Told, and no reason to stop what serves.
    degraded: Vec<String>,
}

/// What one difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A health monitor's doing.
    Right,
    /// A restart mends it.
    Wrong,
    /// A restart would mend it too, but it takes the service away for that.
    Surplus,
    /// A health monitor's doing that nobody will undo.
    Abandoned,
}

pub fn judge(view: &View<'_>, registry: &Registry, refusals: &[Refusal]) -> Verdict {
    let reasons: HashMap<(&str, Option<&str>), &str> = refusals
        .iter()
        .map(|refusal| ((refusal.service.as_str(), refusal.real_server.as_deref()), refusal.reason.as_str()))
        .collect();
    let mut verdict = Verdict::default();
    for (key, held) in view.observed {
        let Some(wanted) = view.declared.table.get(key) else { continue };
        let (care, fallback) = (registry.real_server_mover(key), view.declared.fallbacks.get(key));
        for difference in plan::entry_differences(wanted, held.as_ref()) {
            match refusal(&difference, &reasons) {
                Some(text) => verdict.degraded.push(text),
                None => verdict.add(&difference, standing(&difference, care, fallback)),
            }
        }
    }
    verdict
}

/// Why the kernel would not have the entry, if it refused it at the last start.
fn refusal(difference: &Difference, reasons: &HashMap<(&str, Option<&str>), &str>) -> Option<String> {
    // Only the refused entries are put into words, which are few or none.
    if reasons.is_empty() {
        return None;
    }
    let (service, real) = (difference.service.to_string(), difference.real_server().map(ToString::to_string));
    let reason = reasons.get(&(service.as_str(), real.as_deref()))?;
    let what = if reason.is_empty() { difference.to_string() } else { (*reason).to_owned() };
    Some(format!("{what}: refused at the last start"))
}

fn standing(difference: &Difference, care: RealServerMover, fallback: Option<&RealServerKey>) -> Standing {
    match (&difference.kind, care) {
        (DifferenceKind::ServiceIsMissing | DifferenceKind::ServiceDiffers(_), _) => Standing::Wrong,
        (DifferenceKind::RealServerIsSurplus(real), care) => match (fallback == Some(real), care) {
            (true, RealServerMover::HealthMonitor) => Standing::Right,
            (true, RealServerMover::EndedHealthMonitor) => Standing::Abandoned,
            _ => Standing::Surplus,
        },
        (_, RealServerMover::HealthMonitor) => Standing::Right,
        (_, RealServerMover::EndedHealthMonitor) => Standing::Abandoned,
        (_, RealServerMover::ServiceOwner) => Standing::Wrong,
    }
}

impl Verdict {
    fn add(&mut self, difference: &Difference, standing: Standing) {
        match standing {
            Standing::Right => {}
            Standing::Wrong => self.wrong.push(difference.to_string()),
            Standing::Surplus => self.degraded.push(difference.to_string()),
            Standing::Abandoned => self.degraded.push(abandoned(difference)),
        }
    }

    /// # Errors
    /// What a restart mends.
    pub fn answer(self) -> Result<Status, Failure> {
        if !self.wrong.is_empty() {
            return Err(Failure::generic(brief(&self.wrong)));
        }
        Ok(if self.degraded.is_empty() { Status::Running } else { Status::Degraded(brief(&self.degraded)) })
    }
}

fn abandoned(difference: &Difference) -> String {
    let ended = "and its health monitor has ended";
    match &difference.kind {
        DifferenceKind::RealServerIsSurplus(real) => {
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
