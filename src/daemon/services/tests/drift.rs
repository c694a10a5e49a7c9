//! What other programs do at the table, in both modes.

use proptest::prelude::*;

use super::*;

const KEPT: &str = "on_drift=report\n";
/// As [`text`] has them: 192.0.2.2 with weight 3, 192.0.2.3 with weight 1, and a fallback.
const CONFIGURED: [&str; 2] = ["192.0.2.2=3", "192.0.2.3=1"];

/// Both real servers serve, and a health monitor of this role, with these lines outside of the section, knows it.
fn lab(role: TableRole, lines: &str) -> ServicesLab {
    let text = format!("{lines}{}", text(&["192.0.2.1"]));
    let mut owner = ServicesLab::new(TableRole::OwnsServices, &text, Table::new());
    owner.tick_all();
    let mut lab = match role {
        TableRole::OwnsServices => owner,
        _ => ServicesLab::new(role, &text, owner.table),
    };
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    lab.compare();
    assert_eq!(lab.weights(SERVICE), CONFIGURED);
    lab.heard.take_all();
    lab
}

/// What an administrator may do with ipvsadm.
#[derive(Debug, Clone, Copy)]
enum ByHand {
    Weight(u8, u32),
    Deleted(u8),
    Scheduler(&'static str),
    Service,
}

impl ServicesLab {
    fn do_by_hand(&mut self, what: ByHand) {
        let key: ServiceKey = SERVICE.parse().expect("key");
        if matches!(what, ByHand::Service) {
            self.table.remove(&key);
        }
        let Some(entry) = self.table.get_mut(&key) else { return };
        match what {
            ByHand::Weight(host, weight) => drop(entry.real_servers.insert(real(host, 0).key, real(host, weight))),
            ByHand::Deleted(host) => drop(entry.real_servers.remove(&real(host, 0).key)),
            ByHand::Scheduler(name) => entry.service.scheduler = name.parse().expect("scheduler"),
            ByHand::Service => {}
        }
    }

    /// Compares and writes, for so many seconds.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.compare();
            self.tick_all();
        }
    }

    fn drifting(&self) -> usize {
        self.services.drifts().count()
    }
}

#[test]
fn what_is_done_by_hand_is_repaired_or_stays_until_it_is_undone_as_configured() {
    crate::testing::check_rows(
        [
            ByHand::Weight(2, 0),
            ByHand::Weight(2, 9),
            ByHand::Weight(7, 1),
            ByHand::Deleted(3),
            ByHand::Scheduler("rr"),
            ByHand::Service,
        ],
        |what| {
            let mut repairing = lab(TableRole::OwnsServices, "");
            let configured = repairing.table.clone();
            repairing.do_by_hand(what);
            repairing.pass(1);
            assert_eq!(repairing.table, configured, "repaired within a second");
            let told = repairing.heard.take_all();
            assert_eq!(told.iter().filter(|word| word.starts_with("repaired: ")).count(), 1, "{told:?}");
            assert_eq!(repairing.drifting(), 0);

            let mut reporting = lab(TableRole::OwnsServices, KEPT);
            reporting.do_by_hand(what);
            let by_hand = reporting.table.clone();
            reporting.pass(5);
            assert_eq!(reporting.table, by_hand, "nothing is written");
            assert_eq!((reporting.drifting(), reporting.faults()), (1, vec![]));
            let since: Vec<u64> = reporting.services.drifts().map(|(_, since)| since).collect();
            assert_eq!(since, [1], "since the first comparison");
            let told = reporting.heard.take_all();
            assert!(matches!(told.as_slice(), [one] if one.starts_with("drift: ")), "{told:?}");
            reporting.table = configured;
            reporting.pass(2);
            assert_eq!(reporting.drifting(), 0);
            let told = reporting.heard.take_all();
            assert!(matches!(told.as_slice(), [one] if one.starts_with("drift ended")), "{told:?}");
        },
    );
}

#[test]
fn a_health_monitor_of_declared_services_leaves_the_service_itself_to_its_owner_and_says_it_once() {
    for lines in ["", KEPT] {
        let mut lab = lab(TableRole::MovesRealServers, lines);
        lab.do_by_hand(ByHand::Scheduler("rr"));
        lab.pass(5);
        assert_eq!((lab.heard.take_all().len(), lab.drifting()), (1, 1));
        lab.do_by_hand(ByHand::Service);
        lab.pass(2);
        assert_eq!((lab.table.len(), lab.drifting()), (0, 0), "its owner has removed it");
    }
}

