//! What the configuration, and the health monitors before this one, say of a virtual service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::health::Limits;
use crate::model::{Quorum, RealServer, RealServerKey, VirtualService};

/// A real server and what its health is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerSettings {
    /// The real server at its configured weight.
    pub real_server: RealServer,
    /// Whether it is switched off (`checktype=off`): it is not activated, and its absence does not call the fallback.
    pub disabled: bool,
    /// Whether it serves only while the others have not the weight of the quorum. It waits at weight 0.
    pub backup: bool,
}

impl RealServerSettings {
    /// Creates the settings of a real server that serves whenever it is well.
    pub fn new(real_server: RealServer) -> Self {
        Self { real_server, disabled: false, backup: false }
    }
}

/// A real server that has left the configuration and keeps the connections that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainingServer {
    /// The real server, with weight 0.
    pub real_server: RealServer,
    /// When it left.
    pub since: Instant,
    /// When it is removed at the latest.
    pub until: Instant,
}

/// What the configuration says of one virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// The virtual service.
    pub service: VirtualService,
    /// The real servers, each key at most once.
    pub real_servers: Vec<RealServerSettings>,
    /// Real servers that have left, each key at most once. They have no health and serve no new client.
    pub draining: Vec<DrainingServer>,
    /// The server that takes connections when no real server serves.
    pub fallback: Option<RealServer>,
    /// Whether a failed real server stays at weight 0 instead of being removed. This never applies to the fallback.
    pub quiescent: bool,
    /// How many equal results in a row change the health of a real server.
    pub limits: Limits,
    /// The rules of the service as a whole.
    pub policy: Policy,
}

/// The rules of a service as a whole. By default whatever is well serves, and the fallback does where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// The weight that has to serve, and what happens below it.
    pub quorum: Quorum,
    /// How many real servers failed checks may take out; `None`: all.
    pub ejection_cap: Option<EjectionCap>,
    /// Whether other directors are asked before failed checks take out the last real server; `None`: they are not.
    pub second_opinion: Option<SecondOpinion>,
    /// How long the weight of a real server that has come up rises to the whole one; zero: it has it at once. The first of
    /// an empty service, and those of a start, have it at once.
    pub slow_start: Duration,
    /// Whether a real server that was never checked, and that the kernel does not hold, serves until a check says otherwise.
    pub starts_up: bool,
    /// Whether only one of those that are up serves. The present one is kept; the others stay out.
    pub single: bool,
    /// How long several may be up then until it is an alarm: in a planned switch the new one passes its checks before those
    /// of the old one have failed.
    pub switch_takes: Duration,
}

/// How many real servers failed checks may take out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionCap {
    /// The share of the real servers, backups among them, that may have failed. When more have, the fault is sought at
    /// this node: what fails stays in, and so does what failed at once with it.
    pub percent: u8,
    /// The time within which real servers fail by one cause: a round of checks and the time limit of one.
    pub round: Duration,
}

/// Other directors are asked before failed checks take out the last real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondOpinion {
    /// The time within which real servers fail by one cause: a round of checks and the time limit of one. What failed in the
    /// last one stays in with the last real server, and an answer that one is reached counts so long.
    pub round: Duration,
}

impl SecondOpinion {
    /// Returns from when on a real server has failed at once with one that fails now.
    pub(super) fn from(self, now: Instant) -> Instant {
        now.checked_sub(self.round).unwrap_or(now)
    }
}

/// What the health monitors before this one knew of the real servers of a virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownHealth {
    /// The real servers that were well.
    pub up: BTreeSet<RealServerKey>,
    /// The real servers that were down.
    pub down: BTreeSet<RealServerKey>,
    /// The real servers whose weight of 0 in the kernel is what an operator has ordered, and says nothing of their health.
    pub drained: BTreeSet<RealServerKey>,
    /// Why real servers that were well had less than their whole weight.
    pub reduced: BTreeMap<RealServerKey, ReducedWeight>,
    /// Whether the quorum was lost, where its action asks what stood before.
    pub quorum_lost: bool,
}

/// Why a real server that is well has less than its whole weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReducedWeight {
    /// How much of its weight it wants, in per cent; `None`: all of it.
    pub advised: Option<u8>,
    /// When its slow start began.
    pub rising_since: Option<Instant>,
}
