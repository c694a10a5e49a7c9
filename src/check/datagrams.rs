//! A question in one datagram, and answers in others.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use super::failure::CheckFailure;

/// A lost packet on a healthy network is no dead server: ask again this often within the same deadline.
const RESEND: Duration = Duration::from_secs(1);

/// Bytes of an answer that are looked at.
const LONGEST: usize = 8 << 10;

pub(super) struct Datagrams<'a> {
    attempt: &'a Attempt<'a>,
    socket: UdpSocket,
    /// What no answer may mean: the end of a sentence, or nothing.
    pub silence: &'static str,
}

impl<'a> Datagrams<'a> {
    pub async fn open(attempt: &'a Attempt<'a>, target: SocketAddr) -> Result<Self, CheckFailure> {
        let any: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await.map_err(|error| attempt.open_failure(&error))?;
        // The kernel then delivers packets of this address only, and reports its ICMP errors.
        attempt.io("", socket.connect(target)).await?;
        Ok(Self { attempt, socket, silence: "" })
    }

    /// The address that the server sees.
    pub fn own_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Asks until `judge` makes something of an answer.
    pub async fn ask<T>(
        &self,
        step: &str,
        question: &[u8],
        mut judge: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, CheckFailure> {
        let mut sent = 0_u16;
        while Instant::now() < self.attempt.deadline() {
            self.attempt.io(step, self.send(question)).await?;
            sent = sent.saturating_add(1);
            let until = self.attempt.deadline().min(Instant::now() + RESEND);
            match timeout_at(until, self.wait(&mut judge)).await {
                Ok(result) => return result.map_err(|error| self.attempt.io_failure(step, &error)),
                Err(_elapsed) => continue,
            }
        }
        let cause = format!("no answer within {} ({sent} requests{})", self.attempt.timeout_text(), self.silence);
        Err(self.attempt.silence(step, cause))
    }

    async fn send(&self, question: &[u8]) -> io::Result<()> {
        match self.socket.send(question).await {
            // A full queue of the interface: the same as a lost packet, so the next request follows in time.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn wait<T>(&self, judge: &mut impl FnMut(&[u8]) -> Option<T>) -> io::Result<T> {
        let mut buffer = vec![0; LONGEST];
        loop {
            let received = self.socket.recv(&mut buffer).await?;
            if let Some(verdict) = buffer.get(..received).and_then(&mut *judge) {
                return Ok(verdict);
            }
        }
    }
}