#[test]
fn what_health_decides_goes_on_whatever_was_done_by_hand() {
    // Deleted where it fails, and of weight 0 where it fails and stays.
    for (quiescent, gone) in [("", &["192.0.2.3=1"][..]), ("quiescent=yes\n", &["192.0.2.2=0", "192.0.2.3=1"])] {
        let mut lab = lab(TableRole::OwnsServices, &format!("{KEPT}{quiescent}"));
        lab.do_by_hand(ByHand::Weight(2, 9));
        lab.pass(1);
        assert_eq!(lab.weights(SERVICE), ["192.0.2.2=9", "192.0.2.3=1"]);
        lab.hear(2, bad());
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE), gone);
        assert_eq!(lab.drifting(), 0);
        // A dead server gets no client by hand, and no fallback comes in while another one serves.
        lab.do_by_hand(ByHand::Weight(2, 9));
        let key: ServiceKey = SERVICE.parse().expect("key");
        let fallback = RealServer { key: "127.0.0.1:80".parse().expect("key"), ..real(1, 1) };
        lab.table.get_mut(&key).expect("there").real_servers.insert(fallback.key, fallback);
        lab.pass(1);
        assert_eq!(lab.weights(SERVICE), gone);
        lab.hear(2, Outcome::Good);
        lab.pass(1);
        assert_eq!(lab.weights(SERVICE), CONFIGURED, "it comes back as it is configured");
    }
}

#[test]
fn one_entry_that_is_left_alone_keeps_no_other_from_being_written() {
    let mut lab = lab(TableRole::MovesRealServers, KEPT);
    lab.do_by_hand(ByHand::Weight(2, 0));
    lab.pass(1);
    lab.hear(3, bad());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.2=0"]);
}

#[test]
fn a_program_that_changes_an_entry_again_and_again_is_one_line_and_a_number_each_minute() {
    let mut lab = lab(TableRole::OwnsServices, "");
    for _ in 0..150 {
        lab.do_by_hand(ByHand::Weight(2, 0));
        lab.pass(1);
    }
    let told = lab.heard.take_all();
    let told: Vec<&str> = told.iter().map(String::as_str).filter(|word| *word != "repaired again").collect();
    let first = format!("repaired: virtual service {SERVICE}: real server 192.0.2.2:80: weight is 0, must be 3");
    assert_eq!(told, [first.as_str(), "repaired 59 times", "repaired 60 times"]);
    // When it has ended for a while, the next one is told again.
    lab.pass(200);
    lab.heard.take_all();
    lab.do_by_hand(ByHand::Weight(2, 0));
    lab.pass(1);
    assert_eq!(lab.heard.take_all(), [first]);
}

#[test]
fn a_repair_that_the_kernel_refuses_at_first_is_told_when_it_is_done() {
    let mut lab = lab(TableRole::OwnsServices, "");
    lab.do_by_hand(ByHand::Deleted(3));
    lab.compare();
    lab.tick(|_| true);
    lab.compare();
    assert_eq!(lab.faults(), [SERVICE]);
    lab.heard.take_all();
    lab.tick_all();
    assert_eq!(lab.heard.take_all().len(), 1);
    lab.compare();
    assert_eq!((lab.faults(), lab.weights(SERVICE)), (vec![], CONFIGURED.map(str::to_owned).to_vec()));
}

/// What the health monitor of this role makes of a reload, or of other records of a name.
fn after_reload(role: TableRole, is_ordered: bool) -> (Vec<String>, usize) {
    let mut lab = lab(role, KEPT);
    lab.do_by_hand(ByHand::Weight(2, 0));
    lab.do_by_hand(ByHand::Deleted(3));
    lab.pass(1);
    let observed = lab.table.clone();
    let arrival = Arrival { observed, known: &Registry::default(), is_ordered };
    lab.arrive(role, &format!("{KEPT}{}", text(&["192.0.2.1"])), arrival);
    lab.pass(2);
    (lab.weights(SERVICE), lab.drifting())
}

#[test]
fn a_reload_is_an_order_where_the_health_monitor_owns_the_service_and_elsewhere_its_owner_gives_orders() {
    assert_eq!(after_reload(TableRole::OwnsServices, true), (CONFIGURED.map(str::to_owned).to_vec(), 0));
    assert_eq!(after_reload(TableRole::MovesRealServers, true), (vec!["192.0.2.2=0".to_owned()], 2));
}

#[test]
fn other_records_of_a_name_are_nobodys_order() {
    assert_eq!(after_reload(TableRole::OwnsServices, false), (vec!["192.0.2.2=0".to_owned()], 2));
}

