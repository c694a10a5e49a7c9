//! Why an action could not do its work: what the operator reads, and what the cluster is to make of it.

use std::collections::HashSet;
use std::fmt;
use std::io;

use super::{Action, ExitCode, exit_code};
use crate::model::InvalidValue;

/// The nature of a problem. It says nothing of exit codes: those depend on the action too, see
/// [`exit_code`](super::exit_code()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The parameters are wrong on every node: an address that is none, two parameters that exclude each other.
    BadParameter,
    /// The parameters are wrong on this node only: a file that is missing, unreadable or does not parse.
    BadHere,
    /// Something of the machine is absent: kernel feature, program, network interface.
    NotInstalled,
    /// The kernel refused for lack of rights (EPERM, EACCES).
    Permission,
    /// Nothing of this instance is there, where it had to be.
    NotRunning,
    /// This agent does not know the action.
    Unsupported,
    /// All the rest: something that may work next time.
    Generic,
}

/// One thing that is wrong, as `object: what was tried: cause`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    pub kind: FailureKind,
    pub reason: String,
}

/// One or more problems that made an action fail. All of them are shown: an administrator who mends one bad parameter
/// only to be told of the next has to move through a failed start each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Never empty.
    problems: Vec<Problem>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident,)*) => {
        $($(#[$doc])* pub fn $name(reason: impl Into<String>) -> Self { Self::new(FailureKind::$kind, reason) })*
    };
}

impl Failure {
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { problems: vec![Problem { kind, reason: reason.into() }] }
    }

    constructors! {
        /// Wrong everywhere: see [`FailureKind::BadParameter`].
        bad_parameter => BadParameter,
        /// Wrong on this node: see [`FailureKind::BadHere`].
        bad_here => BadHere,
        /// Absent from this machine: see [`FailureKind::NotInstalled`].
        not_installed => NotInstalled,
        /// Refused for lack of rights: see [`FailureKind::Permission`].
        permission => Permission,
        /// Nothing there: see [`FailureKind::NotRunning`].
        not_running => NotRunning,
        /// No such action: see [`FailureKind::Unsupported`].
        unsupported => Unsupported,
        /// Anything else: see [`FailureKind::Generic`].
        generic => Generic,
    }

    /// An error of the system while `what` (`object: what was tried`) was done. EPERM and EACCES become
    /// [`FailureKind::Permission`], all else [`FailureKind::Generic`].
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(kind_of(error), format!("{what}: {error}"))
    }

    /// All problems in the order in which they were met, each once.
    pub fn from_problems(problems: impl IntoIterator<Item = Problem>) -> Result<(), Self> {
        let mut known = HashSet::new();
        let distinct: Vec<Problem> = problems.into_iter().filter(|problem| known.insert(problem.clone())).collect();
        if distinct.is_empty() { Ok(()) } else { Err(Self { problems: distinct }) }
    }

    /// One result out of several attempts that were all made, for a `stop` that goes on after an error.
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

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The code of the gravest problem in the light of `action`.
    pub fn exit_code(&self, action: Action, is_probe: bool) -> ExitCode {
        self.problems
            .iter()
            .map(|problem| exit_code(problem.kind, action, is_probe))
            .fold(ExitCode::Success, ExitCode::worse)
    }
}

/// What was wrong on the way to a value of several parts, of which each is tried whatever became of the others.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The value, or `None` and its problems are kept.
    pub fn keep<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.0.extend(failure.problems)).ok()
    }

    /// # Errors
    /// All problems in the order in which they were met, each once.
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
    /// A word of the user that is no value is wrong on every node. Put the parameter's name in front with
    /// [`Failure::context`] or [`Context::or_fail`].
    fn from(error: InvalidValue) -> Self {
        Self::bad_parameter(error.to_string())
    }
}

/// Turns the error of anything into a [`Failure`] at the `?`.
pub trait Context<T> {
    /// `what` is `object: what was tried`; the error's own text follows as the cause.
    ///
    /// # Errors
    /// The error of `self`, as a problem of this kind.
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
    fn nothing_wrong_is_no_failure() {
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
