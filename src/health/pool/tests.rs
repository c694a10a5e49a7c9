mod opinion;
mod properties;
mod rules;
mod start;
mod suspicions;
mod together;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::*;
use crate::health::Limits;
use crate::testing::{real_server as real, virtual_service};

const FALLBACK: u8 = 99;

/// A moment that stays the same.
fn now() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn settings(reals: &[(u8, u32)], quiescent: bool) -> PoolSettings {
    PoolSettings {
        draining: Vec::new(),
        service: virtual_service("tcp 192.0.2.1:80"),
        real_servers: reals.iter().map(|(host, weight)| RealServerSettings::new(real(*host, *weight))).collect(),
        fallback: Some(real(FALLBACK, 1)),
        quiescent,
        limits: Limits { failurecount: 1, rise: 1 },
        policy: Policy::default(),
    }
}

/// Returns the last octet and the weight of what the kernel shall hold.
fn placed(pool: &Pool) -> Vec<(u8, u32)> {
    let octet = |key: &RealServerKey| match key.address {
        std::net::IpAddr::V4(address) => address.octets()[3],
        std::net::IpAddr::V6(_) => panic!("IPv6"),
    };
    pool.entry(now()).real_servers.iter().map(|(key, real)| (octet(key), real.weight)).collect()
}

fn note(pool: &mut Pool, host: u8, good: bool) -> Vec<PoolEvent> {
    let outcome = if good { Outcome::Good } else { Outcome::Bad("refused".into()) };
    pool.note(real(host, 1).key, &outcome, now())
}

#[test]
fn a_cold_start_lets_no_real_server_in_unchecked_and_does_not_flap_the_fallback() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    assert_eq!(placed(&pool), []);
    note(&mut pool, 1, false);
    assert_eq!(placed(&pool), [], "the second real server has not been asked yet");
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(2, 3)]);
}

#[test]
fn the_healthy_weight_is_that_of_real_servers_that_serve_and_not_of_the_fallback() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], true), None, &KnownHealth::default(), now());
    assert_eq!(pool.healthy_weight(), 0);
    note(&mut pool, 1, true);
    note(&mut pool, 2, true);
    assert_eq!(pool.healthy_weight(), 4);
    note(&mut pool, 2, false);
    assert_eq!(pool.healthy_weight(), 1);
    note(&mut pool, 1, false);
    assert_eq!((pool.healthy_weight(), pool.fallback_serves()), (0, true));
}

#[test]
fn the_fallback_does_not_wait_for_ever_for_a_first_result() {
    let mut pool = Pool::new(settings(&[(1, 1)], false), None, &KnownHealth::default(), now());
    pool.advance(now() + FIRST_RESULT - Duration::from_millis(1));
    assert_eq!(placed(&pool), []);
    pool.advance(now() + FIRST_RESULT);
    assert_eq!(placed(&pool), [(FALLBACK, 1)]);
    note(&mut pool, 1, true);
    assert_eq!(placed(&pool), [(1, 1)]);
}