#[test]
fn the_next_health_monitor_knows_of_it_and_since_when() {
    let role = TableRole::MovesRealServers;
    let mut before = lab(role, KEPT);
    before.do_by_hand(ByHand::Weight(2, 0));
    before.do_by_hand(ByHand::Deleted(3));
    before.do_by_hand(ByHand::Weight(7, 1));
    before.pass(1);
    let table = before.table.clone();
    let drifts = before.services.drift_records();
    assert!(drifts.len() == 3 && drifts.iter().all(|drift| drift.since == 1), "{drifts:?}");

    let mut lab = ServicesLab::new(role, "", table.clone());
    let mut known = Registry::default();
    let record = crate::ownership::HealthRecord { drifts, ..Default::default() };
    known.add_health_monitor("before", &record, false);
    let config = parse_file(format!("{KEPT}{}", text(&["192.0.2.1"])).as_bytes(), &crate::config::AnyName::default())
        .expect("right");
    lab.now += Duration::from_secs(100);
    let arrival = Arrival { observed: table.clone(), known: &known, is_ordered: true };
    lab.services.configure(&config.services, role, arrival, lab.moment(), &mut lab.sinks);
    lab.pass(2);
    lab.hear(2, Outcome::Good);
    lab.pass(2);
    assert_eq!(lab.weights(SERVICE), ["192.0.2.2=0", "192.0.2.7=1"]);
    let since: Vec<u64> = lab.services.drifts().map(|(_, since)| since).collect();
    assert_eq!(since, [1, 1, 1]);
    let told = lab.heard.take_all();
    assert!(told.iter().all(|word| !word.starts_with("drift")), "{told:?}");
    lab.hear(2, bad());
    lab.pass(1);
    assert_eq!(lab.weights(SERVICE), ["192.0.2.7=1"], "it has failed");
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Hand(ByHand),
    Check(u8, bool),
    Pass,
}

fn any_step() -> impl Strategy<Value = Step> {
    let by_hand = prop_oneof![
        4 => (2_u8..5, 0_u32..5).prop_map(|(host, weight)| ByHand::Weight(host, weight)),
        2 => (2_u8..5).prop_map(ByHand::Deleted),
        1 => prop::sample::select(vec!["rr", "wrr"]).prop_map(ByHand::Scheduler),
        1 => Just(ByHand::Service),
    ];
    prop_oneof![
        by_hand.prop_map(Step::Hand),
        (2_u8..4, any::<bool>()).prop_map(|(host, is_good)| Step::Check(host, is_good)),
        Just(Step::Pass),
    ]
}

proptest! {
    /// Whatever is done by hand: repaired, the table is what is wanted; reported, a server that has failed serves nobody,
    /// and one that is well is as it was left by hand.
    #[test]
    fn no_dead_server_serves_and_no_change_by_hand_is_fought(
        steps in prop::collection::vec(any_step(), 0..25),
        reports in any::<bool>(),
    ) {
        let mut lab = lab(TableRole::OwnsServices, if reports { KEPT } else { "" });
        let mut left: BTreeMap<u8, Option<u32>> = BTreeMap::new();
        let mut is_up = BTreeMap::from([(2, true), (3, true)]);
        for step in steps {
            match step {
                Step::Hand(what) => {
                    lab.do_by_hand(what);
                    let is_there = !lab.table.is_empty();
                    let is_dead = |host: u8| is_up.get(&host) == Some(&false);
                    match what {
                        ByHand::Weight(host, _) | ByHand::Deleted(host) if is_dead(host) => {}
                        ByHand::Weight(host, weight) if is_there => drop(left.insert(host, Some(weight))),
                        ByHand::Deleted(host) if is_there => drop(left.insert(host, None)),
                        ByHand::Service => left.clear(),
                        _ => {}
                    }
                    // Else what is written meanwhile hides it.
                    lab.compare();
                }
                Step::Check(host, is_good) => {
                    lab.hear(host, if is_good { Outcome::Good } else { bad() });
                    if !is_good {
                        left.remove(&host);
                    }
                    is_up.insert(host, is_good);
                    lab.tick_all();
                }
                Step::Pass => lab.pass(1),
            }
        }
        lab.pass(2);
        let desired = lab.services.desired(lab.now);
        if !reports {
            prop_assert_eq!(&lab.table, &desired);
            return Ok(());
        }
        let Some(entry) = lab.table.values().next() else { return Ok(()) };
        for (host, is_up) in is_up {
            let held = entry.real_servers.get(&real(host, 0).key);
            match left.get(&host) {
                Some(weight) if is_up => prop_assert_eq!(held.map(|real| real.weight), *weight, "{}", host),
                _ if is_up => prop_assert!(held.is_some_and(|real| real.weight > 0), "{}", host),
                _ => prop_assert!(held.is_none_or(|real| real.weight == 0), "{}", host),
            }
        }
    }
}
