//! Kinds of checks that ask nothing: the configuration has the answer.

use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, BY_CHECKTYPE, Burden, CheckKind, PLAIN};
use crate::model::Question;

/// `checktype=on`: every real server is up.
pub(super) const ON: CheckKind = CheckKind {
    name: "on",
    burden: Burden::Nothing,
    ask: Some(Ask::YesOrNo(|_| Box::pin(async { Ok(()) }))),
    ..BY_CHECKTYPE
};

/// `checktype=off`: no real server is ever up.
pub(super) const OFF: CheckKind = CheckKind {
    name: Question::OFF,
    burden: Burden::Nothing,
    // The daemon does not ask such a question; the answer that cannot activate a server is the safe one.
    ask: Some(Ask::YesOrNo(|_| {
        Box::pin(async { Err(CheckFailure::new(FailureKind::Internal, "checktype=off", "never activated")) })
    })),
    ..BY_CHECKTYPE
};

/// `service=none`, which is also what a port without a usual service has.
pub(super) const NONE: CheckKind = CheckKind {
    name: "none",
    stands_for: Some((&ON, "never checked: service is none: use checktype=connect, or checktype=on to say so")),
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::super::run;
    use super::super::testing::*;
    use super::*;

    #[tokio::test]
    async fn on_is_up_and_off_is_never_up() {
        let target = ([127, 0, 0, 1], 9).into();
        run(&check(Question::of("on"), target, SECOND)).await.expect("on");
        let failure = run(&check(Question::of("off"), target, SECOND)).await.expect_err("off");
        assert_eq!(failure.to_string(), "checktype=off: never activated");
    }
}
