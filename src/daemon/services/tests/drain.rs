//! Real servers that leave, with a clock that the test moves.

use super::*;
use crate::netlink::ipvs::{Connections, RealServerInUse, Traffic};

const BOTH: [&str; 2] = ["192.0.2.2=3", "192.0.2.3=1"];
const DRAINING: [&str; 2] = ["192.0.2.2=3", "192.0.2.3=0"];
const DRAINED: [&str; 1] = ["192.0.2.2=3"];

fn without_third(more: &str) -> String {
    text(&["192.0.2.1"]).replace("\treal=192.0.2.3:80 gate\n", more)
}

/// Both real servers serve, and a health monitor of this role knows it.
fn lab(role: TableRole) -> ServicesLab {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.tick_all();
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), BOTH);
    match role {
        TableRole::OwnsServices => lab,
        _ => {
            let table = lab.table;
            ServicesLab::new(role, &text(&["192.0.2.1"]), table)
        }
    }
}

impl ServicesLab {
    /// Counts the connections to 192.0.2.3 and does one tick.
    fn count(&mut self, active: u32) -> Vec<String> {
        let counted = self.services.draining().into_iter().map(|key| {
            let reals = self.table.get(&key).into_iter().flat_map(|entry| entry.real_servers.values());
            let connections = |real: &RealServer| Connections {
                active: if real.key == super::real(3, 1).key { active } else { 9 },
                // None of these is a connection.
                persistent: 7,
                inactive: 0,
            };
            let in_use = |real: &RealServer| RealServerInUse {
                real_server: real.clone(),
                connections: connections(real),
                traffic: Traffic::default(),
            };
            (key, reals.map(in_use).collect())
        });
        let counted = counted.collect();
        self.services.counted(counted, self.now, &mut self.sinks);
        self.tick_all()
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

#[test]
fn one_that_leaves_an_owned_service_goes_with_its_last_connection_or_when_its_time_is_over() {
    for (connections, seconds) in [(0, 0), (1, 299), (1, 300)] {
        let mut lab = lab(TableRole::OwnsServices);
        lab.configure(TableRole::OwnsServices, &without_third(""), Table::new());
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE), DRAINING, "at first, whatever its connections are");
        lab.after(seconds);
        lab.count(connections);
        let is_over = connections == 0 || seconds >= 300;
        assert_eq!(lab.weights(SERVICE), if is_over { &DRAINED[..] } else { &DRAINING }, "{seconds} s");
        let heard = lab.heard.take_all();
        assert_eq!(heard.iter().any(|word| word == "Drained"), is_over, "{heard:?}");
        lab.compare();
        assert_eq!(lab.tick_all(), [""; 0]);
        assert_eq!(lab.services.draining().is_empty(), is_over);
    }
}

#[test]
fn without_a_time_limit_it_goes_at_once() {
    let mut lab = lab(TableRole::OwnsServices);
    lab.configure(TableRole::OwnsServices, &without_third("\tdrain_timeout=0\n"), Table::new());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), DRAINED);
}

#[test]
fn a_later_configuration_does_not_begin_the_time_anew_and_may_shorten_it() {
    let mut lab = lab(TableRole::OwnsServices);
    lab.configure(TableRole::OwnsServices, &without_third(""), Table::new());
    lab.tick_all();
    lab.after(200);
    lab.configure(TableRole::OwnsServices, &without_third("\tscheduler=rr\n"), Table::new());
    lab.after(99);
    lab.count(1);
    assert_eq!(lab.weights(SERVICE), DRAINING);
    lab.configure(TableRole::OwnsServices, &without_third("\tdrain_timeout=250\n"), Table::new());
    lab.count(1);
    assert_eq!(lab.weights(SERVICE), DRAINED);
}

#[test]
fn one_that_comes_back_keeps_its_entry_until_a_check_lets_it_serve() {
    let mut lab = lab(TableRole::OwnsServices);
    lab.configure(TableRole::OwnsServices, &without_third(""), Table::new());
    lab.tick_all();
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.tick_all();
    lab.count(1);
    assert_eq!(lab.weights(SERVICE), DRAINING);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), BOTH);
    lab.count(1);
    assert_eq!(lab.weights(SERVICE), BOTH, "it is drained no more");
    lab.hear(3, bad());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), DRAINED, "and leaves as every other that fails");
    assert!(!lab.heard.take_all().contains(&"Drained".to_owned()));
}

