//! Whether a part of an answer is what `receive` wants.

use super::Invalid;
use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::http::pattern::{self, Unmatched};
use crate::model::{Field, Question};

/// Whether the `receive` of a question can be used. It need not have one.
pub(super) fn validate(question: &Question) -> Result<(), Invalid> {
    if question.receive.is_empty() {
        return Ok(());
    }
    pattern::validate(&question.receive).map_err(|cause| {
        let expected = format!("expected a regular expression: {cause}");
        Invalid { field: Field::Receive, expected }
    })
}

/// Whether the pattern matches somewhere in `answer`.
///
/// # Errors
/// It cannot be said: the pattern is wrong, or needs too many steps for this answer.
pub(super) fn matches(attempt: &Attempt<'_>, receive: &str, answer: &[u8]) -> Result<bool, CheckFailure> {
    pattern::matches(receive, answer).map_err(|unmatched| match unmatched {
        Unmatched::Pattern(cause) => attempt.failure(FailureKind::Internal, format!("receive={receive:?}: {cause}")),
        Unmatched::Body(cause) => attempt.failure(FailureKind::Answer, format!("receive={receive:?}: {cause}")),
    })
}
