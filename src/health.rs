//! Decides who serves: check results in, wanted weights out. Pure; time is an argument.
//!
//! A [`Member`] is the health of one real server, a [`Pool`] that of a virtual service: which real servers are in, at
//! which weight and why, and whether the fallback is.

mod member;
mod pool;

pub use member::{Admission, Health, Member, Outcome, Standing, Transition};
pub use pool::{Pool, PoolSettings, RealServerSettings};