#[test]
fn a_follower_drains_what_the_declaration_names_and_never_brings_it_back() {
    let boot = Moment::of(Instant::now()).boot;
    let declared = without_third(&format!("\treal=192.0.2.3:80 gate 0 draining:{boot}\n"));
    let mut lab = lab(TableRole::MovesRealServers);
    lab.configure(TableRole::MovesRealServers, &declared, Table::new());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), DRAINING);
    lab.count(1);
    assert_eq!(lab.weights(SERVICE), DRAINING);
    // The next health monitor finds it so.
    let mut next = ServicesLab::new(TableRole::MovesRealServers, &declared, lab.table.clone());
    assert_eq!(next.tick_all(), [""; 0]);
    next.count(0);
    assert_eq!(next.weights(SERVICE), DRAINED);
    next.configure(TableRole::MovesRealServers, &declared, Table::new());
    assert_eq!((next.tick_all(), next.services.draining()), (vec![], vec![]));
    // Another program was faster.
    lab.table.get_mut(&SERVICE.parse().expect("key")).expect("there").real_servers.remove(&real(3, 1).key);
    lab.compare();
    assert_eq!(lab.tick_all(), [""; 0]);
    // What is not named goes at once.
    let mut plain = self::lab(TableRole::MovesRealServers);
    plain.configure(TableRole::MovesRealServers, &without_third(""), Table::new());
    plain.tick_all();
    assert_eq!(plain.weights(SERVICE), DRAINED);
}

/// The connections are of the time when it was a real server.
#[test]
fn one_that_is_or_becomes_the_fallback_is_drained_while_that_is_not_called_for() {
    let fallback = without_third("").replace("127.0.0.1", "192.0.2.3");
    for texts in [vec![&fallback], vec![&without_third(""), &fallback]] {
        let mut lab = lab(TableRole::OwnsServices);
        for text in texts {
            lab.configure(TableRole::OwnsServices, text, Table::new());
            lab.tick_all();
            lab.count(1);
        }
        assert_eq!(lab.weights(SERVICE), DRAINING);
        for connections in [1, 0] {
            lab.hear(2, bad());
            lab.tick_all();
            lab.count(connections);
            assert_eq!(lab.weights(SERVICE), ["192.0.2.3=1"], "it serves as the fallback");
            lab.hear(2, Outcome::Good);
            lab.tick_all();
            assert_eq!(lab.weights(SERVICE), DRAINING);
        }
        lab.count(0);
        assert_eq!(lab.weights(SERVICE), DRAINED);
        lab.hear(2, bad());
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE), ["192.0.2.3=1"]);
    }
}

#[test]
fn a_drained_fallback_that_another_program_has_deleted_comes_back_when_it_is_called_for() {
    let mut lab = lab(TableRole::OwnsServices);
    lab.configure(TableRole::OwnsServices, &without_third("").replace("127.0.0.1", "192.0.2.3"), Table::new());
    lab.tick_all();
    lab.table.get_mut(&SERVICE.parse().expect("key")).expect("there").real_servers.remove(&real(3, 1).key);
    lab.compare();
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), DRAINED);
    lab.hear(2, bad());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.3=1"]);
}

#[test]
fn the_drains_of_own_services_are_known_by_the_time_at_which_they_began() {
    let mut lab = lab(TableRole::OwnsServices);
    let began = Moment::of(lab.now).boot;
    lab.configure(TableRole::OwnsServices, &without_third(""), Table::new());
    lab.tick_all();
    lab.after(7);
    let drains = lab.services.drains(lab.now);
    let since: Vec<u64> = drains.values().flat_map(|left| left.values().copied()).collect();
    // The clock of the machine stands still meanwhile.
    assert!(matches!(since[..], [since] if since <= began && since + 8 >= began), "{since:?}, began {began}");
}
