//! Decides which real servers serve: check results in, wanted weights out. Pure; time is an argument, and always the
//! monotonic one.
//!
//! A [`Member`] is the health of one real server, a [`Pool`] that of a virtual service: which real servers are in, at
//! which weight and why, and whether the fallback is in. A pool answers each step with [`PoolEvent`]s.

mod member;
mod pool;

pub use member::{Admission, Health, Member, Outcome, Override, ServingState, Transition, unasked_limit};
pub use pool::{DrainingServer, KnownHealth, Pool, PoolEvent, PoolSettings, RealServerSettings};
