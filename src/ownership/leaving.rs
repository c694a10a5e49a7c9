//! Real servers that have left a virtual service, by what was known of it before: they keep the connections that they have.

use std::collections::BTreeMap;

use crate::config::{Draining, Service};
use crate::model::{RealServer, RealServerKey};

/// Real servers with the time at which each has left, in seconds since this machine was started.
pub type Left = BTreeMap<RealServerKey, u64>;

/// Returns those of `before` that the service has no more and that are to be drained. The fallback may be one of them: while
/// it is not called for, it has the connections of its time as a real server.
pub fn leaving(service: &Service, mut before: Left) -> Left {
    if service.drain_timeout.is_zero() {
        return Left::new();
    }
    let configured = service.real_servers.iter().map(|real| &real.real_server.key);
    for key in configured.chain(service.draining.iter().map(|draining| &draining.real_server.key)) {
        before.remove(key);
    }
    before
}

/// Makes those of `left` that the kernel holds part of the service, as drained ones.
pub fn drain_left(service: &mut Service, left: Left, held: &BTreeMap<RealServerKey, RealServer>) {
    let drained = left.into_iter().filter_map(|(key, since)| {
        let real_server = RealServer { weight: 0, ..held.get(&key)?.clone() };
        Some(Draining { real_server, since })
    });
    service.draining.extend(drained);
}
