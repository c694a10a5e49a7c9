//! The frame of every OCF resource agent: parameters from the environment, meta-data, exit codes, log.
//!
//! An agent declares itself in a [`Description`] and implements [`Agent`]. [`run`] does the rest: it checks each
//! parameter against its [`Kind`], hands the agent a [`Call`], and turns its answer into an exit code. Agents never
//! choose codes: they say what kind of thing is wrong ([`FailureKind`]), and [`exit_code()`] decides by what
//! pacemaker will do. The frame knows no agent.

mod action;
mod call;
mod description;
mod environment;
mod exit_code;
mod failure;
mod frame;
mod log;
mod manual;
mod metadata;
mod parameter;
mod trace;

#[cfg(test)]
mod dummy;

pub use action::Action;
pub use call::Call;
pub use description::{ActionDefaults, Description, Role};
pub use environment::Environment;
pub use exit_code::{ExitCode, exit_code};
pub use failure::{Context, Failure, FailureKind, Problem, Problems};
pub use frame::{Output, main, run};
pub use log::{Level, Logger};
pub use parameter::{Kind, Parameter, Standing};

/// How far a validation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValidationLevel {
    /// Syntax and consistency. Must not look at this machine: pcs asks on a node that will never run the resource.
    Consistency,
    /// May look at this machine: interfaces, routes, files, kernel features.
    Local,
}

/// What a monitor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Running,
    /// Nothing of this instance is there; no reason is shown. A recurring monitor that can say more answers
    /// [`Failure::not_running`] with the reason instead.
    Stopped,
    Promoted,
    /// In service, but something is missing; the cluster shows it and does nothing. The text says what.
    Degraded(String),
    DegradedPromoted(String),
    /// Promoted and broken: the cluster demotes and recovers.
    FailedPromoted(String),
}

/// A resource agent. Every method may be called at any time, in any order, after a kill -9 of any other.
pub trait Agent {
    fn description(&self) -> &'static Description;

    /// Checks what the declaration cannot say: combinations of parameters and, at [`ValidationLevel::Local`], this
    /// machine. Called before `start` and `promote` with `Local`, before `reload` with `Consistency`. Values that the frame refused read as not
    /// set, and required ones may be missing: both are reported already.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure>;

    /// `Ok` when clients can use it. Starting what runs is success, and puts right what is missing.
    ///
    /// # Errors
    /// Why it does not run.
    fn start(&self, call: &Call) -> Result<(), Failure>;

    /// Called with bad or missing parameters as well. Stopping what does not run is success.
    ///
    /// # Errors
    /// Only for what is verifiably still there: the node is fenced for it.
    fn stop(&self, call: &Call) -> Result<(), Failure>;

    /// Called with bad or missing parameters as well: a probe tells from what it finds where it can.
    ///
    /// # Errors
    /// When it cannot be told, or things run wrongly.
    fn monitor(&self, call: &Call) -> Result<Status, Failure>;

    /// Applies changed reloadable parameters to what runs, without interrupting clients. Only called when the
    /// description advertises `reload-agent`.
    ///
    /// # Errors
    /// Why the running configuration is still the old one.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Only called when the description advertises `promote`.
    ///
    /// # Errors
    /// Why it is not promoted.
    fn promote(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Only called when the description advertises `demote`. Called with bad or missing parameters as well.
    ///
    /// # Errors
    /// What is still promoted.
    fn demote(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Only called when the description advertises `notify`.
    ///
    /// # Errors
    /// Are logged; the cluster does not hear of them.
    fn notify(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }
}

fn unsupported(call: &Call) -> Failure {
    Failure::unsupported(format!("action {}: not implemented", call.action))
}
