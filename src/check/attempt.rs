//! One running check: its name in messages and the one instant at which all its waits end.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::failure::{CheckFailure, FailureKind, describe_io};

pub(super) struct Attempt {
    subject: String,
    deadline: Instant,
    timeout: Duration,
}

impl Attempt {
    /// `subject` starts every message, e.g. `connect 10.0.0.1:80`. The clock starts now.
    pub fn start(subject: String, timeout: Duration) -> Self {
        Self { subject, deadline: Instant::now() + timeout, timeout }
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits for one step, at the latest until the deadline of the whole check. A named `step` tells how far it came.
    pub async fn step<T>(&self, step: &str, future: impl Future<Output = T>) -> Result<T, CheckFailure> {
        timeout_at(self.deadline, future).await.map_err(|_| self.timed_out(step))
    }

    /// As [`Attempt::step`] for input and output on a connection.
    pub async fn io<T>(&self, step: &str, future: impl Future<Output = io::Result<T>>) -> Result<T, CheckFailure> {
        self.step(step, future).await?.map_err(|error| self.io_failure(step, &error))
    }

    pub fn failure(&self, kind: FailureKind, cause: impl fmt::Display) -> CheckFailure {
        CheckFailure::new(kind, &self.subject, cause)
    }

    pub fn failure_at(&self, kind: FailureKind, step: &str, cause: impl fmt::Display) -> CheckFailure {
        if step.is_empty() { self.failure(kind, cause) } else { self.failure(kind, format_args!("{step}: {cause}")) }
    }

    pub fn io_failure(&self, step: &str, error: &io::Error) -> CheckFailure {
        let (kind, cause) = describe_io(error);
        self.failure_at(kind, step, cause)
    }

    pub fn timed_out(&self, step: &str) -> CheckFailure {
        self.failure_at(FailureKind::Timeout, step, format_args!("no answer within {}", self.timeout_text()))
    }

    /// The whole time allowed, as `3 s` or `0.5 s`.
    pub fn timeout_text(&self) -> String {
        format!("{} s", self.timeout.as_secs_f64())
    }
}
