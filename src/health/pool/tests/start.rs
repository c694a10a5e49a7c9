//! How a service begins: when the fallback comes, and when a start of the health monitor may end.

use super::*;

fn not_asked() -> Outcome {
    Outcome::NotAsked("too many open files".into())
}

fn keys(hosts: &[u8]) -> BTreeSet<RealServerKey> {
    hosts.iter().map(|host| real(*host, 1).key).collect()
}

/// What the kernel holds.
fn held(reals: &[(u8, u32)]) -> ServiceEntry {
    let reals = reals.iter().map(|(host, weight)| (real(*host, 1).key, real(*host, *weight)));
    ServiceEntry { service: virtual_service("tcp 192.0.2.1:80"), real_servers: reals.collect() }
}

#[test]
fn the_fallback_comes_half_a_second_into_a_cold_start_that_no_real_server_answers() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    let end = now() + Duration::from_millis(500);
    assert_eq!(pool.next_change(now()), Some(end));
    assert_eq!(pool.advance(end - Duration::from_millis(1)), []);
    assert_eq!(pool.advance(end), [PoolEvent::FallbackIn]);
    assert_eq!(pool.next_change(end), None);
}

#[test]
fn the_fallback_waits_longer_for_those_that_are_asked_later_and_for_none_that_has_answered() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    let asked_by = now() + Duration::from_secs(1);
    pool.wait_until_asked(asked_by);
    assert_eq!(pool.next_change(now()), Some(asked_by + FIRST_RESULT));
    assert_eq!(pool.advance(asked_by), []);
    pool.wait_until_asked(now());
    assert_eq!(pool.next_change(asked_by), Some(asked_by + FIRST_RESULT), "it never becomes less patient");
    note(&mut pool, 1, false);
    assert!(note(&mut pool, 2, false).contains(&PoolEvent::FallbackIn));
    note(&mut pool, 2, true);
    pool.wait_until_asked(asked_by + Duration::from_secs(60));
    assert!(note(&mut pool, 2, false).contains(&PoolEvent::FallbackIn), "nothing is waited for");
}

#[test]
fn an_ordinary_cold_start_brings_no_fallback_and_no_alarm() {
    crate::testing::check_rows([None, Some(real(FALLBACK, 1))], |fallback| {
        let plain = PoolSettings { fallback, ..settings(&[(1, 1), (2, 3)], false) };
        let mut pool = Pool::new(plain, None, &KnownHealth::default(), now());
        assert_eq!(pool.advance(now()), []);
        assert!(pool.nobody_serves());
        for host in 1..3 {
            let transition = Transition::CameUp;
            assert_eq!(note(&mut pool, host, true), [PoolEvent::Member { real: real(host, 1).key, transition }]);
        }
    });
}

#[test]
fn the_fallback_does_not_wait_for_those_that_the_health_monitor_before_knew_to_be_down() {
    let known = KnownHealth { down: keys(&[1, 2]), ..Default::default() };
    let observed = held(&[(2, 0)]);
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], true), Some(&observed), &known, now());
    assert_eq!(placed(&pool), [(1, 0), (2, 0), (FALLBACK, 1)]);
    assert_eq!(pool.advance(now()), [PoolEvent::FallbackIn]);
    let reason = "down before the health monitor started".into();
    assert_eq!(pool.serving_state(&real(1, 1).key), Some(ServingState { serves: false, reason }));
    assert_eq!(pool.known_down().collect::<BTreeSet<_>>(), known.down, "the next health monitor gets to know it too");
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(1, 0), (2, 3)]);
}

#[test]
fn one_whose_order_ended_while_no_health_monitor_ran_serves_again() {
    let known = KnownHealth { up: keys(&[1]), down: keys(&[1]), ..Default::default() };
    let pool = Pool::new(settings(&[(1, 1), (2, 3)], true), Some(&held(&[(1, 0), (2, 3)])), &known, now());
    assert_eq!(placed(&pool), [(1, 1), (2, 3)]);
}

#[test]
fn the_fallback_does_not_wait_for_real_servers_of_weight_zero() {
    let pool = Pool::new(settings(&[(1, 0)], false), None, &KnownHealth::default(), now());
    assert_eq!(placed(&pool), [(FALLBACK, 1)]);
}

