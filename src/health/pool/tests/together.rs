//! Rules of a service that meet each other, orders, and what real servers want.

use super::rules::{cap, note_at, pool, quorum, reason, slow_start, takers, weight_at};
use super::*;
use crate::model::Advice;

fn wants(pool: &mut Pool, host: u8, percent: u8) {
    let advice = Advice { percent, lets_in: true, reason: format!("{percent} asked") };
    pool.note(real(host, 1).key, &Outcome::Advised(advice), now());
}

#[test]
fn one_that_was_kept_in_begins_no_slow_start_when_it_passes_its_check_again() {
    let policy = Policy { slow_start: slow_start(60).slow_start, ..cap(50, 10) };
    let mut pool = pool(&[100; 4], 0, policy);
    (1..5).for_each(|host| drop(note(&mut pool, host, false)));
    assert_eq!(takers(&pool), [1, 2, 3, 4]);
    (1..3).for_each(|host| drop(note(&mut pool, host, true)));
    assert_eq!(
        placed(&pool),
        [(1, 100), (2, 100)],
        "they had clients all the time; the cap is over, and the others leave"
    );
}

#[test]
fn a_backup_serves_until_the_slow_start_of_those_that_are_needed_is_over() {
    let quorum_of = |required: &str, hysteresis: &str| Policy {
        slow_start: slow_start(20).slow_start,
        ..quorum(required, hysteresis, crate::model::QuorumAction::Fallback)
    };
    crate::testing::check_rows(
        [
            // Quorum, hysteresis, which of three of weight 100 fail, which of these come back, milliseconds later, whether
            // the backup serves then.
            ("1", "0", vec![1, 2, 3], vec![1], 0, true),
            ("1", "0", vec![1, 2, 3], vec![1], 19_999, true),
            ("1", "0", vec![1, 2, 3], vec![1], 20_000, false),
            ("1", "0", vec![1, 2], vec![1, 2], 0, false),
            ("200", "0", vec![1, 2], vec![1], 19_999, true),
            ("200", "0", vec![1, 2], vec![1], 20_000, false),
            ("201", "0", vec![1], vec![1], 19_999, true),
            ("201", "0", vec![1], vec![1], 20_000, false),
            ("200", "1", vec![1, 2], vec![1], 20_000, true),
            ("100", "0", vec![1, 2, 3], vec![1, 2], 19_999, true),
            ("100", "0", vec![1, 2, 3], vec![1, 2], 20_000, false),
        ],
        |(required, hysteresis, fail, back, milliseconds, expected)| {
            let mut pool = pool(&[100; 3], 1, quorum_of(required, hysteresis));
            fail.iter().for_each(|host| drop(note(&mut pool, *host, false)));
            back.iter().for_each(|host| drop(note(&mut pool, *host, true)));
            weight_at(&mut pool, 1, milliseconds);
            assert_eq!(takers(&pool).contains(&11), expected, "{:?}", placed(&pool));
            assert!(!takers(&pool).contains(&FALLBACK));
        },
    );
}

#[test]
fn a_slow_start_calls_no_backup() {
    let mut pool = pool(&[100; 2], 1, Policy { slow_start: slow_start(20).slow_start, ..Policy::default() });
    note(&mut pool, 1, false);
    note(&mut pool, 1, true);
    note(&mut pool, 2, false);
    assert_eq!(takers(&pool), [1], "its weight is there");
}

#[test]
fn the_share_of_the_cap_is_one_of_all_real_servers_whoever_is_drained() {
    let mut drained = pool(&[1; 3], 0, cap(40, 10));
    order(&mut drained, 1, ordered(0));
    note(&mut drained, 2, false);
    assert_eq!(takers(&drained), [3], "one of three has failed");
    note(&mut drained, 1, false);
    assert_eq!(takers(&drained), [3], "one that a person has drained is no sign of a fault");
    let mut wishing = pool(&[1; 3], 0, cap(40, 10));
    wants(&mut wishing, 1, 0);
    note(&mut wishing, 2, false);
    assert_eq!(takers(&wishing), [3]);
}

/// An empty service cannot wait until three answers have said so.
#[test]
fn where_all_are_drained_by_their_own_wish_the_next_answer_counts() {
    let mut pool = pool(&[10; 2], 0, Policy::default());
    wants(&mut pool, 1, 0);
    wants(&mut pool, 2, 0);
    assert_eq!(takers(&pool), [FALLBACK]);
    pool.note(real(1, 1).key, &Outcome::Alive, now());
    assert_eq!(reason(&pool, 1), "drained: 0 asked", "it was not asked");
    note(&mut pool, 1, true);
    assert_eq!(takers(&pool), [1]);
    note(&mut pool, 2, true);
    assert_eq!(takers(&pool), [1], "from now on there is time");
}

#[test]
fn a_weight_that_is_ordered_for_a_backup_counts_while_it_is_not_needed() {
    let mut pool = pool(&[3], 1, Policy::default());
    order(&mut pool, 11, ordered(7));
    assert_eq!(placed(&pool), [(1, 3), (11, 7)]);
    order(&mut pool, 11, None);
    assert_eq!(placed(&pool), [(1, 3), (11, 0)]);
}

/// A server without a free connection does not say whether it still takes writes.
#[test]
fn a_present_one_that_is_too_busy_to_be_asked_gives_way_to_one_that_was_asked() {
    let mut pool = pool(&[10], 0, Policy { single: true, ..Policy::default() });
    let busy = |pool: &mut Pool| {
        let advice = Advice { percent: 10, lets_in: false, reason: "too many connections".into() };
        pool.note(real(1, 1).key, &Outcome::Advised(advice), now());
    };
    busy(&mut pool);
    assert_eq!(takers(&pool), [1], "there is no other");
    let both = PoolSettings { policy: pool.settings().policy, ..settings(&[(1, 10), (2, 10)], false) };
    pool.reconfigure(both, now());
    assert_eq!(takers(&pool), [1]);
    note(&mut pool, 2, true);
    assert_eq!(takers(&pool), [2]);
    note(&mut pool, 1, true);
    assert_eq!(takers(&pool), [2], "the present one is kept");
}

/// A check that only connects knows nothing of what the real server wants.
#[test]
fn a_check_between_two_questions_brings_nothing_in() {
    let mut pool = pool(&[1; 2], 0, Policy::default());
    note(&mut pool, 1, false);
    let alive = |pool: &mut Pool| drop(pool.note(real(1, 1).key, &Outcome::Alive, now()));
    alive(&mut pool);
    assert_eq!(takers(&pool), [2]);
    note_at(&mut pool, 1, true, 1);
    alive(&mut pool);
    assert_eq!((takers(&pool), reason(&pool, 1).as_str()), (vec![1, 2], "configured"));
}
