//! Which order counts for a real server. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::{Order, RealServerKey, ServiceKey};

/// The orders whose time is not over, by the address that they are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrdersInForce(HashMap<IpAddr, Vec<Order>>);

impl OrdersInForce {
    /// Takes those whose time is not over at `now`, in seconds since 1970.
    pub fn at(now: u64, orders: &[Order]) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<Order>> = HashMap::new();
        for order in orders.iter().filter(|order| order.is_in_force(now)) {
            by_address.entry(order.subject.address).or_default().push(order.clone());
        }
        Self(by_address)
    }

    /// Returns the order that counts for a real server of a service: the one with the narrowest subject.
    pub fn find(&self, service: &ServiceKey, real: &RealServerKey) -> Option<&Order> {
        let orders = self.0.get(&real.address)?.iter();
        orders.filter(|order| order.subject.covers(service, real)).max_by_key(|order| order.subject.narrowness())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn the_narrowest_order_counts_until_its_time_is_over_and_then_the_next_one() {
        let order = |name: &str, value: &str| Order::read(&format!("lvs-order-{name}"), value).expect("an order");
        let orders = [
            order("192.0.2.2", "drain"),
            order("192.0.2.2_80", "weight=5 until=100"),
            order("192.0.2.2_80_in_fwmark_7", "disable until=50"),
            order("192.0.2.3_in_fwmark_7", "weight=3"),
        ];
        check_rows(
            [
                (0, "fwmark 7", "192.0.2.2:80", "disable until=50"),
                (49, "fwmark 7", "192.0.2.2:80", "disable until=50"),
                (50, "fwmark 7", "192.0.2.2:80", "weight=5 until=100"),
                (0, "fwmark 8", "192.0.2.2:80", "weight=5 until=100"),
                (100, "fwmark 7", "192.0.2.2:80", "drain"),
                (0, "fwmark 7", "192.0.2.2:81", "drain"),
                (0, "fwmark 7", "192.0.2.3:80", "weight=3"),
                (0, "fwmark 8", "192.0.2.3:80", ""),
                (0, "fwmark 7", "192.0.2.4:80", ""),
            ],
            |(now, service, real, expected)| {
                let in_force = OrdersInForce::at(now, &orders);
                let found = in_force.find(&service.parse().expect("key"), &real.parse().expect("key"));
                assert_eq!(found.map(Order::value).unwrap_or_default(), expected);
            },
        );
    }
}
