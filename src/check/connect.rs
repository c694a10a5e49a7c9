//! A TCP connection is accepted.

use super::attempt::Attempt;
use super::failure::CheckFailure;
use super::kind::{Ask, BY_CHECKTYPE, Burden, CheckKind, Port};
use crate::model::Check;

pub(super) const KIND: CheckKind = CheckKind {
    name: "connect",
    port: Port::Asked,
    burden: Burden::Socket,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..BY_CHECKTYPE
};

/// Connects and closes at once. Success says that the port is open, not that anybody reads from it: the kernel of the
/// real server accepts before its program does.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    // Closed in the ordinary way. SO_LINGER 0 would spare us a socket in TIME_WAIT (60 per server at a check a second,
    // each to another address, so ports never run out), but the program would find a reset and log an error each time.
    attempt.connect("", check.target).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use std::net::SocketAddr;
    use std::time::Duration;

    use crate::check::FailureKind;
    use crate::model::Question;

    async fn connect(target: SocketAddr, timeout: Duration) -> Result<(), CheckFailure> {
        ask(&check(Question::of("connect"), target, timeout)).await
    }

    #[tokio::test]
    async fn an_open_port_is_up_and_a_closed_one_is_refused() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = std::net::TcpListener::bind(address).expect("bind");
            let target = listener.local_addr().expect("address");
            connect(target, SECOND).await.expect("open");
            drop(listener);
            let failure = connect(target, SECOND).await.expect_err("closed");
            assert_eq!(failure.to_string(), format!("connect {target}: connection refused"));
            assert_eq!(failure.kind(), FailureKind::Refused);
        }
    }

    #[tokio::test]
    async fn a_silent_network_ends_at_the_deadline() {
        let full = FullListener::new();
        let ask = async || connect(full.address, Duration::from_millis(300)).await.expect_err("nobody answers");
        let failure = ends_within(Duration::from_millis(900), ask).await;
        assert_eq!(failure.to_string(), format!("connect {}: no answer within 0.3 s", full.address));
        assert_eq!(failure.kind(), FailureKind::Timeout);
    }
}
