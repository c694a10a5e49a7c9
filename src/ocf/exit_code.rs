//! The one place where exit codes are chosen, by what pacemaker does on receiving them.
//!
//! A code is not a description of the fault but an order to the cluster: 1 is soft (recover, move at
//! migration-threshold), 2 to 5 are hard (this node is banned), 6 is fatal (stopped, and started nowhere), and any
//! failure of `stop` gets the node fenced.

use super::{Action, FailureKind};

/// Exit codes of the OCF resource agent API 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// The action succeeded; for a monitor, the resource runs.
    Success = 0,
    /// The action failed, and may succeed next time.
    Generic = 1,
    /// The parameters are wrong on this node.
    BadArguments = 2,
    /// The agent does not have the action.
    Unimplemented = 3,
    /// The rights on this node do not suffice.
    Permission = 4,
    /// This node lacks something that the agent needs.
    NotInstalled = 5,
    /// The parameters are wrong on every node.
    NotConfigured = 6,
    /// The resource does not run.
    NotRunning = 7,
    /// The resource runs and is promoted.
    RunningPromoted = 8,
    /// The resource is promoted and broken.
    FailedPromoted = 9,
    /// The resource runs, but something is missing.
    Degraded = 190,
    /// The resource runs and is promoted, but something is missing.
    DegradedPromoted = 191,
}

impl ExitCode {
    /// Ranks the codes of several problems of one action by the gravity of their consequence. A code that says that all
    /// is well (0, or 7 of a probe) must never hide one that does not.
    fn gravity(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Degraded | Self::DegradedPromoted | Self::RunningPromoted => 1,
            Self::NotRunning => 2,
            Self::Generic | Self::FailedPromoted => 3,
            Self::Permission => 4,
            Self::Unimplemented => 5,
            Self::NotInstalled => 6,
            Self::BadArguments => 7,
            Self::NotConfigured => 8,
        }
    }

    /// Returns the graver of two codes.
    pub fn worse(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }
}

/// Returns the answer to give when `action` failed with a problem of this kind. `is_probe` matters to `monitor` only.
pub fn exit_code(kind: FailureKind, action: Action, is_probe: bool) -> ExitCode {
    match action {
        Action::Start | Action::ValidateAll => inherent(kind, ExitCode::Generic),
        Action::Promote | Action::ReloadAgent => inherent(kind, ExitCode::NotRunning),
        Action::Stop => stop(kind),
        Action::Monitor if is_probe => probe(kind),
        Action::Monitor => monitor(kind),
        Action::Demote => demote(kind),
        // Pacemaker ignores the result of a notification, and a failed one in the history only alarms people.
        Action::Notify => ExitCode::Success,
        Action::MetaData | Action::Usage => ExitCode::Generic,
    }
}

/// Tells the cluster where else a start makes sense: nowhere (6), elsewhere (2, 4, 5) or here again (1).
fn inherent(kind: FailureKind, not_running: ExitCode) -> ExitCode {
    match kind {
        FailureKind::BadParameter => ExitCode::NotConfigured,
        FailureKind::BadHere => ExitCode::BadArguments,
        FailureKind::NotInstalled => ExitCode::NotInstalled,
        FailureKind::Permission => ExitCode::Permission,
        FailureKind::Unsupported => ExitCode::Unimplemented,
        FailureKind::NotRunning => not_running,
        FailureKind::Generic => ExitCode::Generic,
    }
}

/// Answers a stop. A failed stop fences the node, so only what may still be there is worth a failure. What was never
/// configured, or has no kernel feature to run on, cannot be there.
fn stop(kind: FailureKind) -> ExitCode {
    match kind {
        FailureKind::BadParameter | FailureKind::BadHere | FailureKind::NotInstalled | FailureKind::NotRunning => {
            ExitCode::Success
        }
        FailureKind::Permission | FailureKind::Unsupported | FailureKind::Generic => ExitCode::Generic,
    }
}

