//! The rules of a service as a whole, and what is doubtful in them.

use std::time::Duration;

use super::RealServerConfig;
use super::written::Effective;
use crate::model::{Amount, Quorum, QuorumAction, VirtualService};

/// Schedulers that do not ask how much a weight is (net/netfilter/ipvs/ip_vs_{rr,lc,dh}.c).
const WEIGHTLESS: [&str; 3] = ["rr", "lc", "dh"];

/// What the directives say of the service as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    pub quorum: Quorum,
    pub maxejected: u8,
    pub secondopinion: bool,
    pub slowstart: Duration,
}

impl Policy {
    pub fn of(values: Effective) -> Self {
        let plain = Quorum::default();
        let amount = |name, default| values.text(name).parse().unwrap_or(default);
        Self {
            quorum: Quorum {
                required: amount("quorum", plain.required),
                hysteresis: amount("hysteresis", plain.hysteresis),
                action: values.text("quorumaction").parse().unwrap_or(plain.action),
            },
            maxejected: Some(values)
                .filter(|values| !has_role(*values))
                .and_then(|values| values.text("maxejected").trim_end_matches('%').parse().ok())
                .unwrap_or(100),
            secondopinion: values.flag("secondopinion"),
            slowstart: Duration::from_secs(values.number("slowstart").into()),
        }
    }

    /// Returns what will not do what it seems to say: a directive, and why.
    pub fn doubts(
        &self,
        service: &VirtualService,
        reals: &[RealServerConfig],
        values: Effective,
    ) -> Vec<(&'static str, String)> {
        let weights = || reals.iter().filter(|real| !real.backup).map(|real| real.real_server.weight);
        let total: u64 = weights().map(u64::from).sum();
        let mut doubts = Vec::new();
        let quorum = self.quorum;
        // Of those that may write one serves.
        let is_writers = values.text("role") == "writer";
        let most = if is_writers { weights().max().unwrap_or(0).into() } else { total };
        if quorum.required.of(total) > most && total > 0 {
            let what =
                if is_writers { "one writer serves, of weight" } else { "together the real servers have weight" };
            doubts.push(("quorum", format!("never met: {what} {most} at most")));
        }
        if is_writers && reals.iter().any(|real| real.backup) {
            doubts.push(("role", "writer: expected no backup, as one of them serves anyway".into()));
        }
        if quorum.hysteresis.of(total) >= quorum.required.of(total).max(1) && quorum.hysteresis != Amount::Weight(0) {
            doubts.push(("hysteresis", "expected less than quorum: a quorum is never lost above weight 0".into()));
        }
        if quorum.action == QuorumAction::Command && values.text("fallbackcommand").is_empty() {
            doubts.push(("quorumaction", "command: expected fallbackcommand with it: no program is told".into()));
        }
        // Of a pair one has the wrong role at any time. A cap would take that for a fault of this node, and keep it in.
        if has_role(values) && !values.text("maxejected").is_empty() {
            doubts.push((
                "maxejected",
                "ignored with role: a real server in another role is no fault of this node".into(),
            ));
        }
        if self.secondopinion && quorum.action == QuorumAction::Keep {
            doubts.push((
                "secondopinion",
                "ignored with quorumaction=keep, by which the last ones stay in anyway".into(),
            ));
        }
        let scheduler = service.scheduler.as_str();
        if !self.slowstart.is_zero() && WEIGHTLESS.contains(&scheduler) {
            doubts.push((
                "slowstart",
                format!("ignored by the scheduler {scheduler}, which does not ask how much a weight is"),
            ));
        } else if !self.slowstart.is_zero() && weights().all(|weight| weight < 2) && total > 0 {
            doubts.push(("slowstart", "weights of 1 leave nothing to rise: expected weights of 10 or more".into()));
        }
        doubts
    }
}

fn has_role(values: Effective) -> bool {
    ["writer", "reader"].contains(&values.text("role"))
}