#[test]
fn a_warm_start_changes_nothing_while_one_serves() {
    let observed = held(&[(1, 1)]);
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), Some(&observed), &KnownHealth::default(), now());
    assert_eq!((pool.next_change(now()), pool.advance(now() + FIRST_RESULT * 100)), (None, vec![]));
    assert_eq!(placed(&pool), [(1, 1)]);
}

#[test]
fn a_start_is_over_when_a_checked_one_serves_and_waits_for_no_dead_one() {
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), None, &KnownHealth::default(), now());
    assert!(!pool.is_decided(now()));
    note(&mut pool, 2, true);
    assert!(pool.is_decided(now()));
}

#[test]
fn a_start_waits_for_the_first_result_of_those_that_were_put_in_without_a_check() {
    let observed = held(&[(1, 1), (2, 3)]);
    let mut pool = Pool::new(settings(&[(1, 1), (2, 3)], false), Some(&observed), &KnownHealth::default(), now());
    note(&mut pool, 1, true);
    assert!(!pool.is_decided(now()));
    note(&mut pool, 2, false);
    assert!(pool.is_decided(now()));
    let known = KnownHealth { up: keys(&[1, 2]), ..Default::default() };
    assert!(Pool::new(settings(&[(1, 1), (2, 3)], false), Some(&observed), &known, now()).is_decided(now()));
}

#[test]
fn a_start_is_over_when_the_fallback_serves() {
    let pool = Pool::new(settings(&[(1, 1)], false), None, &KnownHealth::default(), now());
    assert!(!pool.is_decided(now()));
    assert!(pool.is_decided(now() + FIRST_RESULT));
}

#[test]
fn a_start_without_a_fallback_is_over_when_all_were_asked_or_could_not_be() {
    let bare = PoolSettings { fallback: None, ..settings(&[(1, 1), (2, 3)], false) };
    let mut pool = Pool::new(bare, None, &KnownHealth::default(), now());
    note(&mut pool, 1, false);
    assert!(!pool.is_decided(now() + FIRST_RESULT));
    pool.note(real(2, 3).key, &not_asked(), now());
    assert!(pool.is_decided(now()));
}

#[test]
fn a_start_waits_for_nothing_where_nothing_is_asked() {
    let mut off = settings(&[(1, 1)], false);
    off.real_servers[0].disabled = true;
    crate::testing::check_rows([off, PoolSettings { fallback: None, ..settings(&[], false) }], |nothing| {
        assert!(Pool::new(nothing, None, &KnownHealth::default(), now()).is_decided(now()));
    });
}

#[test]
fn real_servers_that_this_node_can_never_ask_give_way_to_the_fallback() {
    let known = KnownHealth { up: keys(&[1]), ..Default::default() };
    let mut pool = Pool::new(settings(&[(1, 1)], false), Some(&held(&[(1, 1)])), &known, now());
    for _ in 1..5 {
        pool.note(real(1, 1).key, &not_asked(), now());
        assert_eq!(placed(&pool), [(1, 1)]);
    }
    assert!(pool.note(real(1, 1).key, &not_asked(), now()).contains(&PoolEvent::FallbackIn));
    assert_eq!(placed(&pool), [(FALLBACK, 1)]);
}

#[test]
fn with_initstate_up_a_newcomer_serves_until_its_first_bad_check_but_for_one_that_is_known_to_be_down() {
    let hasty = |reals: &[(u8, u32)]| PoolSettings {
        policy: Policy { starts_up: true, ..Policy::default() },
        limits: Limits { failurecount: 3, rise: 1 },
        ..settings(reals, false)
    };
    let known = KnownHealth { down: keys(&[2]), ..Default::default() };
    let mut pool = Pool::new(hasty(&[(1, 1), (2, 3)]), None, &known, now());
    assert_eq!(placed(&pool), [(1, 1)]);
    let state = pool.serving_state(&real(1, 1).key).expect("a real server");
    assert_eq!((state.serves, state.reason.as_str()), (true, "not checked yet: initstate=up"));
    assert!(!pool.is_decided(now()), "a start waits for its check");
    pool.reconfigure(hasty(&[(1, 1), (2, 3), (3, 1)]), now());
    assert_eq!(placed(&pool), [(1, 1), (3, 1)]);
    note(&mut pool, 1, false);
    note(&mut pool, 3, true);
    note(&mut pool, 3, false);
    assert_eq!(placed(&pool), [(3, 1)], "one that was well has failurecount");
}
