//! What operators order, on the way to the kernel.

use super::*;
use crate::model::Order;

const THIRD: &str = "192.0.2.3=1";

/// The orders that have these names, without what they begin with, and values.
fn orders(rows: &[(&str, &str)]) -> OrdersInForce {
    let read = |(name, value): &(&str, &str)| Order::read(&format!("lvs-order-{name}"), value).expect("an order");
    OrdersInForce::at(0, &rows.iter().map(read).collect::<Vec<_>>())
}

fn lab() -> ServicesLab {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1", "192.0.2.9"]), Table::new());
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    lab.heard.take_all();
    lab
}

impl ServicesLab {
    fn order(&mut self, rows: &[(&str, &str)]) -> bool {
        self.services.note_orders(orders(rows), self.now, &mut self.sinks)
    }
}

#[test]
fn an_order_goes_before_what_was_done_by_hand_and_is_kept() {
    let text = format!("on_drift=report\n{}", text(&["192.0.2.1"]));
    for (by_hand, value, obeyed) in
        [(9, "drain", "192.0.2.2=0"), (0, "weight=3", "192.0.2.2=3"), (9, "weight=5", "192.0.2.2=5")]
    {
        let mut lab = ServicesLab::new(TableRole::OwnsServices, &text, Table::new());
        lab.hear(2, Outcome::Good);
        lab.hear(3, Outcome::Good);
        lab.tick_all();
        let entry = lab.table.get_mut(&SERVICE.parse().expect("key")).expect("an entry");
        let real = entry.real_servers.values_mut().next().expect("a real server");
        real.weight = by_hand;
        let is_kept = format!("192.0.2.2={by_hand}");
        lab.compare();
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE).first(), Some(&is_kept), "on_drift=report");
        lab.order(&[("192.0.2.2", value)]);
        lab.tick_all();
        lab.compare();
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE).first().map(String::as_str), Some(obeyed), "{value}");
    }
}

#[test]
fn an_order_is_obeyed_by_the_next_write_in_the_services_that_it_is_about_and_its_end_by_the_one_after() {
    let mut lab = lab();
    assert!(lab.order(&[("192.0.2.2", "weight=7"), ("192.0.2.2_in_tcp_192.0.2.9_80", "drain by=anna")]));
    assert_eq!(lab.tick_all().len(), 2);
    assert_eq!(
        (lab.weights(SERVICE), lab.weights(OTHER)),
        (vec!["192.0.2.2=7".into(), THIRD.into()], vec!["192.0.2.2=0".into(), THIRD.into()])
    );
    let heard = lab.heard.take_all();
    assert_eq!(heard.iter().filter(|event| *event == "192.0.2.2:80 OrderBegan").count(), 2, "{heard:?}");
    assert!(!lab.order(&[("192.0.2.2_in_tcp_192.0.2.9_80", "drain by=anna"), ("192.0.2.2", "weight=7")]), "the same");
    assert!(lab.order(&[]));
    lab.tick_all();
    assert_eq!(
        (lab.weights(SERVICE), lab.weights(OTHER)),
        (vec!["192.0.2.2=3".into(), THIRD.to_owned()], vec!["192.0.2.2=3".into(), THIRD.to_owned()])
    );
}

#[test]
fn a_health_monitor_that_takes_over_leaves_a_drained_real_server_in_the_table() {
    for (rows, expected) in
        [(&[("192.0.2.2", "drain")][..], vec!["192.0.2.2=0".to_owned(), THIRD.into()]), (&[], vec![THIRD.into()])]
    {
        let mut before = lab();
        before.order(&[("192.0.2.2", "drain")]);
        before.tick_all();
        let mut after = ServicesLab::new(TableRole::MovesRealServers, &text(&["192.0.2.7"]), Table::new());
        after.order(rows);
        after.table = before.table.clone();
        after.configure(TableRole::MovesRealServers, &text(&["192.0.2.1"]), before.table);
        after.tick_all();
        assert_eq!(after.weights(SERVICE), expected, "{rows:?}");
    }
}

#[test]
fn a_real_server_that_comes_with_a_new_configuration_comes_at_the_ordered_weight() {
    let mut lab = lab();
    lab.order(&[("192.0.2.2", "disable"), ("192.0.2.3", "weight=5")]);
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.3=5"]);
}

#[test]
fn a_file_of_a_maintenance_folder_keeps_a_real_server_out_whatever_is_ordered() {
    let mut lab = lab();
    let with_folder = format!("maintenancedir=/m\n{}", text(&["192.0.2.1"]));
    let listings = |file: Option<&str>| Listings::from([("/m".into(), file.map(str::to_owned).into_iter().collect())]);
    lab.configure(TableRole::OwnsServices, &with_folder, Table::new());
    lab.services.note_maintenance(listings(Some("192.0.2.2")), lab.now, &mut lab.sinks);
    lab.order(&[("192.0.2.2", "weight=7")]);
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), [THIRD]);
    lab.services.note_maintenance(listings(None), lab.now, &mut lab.sinks);
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.2=7", THIRD], "the order counts now");
}
