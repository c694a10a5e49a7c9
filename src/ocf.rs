//! The frame of every OCF resource agent: parameters from the environment, meta-data, exit codes, log.
//!
//! An agent describes itself in a [`Description`] and implements [`Agent`]. [`run`] does the rest: it checks each
//! parameter against its [`ParameterKind`], hands the agent a [`Call`], and turns its answer into an exit code. Agents
//! never choose codes: they say what kind of thing is wrong ([`FailureKind`]), and [`exit_code()`] decides by what
//! pacemaker will do. The frame knows no agent.

mod action;
mod call;
mod description;
mod environment;
mod exit_code;
mod failure;
mod frame;
mod log;
mod man_page;
mod manual;
mod metadata;
mod parameter;
mod trace;

#[cfg(test)]
mod dummy;

pub use action::Action;
pub use call::Call;
pub use description::{ActionDefaults, Description, PromotionRole};
pub use environment::Environment;
pub use exit_code::{ExitCode, exit_code};
pub use failure::{Context, Failure, FailureKind, Problem, Problems};
pub use frame::{Output, main, run};
pub use log::{Level, Logger};
pub use parameter::{Parameter, ParameterKind, ParameterSupport};

/// How far a validation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValidationLevel {
    /// Syntax and consistency. The agent must not look at this machine: pcs asks on a node that will never run the
    /// resource.
    Consistency,
    /// The agent may look at this machine: interfaces, routes, files, kernel features.
    Local,
}

/// What a monitor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The resource runs.
    Running,
    /// Nothing of this instance is there, and no reason is shown. A recurring monitor that can say more answers
    /// [`Failure::not_running`] with the reason instead.
    Stopped,
    /// The resource runs and is promoted.
    Promoted,
    /// The resource is in service, but something is missing, which the text says; the cluster shows it and does
    /// nothing.
    Degraded(String),
    /// The same as [`Status::Degraded`], promoted.
    DegradedPromoted(String),
    /// The resource is promoted and broken: the cluster demotes and recovers it.
    FailedPromoted(String),
}

/// A resource agent. Every method may be called at any time, in any order, after a kill -9 of any other.
pub trait Agent {
    /// Returns what the agent says of itself.
    fn description(&self) -> &'static Description;

    /// Checks what the description cannot say: combinations of parameters and, at [`ValidationLevel::Local`], this
    /// machine. The frame calls it before `start` and `promote` with `Local`, and before `reload` with `Consistency`.
    /// Values that the frame refused read as not set, and required ones may be missing: both are reported already.
    ///
    /// # Errors
    /// The failure names everything that is wrong, not only the first thing.
    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure>;

    /// Answers `Ok` when clients can use the resource. Starting what runs is success, and puts right what is missing.
    ///
    /// # Errors
    /// The failure says why the resource does not run.
    fn start(&self, call: &Call) -> Result<(), Failure>;

    /// Stops the resource. The frame calls it with bad or missing parameters as well. Stopping what does not run is
    /// success.
    ///
    /// # Errors
    /// It fails only for what is verifiably still there: the node is fenced for it.
    fn stop(&self, call: &Call) -> Result<(), Failure>;

    /// Looks whether the resource runs. The frame calls it with bad or missing parameters as well: a probe tells from
    /// what it finds where it can.
    ///
    /// # Errors
    /// It fails when the state cannot be told, or when the resource runs wrongly.
    fn monitor(&self, call: &Call) -> Result<Status, Failure>;

    /// Applies changed reloadable parameters to what runs, without interrupting clients. The frame calls it only when
    /// the description advertises `reload-agent`.
    ///
    /// # Errors
    /// The failure says why the running configuration is still the old one.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Promotes the resource. The frame calls it only when the description advertises `promote`.
    ///
    /// # Errors
    /// The failure says why the resource is not promoted.
    fn promote(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Demotes the resource. The frame calls it only when the description advertises `demote`, and with bad or missing
    /// parameters as well.
    ///
    /// # Errors
    /// The failure says what is still promoted.
    fn demote(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }

    /// Takes a notification. The frame calls it only when the description advertises `notify`.
    ///
    /// # Errors
    /// A failure is logged; the cluster does not hear of it.
    fn notify(&self, call: &Call) -> Result<(), Failure> {
        Err(unsupported(call))
    }
}

fn unsupported(call: &Call) -> Failure {
    Failure::unsupported(format!("action {}: not implemented", call.action))
}
