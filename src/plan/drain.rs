//! The drain of real servers that have left the configuration: they get no new connection, and leave the table when
//! the ones that they have are over, or when they have had their time.

use std::collections::BTreeMap;

use crate::model::{Change, RealServer, RealServerKey, ServiceKey};

/// What the kernel holds of a real server, and how many connections it passes to it. Persistence templates do not
/// count: none of them brings a new connection to a real server of weight 0 (`expire_quiescent_template`, which
/// [`director_sysctls`](super::director_sysctls) asks for), and none is lost with the entry, as the next connection of
/// that client makes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRealServer {
    /// The entry.
    pub real_server: RealServer,
    /// Its connections, in whatever state: one after a FIN may still carry data in one direction.
    pub connections: u32,
}

/// Returns what to do for the real servers of one virtual service that are drained: each gets weight 0, and is deleted
/// when it had weight 0 and no connection, or when its time is over. `until` has that time for each, and `now` is one of
/// the same clock. A real server that the kernel does not hold has left already.
///
/// The weight comes first, and connections are counted anew before the deletion: one that came between the count and
/// the weight would be cut off.
pub fn drain_changes<T: PartialOrd>(
    service: ServiceKey,
    until: &BTreeMap<RealServerKey, T>,
    held: &[HeldRealServer],
    now: &T,
) -> Vec<Change> {
    let change = |HeldRealServer { real_server, connections }: &HeldRealServer| {
        let is_over = now >= until.get(&real_server.key)?;
        match (real_server.weight, connections) {
            _ if is_over => Some(Change::DeleteRealServer(service, real_server.key)),
            (0, 0) => Some(Change::DeleteRealServer(service, real_server.key)),
            (0, _) => None,
            _ => Some(Change::EditRealServer(service, RealServer { weight: 0, ..real_server.clone() })),
        }
    };
    held.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{check_rows, real_server, virtual_service};

    const KEY: &str = "tcp 192.0.2.1:80";

    fn held(weight: u32, connections: u32) -> HeldRealServer {
        HeldRealServer { real_server: real_server(8, weight), connections }
    }

    fn step(held: &HeldRealServer, until: u32, now: u32) -> Option<Change> {
        let until = BTreeMap::from([(held.real_server.key, until)]);
        let mut changes = drain_changes(virtual_service(KEY).key, &until, std::slice::from_ref(held), &now);
        assert!(changes.len() <= 1);
        changes.pop()
    }

    #[test]
    fn a_real_server_gets_weight_0_and_goes_with_its_last_connection_or_when_its_time_is_over() {
        let key = virtual_service(KEY).key;
        let quiesce = Some(Change::EditRealServer(key, real_server(8, 0)));
        let delete = Some(Change::DeleteRealServer(key, real_server(8, 0).key));
        check_rows(
            [
                (held(3, 2), 9, quiesce.clone()),
                // A connection may have come since it was counted.
                (held(3, 0), 9, quiesce),
                (held(0, 2), 9, None),
                (held(0, 0), 9, delete.clone()),
                (held(0, 2), 10, delete.clone()),
                (held(3, 2), 11, delete),
            ],
            |(held, now, expected)| assert_eq!(step(&held, 10, now), expected),
        );
    }

    #[test]
    fn a_real_server_that_is_not_drained_is_left_alone() {
        let changes = drain_changes(virtual_service(KEY).key, &BTreeMap::new(), &[held(3, 0), held(0, 0)], &9);
        assert_eq!(changes, []);
    }

    proptest! {
        /// A real server whose connections end one after the other, while another program may raise its weight.
        #[test]
        fn no_connection_is_cut_off_before_the_time_is_over_and_nothing_is_left_after(
            ends in proptest::collection::vec(0u32..20, 0..6),
            raised in proptest::collection::btree_set(0u32..20, 0..4),
            until in 0u32..15,
        ) {
            let mut real = Some(real_server(8, 3));
            for now in 0..=until {
                let connections = u32::try_from(ends.iter().filter(|end| **end > now).count()).expect("few");
                let Some(entry) = &mut real else { break };
                if raised.contains(&now) {
                    entry.weight = 7;
                }
                let held = HeldRealServer { real_server: entry.clone(), connections };
                match step(&held, until, now) {
                    Some(Change::EditRealServer(_, edited)) => real = Some(edited),
                    Some(Change::DeleteRealServer(..)) => {
                        prop_assert!(now >= until || (connections == 0 && held.real_server.weight == 0));
                        real = None;
                    }
                    Some(other) => prop_assert!(false, "{other}"),
                    None => prop_assert!(connections > 0 && entry.weight == 0),
                }
            }
            prop_assert_eq!(real, None);
        }
    }
}
