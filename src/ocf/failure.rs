//! Why an action could not do its work: what the operator reads, and what the cluster is to make of it.

use std::collections::HashSet;
use std::fmt;
use std::io;

use super::{Action, ExitCode, exit_code};
use crate::model::InvalidValue;

/// The nature of a problem. It does not say which exit code follows, since that depends on the action too: see
/// [`exit_code`](super::exit_code()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The parameters are wrong on every node: an address cannot be read, or two parameters exclude each other.
    BadParameter,
    /// The parameters are wrong on this node only: a file is missing, unreadable or does not parse.
    BadHere,
    /// Something of the machine is absent: kernel feature, program, network interface.
    NotInstalled,
    /// The kernel refused for lack of rights (EPERM, EACCES).
    Permission,
    /// Nothing of this instance is there, where it had to be.
    NotRunning,
    /// This agent does not know the action.
    Unsupported,
    /// Anything else: the action may work next time.
    Generic,
}

/// One thing that is wrong, as `object: what was tried: cause`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The nature of the problem, from which the exit code follows.
    pub kind: FailureKind,
    /// What the operator reads.
    pub reason: String,
}

/// One or more problems that made an action fail. All of them are shown: an administrator who mends one bad parameter
/// only to be told of the next has to move through a failed start each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The list is never empty.
    problems: Vec<Problem>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident,)*) => {
        $($(#[$doc])* pub fn $name(reason: impl Into<String>) -> Self { Self::new(FailureKind::$kind, reason) })*
    };
}

impl Failure {
    /// Returns a failure with one problem.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { problems: vec![Problem { kind, reason: reason.into() }] }
    }

    constructors! {
        /// The parameters are wrong everywhere: see [`FailureKind::BadParameter`].
        bad_parameter => BadParameter,
        /// The parameters are wrong on this node: see [`FailureKind::BadHere`].
        bad_here => BadHere,
        /// Something is absent from this machine: see [`FailureKind::NotInstalled`].
        not_installed => NotInstalled,
        /// The kernel refused for lack of rights: see [`FailureKind::Permission`].
        permission => Permission,
        /// Nothing of the instance is there: see [`FailureKind::NotRunning`].
        not_running => NotRunning,
        /// The agent has no such action: see [`FailureKind::Unsupported`].
        unsupported => Unsupported,
        /// Anything else is wrong: see [`FailureKind::Generic`].
        generic => Generic,
    }

    /// Returns the failure for an error of the system while `what` (`object: what was tried`) was done. EPERM and
    /// EACCES become [`FailureKind::Permission`], all others [`FailureKind::Generic`].
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(kind_of(error), format!("{what}: {error}"))
    }

    /// Fails with all problems, in the order in which they were met, each once.
    pub fn from_problems(problems: impl IntoIterator<Item = Problem>) -> Result<(), Self> {
        let mut known = HashSet::new();
        let distinct: Vec<Problem> = problems.into_iter().filter(|problem| known.insert(problem.clone())).collect();
        if distinct.is_empty() { Ok(()) } else { Err(Self { problems: distinct }) }
    }

    /// Returns one result for several attempts that were all made, for a `stop` that goes on after an error.
    pub fn collect(results: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        Self::from_problems(results.into_iter().filter_map(Result::err).flat_map(|failure| failure.problems))
    }

    /// Puts the object in front of every reason.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        for problem in &mut self.problems {
            problem.reason = format!("{what}: {}", problem.reason);
        }
        self
    }

    /// Returns the problems in the order in which they were met.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the code of the gravest problem in the light of `action`.
    pub fn exit_code(&self, action: Action, is_probe: bool) -> ExitCode {
        self.problems
            .iter()
            .map(|problem| exit_code(problem.kind, action, is_probe))
            .fold(ExitCode::Success, ExitCode::worse)
    }
}

/// Collects what is wrong on the way to a value of several parts, of which each is tried whatever became of the others.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns the value, or keeps its problems and returns `None`.
    pub fn keep<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.0.extend(failure.problems)).ok()
    }

    /// # Errors
    /// It fails with all problems that were kept, in the order in which they were met, each once.
    pub fn finish(self) -> Result<(), Failure> {
        Failure::from_problems(self.0)
    }
}

fn kind_of(error: &io::Error) -> FailureKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied => FailureKind::Permission,
        _ => FailureKind::Generic,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&problem.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<InvalidValue> for Failure {
    /// A word of the user that is not a value is wrong on every node. The caller puts the parameter's name in front
    /// with [`Failure::context`] or [`Context::or_fail`].
    fn from(error: InvalidValue) -> Self {
        Self::bad_parameter(error.to_string())
    }
}

/// Turns the error of anything into a [`Failure`] at the `?`.
pub trait Context<T> {
    /// Puts `what` (`object: what was tried`) before the error's own text, which is the cause.
    ///
    /// # Errors
    /// It fails with the error of `self`, as a problem of this kind.
    fn or_fail<W: fmt::Display>(self, kind: FailureKind, what: W) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn or_fail<W: fmt::Display>(self, kind: FailureKind, what: W) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, format!("{what}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_problems_read_as_one_line_and_the_gravest_decides() {
        let failure = Failure::collect([
            Err(Failure::not_installed("nic \"eth9\": no such interface")),
            Ok(()),
            Err(Failure::bad_parameter("ip \"x\": not an address")),
            Err(Failure::bad_parameter("ip \"x\": not an address")),
        ])
        .unwrap_err();
        assert_eq!(failure.to_string(), "nic \"eth9\": no such interface; ip \"x\": not an address");
        assert_eq!(failure.exit_code(Action::Start, false), ExitCode::NotConfigured);
        assert_eq!(failure.exit_code(Action::Stop, false), ExitCode::Success);
    }

    #[test]
    fn what_may_still_be_there_fails_a_stop_whatever_else_is_wrong() {
        let failure = Failure::collect([
            Err(Failure::bad_parameter("ip: required but not set")),
            Err(Failure::generic("address 192.0.2.1/24: delete: device or resource busy")),
        ])
        .unwrap_err();
        assert_eq!(failure.exit_code(Action::Stop, false), ExitCode::Generic);
        assert_eq!(failure.exit_code(Action::Monitor, true), ExitCode::Generic);
    }

    #[test]
    fn without_a_problem_there_is_no_failure() {
        assert_eq!(Failure::collect([Ok(()), Ok(())]), Ok(()));
    }

    #[test]
    fn errors_of_the_system_keep_object_and_cause() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let failure = Failure::io("nic \"eth0\": add address 192.0.2.1/24", &denied);
        assert_eq!(failure.exit_code(Action::Start, false), ExitCode::Permission);
        assert_eq!(failure.to_string(), "nic \"eth0\": add address 192.0.2.1/24: permission denied");

        let port = "x".parse::<u16>().or_fail(FailureKind::BadParameter, "port \"x\"").unwrap_err();
        assert_eq!(port.to_string(), "port \"x\": invalid digit found in string");
        assert_eq!(port.context("virtual").to_string(), "virtual: port \"x\": invalid digit found in string");
    }
}
