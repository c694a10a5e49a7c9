//! What people say of real servers by hand: by a file of a maintenance folder, or by an order.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::config::Service;
use crate::health::Override;
use crate::model::{Order, OrderKind, RealServerKey};
use crate::orders::{self, OrdersInForce};

/// Returns what counts of both. A file keeps a real server out whatever is ordered: the one who made it need not know of the
/// order.
pub fn override_of(file: Option<String>, order: Option<&Order>) -> Option<Override> {
    if let Some(file) = file {
        return Some(Override::Maintenance { file });
    }
    let order = order?;
    let reason = orders::described(order, &TimeZone::system());
    Some(match weight_of(order) {
        Some(weight) => Override::Weight { weight, reason },
        None => Override::Removal { reason },
    })
}

/// Returns the real servers of a service that shall have weight 0 by an order.
pub fn drained(service: &Service, orders: &OrdersInForce) -> BTreeSet<RealServerKey> {
    let keys = service.real_servers.iter().map(|real| real.real_server.key);
    keys.filter(|real| orders.find(&service.service.key, real).and_then(weight_of) == Some(0)).collect()
}

fn weight_of(order: &Order) -> Option<u32> {
    match order.kind {
        OrderKind::Drain => Some(0),
        OrderKind::Disable => None,
        OrderKind::Weight(weight) => Some(weight),
    }
}
