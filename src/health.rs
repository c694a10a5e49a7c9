//! Decides which real servers serve: check results in, wanted weights out. Pure; time is an argument, and always the
//! monotonic one.
//!
//! A [`Member`] is the health of one real server, a [`Pool`] that of a virtual service. Between them stands one step, the
//! selection (`pool/selection.rs`): which real servers are in, at which weight and why, and whether the fallback is in. A
//! pool answers what it is told with [`PoolEvent`]s, which say what differs between two selections.
//!
//! Beside the checks [`Evidence`] judges by what the kernel counts for the connections of clients.

mod evidence;
mod member;
mod pool;

pub use evidence::{Counts, Evidence, Sample, Unanswered};
use member::CONFIGURED;
pub use member::{
    Admission, Health, Limits, MAINTENANCE, Member, Outcome, Override, Suspicion, Transition, unasked_limit,
};
pub use pool::{
    Alarm, Condition, DrainingServer, EjectionCap, KnownHealth, OthersAnswer, Policy, Pool, PoolEvent, PoolSettings,
    RealServerSettings, ReducedWeight, SWITCHED_OFF, SecondOpinion, ServingState, Silence,
};
