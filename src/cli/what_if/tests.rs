use super::*;
use crate::config::{NoNames, parse_file};
use crate::daemon::protocol::{FallbackStatus, OrderStatus, RealServerStatus, RulesStatus};
use crate::testing::check_rows;

const REALS: [&str; 3] = ["192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"];

/// Returns a service as its health monitor tells of it: the configured weight, the wanted one, the own one and whether it is a
/// backup.
fn told(reals: &[(u32, Option<u32>, Option<u32>, bool)], rules: Option<[&str; 4]>, fallback_serves: bool) -> Service {
    service(&status_of(reals, rules, fallback_serves)).expect("a service")
}

fn status_of(
    reals: &[(u32, Option<u32>, Option<u32>, bool)],
    rules: Option<[&str; 4]>,
    fallback_serves: bool,
) -> ServiceStatus {
    let real = |((configured_weight, wanted_weight, own_weight, backup), name): (&(_, _, Option<u32>, _), &&str)| {
        RealServerStatus {
            real_server: (*name).into(),
            forwarding: "gate".into(),
            configured_weight: *configured_weight,
            wanted_weight: *wanted_weight,
            health: if own_weight.is_some() { "up" } else { "down" }.into(),
            since: 0,
            reason: String::new(),
            order: None,
            backup: *backup,
            dns: None,
            own_weight: *own_weight,
        }
    };
    let rules = rules.map(|[quorum, hysteresis, quorumaction, maxejected]| RulesStatus {
        quorum: quorum.into(),
        hysteresis: hysteresis.into(),
        quorumaction: quorumaction.into(),
        maxejected: maxejected.parse().expect("a share"),
    });
    let fallback =
        FallbackStatus { real_server: "127.0.0.1:80".into(), forwarding: "gate".into(), serves: fallback_serves };
    ServiceStatus {
        service: "tcp 192.0.2.100:80".into(),
        scheduler: "wrr".into(),
        real_servers: reals.iter().zip(&REALS).map(real).collect(),
        fallback: Some(fallback),
        single: false,
        rules,
    }
}

fn outages(hosts: &[u8]) -> Vec<Outage> {
    hosts.iter().map(|host| outage(&format!("192.0.2.{host}")).expect("an outage")).collect()
}

fn weights(after: &Aftermath) -> Vec<u32> {
    after.weights.iter().map(|(_, weight)| *weight).collect()
}

#[test]
fn a_file_says_by_which_rules_real_servers_are_left() {
    let text = "virtual=192.0.2.100:80\n\treal=192.0.2.1:80 gate 10\n\treal=192.0.2.2:80 gate 30\n\treal=192.0.2.3:80 gate 10 backup\n\t\
                fallback=127.0.0.1:80 gate\n\tservice=http\n";
    check_rows(
        [
            ("", vec![10, 0, 0], false),
            ("quorum=50%\n", vec![10, 0, 10], false),
            ("quorum=90%\n", vec![0, 0, 0], true),
            ("quorum=90%\n\tquorumaction=stop\n", vec![0, 0, 0], false),
            ("maxejected=30%\n", vec![10, 30, 0], false),
            ("failurecount=3\n\tslowstart=60\n", vec![10, 0, 0], false),
        ],
        |(rules, expected, fallback_serves)| {
            let file = format!("{text}\t{rules}");
            let config = parse_file(file.as_bytes(), &NoNames).expect("right");
            let service = services_of(config).remove(0);
            let after = service.without(&outages(&[2]));
            assert_eq!((weights(&after), after.fallback.is_some()), (expected, fallback_serves));
        },
    );
}

#[test]
fn what_is_down_is_down_for_the_other_directors_too() {
    let text = "virtual=192.0.2.100:80\n\treal=192.0.2.1:80 gate 10\n\tfallback=127.0.0.1:80 gate\n\tservice=http\n\t\
                secondopinion=yes\n";
    let config = parse_file(text.as_bytes(), &NoNames).expect("right");
    let after = services_of(config).remove(0).without(&outages(&[1]));
    assert_eq!((weights(&after), after.fallback.is_some()), (vec![0], true));
}

#[test]
fn a_running_health_monitor_says_by_which_rules_real_servers_are_left() {
    let plain = [(10, Some(10), Some(10), false), (30, Some(30), Some(30), false), (10, Some(0), Some(10), true)];
    let one_down = [plain[0], (30, None, None, false), plain[2]];
    let advised = [(10, Some(5), Some(5), false), (30, Some(7), Some(7), false), (10, Some(0), Some(4), true)];
    let stopped = [(10, Some(0), Some(10), false), (30, None, None, false), (10, Some(0), Some(10), true)];
    let usual = ["1", "0", "fallback", "100"];
    check_rows(
        [
            (plain, usual, false, vec![], vec![10, 30, 0], false),
            (plain, usual, false, vec![2], vec![10, 0, 0], false),
            (plain, usual, false, vec![1, 2], vec![0, 0, 10], false),
            (plain, usual, false, vec![1, 2, 3], vec![0, 0, 0], true),
            (plain, ["50%", "0", "fallback", "100"], false, vec![2], vec![10, 0, 10], false),
            (plain, ["90%", "0", "fallback", "100"], false, vec![2], vec![0, 0, 0], true),
            (plain, ["90%", "0", "stop", "100"], false, vec![2], vec![0, 0, 0], false),
            (plain, ["90%", "0", "keep", "100"], false, vec![2], vec![10, 30, 10], false),
            (plain, ["1", "0", "fallback", "30"], false, vec![2], vec![10, 30, 0], false),
            (one_down, usual, false, vec![], vec![10, 0, 0], false),
            (one_down, usual, false, vec![1], vec![0, 0, 10], false),
            (one_down, usual, false, vec![1, 3], vec![0, 0, 0], true),
            (advised, usual, false, vec![], vec![5, 7, 0], false),
            (advised, usual, false, vec![2], vec![5, 0, 0], false),
            (advised, usual, false, vec![1, 2], vec![0, 0, 4], false),
            (stopped, ["20", "5", "stop", "100"], false, vec![], vec![0, 0, 0], false),
            ([(10, None, None, false); 3], usual, true, vec![], vec![0; 3], true),
        ],
        |(reals, rules, serves, down, expected, fallback_serves)| {
            let after = told(&reals, Some(rules), serves).without(&outages(&down));
            assert_eq!((weights(&after), after.fallback.is_some()), (expected, fallback_serves));
        },
    );
}