#[test]
fn a_health_monitor_trusts_those_that_the_one_before_knew_to_be_well() {
    let strict = PoolSettings { limits: Limits { failurecount: 3, rise: 1 }, ..settings(&[(1, 1), (2, 3)], false) };
    let mut pool = Pool::new(strict.clone(), None, &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    let mut observed = pool.entry(now());
    observed.real_servers.insert(real(2, 3).key, real(2, 3));
    let mut restarted = Pool::new(
        strict,
        Some(&observed),
        &KnownHealth { up: pool.known_up().collect(), down: pool.known_down().collect(), ..Default::default() },
        now(),
    );
    note(&mut restarted, 1, false);
    note(&mut restarted, 2, false);
    assert_eq!(placed(&restarted), [(1, 1)], "the second was put in unchecked");
}

#[test]
fn a_warm_start_keeps_the_real_servers_that_serve() {
    let before = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    let mut observed = before.entry(now());
    observed.real_servers.insert(real(2, 3).key, real(2, 3));
    observed.real_servers.insert(real(1, 0).key, real(1, 0));
    let pool = Pool::new(settings(&[(1, 1), (2, 3)], true), Some(&observed), &KnownHealth::default(), now());
    assert_eq!(placed(&pool), [(1, 0), (2, 3)]);
}

#[test]
fn a_real_server_of_configured_weight_zero_keeps_its_entry_over_a_restart() {
    let drained = settings(&[(1, 0), (2, 3)], false);
    let observed = ServiceEntry {
        service: drained.service.clone(),
        real_servers: [real(1, 0), real(2, 3)].into_iter().map(|real| (real.key, real)).collect(),
    };
    assert_eq!(placed(&Pool::new(drained, Some(&observed), &KnownHealth::default(), now())), [(1, 0), (2, 3)]);
}

#[test]
fn the_fallback_comes_when_all_are_down_and_goes_when_one_returns() {
    crate::testing::check_rows(
        [(false, vec![(FALLBACK, 1)], vec![(2, 3)]), (true, vec![(1, 0), (2, 0), (FALLBACK, 1)], vec![(1, 0), (2, 3)])],
        |(quiescent, down, one_up)| {
            let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], quiescent), None, &KnownHealth::default(), now());
            note(&mut pool, 1, false);
            note(&mut pool, 2, false);
            assert_eq!(placed(&pool), down);
            note(&mut pool, 2, true);
            assert_eq!(placed(&pool), one_up);
        },
    );
}

#[test]
fn a_serving_fallback_stays_while_a_newcomer_or_a_new_health_monitor_has_yet_to_ask() {
    let mut pool = Pool::new(settings(&[(1, 1)], false), None, &KnownHealth::default(), now());
    note(&mut pool, 1, false);
    let observed = pool.entry(now());
    let restarted = Pool::new(settings(&[(1, 1)], false), Some(&observed), &KnownHealth::default(), now());
    assert_eq!(placed(&restarted), [(FALLBACK, 1)]);
    pool.reconfigure(settings(&[(1, 1), (2, 3)], false), now());
    assert_eq!(placed(&pool), [(FALLBACK, 1)]);
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(2, 3)]);
}

#[test]
fn a_healthy_real_server_of_weight_zero_does_not_withhold_the_fallback() {
    let mut pool = Pool::new(settings(&[(1, 0), (2, 3)], false), None, &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    note(&mut pool, 2, false);
    assert_eq!(placed(&pool), [(1, 0), (FALLBACK, 1)]);
}

#[test]
fn a_service_without_real_servers_is_served_by_the_fallback() {
    assert_eq!(placed(&Pool::new(settings(&[], false), None, &KnownHealth::default(), now())), [(FALLBACK, 1)]);
}

#[test]
fn checktype_off_activates_neither_real_servers_nor_the_fallback() {
    let mut off = settings(&[(1, 1)], false);
    off.real_servers[0].disabled = true;
    let mut pool = Pool::new(off, None, &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    assert_eq!(placed(&pool), []);
}

#[test]
fn a_new_configuration_keeps_what_is_known() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    note(&mut pool, 2, false);
    pool.reconfigure(settings(&[(1, 7), (2, 3), (3, 1)], false), now());
    assert_eq!(placed(&pool), [(1, 7)]);
    let reasons: Vec<String> = pool.members().map(|(_, _, serving_state)| serving_state.reason).collect();
    assert_eq!(reasons, ["configured", "check failed 1 of 1: refused", "not checked yet"]);
}

#[test]
fn one_that_is_switched_on_starts_outside_whatever_was_known_of_it() {
    let mut off = settings(&[(1, 1), (2, 3)], false);
    off.real_servers[0].disabled = true;
    let mut held = Pool::new(settings(&[], false), None, &KnownHealth::default(), now()).entry(now());
    held.real_servers = [(real(1, 1).key, real(1, 1)), (real(2, 3).key, real(2, 3))].into();
    let mut pool = Pool::new(off, Some(&held), &KnownHealth::default(), now());
    assert_eq!(placed(&pool), [(2, 3)]);
    pool.reconfigure(settings(&[(1, 1), (2, 3)], false), now());
    assert_eq!(placed(&pool), [(2, 3)]);
}

#[test]
fn a_result_that_comes_too_late_for_its_real_server_changes_nothing() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    note(&mut pool, 2, true);
    assert_eq!(note(&mut pool, 7, false), []);
    assert_eq!(pool.serving_state(&real(7, 1).key), None);
    assert_eq!(placed(&pool), [(2, 3)]);
}

