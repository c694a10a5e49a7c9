//! Asks one real server one question and says why the answer is not good enough. Called by the daemon's loop.
//!
//! One file per protocol. Nothing here knows when a check is due or what follows from its result; there is no state
//! except caches (compiled patterns, the machine's trust store), the list of MySQL threads that still hang, and what
//! [`lag`] is told of the thread that runs the checks.
//!
//! Every wait of a check ends at the same instant, its deadline (`attempt`): a server that sends one byte now and
//! then cannot stretch a check.

mod attempt;
mod connect;
mod external;
mod failure;
mod http;
pub mod lag;
mod mysql;
mod ping;
mod subject;
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
    match &**method {
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
    use super::testing::*;
    use super::*;
    use crate::model::MysqlCheck;

    fn check(method: CheckMethod) -> Check {
        Check { method: method.into(), target: ([127, 0, 0, 1], 9).into(), timeout: SECOND }
    }

    #[tokio::test]
    async fn on_is_up_and_off_is_never_up() {
        run(&check(CheckMethod::On)).await.expect("on");
        let failure = run(&check(CheckMethod::Off)).await.expect_err("off");
        assert_eq!(failure.to_string(), "checktype=off: never activated");
    }

    /// Real routes of a namespace of its own: what the kernel answers is what counts, not what we think that it does.
    #[tokio::test]
    async fn a_server_behind_a_refusing_route_is_down_and_not_unasked() {
        if !is_inside() {
            let routes = ["192.0.2", "2001:db8:"].map(|net| {
                let last = if net.contains(':') { ["::1", "::2", "::3"] } else { [".1", ".2", ".3"] };
                let kinds = ["prohibit", "unreachable", "blackhole"];
                let add = |(kind, last)| format!("ip route add {kind} {}{last}", net.trim_end_matches(':'));
                kinds.into_iter().zip(last).map(add).collect::<Vec<_>>().join(" && ")
            });
            let script = format!("ip link set lo up && {} && exec \"$@\"", routes.join(" && "));
            let name = "tests::a_server_behind_a_refusing_route_is_down_and_not_unasked";
            return run_again(name, &["unshare", "-n", "sh", "-c", &script, "sh"]);
        }
        let causes = ["administratively prohibited (by a router or a route)", "no route to host", "black hole"];
        for (target, cause) in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", "2001:db8::3"]
            .into_iter()
            .zip(causes.into_iter().cycle())
        {
            let target = std::net::SocketAddr::new(target.parse().expect("address"), 80);
            let mysql = MysqlCheck {
                login: "monitor".into(),
                password: Default::default(),
                database: None,
                request: "SELECT 1".into(),
            };
            for method in [CheckMethod::Connect, CheckMethod::Ping, CheckMethod::Mysql(mysql)] {
                let failure =
                    run(&Check { method: method.into(), target, timeout: PATIENT }).await.expect_err("no way");
                assert_eq!(failure.kind(), FailureKind::Unreachable, "{failure}");
                assert!(failure.to_string().contains(cause), "{failure}");
            }
        }
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
