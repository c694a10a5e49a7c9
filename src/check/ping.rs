//! ICMP and ICMPv6 echo (RFC 792, RFC 4443) on a raw socket of the check's own.

mod packet;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, BY_CHECKTYPE, Burden, CheckKind};
use crate::model::{Check, Family};
use packet::Echo;

/// A lost packet on a healthy network is no dead server: ask again this often within the same deadline.
const RESEND: Duration = Duration::from_secs(1);

pub(super) const KIND: CheckKind = CheckKind {
    name: "ping",
    burden: Burden::Socket,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..BY_CHECKTYPE
};

/// Succeeds with the first echo reply to any request of this check.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    let target = check.target.ip();
    let family = Family::of(target);
    let socket = open(family).map_err(|error| open_failure(&attempt, &error))?;
    let socket = aim(socket, target).map_err(|error| attempt.io_failure("", &error))?;
    let mut echo = Echo::new(next_token());
    let mut sent = 0_u16;
    while Instant::now() < attempt.deadline() {
        echo.sequence = sent;
        attempt.io("", send(&socket, &echo.request(family))).await?;
        sent = sent.saturating_add(1);
        let until = attempt.deadline().min(Instant::now() + RESEND);
        match timeout_at(until, wait_for_reply(&socket, family, &echo)).await {
            Ok(result) => return result.map_err(|error| attempt.io_failure("", &error)),
            Err(_elapsed) => continue,
        }
    }
    Err(attempt.silence("", format_args!("no answer within {} ({sent} requests)", attempt.timeout_text())))
}

/// Distinguishes this check from every other one of this process and of another daemon on this host: raw sockets see
/// all replies that the target sends to this host.
fn next_token() -> u64 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    (u64::from(std::process::id()) << 32) | u64::from(count)
}

fn open(family: Family) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::Ipv4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::Ipv6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))
}

/// tokio has no raw sockets. Its `UdpSocket` does nothing but `send` and `recv` on the descriptor it is given, which is
/// all that we need and asks for no unsafe code of ours.
fn aim(socket: Socket, target: IpAddr) -> io::Result<UdpSocket> {
    // The kernel then delivers packets of this address only, and reports its ICMP errors. Without it every ping check
    // would be woken by the replies to all the others.
    socket.connect(&SocketAddr::new(target, 0).into())?;
    UdpSocket::from_std(OwnedFd::from(socket).into())
}

fn open_failure(attempt: &Attempt<'_>, error: &io::Error) -> CheckFailure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return attempt.failure(FailureKind::Internal, "raw socket: not permitted (needs root or CAP_NET_RAW)");
    }
    attempt.open_failure(error)
}

async fn send(socket: &UdpSocket, packet: &[u8]) -> io::Result<()> {
    match socket.send(packet).await {
        // A full queue of the interface: the same as a lost packet, so the next request follows in time.
        Err(error) if is_no_buffers(&error) => Ok(()),
        other => other.map(drop),
    }
}

fn is_no_buffers(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}

async fn wait_for_reply(socket: &UdpSocket, family: Family, echo: &Echo) -> io::Result<()> {
    // Longest IPv4 header (60) and our packet, with room to see that a longer one is not ours.
    let mut buffer = [0; 256];
    loop {
        let received = socket.recv(&mut buffer).await?;
        if buffer.get(..received).is_some_and(|packet| echo.is_answered_by(family, packet)) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::model::Question;

    async fn ping(target: IpAddr, timeout: Duration) -> Result<(), CheckFailure> {
        ask(&check(Question::of("ping"), SocketAddr::new(target, 0), timeout)).await
    }

    #[tokio::test]
    async fn loopback_answers() {
        ping("127.0.0.1".parse().expect("address"), PATIENT).await.expect("IPv4");
        ping("::1".parse().expect("address"), PATIENT).await.expect("IPv6");
    }

    #[tokio::test]
    async fn checks_of_one_host_do_not_take_each_others_reply() {
        let target = "127.0.0.1".parse().expect("address");
        let socket = aim(open(Family::Ipv4).expect("raw socket"), target).expect("connect");
        let (ours, others) = (Echo::new(next_token()), Echo::new(next_token()));
        send(&socket, &others.request(Family::Ipv4)).await.expect("send");
        let wait = tokio::time::timeout(Duration::from_millis(300), wait_for_reply(&socket, Family::Ipv4, &ours));
        assert!(wait.await.is_err(), "the reply to another check was taken");
        send(&socket, &ours.request(Family::Ipv4)).await.expect("send");
        tokio::time::timeout(PATIENT, wait_for_reply(&socket, Family::Ipv4, &ours))
            .await
            .expect("in time")
            .expect("ours");
    }

    async fn failure(target: &str, timeout: Duration) -> (FailureKind, String) {
        let failure = ping(target.parse().expect("address"), timeout).await.expect_err(target);
        (failure.kind(), failure.to_string())
    }

    #[tokio::test]
    async fn silence_and_a_missing_route_are_told_apart() {
        if !is_inside() {
            let script = "ip link set lo up && echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all && \
                          echo 1 > /proc/sys/net/ipv6/icmp/echo_ignore_all && exec \"$@\"";
            let name = "ping::tests::silence_and_a_missing_route_are_told_apart";
            return run_again(name, &["unshare", "-n", "sh", "-c", script, "sh"]);
        }
        for target in ["127.0.0.1", "::1"] {
            let wanted = format!("ping {target}: no answer within 1.3 s (2 requests)");
            let ask =
                async || ping(target.parse().expect(target), Duration::from_millis(1300)).await.expect_err(target);
            let failure = of_two_requests(ask).await;
            assert_eq!((failure.kind(), failure.to_string()), (FailureKind::Timeout, wanted));
        }
        for target in ["192.0.2.1", "2001:db8::1"] {
            let wanted = format!("ping {target}: network is unreachable");
            assert_eq!(failure(target, PATIENT).await, (FailureKind::Unreachable, wanted));
        }
    }

    #[tokio::test]
    async fn without_the_capability_it_says_what_is_needed() {
        if !is_inside() {
            let name = "ping::tests::without_the_capability_it_says_what_is_needed";
            return run_again(name, &["setpriv", "--bounding-set", "-net_raw"]);
        }
        let (kind, text) = failure("127.0.0.1", PATIENT).await;
        assert_eq!(kind, FailureKind::Internal);
        assert_eq!(text, "ping 127.0.0.1: raw socket: not permitted (needs root or CAP_NET_RAW)");
    }
}