/// Answers a probe, which asks whether something of ours runs here. 6 would stop the resource in the whole cluster, 2
/// to 5 would ban a node that was merely asked, and 1 means "treat as running and stop it".
fn probe(kind: FailureKind) -> ExitCode {
    match kind {
        FailureKind::BadParameter | FailureKind::BadHere | FailureKind::NotInstalled | FailureKind::NotRunning => {
            ExitCode::NotRunning
        }
        FailureKind::Permission | FailureKind::Unsupported | FailureKind::Generic => ExitCode::Generic,
    }
}

/// Answers a recurring monitor. The resource ran a moment ago, so recovery sorts out whatever is wrong: `stop` succeeds
/// and `start` says why not.
fn monitor(kind: FailureKind) -> ExitCode {
    match kind {
        FailureKind::NotRunning => ExitCode::NotRunning,
        FailureKind::BadParameter
        | FailureKind::BadHere
        | FailureKind::NotInstalled
        | FailureKind::Permission
        | FailureKind::Unsupported
        | FailureKind::Generic => ExitCode::Generic,
    }
}

/// Answers a demotion. A failed one is recovered by `stop`, which succeeds where the demotion could not: it is always
/// soft.
fn demote(kind: FailureKind) -> ExitCode {
    match kind {
        FailureKind::NotRunning => ExitCode::NotRunning,
        FailureKind::Unsupported => ExitCode::Unimplemented,
        FailureKind::BadParameter
        | FailureKind::BadHere
        | FailureKind::NotInstalled
        | FailureKind::Permission
        | FailureKind::Generic => ExitCode::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    /// The columns are start, validate-all, promote, reload-agent, stop, demote, monitor, probe, notify.
    const TABLE: [(FailureKind, [u8; 9]); 7] = [
        (FailureKind::BadParameter, [6, 6, 6, 6, 0, 1, 1, 7, 0]),
        (FailureKind::BadHere, [2, 2, 2, 2, 0, 1, 1, 7, 0]),
        (FailureKind::NotInstalled, [5, 5, 5, 5, 0, 1, 1, 7, 0]),
        (FailureKind::Permission, [4, 4, 4, 4, 1, 1, 1, 1, 0]),
        (FailureKind::NotRunning, [1, 1, 7, 7, 0, 7, 7, 7, 0]),
        (FailureKind::Unsupported, [3, 3, 3, 3, 1, 3, 1, 1, 0]),
        (FailureKind::Generic, [1, 1, 1, 1, 1, 1, 1, 1, 0]),
    ];
    const COLUMNS: [(Action, bool); 9] = [
        (Action::Start, false),
        (Action::ValidateAll, false),
        (Action::Promote, false),
        (Action::ReloadAgent, false),
        (Action::Stop, false),
        (Action::Demote, false),
        (Action::Monitor, false),
        (Action::Monitor, true),
        (Action::Notify, false),
    ];

    #[test]
    fn each_kind_of_failure_has_its_exit_code_for_each_action() {
        let cells = TABLE.into_iter().flat_map(|(kind, codes)| {
            COLUMNS.into_iter().zip(codes).map(move |((action, is_probe), code)| (kind, action, is_probe, code))
        });
        check_rows(cells, |(kind, action, is_probe, code)| {
            assert_eq!(exit_code(kind, action, is_probe) as u8, code);
        });
    }

    #[test]
    fn probe_matters_to_monitor_only() {
        for (kind, _) in TABLE {
            for action in Action::ALL.into_iter().filter(|action| *action != Action::Monitor) {
                assert_eq!(exit_code(kind, action, false), exit_code(kind, action, true), "{kind:?} {action}");
            }
        }
    }

    #[test]
    fn a_harmless_code_never_hides_a_failure() {
        assert_eq!(ExitCode::Success.worse(ExitCode::Generic), ExitCode::Generic);
        assert_eq!(ExitCode::Generic.worse(ExitCode::Success), ExitCode::Generic);
        assert_eq!(ExitCode::NotRunning.worse(ExitCode::Generic), ExitCode::Generic);
        assert_eq!(ExitCode::NotInstalled.worse(ExitCode::NotConfigured), ExitCode::NotConfigured);
        assert_eq!(ExitCode::BadArguments.worse(ExitCode::Generic), ExitCode::BadArguments);
    }
}
