use proptest::prelude::*;

use super::*;
use crate::testing::check_rows;

fn order(kind: OrderKind) -> Order {
    Order {
        subject: OrderSubject::of_name("lvs-order-10.0.0.2_80").expect("a name"),
        kind,
        since: 1_764_000_000,
        until: Some(1_764_003_600),
        by: "anna".into(),
        reason: "replaces the disk".into(),
    }
}

#[test]
fn each_subject_has_the_name_that_was_written_down_for_it() {
    check_rows(
        [
            ("lvs-order-10.0.0.2", "10.0.0.2"),
            ("lvs-order-10.0.0.2_80", "10.0.0.2:80"),
            ("lvs-order-10.0.0.2_0", "10.0.0.2:0"),
            ("lvs-order-2001-db8--2", "2001:db8::2"),
            ("lvs-order-2001-db8--2_80", "[2001:db8::2]:80"),
            ("lvs-order---1_80", "[::1]:80"),
            ("lvs-order-10.0.0.2_in_tcp_10.0.0.1_443", "10.0.0.2 in tcp 10.0.0.1:443"),
            ("lvs-order-10.0.0.2_80_in_fwmark_7", "10.0.0.2:80 in fwmark 7"),
            ("lvs-order-2001-db8--2_80_in_fwmark_7_ipv6", "[2001:db8::2]:80 in fwmark 7 ipv6"),
            ("lvs-order-2001-db8--2_80_in_udp_2001-db8--1_53", "[2001:db8::2]:80 in udp [2001:db8::1]:53"),
        ],
        |(name, text)| {
            let subject = OrderSubject::of_name(name).expect("a name");
            assert_eq!((subject.to_string().as_str(), subject.name().as_str()), (text, name));
        },
    );
}

#[test]
fn a_name_that_no_command_has_written_is_refused() {
    check_rows(
        [
            "",
            "lvs-order-",
            "lvs-order-web2_80",
            "lvs-order-10.0.0.2_080",
            "lvs-order-10.0.0.2_+80",
            "lvs-order-10.0.0.2_80_80",
            "lvs-order-10.0.0.2_99999",
            "lvs-order-10.0.0.2_in_tcp_10.0.0.1",
            "lvs-order-10.0.0.2_in_http_10.0.0.1_80",
            "lvs-order-10.0.0.2_in_fwmark_x",
            "lvs-order-2001-DB8--2",
            "standby",
        ],
        |name| {
            OrderSubject::of_name(name).expect_err("no name of an order");
        },
    );
}

#[test]
fn values_are_the_words_that_the_first_version_wrote() {
    let forever =
        Order { since: 0, until: None, by: String::new(), reason: String::new(), ..order(OrderKind::Disable) };
    let rest = "since=1764000000 until=1764003600 by=anna reason=replaces the disk";
    check_rows(
        [
            (order(OrderKind::Drain), format!("drain {rest}")),
            (order(OrderKind::Weight(5)), format!("weight=5 {rest}")),
            (forever, "disable".into()),
        ],
        |(order, value)| {
            assert_eq!(order.value(), value);
            assert_eq!(Order::read(&order.subject.name(), &value), Ok(order));
        },
    );
}

#[test]
fn words_of_a_later_version_are_skipped_and_the_reason_may_have_any_words() {
    let value = "drain mode=soft since=1764000000 soft by=anna until=1764003600 reason=until=1 by=me  reason=none";
    let read = Order::read("lvs-order-10.0.0.2_80", value).expect("understood");
    assert_eq!(read, Order { reason: "until=1 by=me reason=none".into(), ..order(OrderKind::Drain) });
}

#[test]
fn a_value_that_does_not_say_clearly_what_is_ordered_is_no_order() {
    check_rows(
        [
            "",
            "dry",
            "weight",
            "weight=",
            "weight=-1",
            "weight=2147483648",
            "drain until=",
            "drain until=noon",
            "reason=drain",
        ],
        |value| {
            Order::read("lvs-order-10.0.0.2_80", value).expect_err("no order");
        },
    );
}

