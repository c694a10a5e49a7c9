//! Decides what `monitor` answers for what the health monitor says of itself. It is pure but for the one question that
//! decides.
//!
//! A failed health monitor is recovered by stop and start, which takes a table away for a moment and mends only what a
//! new process mends: a loop that stands still, or a socket to the kernel that is broken. Everything else is shown and
//! left running.

use std::time::SystemTime;

use crate::daemon::protocol::Liveness;
use crate::ocf::Failure;

/// How long the loop or the checks may stand still before the health monitor counts as hung, in seconds. It is far more
/// than what a busy machine causes, and far less than the time for which a dead real server may go unnoticed.
const LONGEST_STANDSTILL: f64 = 10.0;
/// Checks that are later than this are reported, in seconds.
pub const LATE: f64 = 1.0;
/// More services than this of one kind of trouble are counted, not named: an exit reason is one line.
const NAMED: usize = 3;

/// # Errors
/// It fails when the health monitor hangs.
pub fn refuse_standstill(liveness: &Liveness) -> Result<(), Failure> {
    let still = liveness.late_seconds;
    if still > LONGEST_STANDSTILL {
        return Err(Failure::generic(format!("health monitor: it has stood still for {still:.0} s: it hangs")));
    }
    Ok(())
}

/// Returns what is wrong and would not be mended by a restart. `can_read_table` says whether another process can read
/// the kernel's table.
///
/// # Errors
/// It fails for what a restart mends.
pub fn troubles(liveness: &Liveness, can_read_table: impl FnOnce() -> bool) -> Result<Vec<String>, Failure> {
    let mut troubles = Vec::new();
    if liveness.starting {
        troubles.push("health monitor: no configuration is in force yet: it is still being read".into());
    }
    if let Some(error) = &liveness.kernel_error {
        let text = format!("health monitor: write the IPVS table: {error}");
        if can_read_table() {
            return Err(Failure::generic(text));
        }
        troubles.push(text);
    }
    let refused = liveness.configuration_error.as_ref();
    troubles.extend(refused.map(|error| format!("new configuration ignored, the one before is in force: {error}")));
    let stuck = liveness.following_error.as_ref();
    troubles.extend(stuck.map(|error| format!("health monitor: follow the declarations: {error}")));
    let faults: Vec<&str> = liveness.faults.iter().map(|fault| fault.cause.as_str()).collect();
    troubles.extend(listed("the kernel refuses", &faults));
    let unserved: Vec<&str> = liveness.unserved.iter().map(String::as_str).collect();
    troubles.extend(listed("neither a real server nor a fallback serves virtual service", &unserved));
    let alarms: Vec<String> =
        liveness.alarms.iter().map(|alarm| format!("virtual service {}: {}", alarm.service, alarm.cause)).collect();
    troubles.extend(listed(
        "the rules of a service answer a fault",
        &alarms.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    let drifts: Vec<String> = liveness.drifts.iter().map(|drift| drift.sentence(SystemTime::now())).collect();
    troubles.extend(listed(
        "another program has changed the table",
        &drifts.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    troubles.extend(liveness.check_error.as_ref().map(|error| format!("a check could not be made: {error}")));
    let sinks: Vec<&str> = liveness.sink_errors.iter().map(String::as_str).collect();
    troubles.extend(listed("services are served, and not all that was asked for is reported", &sinks));
    if liveness.checks_late_seconds > LATE {
        let late = liveness.checks_late_seconds;
        troubles.push(format!("checks are late by {late:.1} s: this machine cannot ask as often as it is told"));
    }
    Ok(troubles)
}

/// Returns one sentence for all troubles of a kind.
fn listed(what: &str, items: &[&str]) -> Option<String> {
    let named = items.get(..items.len().min(NAMED))?.join("; ");
    match items.len().checked_sub(NAMED) {
        _ if items.is_empty() => None,
        None | Some(0) => Some(format!("{what}: {named}")),
        Some(more) => Some(format!("{what}: {named}; and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::protocol::ServiceFault;

    fn fault(cause: &str) -> ServiceFault {
        ServiceFault { service: "tcp 192.0.2.1:80".into(), cause: cause.into(), since: 0 }
    }

    fn troubles_of(liveness: Liveness) -> Vec<String> {
        troubles(&liveness, || panic!("no question is needed")).expect("running")
    }

    #[test]
    fn only_what_a_restart_mends_fails() {
        let broken = Liveness { kernel_error: Some("no answer".into()), ..Liveness::default() };
        let failure = troubles(&broken, || true).expect_err("others can read it");
        assert_eq!(failure.to_string(), "health monitor: write the IPVS table: no answer");
        assert_eq!(troubles(&broken, || false).expect("no restart helps").len(), 1);
        let hung = Liveness { late_seconds: 11.0, ..Liveness::default() };
        assert!(refuse_standstill(&hung).is_err());
        assert!(refuse_standstill(&Liveness { late_seconds: 9.0, checks_late_seconds: 300.0, ..hung }).is_ok());
    }

    #[test]
    fn each_trouble_is_named_and_many_of_one_kind_are_counted() {
        assert_eq!(troubles_of(Liveness::default()), [""; 0]);
        assert_eq!(
            troubles_of(Liveness {
                starting: true,
                configuration_error: Some("line 3".into()),
                following_error: Some("locked".into()),
                faults: vec![fault("one"), fault("two")],
                unserved: ["a", "b", "c", "d", "e"].map(String::from).to_vec(),
                alarms: vec![fault("quorum lost: weight 1, needs 3 (quorumaction=keep)")],
                check_error: Some("no program".into()),
                sink_errors: vec!["monitorfile /x: full".into()],
                checks_late_seconds: 2.5,
                ..Liveness::default()
            }),
            [
                "health monitor: no configuration is in force yet: it is still being read",
                "new configuration ignored, the one before is in force: line 3",
                "health monitor: follow the declarations: locked",
                "the kernel refuses: one; two",
                "neither a real server nor a fallback serves virtual service: a; b; c; and 2 more",
                "the rules of a service answer a fault: virtual service tcp 192.0.2.1:80: quorum lost: weight 1, needs 3 \
                 (quorumaction=keep)",
                "a check could not be made: no program",
                "services are served, and not all that was asked for is reported: monitorfile /x: full",
                "checks are late by 2.5 s: this machine cannot ask as often as it is told",
            ]
        );
        assert_eq!(troubles_of(Liveness { checks_late_seconds: 0.9, ..Liveness::default() }), [""; 0]);
    }
}
