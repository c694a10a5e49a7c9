//! `lvs-agents orders`: every order that is kept, as text for people or as JSON for programs.

use std::io::Write;
use std::time::SystemTime;

use anyhow::bail;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::seconds;
use crate::cli::{ExitStatus, SUCCESS, access};
use crate::daemon::protocol::OrderStatus;
use crate::model::Order;
use crate::orders::{OrderStore, described};
use crate::system::RunDir;

/// One order, and whether it counts.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    order: OrderStatus,
    /// Whether its time is not over.
    in_force: bool,
}

/// Prints the orders.
///
/// # Errors
/// Fails when the cluster cannot be asked, and when this user sees none.
pub fn run(json: bool, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let store = OrderStore::open(&RunDir::system())?;
    if !access::is_root() {
        // Those that this node keeps are out of sight, and that there are none would be a guess.
        let unseen = "only root sees the orders that are kept on this node (sudo lvs-agents orders)";
        if store.orders().is_empty() {
            bail!("orders: {unseen}");
        }
        writeln!(std::io::stderr(), "lvs-agents: orders: {unseen}")?;
    }
    let now = seconds(SystemTime::now());
    if json {
        let row = |order: &Order| Row { order: OrderStatus::from(order), in_force: order.is_in_force(now) };
        let rows: Vec<Row> = store.orders().iter().map(row).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        write!(out, "{}", render(store.orders(), now, &TimeZone::system()))?;
    }
    for cause in store.refused() {
        writeln!(std::io::stderr(), "lvs-agents: {cause}")?;
    }
    Ok(SUCCESS)
}

fn render(orders: &[Order], now: u64, zone: &TimeZone) -> String {
    if orders.is_empty() {
        return "there are no orders\n".into();
    }
    let line = |order: &Order| {
        let over = if order.is_in_force(now) { "" } else { " (its time is over)" };
        format!("{}: {}{over}\n", order.subject, described(order, zone))
    };
    orders.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_says_what_who_when_until_when_and_why() {
        let order = |name: &str, value: &str| Order::read(&format!("lvs-order-{name}"), value).expect("an order");
        let orders = [
            order("192.0.2.2_80", "drain since=1764000000 until=1764003780 by=anna reason=a disk"),
            order("192.0.2.3_in_fwmark_7", "weight=5"),
            order("192.0.2.4", "disable until=1764000001"),
        ];
        let expected = "\
192.0.2.2:80: drained by anna since 2025-11-24 16:00 until 17:03: a disk
192.0.2.3 in fwmark 7: weight 5
192.0.2.4: disabled until 2025-11-24 16:00 (its time is over)
";
        assert_eq!(render(&orders, 1_764_000_001, &TimeZone::UTC), expected);
        assert_eq!(render(&[], 0, &TimeZone::UTC), "there are no orders\n");
    }
}