#[test]
fn what_others_have_written_is_shown_as_one_short_line_without_control_characters() {
    let value = format!("drain by=a\u{1b}[2Jb reason=one\n\u{1b}]0;two\u{7}\t{}", "x".repeat(5000));
    let read = Order::read("lvs-order-10.0.0.2_80", &value).expect("understood");
    assert!(read.reason.starts_with("one ]0;two xxx") && read.reason.chars().count() == LONGEST_TEXT, "{read:?}");
    assert_eq!(read.by, "a_[2Jb");
}

#[test]
fn the_narrower_subject_is_the_one_with_the_port_and_then_the_one_with_the_service() {
    let subject = |name: &str| OrderSubject::of_name(&format!("lvs-order-10.0.0.2{name}")).expect("a name");
    let names = ["", "_in_fwmark_7", "_80", "_80_in_fwmark_7"];
    assert!(names.map(subject).windows(2).all(|pair| pair[0].narrowness() < pair[1].narrowness()));
    let (service, real) = ("fwmark 7".parse().expect("key"), "10.0.0.2:80".parse().expect("key"));
    assert!(names.iter().all(|name| subject(name).covers(&service, &real)));
    let other = "10.0.0.2:81".parse().expect("key");
    assert_eq!(names.map(|name| subject(name).covers(&service, &other)), [true, true, false, false]);
    let includes = |outer: &str, inner: &str| subject(outer).includes(&subject(inner));
    assert!(includes("", "_80_in_fwmark_7") && includes("_80", "_80_in_fwmark_7") && includes("_80", "_80"));
    assert!(!includes("_80", "") && !includes("_80", "_in_fwmark_7") && !includes("_in_fwmark_7", "_80"));
}

fn any_service() -> impl Strategy<Value = Option<ServiceKey>> {
    use crate::model::{Family, Protocol};
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
    let address = (protocol, any::<IpAddr>(), any::<u16>()).prop_map(|(protocol, address, port)| ServiceKey::Address {
        protocol,
        address,
        port,
    });
    let family = prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)];
    let mark = (1..=u32::MAX, family).prop_map(|(mark, family)| ServiceKey::Fwmark { mark, family });
    proptest::option::of(prop_oneof![address, mark])
}

fn any_order() -> impl Strategy<Value = Order> {
    let subject = (any::<IpAddr>(), any::<Option<u16>>(), any_service())
        .prop_map(|(address, port, service)| OrderSubject { address, port, service });
    let weight = (0..=i32::MAX as u32).prop_map(OrderKind::Weight);
    let kind = prop_oneof![Just(OrderKind::Drain), Just(OrderKind::Disable), weight];
    (subject, kind, any::<u64>(), any::<Option<u64>>(), "[a-z.@-]{0,20}", "([a-z=\"'<&äß]{1,9}( [a-z=]{1,9}){0,9})?")
        .prop_map(|(subject, kind, since, until, by, reason)| Order { subject, kind, since, until, by, reason })
}

proptest! {
    #[test]
    fn every_order_is_read_as_it_was_written(order in any_order()) {
        prop_assert_eq!(Order::read(&order.subject.name(), &order.value()), Ok(order));
    }

    #[test]
    fn names_have_only_what_an_identifier_in_the_cib_may_have(order in any_order()) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        prop_assert!(order.subject.name().chars().all(is_plain));
    }

    #[test]
    fn no_name_and_no_value_ends_the_reader_and_what_is_read_is_written_the_same_again(
        name in "(lvs-order-)?[0-9a-f.:_-]{0,20}(_in_.{0,20})?", value in "(drain|disable|weight=[0-9]{0,12})?.{0,80}"
    ) {
        if let Ok(order) = Order::read(&name, &value) {
            prop_assert_eq!(Order::read(&name, &order.value()), Ok(order));
        }
    }
}
