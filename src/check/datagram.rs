//! A question in one datagram, and its answer in another.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use super::failure::CheckFailure;

/// A lost datagram on a healthy network is no dead server: ask again this often within the same deadline.
const RESEND: Duration = Duration::from_secs(1);
/// Longer ones are cut off, and no answer for it: none of the protocols here sends any.
const LONGEST: usize = 4096;

pub(super) struct Question<'a> {
    pub target: SocketAddr,
    /// What is asked, for messages.
    pub step: &'a str,
    /// What a silence may mean: the end of a sentence, or nothing.
    pub silence: &'a str,
}

impl Question<'_> {
    /// Sends what `encode` makes of this host's address from a port of the kernel's choice, again and again, until
    /// `accept` takes a datagram of the target for its answer. What it does not take may be another's, or an old one: it
    /// is ignored.
    pub async fn ask<T>(
        &self,
        attempt: &Attempt<'_>,
        encode: impl FnOnce(IpAddr) -> Vec<u8>,
        accept: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, CheckFailure> {
        let socket = self.open(attempt).await?;
        let own = socket.local_addr().map_err(|error| attempt.open_failure(&error))?.ip();
        let question = encode(own);
        let (mut sent, mut ignored) = (0_u32, 0_u32);
        while Instant::now() < attempt.deadline() {
            attempt.io(self.step, send(&socket, &question)).await?;
            sent += 1;
            let until = attempt.deadline().min(Instant::now() + RESEND);
            match timeout_at(until, receive(&socket, &accept, &mut ignored)).await {
                Ok(result) => return result.map_err(|error| attempt.io_failure(self.step, &error)),
                Err(_elapsed) => continue,
            }
        }
        let ignored = if ignored == 0 { String::new() } else { format!(", {ignored} answers to something else") };
        let cause = format!("no answer within {} ({sent} requests{ignored}{})", attempt.timeout_text(), self.silence);
        Err(attempt.silence(self.step, cause))
    }

    async fn open(&self, attempt: &Attempt<'_>) -> Result<UdpSocket, CheckFailure> {
        let any: IpAddr =
            if self.target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| attempt.open_failure(&error))?;
        // The kernel then delivers datagrams of this address only, and reports its ICMP errors.
        attempt.io(self.step, socket.connect(self.target)).await?;
        Ok(socket)
    }
}

async fn send(socket: &UdpSocket, question: &[u8]) -> io::Result<()> {
    match socket.send(question).await {
        // A full queue of the interface: the same as a lost packet, so the next request follows in time.
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => Ok(()),
        other => other.map(drop),
    }
}

async fn receive<T>(socket: &UdpSocket, accept: impl Fn(&[u8]) -> Option<T>, ignored: &mut u32) -> io::Result<T> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = socket.recv(&mut buffer).await?;
        match buffer.get(..received).and_then(&accept) {
            Some(answer) => return Ok(answer),
            None => *ignored = ignored.saturating_add(1),
        }
    }
}
