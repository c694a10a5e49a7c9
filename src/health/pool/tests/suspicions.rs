//! Real servers that swallow the connections of clients: what that makes of a service, and for how long.

use super::rules::{note_at, pool, reason, takers};
use super::*;
use crate::health::Transition;

const CAUSE: &str = "swallows connections: of the last 12 none was answered";

fn at(seconds: u64) -> Instant {
    now() + Duration::from_secs(seconds)
}

fn suspect(pool: &mut Pool, host: u8, acts: bool, seconds: u64) -> Vec<PoolEvent> {
    pool.suspect(&real(host, 1).key, CAUSE, acts, at(seconds))
}

fn clear(pool: &mut Pool, host: u8, seconds: u64) -> Vec<PoolEvent> {
    pool.clear(&real(host, 1).key, at(seconds))
}

fn told(host: u8, transition: Transition) -> PoolEvent {
    PoolEvent::Member { real: real(host, 1).key, transition }
}

#[test]
fn one_that_is_only_reported_serves_on_until_it_answers() {
    let mut pool = pool(&[1, 3], 0, Policy::default());
    assert_eq!(suspect(&mut pool, 2, false, 0), [told(2, Transition::SuspicionBegan)]);
    assert_eq!(suspect(&mut pool, 2, false, 1), [], "it is known");
    assert_eq!(placed(&pool), [(1, 1), (2, 3)]);
    assert_eq!((reason(&pool, 2).as_str(), pool.next_change(at(1))), (CAUSE, None));
    assert_eq!((pool.healthy_weight(), pool.is_suspected(&real(2, 1).key)), (4, true));
    assert_eq!(clear(&mut pool, 2, 9999), [told(2, Transition::SuspicionEnded)]);
    assert_eq!(clear(&mut pool, 2, 9999), []);
    assert_eq!((reason(&pool, 2).as_str(), pool.suspicions().count()), ("configured", 0));
    assert_eq!(suspect(&mut pool, 77, false, 0), [], "no real server of this service");
}

#[test]
fn one_that_is_out_is_tried_after_a_time_that_doubles_up_to_eight_minutes() {
    let mut pool = pool(&[1, 3], 0, Policy::default());
    let mut now = 0;
    for seconds in [30, 60, 120, 240, 480, 480] {
        suspect(&mut pool, 2, true, now);
        assert_eq!((takers(&pool), pool.healthy_weight()), (vec![1], 1));
        assert_eq!(reason(&pool, 2), format!("counts as failed for {seconds} s (evidence=act): {CAUSE}"));
        assert_eq!(pool.next_change(at(now)), Some(at(now + seconds)));
        assert!(!pool.known_up().any(|key| key == real(2, 1).key), "the next health monitor does not trust it");
        assert_eq!(pool.advance(at(now + seconds) - Duration::from_nanos(1)), []);
        note_at(&mut pool, 2, true, now + 1);
        assert_eq!(takers(&pool), [1], "good checks do not bring it back");
        assert_eq!(pool.advance(at(now + seconds)), [told(2, Transition::SuspicionEnded)]);
        assert_eq!((takers(&pool), pool.next_change(at(now + seconds))), (vec![1, 2], None));
        // It fails its trial as late as counts.
        now += seconds * 2;
    }
    now += 1;
    suspect(&mut pool, 2, true, now);
    assert_eq!(
        reason(&pool, 2),
        format!("counts as failed for 30 s (evidence=act): {CAUSE}"),
        "it has served for long enough"
    );
}

#[test]
fn a_trial_is_a_slow_start() {
    let slow = Policy { slow_start: Duration::from_secs(20), ..Policy::default() };
    let mut pool = pool(&[10, 10], 0, slow);
    suspect(&mut pool, 2, true, 0);
    pool.advance(at(30));
    assert_eq!(placed(&pool), [(1, 10), (2, 1)]);
}

#[test]
fn one_that_is_out_counts_as_failed_under_the_cap_and_stays_in_above_it() {
    let cap = EjectionCap { percent: 40, round: Duration::from_secs(15) };
    let mut pool = pool(&[1; 5], 0, Policy { ejection_cap: Some(cap), ..Policy::default() });
    suspect(&mut pool, 1, true, 100);
    suspect(&mut pool, 2, true, 101);
    assert_eq!(takers(&pool), [3, 4, 5], "two of five are no more than 40 %");
    let events = suspect(&mut pool, 3, true, 102);
    assert!(events.contains(&PoolEvent::Began(Condition::CapReached)), "{events:?}");
    assert_eq!(takers(&pool), [1, 2, 3, 4, 5]);
    assert!(reason(&pool, 3).starts_with("kept in: 3 of 5 real servers fail"), "{}", reason(&pool, 3));
    let events = clear(&mut pool, 3, 103);
    assert!(events.contains(&PoolEvent::Ended(Condition::CapReached)), "{events:?}");
    assert_eq!(takers(&pool), [3, 4, 5]);
}

#[test]
fn failed_checks_and_people_count_beside_a_suspicion() {
    let mut pool = pool(&[1, 3], 0, Policy::default());
    suspect(&mut pool, 2, true, 0);
    note_at(&mut pool, 2, false, 10);
    assert_eq!(
        reason(&pool, 2),
        format!("check failed 1 of 1: refused; counts as failed for 30 s (evidence=act): {CAUSE}")
    );
    pool.advance(at(30));
    assert_eq!(takers(&pool), [1], "its checks fail");
    note_at(&mut pool, 2, true, 40);
    assert_eq!(takers(&pool), [1, 2]);
    suspect(&mut pool, 2, true, 50);
    let order = Override::Weight { weight: 7, reason: "ordered".into() };
    pool.set_overrides(|key| (*key == real(2, 1).key).then(|| order.clone()), at(51));
    assert_eq!(takers(&pool), [1], "an order changes weights, and not the health");
}

#[test]
fn a_suspicion_outlives_a_new_configuration() {
    let mut pool = pool(&[1, 3], 0, Policy::default());
    suspect(&mut pool, 2, true, 0);
    let more = PoolSettings {
        real_servers: vec![RealServerSettings::new(real(9, 1)), RealServerSettings::new(real(2, 5))],
        ..pool.settings().clone()
    };
    pool.reconfigure(more, at(1));
    assert_eq!(pool.suspicions().map(|(key, _)| key).collect::<Vec<_>>(), [real(2, 1).key]);
    note_at(&mut pool, 9, true, 2);
    assert_eq!(takers(&pool), [9]);
    pool.advance(at(30));
    assert_eq!(takers(&pool), [2, 9]);
}
