//! What holds for every kind of check.

use super::testing::*;
use super::*;
use crate::model::{Protocol, Question};

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
        for kind in ["connect", "ping", "http", "dns", "ldap", "ldaps", "mysql", "pgsql", "radius"] {
            let question = Question { request: "a.b".into(), protocol: Protocol::Udp, ..Question::of(kind) };
            let failure = run(&check(question, target, PATIENT)).await.expect_err("no way");
            assert_eq!(failure.kind(), FailureKind::Unreachable, "{failure}");
            assert!(failure.to_string().contains(cause), "{failure}");
        }
    }
}

/// The daemon holds one future per check that is under way, thousands at once, on whatever runtime it likes. What a kind keeps
/// for later than its connection is boxed: most servers that are slow do not even accept it.
#[test]
fn the_futures_are_small_and_may_move_between_threads() {
    fn size_of_sendable(future: impl Future + Send) -> usize {
        size_of_val(&future)
    }
    crate::testing::check_rows(CheckKind::all().filter(|kind| kind.ask.is_some()).map(|kind| kind.name), |name| {
        let check = check(Question::of(name), ([127, 0, 0, 1], 9).into(), SECOND);
        let ask = CheckKind::find(name).and_then(|kind| kind.ask).expect("a check that is asked");
        let of_kind = match ask {
            Ask::YesOrNo(ask) => size_of_val(&*ask(&check)),
            Ask::Advice(ask) => size_of_val(&*ask(&check)),
            Ask::Standing(ask) => size_of_val(&*ask(&check, &[], &Sessions::default())),
        };
        let size = of_kind + size_of_sendable(run(&check));
        assert!(size <= 2048, "{size} bytes");
    });
}
