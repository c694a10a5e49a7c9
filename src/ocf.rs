//! The frame of every OCF resource agent: parameters from the environment, exit codes chosen by their consequence.

mod action;
mod environment;
mod exit_code;
mod failure;
mod parameter;

pub use action::Action;
pub use environment::Environment;
pub use exit_code::{ExitCode, exit_code};
pub use failure::{Context, Failure, FailureKind, Problem};
pub use parameter::{Kind, Parameter, Standing};
