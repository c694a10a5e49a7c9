//! The end of the loop: the table is left as promised.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::{Core, LoopMessage};
use crate::daemon::configuration::InForce;
use crate::daemon::event::{DaemonPhase, Event};
use crate::daemon::kernel::{KernelAnswer, KernelOrder};
use crate::model::{Change, ServiceKey};
use crate::netlink::Error;
use crate::plan::{self, TableRole};

/// How long the end waits for the kernel's last answer.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// What the end of a health monitor does.
#[derive(Debug, PartialEq, Eq)]
enum Farewell {
    /// No configuration was ever in force. The record is that of the health monitor before, which may have been killed:
    /// its services are still to be removed, and what it knew still counts.
    Nothing,
    /// The table and the record of what was looked after stay as they are.
    Handover,
    /// These services leave the table, and of the record stays what is drained of others.
    Removal(BTreeSet<ServiceKey>),
}

fn farewell<'a>(in_force: &'a InForce, leaving: impl Iterator<Item = &'a ServiceKey>) -> Farewell {
    match in_force.role {
        None => Farewell::Nothing,
        Some(TableRole::MovesRealServers | TableRole::Observes) => Farewell::Handover,
        Some(TableRole::OwnsServices) => Farewell::Removal(leaving.chain(&in_force.removed_at_stop).copied().collect()),
    }
}

impl Core<'_> {
    /// Leaves the table as promised: our own services are gone (`cleanstop=yes`) or as they are (`no`); those of the
    /// `lvs` agents keep their last known state, since clients may still use them. Returns in words what could not be
    /// removed.
    pub(super) fn stop(&mut self, inbox: &Receiver<LoopMessage>) -> Option<String> {
        self.threads.checker.replace(Default::default());
        self.begin_phase(DaemonPhase::Stopping);
        self.view.publish(self.liveness(Instant::now()));
        self.sinks.emit(Event::Ending);
        let in_force = self.configuration.in_force.clone();
        match farewell(&in_force, self.services.leaving()) {
            Farewell::Nothing => None,
            Farewell::Handover => {
                let written = self.record.write_end(&in_force, &self.services, Instant::now());
                written.err().map(|error| error.to_string())
            }
            Farewell::Removal(ours) => {
                if let Some(failure) = self.remove(plan::deletions(&ours), inbox) {
                    return Some(failure);
                }
                self.record.end(&ours, &self.services, Instant::now()).err().map(|error| error.to_string())
            }
        }
    }

    /// Waits until the kernel has done what it is doing, orders the removal, and waits for that.
    fn remove(&mut self, deletions: Vec<Change>, inbox: &Receiver<LoopMessage>) -> Option<String> {
        let deadline = Instant::now() + LAST_ANSWER;
        let (mut given, mut is_ours) = (deletions.is_empty(), false);
        while !given || self.threads.kernel.waits() {
            if !given && !self.threads.kernel.waits() {
                self.threads.kernel.order(KernelOrder::Write(deletions.clone()), None, Instant::now());
                (given, is_ours) = (true, true);
            }
            let Ok(message) = inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                return Some("the kernel does not answer: virtual services may be left".into());
            };
            let LoopMessage::Kernel(answer) = message else { continue };
            let failure = match &answer {
                KernelAnswer::Written { failures, .. } if !failures.is_empty() => {
                    Some(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                }
                // Without IPVS in the kernel there is no table, so nothing of ours is in it.
                KernelAnswer::Failed { error: Error::Unavailable { .. }, .. } => None,
                KernelAnswer::Failed { error, .. } => Some(error.to_string()),
                _ => None,
            };
            self.handle_kernel_answer(answer);
            if is_ours && failure.is_some() {
                return failure;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_monitor_that_ends_before_it_has_a_configuration_leaves_the_record_of_the_one_before() {
        let keys = ["tcp 192.0.2.1:80", "tcp 192.0.2.2:80"].map(|text| text.parse::<ServiceKey>().expect("key"));
        let in_force = |role| InForce { role, removed_at_stop: [keys[0]].into(), ..InForce::default() };
        crate::testing::check_rows(
            [
                (None, Farewell::Nothing),
                (Some(TableRole::Observes), Farewell::Handover),
                (Some(TableRole::MovesRealServers), Farewell::Handover),
                (Some(TableRole::OwnsServices), Farewell::Removal(keys.into())),
            ],
            |(role, expected)| {
                assert_eq!(farewell(&in_force(role), keys.iter()), expected, "{role:?}");
            },
        );
    }
}