#[test]
fn events_name_the_real_server_and_then_what_takes_its_place() {
    let member = |transition| PoolEvent::Member { real: real(1, 1).key, transition };
    let (down, up) = (member(Transition::WentDown), member(Transition::CameUp));
    crate::testing::check_rows(
        [
            (Some(real(FALLBACK, 1)), PoolEvent::FallbackIn, PoolEvent::FallbackOut),
            (None, PoolEvent::NobodyServes, PoolEvent::ServedAgain),
        ],
        |(fallback, in_its_place, back)| {
            let alone = PoolSettings { fallback, ..settings(&[(1, 1)], false) };
            let mut pool = Pool::new(alone, None, &KnownHealth::default(), now());
            assert_eq!(note(&mut pool, 1, true), [up]);
            assert_eq!(note(&mut pool, 1, false), [down, in_its_place]);
            assert_eq!(pool.nobody_serves(), in_its_place == PoolEvent::NobodyServes);
            assert_eq!(note(&mut pool, 1, true), [up, back]);
            assert_eq!(
                note(&mut pool, 1, true).capacity(),
                0,
                "nothing is allocated for a result that changes nothing"
            );
        },
    );
}

#[test]
fn a_new_configuration_tells_what_it_changes() {
    let bare = |reals: &[(u8, u32)]| PoolSettings { fallback: None, ..settings(reals, false) };
    let mut pool = Pool::new(bare(&[(1, 1)]), None, &KnownHealth::default(), now());
    note(&mut pool, 1, false);
    let with_fallback = pool.reconfigure(settings(&[(1, 1)], false), now());
    assert_eq!(with_fallback, [PoolEvent::FallbackIn, PoolEvent::ServedAgain]);
    assert_eq!(pool.reconfigure(bare(&[(1, 1)]), now()), [PoolEvent::FallbackOut, PoolEvent::NobodyServes]);
    note(&mut pool, 1, true);
    assert_eq!(pool.reconfigure(bare(&[(1, 0)]), now()), [PoolEvent::NobodyServes], "its weight is 0 now");
}

#[test]
fn ten_thousand_real_servers_go_down_and_come_back_with_one_event_each() {
    let key = |n: u32| RealServerKey { address: std::net::Ipv4Addr::from(0x0a00_0000 + n).into(), port: 80 };
    let one = |n| RealServerSettings::new(RealServer { key: key(n), ..real(1, 1) });
    let many = PoolSettings { real_servers: (0..10_000).map(one).collect(), ..settings(&[], false) };
    let mut pool = Pool::new(many, None, &KnownHealth::default(), now());
    for (outcome, extra) in [(Outcome::Good, 0), (Outcome::Bad("refused".into()), 1), (Outcome::Good, 1)] {
        let events: usize = (0..10_000).map(|n| pool.note(key(n), &outcome, now()).len()).sum();
        assert_eq!(events, 10_000 + extra);
        assert_eq!(pool.tally, Tally::count(&pool.settings.real_servers, &pool.members, pool.holds, &pool.ramps));
    }
}

fn order(pool: &mut Pool, host: u8, overridden: Option<Override>) -> Vec<PoolEvent> {
    pool.set_overrides(|key| overridden.clone().filter(|_| *key == real(host, 1).key), now())
}

fn ordered(weight: u32) -> Option<Override> {
    Some(Override::Weight { weight, reason: "ordered".into() })
}

