//! Path checks (`checkpath=yes`): whether a real server accepts a connection to the virtual IP that reaches it as the kernel
//! forwards connections of clients. A check of the real server's own address cannot know: it succeeds where the virtual IP is
//! missing on lo, where the program listens on one address only, and where a tunnel does not open.
//!
//! It needs no entry in the kernel's table and no address of the service, so that a standby asks as well as the active
//! director. With `masq` the packet comes from the virtual IP instead, which shows whether the answers to clients come back
//! through this node; where the virtual IP is elsewhere, or in the real server's own network, nothing can be shown.
//!
//! `plan` decides how one real server is asked, and a thread (`asker`) asks them all from a single port.

mod asker;
mod plan;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::failure::{CheckFailure, FailureKind};
use crate::model::{ForwardingMethod, PathCheck};
use crate::netlink::syn::{SynAnswer, SynQuestion, Way};
use asker::Asker;

/// Asks paths, in a thread that is started with the first question. Dropping it ends them all.
#[derive(Debug, Default)]
pub struct Paths {
    asker: Option<Asker>,
    virtual_ips: Arc<BTreeSet<IpAddr>>,
}

/// The answer to a path check.
pub type PathResult = Result<(), CheckFailure>;

impl Paths {
    /// Takes the addresses that no question comes from: the real servers have them too, and drop what comes from them.
    pub fn know_virtual_ips(&mut self, virtual_ips: BTreeSet<IpAddr>) {
        self.virtual_ips = Arc::new(virtual_ips);
    }

    /// Asks now. The answer is there at the latest after the time limit of the check; to drop it gives the question up.
    pub fn ask(&mut self, path: PathCheck) -> impl Future<Output = PathResult> + Send + use<> {
        let virtual_ips = Arc::clone(&self.virtual_ips);
        let answer = self.asker().map(|asker| asker.ask(path, virtual_ips));
        async move {
            let ended = || hindrance(&path, "ended without a result (a fault of lvs-agents)");
            answer.map_err(|error| hindrance(&path, error))?.await.unwrap_or_else(|_| Err(ended()))
        }
    }

    fn asker(&mut self) -> std::io::Result<&Asker> {
        // One whose thread has ended by a fault of its own is replaced, and its questions alone are lost.
        match self.asker.take().filter(Asker::lives) {
            Some(asker) => Ok(self.asker.insert(asker)),
            None => Ok(self.asker.insert(Asker::start()?)),
        }
    }
}

/// What an answer says of the path.
fn judge(path: &PathCheck, question: &SynQuestion, answer: SynAnswer) -> PathResult {
    let subject = subject(path, question);
    let failure = |kind, cause: &str| Err(CheckFailure::new(kind, &subject, cause));
    let is_masq = path.forwarding == ForwardingMethod::Masq;
    match answer {
        SynAnswer::Accepted => Ok(()),
        SynAnswer::Refused if is_masq => failure(FailureKind::Refused, "connection refused"),
        SynAnswer::Refused => {
            failure(FailureKind::Refused, "connection refused: no program listens on the virtual IP there")
        }
        SynAnswer::Undelivered(reason) => {
            failure(FailureKind::Unreachable, &format!("{reason} (ICMP): the packet was not delivered"))
        }
        SynAnswer::Silence => {
            let guess = match question.way {
                _ if is_masq => "its answers to clients do not come back through this node",
                Way::Link(_) => "the real server does not have the virtual IP on lo, or drops what is for it",
                Way::Tunnel(..) => "the real server's tunnel does not open, or it does not have the virtual IP",
            };
            let seconds = path.timeout.as_secs_f64();
            failure(FailureKind::Timeout, &format!("no answer within {seconds} s: {guess}"))
        }
    }
}

/// The path does not work, whatever the real server would answer.
fn broken(path: &PathCheck, cause: &str) -> CheckFailure {
    CheckFailure::new(FailureKind::Unreachable, format_args!("path {} by {}", path.vip, path.forwarding), cause)
}

/// Nothing is known of the path, by a fault of this node.
fn hindrance(path: &PathCheck, cause: impl std::fmt::Display) -> CheckFailure {
    let subject = format_args!("path {} by {} to {}", path.vip, path.forwarding, path.real);
    CheckFailure::new(FailureKind::Internal, subject, cause)
}

fn subject(path: &PathCheck, question: &SynQuestion) -> String {
    let PathCheck { vip, real, forwarding, .. } = path;
    match (forwarding, question.way) {
        (ForwardingMethod::Masq, _) => format!("path from {real} back to {}", vip.ip()),
        (ForwardingMethod::Gue { port, .. }, _) => format!("path {vip} by gue to {}", with_port(real.ip(), *port)),
        (_, Way::Tunnel(..)) => format!("path {vip} by {forwarding} to {}", real.ip()),
        (_, Way::Link(mac)) => {
            format!("path {vip} by {}", mac.map(|byte| format!("{byte:02x}")).join(":"))
        }
    }
}

fn with_port(address: IpAddr, port: u16) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address, port)
}

#[cfg(test)]
mod tests;
