//! Asks one real server one question and says why the answer is not good enough. Called by the daemon's loop.
//!
//! One file per protocol. Nothing here knows when a check is due or what follows from its result; there is no state
//! except caches (compiled patterns, the machine's trust store) and the list of MySQL threads that still hang.
//!
//! Every wait of a check ends at the same instant, its deadline (`attempt`): a server that sends one byte now and
//! then cannot stretch a check.

mod attempt;
mod connect;
mod external;
mod failure;
mod http;
mod mysql;
mod ping;
mod tls;

pub use failure::{CheckFailure, FailureKind};
pub use http::validate_pattern;

use crate::model::{Check, CheckMethod};

/// Runs one check to its end, at the latest at its deadline.
///
/// Must run in a tokio runtime with I/O and time enabled; [`CheckMethod::Ping`] needs `CAP_NET_RAW`. Dropping the future
/// ends the check: connections are closed, an external program is killed with its process group.
///
/// # Errors
/// Why the real server is not healthy. [`FailureKind::Internal`] when the question could not be asked from here.
pub async fn run(check: &Check) -> Result<(), CheckFailure> {
    let Check { method, target, timeout } = check;
    match method {
        CheckMethod::On => Ok(()),
        // Nobody should ask; the answer that cannot activate a server is the safe one.
        CheckMethod::Off => Err(CheckFailure::new(FailureKind::Internal, "checktype=off", "never activated")),
        CheckMethod::Connect => connect::check(*target, *timeout).await,
        CheckMethod::Ping => ping::check(target.ip(), *timeout).await,
        CheckMethod::External { command, arguments } => external::check(command, arguments, *timeout).await,
        // Boxed: else every check, connect too, would be as large as a TLS connection.
        CheckMethod::Http(question) => Box::pin(http::check(*target, question, *timeout)).await,
        CheckMethod::Mysql(question) => mysql::check(*target, question, *timeout).await,
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::SECOND;
    use super::*;

    fn check(method: CheckMethod) -> Check {
        Check { method, target: ([127, 0, 0, 1], 9).into(), timeout: SECOND }
    }

    #[tokio::test]
    async fn on_is_up_and_off_is_never_up() {
        run(&check(CheckMethod::On)).await.expect("on");
        let failure = run(&check(CheckMethod::Off)).await.expect_err("off");
        assert_eq!(failure.to_string(), "checktype=off: never activated");
    }

    /// The daemon holds one future per check that is under way, thousands at once, on whatever runtime it likes.
    #[test]
    fn the_future_is_small_and_may_move_between_threads() {
        fn size_of_sendable(future: impl Future + Send) -> usize {
            size_of_val(&future)
        }
        let size = size_of_sendable(run(&check(CheckMethod::Connect)));
        assert!(size <= 2048, "{size} bytes");
    }
}