#[test]
fn an_order_goes_before_the_configured_weight_and_a_failed_check_before_the_order() {
    let removal = || Some(Override::Removal { reason: "ordered".into() });
    crate::testing::check_rows(
        [
            (false, true, ordered(0), vec![(1, 0), (2, 3)]),
            (false, true, ordered(7), vec![(1, 7), (2, 3)]),
            (false, true, removal(), vec![(2, 3)]),
            (false, false, ordered(0), vec![(2, 3)]),
            (false, false, ordered(7), vec![(2, 3)]),
            (true, true, removal(), vec![(2, 3)]),
            (true, false, ordered(7), vec![(1, 0), (2, 3)]),
            (true, false, removal(), vec![(2, 3)]),
        ],
        |(quiescent, good, overridden, expected)| {
            let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], quiescent), None, &KnownHealth::default(), now());
            note(&mut pool, 1, good);
            note(&mut pool, 2, true);
            order(&mut pool, 1, overridden);
            assert_eq!(placed(&pool), expected);
            order(&mut pool, 1, None);
            let before = match (good, quiescent) {
                (true, _) => vec![(1, 1), (2, 3)],
                (false, true) => vec![(1, 0), (2, 3)],
                (false, false) => vec![(2, 3)],
            };
            assert_eq!(placed(&pool), before, "the end of the order");
        },
    );
}

#[test]
fn when_the_last_real_server_is_drained_the_fallback_serves_new_clients() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    note(&mut pool, 2, false);
    let events = order(&mut pool, 1, ordered(0));
    assert!(events.contains(&PoolEvent::FallbackIn), "{events:?}");
    assert_eq!(placed(&pool), [(1, 0), (FALLBACK, 1)], "its connections go on");
    assert!(order(&mut pool, 1, None).contains(&PoolEvent::FallbackOut));
    assert_eq!(placed(&pool), [(1, 1)]);
}

#[test]
fn a_new_health_monitor_keeps_the_entry_of_a_drained_real_server_and_its_connections() {
    let mut observed = Pool::new(settings(&[(1, 1)], false), None, &KnownHealth::default(), now()).entry(now());
    observed.real_servers.insert(real(1, 0).key, real(1, 0));
    crate::testing::check_rows([(true, vec![(1, 0), (FALLBACK, 1)]), (false, vec![])], |(is_drained, expected)| {
        let drained = is_drained.then_some(real(1, 1).key).into_iter().collect();
        let known = KnownHealth { drained, ..KnownHealth::default() };
        let mut pool = Pool::new(settings(&[(1, 1)], false), Some(&observed), &known, now());
        order(&mut pool, 1, ordered(0).filter(|_| is_drained));
        assert_eq!(placed(&pool), expected);
    });
}

#[test]
fn a_pool_of_which_all_want_no_clients_is_served_by_its_fallback() {
    let mut pool = Pool::new(settings(&[(1, 4), (2, 3)], false), None, &KnownHealth::default(), now());
    let advise = |pool: &mut Pool, host, percent| {
        let advice = crate::model::Advice { percent, lets_in: true, reason: "busy".into() };
        pool.note(real(host, 1).key, &Outcome::Advised(advice), now())
    };
    advise(&mut pool, 1, 50);
    advise(&mut pool, 2, 0);
    assert_eq!((placed(&pool), pool.healthy_weight()), (vec![(1, 2), (2, 0)], 2));
    let drained = PoolEvent::Member { real: real(1, 1).key, transition: Transition::AdviceChanged };
    assert_eq!(advise(&mut pool, 1, 0), [drained, PoolEvent::FallbackIn]);
    assert_eq!(placed(&pool), [(1, 0), (2, 0), (FALLBACK, 1)]);
}

#[test]
fn a_new_health_monitor_keeps_the_entry_of_one_that_wanted_no_clients_until_a_check_says_more() {
    let mut before = Pool::new(settings(&[(1, 4), (2, 3)], false), None, &KnownHealth::default(), now());
    let drained = crate::model::Advice { percent: 0, lets_in: true, reason: "busy".into() };
    before.note(real(1, 1).key, &Outcome::Advised(drained), now());
    note(&mut before, 2, true);
    let known = KnownHealth {
        up: before.known_up().collect(),
        down: before.known_down().collect(),
        reduced: before.known_reduced().collect(),
        ..KnownHealth::default()
    };
    let mut pool = Pool::new(settings(&[(1, 4), (2, 3)], false), Some(&before.entry(now())), &known, now());
    assert_eq!(placed(&pool), [(1, 0), (2, 3)]);
    note(&mut pool, 1, true);
    assert_eq!(placed(&pool), [(1, 4), (2, 3)]);
}
