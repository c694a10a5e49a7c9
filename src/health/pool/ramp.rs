//! Slow start: the weight of a real server that has just come up rises in steps to the whole one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::RealServerKey;

/// The steps of a ramp. Each is a write to the kernel, and all that ramp take theirs at the same moments: so a service of
/// thousands of real servers that come up together costs no more turns than one.
const STEPS: u32 = 20;

/// The real servers of a service that have not their whole weight yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ramps {
    /// When each came up.
    since: HashMap<RealServerKey, Instant>,
    /// The moment of the last step, whose weights count until the next one.
    step: Option<Instant>,
}

impl Ramps {
    pub fn begin(&mut self, real: RealServerKey, now: Instant) {
        if self.since.is_empty() {
            self.step = Some(now);
        }
        self.since.insert(real, now);
    }

    /// Returns the slow starts that an earlier health monitor has begun, as far as they are not over.
    pub fn resumed(begun: impl Iterator<Item = (RealServerKey, Instant)>, slow_start: Duration, now: Instant) -> Self {
        let since = begun.filter(|(_, since)| now.saturating_duration_since(*since) < slow_start).collect();
        Self { since, step: Some(now) }
    }

    /// Returns when the slow start of this one began.
    pub fn since(&self, real: &RealServerKey) -> Option<Instant> {
        self.since.get(real).copied()
    }

    pub fn end(&mut self, real: &RealServerKey) {
        self.since.remove(real);
    }

    /// Whether this one has not had its whole weight yet.
    pub fn rises(&self, real: &RealServerKey) -> bool {
        !self.since.is_empty() && self.since.contains_key(real)
    }

    /// Forgets those that have left the configuration, and all where there is no slow start any more.
    pub fn keep_only(&mut self, slow_start: Duration, is_known: impl Fn(&RealServerKey) -> bool) {
        self.since.retain(|real, _| !slow_start.is_zero() && is_known(real));
    }

    /// Returns when the next step is due.
    pub fn next_step(&self, slow_start: Duration) -> Option<Instant> {
        let step = self.step.filter(|_| !self.since.is_empty())?;
        Some(step + slow_start / STEPS)
    }

    /// Takes the step that is due, if one is, and returns whether it did.
    pub fn advance(&mut self, slow_start: Duration, now: Instant) -> bool {
        let is_due = self.next_step(slow_start).is_some_and(|due| due <= now);
        if is_due {
            self.step = Some(now);
            self.since.retain(|_, since| now < *since + slow_start);
        }
        is_due
    }

    /// Returns the present weight of a real server whose whole weight is `weight`: at least 1, unless that is 0.
    pub fn weight(&self, real: &RealServerKey, weight: u32, slow_start: Duration) -> u32 {
        let since = if self.since.is_empty() { None } else { self.since.get(real) };
        let (Some(since), Some(step), false) = (since, self.step, slow_start.is_zero()) else { return weight };
        let elapsed = step.saturating_duration_since(*since);
        let steps = (elapsed.as_nanos() * u128::from(STEPS) / slow_start.as_nanos()).min(STEPS.into());
        let part = (u128::from(weight) * steps).div_ceil(STEPS.into());
        u32::try_from(part).unwrap_or(weight).max(weight.min(1))
    }
}