#[test]
fn a_real_server_that_a_person_keeps_out_has_not_failed() {
    let reals = [(10, None, None, false), (30, Some(30), Some(30), false), (10, Some(10), Some(10), false)];
    let order = |kind: &str| OrderStatus {
        subject: REALS[0].into(),
        order: kind.into(),
        since: 0,
        until: None,
        by: String::new(),
        reason: String::new(),
    };
    check_rows(
        [
            // Two of three have failed, which are more than may leave.
            ("down", "check failed 1 of 1: connection refused", None, vec![0, 30, 10]),
            ("down", "weight 5 by anna; check failed 1 of 1: connection refused", Some("weight 5"), vec![0, 30, 10]),
            ("up", "out for 60 s: it swallows the connections of clients", None, vec![0, 30, 10]),
            // One of three has.
            ("up", "maintenance: file web1", None, vec![0, 0, 10]),
            ("down", "maintenance: file web1", None, vec![0, 0, 10]),
            ("up", "disabled by anna", Some("disable"), vec![0, 0, 10]),
        ],
        |(health, reason, kind, expected)| {
            let mut status = status_of(&reals, Some(["1", "0", "fallback", "40"]), false);
            let first = &mut status.real_servers[0];
            (first.health, first.reason, first.order) = (health.into(), reason.into(), kind.map(order));
            let after = service(&status).expect("a service").without(&outages(&[2]));
            assert_eq!(weights(&after), expected);
        },
    );
}

/// It tells neither its rules nor the weights that its real servers would have.
#[test]
fn a_health_monitor_of_an_earlier_version_is_taken_to_have_no_rules() {
    let reals = [(10, Some(10), Some(10), false), (30, Some(7), Some(7), false), (10, Some(0), Some(10), true)];
    check_rows(
        [(vec![1], vec![0, 7, 0]), (vec![1, 2], vec![0, 0, 10]), (vec![1, 2, 3], vec![0, 0, 0])],
        |(down, expected)| assert_eq!(weights(&told(&reals, None, false).without(&outages(&down))), expected),
    );
}

#[test]
fn the_report_has_weights_and_shares_of_now_and_then() {
    let service = told(&[(1, Some(1), Some(1), false), (3, Some(3), Some(3), false)], None, false);
    let [one, two] = ["192.0.2.1", "192.0.2.2:80"].map(|word| outage(word).expect(word));
    let after = |outages: &[Outage]| report(&service, &service.without(outages));
    let text = after(&[one]);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[2], ["192.0.2.1:80", "1", "25.0%", "0", "0.0%"]);
    assert_eq!(lines[3], ["192.0.2.2:80", "3", "75.0%", "3", "100.0%"]);
    assert_eq!(lines.len(), 4);
    let text = after(&[one, two]);
    assert!(text.ends_with("  127.0.0.1:80: the fallback serves then\n"), "{text}");
    let text = after(&[one, two, outage("127.0.0.1").expect("an outage")]);
    assert!(
        text.ends_with("no real server that is well serves, and 127.0.0.1:80, the fallback, does not either\n"),
        "{text}"
    );
}

#[test]
fn what_a_rule_keeps_in_is_told_and_is_no_server() {
    let text = "virtual=192.0.2.100:80\n\treal=192.0.2.1:80 gate 1\n\treal=192.0.2.2:80 gate 3\n\tservice=http\n\tmaxejected=40%\n";
    let service = services_of(parse_file(text.as_bytes(), &NoNames).expect("right")).remove(0);
    let kept = |count| {
        format!("  {count} of 2 real servers fail, more than maxejected=40%: the fault is sought at this node\n")
    };
    let one = service.without(&outages(&[1]));
    assert_eq!((weights(&one), one.is_served), (vec![1, 3], true));
    assert!(report(&service, &one).ends_with(&kept(1)));
    let both = service.without(&outages(&[1, 2]));
    assert_eq!((weights(&both), both.is_served), (vec![1, 3], false));
    let nobody = "  no real server that is well serves, and there is no fallback\n";
    assert!(report(&service, &both).ends_with(&(kept(2) + nobody)));
}

#[test]
fn a_server_is_an_address_with_or_without_a_port() {
    for (word, port) in [
        ("192.0.2.1", None),
        ("192.0.2.1:80", Some(80)),
        ("[2001:db8::1]:80", Some(80)),
        ("2001:db8::1", None),
        ("[2001:db8::1]", None),
    ] {
        assert_eq!(outage(word).expect(word).port, port, "{word}");
    }
    for word in ["web1", "192.0.2.1:x", ""] {
        assert!(outage(word).is_err(), "{word}");
    }
}
