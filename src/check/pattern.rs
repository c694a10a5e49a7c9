//! `receive=`: Perl regular expressions on the bytes of an answer.
//!
//! A pattern means what it means to Perl 5.36 without `use locale` and `use feature 'unicode_strings'`, and what it cannot
//! mean here is refused when the configuration is read. No library has that: those that are made after Perl differ in
//! what a bracket, a brace or a dollar sign means, match characters, or have no end to their time. So a pattern is read
//! ([`parse`]), written as instructions ([`program`]) and looked for ([`run`]) here, and the tests ask perl.

mod byte_set;
mod parse;
mod program;
mod run;
mod syntax;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::attempt::Attempt;
use super::{CheckFailure, FailureKind, Invalid};
use crate::model::{Field, Question};
use program::Program;
use run::Exhausted;

/// Compiled patterns kept. A configuration has few; the limit is for a daemon that is reloaded for years.
const CACHE: usize = 1024;

/// Why it cannot be said whether a body matches.
#[derive(Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// The pattern cannot be used, whatever the server says.
    Pattern(String),
    /// The pattern can be used, but needs too many steps or too much memory for this body.
    Body(String),
}

impl Unmatched {
    /// Whose fault it is, and why. The body decides how many steps a pattern takes, and the same pattern was good enough for
    /// a good body.
    pub fn into_parts(self) -> (FailureKind, String) {
        match self {
            Self::Pattern(cause) => (FailureKind::Internal, cause),
            Self::Body(cause) => (FailureKind::Answer, cause),
        }
    }
}

/// Whether `pattern` matches somewhere in `body`.
///
/// The empty pattern matches always. Perl takes it for the one that matched last, which no check can mean.
pub fn matches(pattern: &str, body: &[u8]) -> Result<bool, Unmatched> {
    let program = compiled(pattern).map_err(Unmatched::Pattern)?;
    run::search(&program, body).map_err(|exhausted| {
        Unmatched::Body(match exhausted {
            Exhausted::Steps => format!("no result within {} steps", run::STEPS),
            Exhausted::Recursion => "a group calls itself without an end".into(),
            Exhausted::Memory => format!("no result with {} ways left open", run::STACK),
        })
    })
}

/// The same in a check. What cannot be said is a failure.
pub(super) fn judge(attempt: &Attempt<'_>, receive: &str, answer: &[u8]) -> Result<bool, CheckFailure> {
    matches(receive, answer).map_err(|unmatched| {
        let (kind, cause) = unmatched.into_parts();
        attempt.failure(kind, format_args!("receive=\"{receive}\": {cause}"))
    })
}

/// The same for the `receive` of a question, which need not have one.
pub fn validate_receive(question: &Question) -> Result<(), Invalid> {
    if question.receive.is_empty() {
        return Ok(());
    }
    validate(&question.receive).map_err(|cause| {
        let expected = format!("expected a regular expression: {cause}");
        Invalid { field: Field::Receive, expected }
    })
}

/// Whether a `receive=` of the configuration can be used.
///
/// # Errors
/// The part of the pattern that cannot be used, and why.
pub fn validate(pattern: &str) -> Result<(), String> {
    compiled(pattern).map(drop)
}

fn compiled(pattern: &str) -> Result<Arc<Program>, String> {
    static KNOWN: Mutex<Option<HashMap<String, Arc<Program>>>> = Mutex::new(None);
    let mut guard = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = guard.get_or_insert_default();
    if let Some(program) = known.get(pattern) {
        return Ok(Arc::clone(program));
    }
    let program = Arc::new(Program::new(&parse::parse(pattern.as_bytes())?)?);
    if known.len() >= CACHE {
        known.clear();
    }
    known.insert(pattern.to_owned(), Arc::clone(&program));
    Ok(program)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "../../fuzz/pattern.rs"]
mod fuzz;
