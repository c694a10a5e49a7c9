//! The rules of a service as a whole: each boundary is a row, and what holds for any sequence is a property.

use proptest::prelude::*;

use super::properties::{any_cap, any_quorum};
use super::*;
use crate::model::{Amount, Quorum, QuorumAction};

/// A pool of these real servers, all of which have passed a check; with `backups` of weight 2 from host 11 on.
pub(super) fn pool(weights: &[u32], backups: u8, policy: Policy) -> Pool {
    let reals: Vec<(u8, u32)> = (1..).zip(weights.iter().copied()).collect();
    let mut settings = PoolSettings { policy, ..settings(&reals, false) };
    let backup = |host| RealServerSettings { backup: true, ..RealServerSettings::new(real(host, 2)) };
    settings.real_servers.extend((11..11 + backups).map(backup));
    let keys: Vec<RealServerKey> = settings.real_servers.iter().map(|real| real.real_server.key).collect();
    let mut pool = Pool::new(settings, None, &KnownHealth::default(), now());
    pool.advance(now());
    keys.iter().for_each(|key| drop(pool.note(*key, &Outcome::Good, now())));
    pool
}

pub(super) fn note_at(pool: &mut Pool, host: u8, good: bool, seconds: u64) -> Vec<PoolEvent> {
    let outcome = if good { Outcome::Good } else { Outcome::Bad("refused".into()) };
    pool.note(real(host, 1).key, &outcome, now() + Duration::from_secs(seconds))
}

pub(super) fn reason(pool: &Pool, host: u8) -> String {
    pool.serving_state(&real(host, 1).key).expect("a real server of the pool").reason
}

/// Returns what is wrong with the service as a whole.
fn causes(pool: &Pool) -> Vec<String> {
    pool.alarms().into_iter().map(|alarm| alarm.cause).collect()
}

/// Returns who takes new clients.
pub(super) fn takers(pool: &Pool) -> Vec<u8> {
    placed(pool).into_iter().filter(|(_, weight)| *weight > 0).map(|(host, _)| host).collect()
}

pub(super) fn quorum(required: &str, hysteresis: &str, action: QuorumAction) -> Policy {
    let amount = |word: &str| word.parse::<Amount>().expect(word);
    let quorum = Quorum { required: amount(required), hysteresis: amount(hysteresis), action };
    Policy { quorum, ..Policy::default() }
}

#[test]
fn backups_wait_at_weight_zero_and_serve_before_the_fallback() {
    let mut pool = pool(&[1, 3], 2, Policy::default());
    assert_eq!(placed(&pool), [(1, 1), (2, 3), (11, 0), (12, 0)]);
    assert_eq!((reason(&pool, 11).as_str(), pool.healthy_weight()), ("backup: not needed", 4));
    note(&mut pool, 1, false);
    assert_eq!(takers(&pool), [2], "one real server is enough");
    assert!(note(&mut pool, 2, false).contains(&PoolEvent::Began(Condition::BackupsServe)));
    assert_eq!(placed(&pool), [(11, 2), (12, 2)]);
    assert_eq!((reason(&pool, 11).as_str(), pool.healthy_weight()), ("backup: needed", 4));
    note(&mut pool, 11, false);
    assert_eq!(placed(&pool), [(12, 2)], "a failed backup leaves as any other");
    assert!(note(&mut pool, 12, false).contains(&PoolEvent::FallbackIn));
    assert_eq!(placed(&pool), [(FALLBACK, 1)]);
    let back = note(&mut pool, 12, true);
    assert!(back.contains(&PoolEvent::FallbackOut), "{back:?}");
    let events = note(&mut pool, 1, true);
    assert!(events.contains(&PoolEvent::Ended(Condition::BackupsServe)), "{events:?}");
    assert_eq!(placed(&pool), [(1, 1), (12, 0)], "its connections go on");
}

#[test]
fn a_cold_start_waits_for_the_first_results_before_backups_serve() {
    let mut reals = settings(&[(1, 1)], false);
    reals.real_servers.push(RealServerSettings { backup: true, ..RealServerSettings::new(real(2, 3)) });
    let mut pool = Pool::new(reals, None, &KnownHealth::default(), now());
    pool.advance(now());
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(2, 0)], "the other one may be well");
    assert!(!pool.is_decided(now()));
    note(&mut pool, 1, false);
    assert_eq!(placed(&pool), [(2, 3)]);
}

#[test]
fn a_new_health_monitor_takes_over_a_backup_that_waits_or_serves_and_none_that_was_down() {
    let (one, two) = (real(1, 1).key, real(2, 3).key);
    let known = |up: &[RealServerKey], down: &[RealServerKey]| KnownHealth {
        up: up.iter().copied().collect(),
        down: down.iter().copied().collect(),
        ..KnownHealth::default()
    };
    crate::testing::check_rows(
        [
            (known(&[one, two], &[]), [(1, 1), (2, 0)], vec![(1, 1), (2, 0)]),
            (known(&[], &[]), [(1, 1), (2, 0)], vec![(1, 1), (2, 0)]),
            (known(&[one], &[two]), [(1, 1), (2, 0)], vec![(1, 1)]),
            (known(&[two], &[one]), [(1, 0), (2, 3)], vec![(2, 3)]),
        ],
        |(known, held, expected)| {
            let mut settings = settings(&[(1, 1)], false);
            settings.real_servers.push(RealServerSettings { backup: true, ..RealServerSettings::new(real(2, 3)) });
            let held = held.map(|(host, weight)| (real(host, 1).key, real(host, weight)));
            let observed = ServiceEntry { service: settings.service.clone(), real_servers: held.into() };
            assert_eq!(placed(&Pool::new(settings, Some(&observed), &known, now())), expected);
        },
    );
}

#[test]
fn a_quorum_is_answered_as_it_is_said_and_only_below_it() {
    use QuorumAction::{Command, Fallback, Keep, Stop};
    crate::testing::check_rows(
        [
            // Quorum, action, fallback, backups, how many of four of weight 1 fail, who takes clients then.
            ("3", Fallback, true, 0, 1, vec![2, 3, 4]),
            ("3", Fallback, true, 0, 2, vec![FALLBACK]),
            ("3", Fallback, false, 0, 2, vec![3, 4]),
            ("50%", Fallback, true, 0, 2, vec![3, 4]),
            ("50%", Fallback, true, 0, 3, vec![FALLBACK]),
            ("100%", Fallback, true, 0, 1, vec![FALLBACK]),
            ("3", Stop, true, 0, 1, vec![2, 3, 4]),
            ("3", Stop, true, 0, 2, vec![]),
            ("1", Stop, true, 0, 4, vec![]),
            ("3", Command, true, 0, 2, vec![3, 4]),
            ("3", Command, true, 0, 4, vec![FALLBACK]),
            ("3", Keep, true, 0, 1, vec![2, 3, 4]),
            ("3", Keep, true, 0, 2, vec![2, 3, 4]),
            ("3", Keep, true, 0, 4, vec![2, 3, 4]),
            ("1", Keep, true, 0, 4, vec![4]),
            ("3", Fallback, true, 1, 1, vec![2, 3, 4]),
            ("3", Fallback, true, 1, 2, vec![3, 4, 11]),
            ("3", Fallback, true, 1, 3, vec![4, 11]),
            ("3", Fallback, true, 1, 4, vec![FALLBACK]),
            ("9", Fallback, true, 0, 0, vec![FALLBACK]),
        ],
        |(required, action, fallback, backups, fail, expected)| {
            let mut pool = pool(&[1; 4], backups, quorum(required, "0", action));
            if !fallback {
                let bare = PoolSettings { fallback: None, ..pool.settings().clone() };
                pool.reconfigure(bare, now());
            }
            (1..=fail).for_each(|host| drop(note_at(&mut pool, host, false, host.into())));
            assert_eq!(takers(&pool), expected);
            (1..=fail).for_each(|host| drop(note_at(&mut pool, host, true, 9)));
            let back = if required == "9" { vec![FALLBACK] } else { vec![1, 2, 3, 4] };
            assert_eq!(takers(&pool), back, "all are well again");
        },
    );
}

#[test]
fn a_lost_quorum_is_an_alarm_with_its_figures_and_a_plain_service_has_none() {
    let mut lossy = pool(&[1, 1, 2], 0, quorum("3", "1", QuorumAction::Stop));
    note(&mut lossy, 1, false);
    assert_eq!(causes(&lossy), [""; 0]);
    note(&mut lossy, 2, false);
    assert_eq!(causes(&lossy), [""; 0], "2 is the bound with the hysteresis");
    note(&mut lossy, 2, true);
    let events = note(&mut lossy, 3, false);
    assert!(events.contains(&PoolEvent::Began(Condition::QuorumLost)), "{events:?}");
    assert!(events.contains(&PoolEvent::NobodyServes), "{events:?}");
    let words = "quorum lost: weight 1, needs 4 (quorumaction=stop)";
    assert_eq!(causes(&lossy), [words]);
    assert_eq!((reason(&lossy, 2).as_str(), placed(&lossy)), (words, vec![(2, 0)]));
    note(&mut lossy, 3, true);
    assert_eq!(takers(&lossy), [0; 0], "3 is within the hysteresis");
    assert!(note(&mut lossy, 1, true).contains(&PoolEvent::Ended(Condition::QuorumLost)));
    let mut plain = pool(&[1], 0, Policy::default());
    assert!(!note(&mut plain, 1, false).contains(&PoolEvent::Began(Condition::QuorumLost)));
    assert_eq!(causes(&plain), [""; 0], "the fallback says it");
}

pub(super) fn cap(percent: u8, round: u64) -> Policy {
    let ejection_cap = Some(EjectionCap { percent, round: Duration::from_secs(round) });
    Policy { ejection_cap, ..Policy::default() }
}

#[test]
fn failed_checks_take_out_no_more_than_the_cap_and_what_failed_at_once_is_back() {
    crate::testing::check_rows(
        [
            // Cap, round, when each of four fails, who takes clients then.
            (50, 10, vec![0], vec![2, 3, 4]),
            (50, 10, vec![0, 1], vec![3, 4]),
            (50, 10, vec![0, 1, 2], vec![1, 2, 3, 4]),
            (50, 10, vec![0, 1, 2, 3], vec![1, 2, 3, 4]),
            (50, 10, vec![0, 2, 12], vec![2, 3, 4]),
            (50, 10, vec![0, 1, 12], vec![3, 4]),
            (49, 10, vec![0, 1], vec![1, 2, 3, 4]),
            (25, 10, vec![0], vec![2, 3, 4]),
            (24, 10, vec![0], vec![1, 2, 3, 4]),
            (75, 10, vec![0, 0, 0], vec![4]),
            (75, 10, vec![0, 0, 0, 99], vec![4]),
        ],
        |(percent, round, failures, expected)| {
            let mut pool = pool(&[1; 4], 0, cap(percent, round));
            for (host, second) in (1..).zip(failures) {
                note_at(&mut pool, host, false, second);
            }
            assert_eq!(takers(&pool), expected);
        },
    );
}

#[test]
fn the_end_of_the_cap_takes_out_what_still_fails_and_each_reason_says_so() {
    let mut pool = pool(&[1; 4], 1, cap(50, 10));
    (1..3).for_each(|host| drop(note(&mut pool, host, false)));
    let events = note(&mut pool, 3, false);
    assert!(events.contains(&PoolEvent::Began(Condition::CapReached)), "{events:?}");
    let words = "3 of 5 real servers fail, more than maxejected=50%: the fault is sought at this node";
    assert_eq!(reason(&pool, 3), format!("kept in: {words}; check failed 1 of 1: refused"));
    assert_eq!(causes(&pool), [words]);
    assert_eq!((takers(&pool), pool.healthy_weight()), (vec![1, 2, 3, 4], 1), "no backup is needed");
    let events = note(&mut pool, 3, true);
    assert!(events.contains(&PoolEvent::Ended(Condition::CapReached)), "{events:?}");
    assert_eq!(takers(&pool), [3, 4]);
}

#[test]
fn a_start_onto_dead_servers_puts_none_of_them_in() {
    let mut pool = Pool::new(
        PoolSettings { policy: cap(50, 10), ..settings(&[(1, 1), (2, 3)], false) },
        None,
        &KnownHealth::default(),
        now(),
    );
    pool.advance(now());
    (1..3).for_each(|host| drop(note(&mut pool, host, false)));
    assert_eq!(takers(&pool), [FALLBACK]);
}

pub(super) fn slow_start(seconds: u64) -> Policy {
    Policy { slow_start: Duration::from_secs(seconds), ..Policy::default() }
}

/// Lets the time pass step by step and returns the weight of a real server at the end.
pub(super) fn weight_at(pool: &mut Pool, host: u8, milliseconds: u64) -> u32 {
    let end = now() + Duration::from_millis(milliseconds);
    let mut at = now();
    while let Some(next) = pool.next_change(at).filter(|next| *next <= end) {
        at = next.max(at);
        assert_ne!(pool.advance(at), []);
    }
    placed(pool).into_iter().find(|(held, _)| *held == host).map_or(0, |(_, weight)| weight)
}

#[test]
fn the_weight_rises_in_twenty_steps_from_one_to_the_whole() {
    crate::testing::check_rows(
        [
            (100, 0, 1),
            (100, 999, 1),
            (100, 1000, 5),
            (100, 1999, 5),
            (100, 2000, 10),
            (100, 10_000, 50),
            (100, 19_999, 95),
            (100, 20_000, 100),
            (100, 90_000, 100),
            (3, 0, 1),
            (3, 7_000, 2),
            (3, 14_000, 3),
            (1, 0, 1),
        ],
        |(weight, milliseconds, expected)| {
            let mut pool = pool(&[weight, 7], 0, slow_start(20));
            assert_eq!(takers(&pool), [1, 2], "those of a start have their whole weight");
            note(&mut pool, 1, false);
            note(&mut pool, 1, true);
            assert_eq!(weight_at(&mut pool, 1, milliseconds), expected);
            let words = format!("slow start: weight {expected} of {weight}");
            let expected = if expected < weight { words.as_str() } else { "configured" };
            assert_eq!((reason(&pool, 1).as_str(), pool.healthy_weight()), (expected, u64::from(weight) + 7));
        },
    );
}

#[test]
fn the_first_of_an_empty_service_has_its_whole_weight_and_a_flap_begins_anew() {
    let mut pool = pool(&[100, 100], 0, slow_start(20));
    (1..3).for_each(|host| drop(note(&mut pool, host, false)));
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(2, 100)]);
    note(&mut pool, 1, true);
    assert_eq!(weight_at(&mut pool, 1, 10_000), 50);
    note_at(&mut pool, 1, false, 10);
    note_at(&mut pool, 1, true, 11);
    assert_eq!(placed(&pool), [(1, 1), (2, 100)]);
    let mut ordered_up = pool.clone();
    order(&mut ordered_up, 1, ordered(7));
    assert_eq!(placed(&ordered_up), [(1, 7), (2, 100)], "an order counts at once");
    pool.reconfigure(PoolSettings { policy: Policy::default(), ..pool.settings().clone() }, now());
    assert_eq!((placed(&pool), pool.next_change(now())), (vec![(1, 100), (2, 100)], None));
}

fn single() -> Policy {
    Policy { single: true, ..Policy::default() }
}

#[test]
fn of_several_that_are_up_the_present_one_serves_alone() {
    let mut pool = pool(&[1, 3, 2], 0, single());
    assert_eq!(placed(&pool), [(2, 3)], "the one of the highest weight");
    assert_eq!(reason(&pool, 1), "only one may serve, and 192.0.2.2:80 does");
    let words = "3 real servers are up: only one may serve, and 192.0.2.2:80 does";
    assert_eq!(causes(&pool), [words]);
    note(&mut pool, 2, false);
    assert_eq!(placed(&pool), [(3, 2)], "the next one follows");
    note(&mut pool, 2, true);
    assert_eq!(placed(&pool), [(3, 2)], "the present one is kept");
    order(&mut pool, 3, ordered(0));
    assert_eq!(placed(&pool), [(2, 3), (3, 0)], "a drained one gives way");
    order(&mut pool, 2, ordered(0));
    order(&mut pool, 3, None);
    (1..3).for_each(|host| drop(note(&mut pool, host, false)));
    assert_eq!((placed(&pool), causes(&pool)), (vec![(3, 2)], vec![]));
    let quiesced = PoolSettings { quiescent: true, ..pool.settings().clone() };
    pool.reconfigure(quiesced, now());
    note(&mut pool, 1, true);
    assert_eq!(placed(&pool), [(3, 2)], "the connections of another one must not go on, whatever quiescent says");
}

/// Two directors get the first answers in different orders.
#[test]
fn which_one_serves_alone_from_the_start_does_not_depend_on_who_answers_first() {
    crate::testing::check_rows(
        [
            // Weights, those that answer well in this order, who serves after each answer, who does when the wait is over.
            ([1, 3, 2], vec![1, 2, 3], [vec![], vec![], vec![2]], 2),
            ([1, 3, 2], vec![2, 1, 3], [vec![], vec![], vec![2]], 2),
            ([1, 1, 1], vec![3, 2, 1], [vec![], vec![], vec![1]], 1),
            ([1, 3, 2], vec![3, 1], [vec![], vec![], vec![]], 3),
        ],
        |(weights, answers, expected, at_last)| {
            let reals: Vec<(u8, u32)> = (1..).zip(weights).collect();
            let settings = PoolSettings { policy: single(), ..settings(&reals, false) };
            let mut pool = Pool::new(settings, None, &KnownHealth::default(), now());
            pool.advance(now());
            for (host, expected) in answers.into_iter().zip(expected) {
                note(&mut pool, host, true);
                assert_eq!((takers(&pool), pool.is_decided(now())), (expected.clone(), !expected.is_empty()));
                assert_eq!(pool.nobody_serves(), expected.is_empty());
            }
            if takers(&pool).is_empty() {
                assert_eq!(reason(&pool, 1), "only one may serve, and not all have answered yet");
                assert_eq!(pool.next_change(now()), Some(now() + FIRST_RESULT));
            }
            pool.advance(now() + FIRST_RESULT);
            assert_eq!(takers(&pool), [at_last]);
        },
    );
}

#[test]
fn a_planned_switch_is_no_alarm_and_two_that_stay_up_are_one() {
    let patient = Policy { switch_takes: Duration::from_secs(30), ..single() };
    let mut pool = pool(&[1, 1], 0, single());
    pool.reconfigure(PoolSettings { policy: patient, ..pool.settings().clone() }, now());
    assert_eq!((causes(&pool), pool.next_change(now())), (vec![], Some(now() + Duration::from_secs(30))));
    let mut switched = pool.clone();
    note_at(&mut switched, 1, false, 29);
    assert_eq!((takers(&switched), switched.next_change(now() + Duration::from_secs(29))), (vec![2], None));
    note_at(&mut switched, 1, true, 40);
    note_at(&mut switched, 1, true, 69);
    assert_eq!(causes(&switched), [""; 0], "the time begins anew");
    assert_eq!(pool.advance(now() + Duration::from_secs(29)), []);
    assert_eq!(pool.advance(now() + Duration::from_secs(30)), [PoolEvent::Began(Condition::SeveralUp)]);
    assert_eq!(causes(&pool), ["2 real servers are up: only one may serve, and 192.0.2.1:80 does"]);
    assert!(note_at(&mut pool, 1, false, 31).contains(&PoolEvent::Ended(Condition::SeveralUp)));
}

#[test]
fn a_new_health_monitor_keeps_the_one_that_serves_alone() {
    let mut settings = settings(&[(1, 1), (2, 3)], false);
    settings.policy = single();
    let held = ServiceEntry { service: settings.service.clone(), real_servers: [(real(1, 1).key, real(1, 1))].into() };
    let mut pool = Pool::new(settings, Some(&held), &KnownHealth::default(), now());
    pool.advance(now());
    (1..3).rev().for_each(|host| drop(note(&mut pool, host, true)));
    assert_eq!(placed(&pool), [(1, 1)]);
}

#[test]
fn the_end_of_the_wait_for_first_results_is_no_moment_without_a_server() {
    let policy = Policy { single: true, ..quorum("3", "0", QuorumAction::Fallback) };
    let settings = PoolSettings { policy, fallback: None, ..settings(&[(1, 1), (2, 1)], false) };
    let mut pool = Pool::new(settings, None, &KnownHealth::default(), now());
    note(&mut pool, 2, true);
    assert!(!note(&mut pool, 1, true).contains(&PoolEvent::NobodyServes));
    assert_eq!((takers(&pool), pool.next_change(now())), (vec![1], None));
}

#[test]
fn another_one_that_is_well_takes_over_before_all_have_answered() {
    let settings = PoolSettings { policy: single(), ..settings(&[(1, 1), (2, 1), (3, 9)], false) };
    let held = [(real(1, 1).key, real(1, 1)), (real(2, 1).key, real(2, 1))];
    let held = ServiceEntry { service: settings.service.clone(), real_servers: held.into() };
    let mut pool = Pool::new(settings, Some(&held), &KnownHealth::default(), now());
    pool.advance(now());
    assert_eq!(placed(&pool), [(1, 1)]);
    note(&mut pool, 1, false);
    assert_eq!((placed(&pool), pool.nobody_serves()), (vec![(2, 1)], false));
}

/// Results of real servers 1 to 6: who, whether it is good, and how many milliseconds later.
fn any_results() -> impl Strategy<Value = Vec<(u8, bool, u64)>> {
    proptest::collection::vec((1..7u8, proptest::bool::weighted(0.4), 0..1500u64), 0..60)
}

/// Plays results and shows each step: the pool before, the one after, and the real server.
fn play(pool: &mut Pool, results: Vec<(u8, bool, u64)>, mut look: impl FnMut(&Pool, &Pool, u8)) {
    let mut at = now();
    for (host, good, later) in results {
        at += Duration::from_millis(later);
        let before = pool.clone();
        let outcome = if good { Outcome::Good } else { Outcome::Bad("refused".into()) };
        pool.note(real(host, 1).key, &outcome, at);
        look(&before, pool, host);
    }
}

proptest! {
    #[test]
    fn the_cap_is_never_exceeded_and_nothing_leaves_while_it_is_reached(
        weights in proptest::collection::vec(1..4u32, 6), ejection_cap in any_cap(), results in any_results()
    ) {
        let policy = Policy { ejection_cap: Some(ejection_cap), ..Policy::default() };
        play(&mut pool(&weights, 0, policy), results, |before, after, _| {
            let out = (1..7u8).filter(|host| !takers(after).contains(host)).count();
            assert!(out * 100 <= 6 * usize::from(ejection_cap.percent), "{out} are out");
            if after.selection.cap.is_some() {
                let left = takers(before).into_iter().filter(|host| *host != FALLBACK && !takers(after).contains(host));
                assert_eq!(left.collect::<Vec<_>>(), [0; 0]);
            }
        });
    }

    #[test]
    fn a_real_server_that_passes_its_checks_never_leaves_for_the_failure_of_another(
        weights in proptest::collection::vec(1..4u32, 6), quorum in any_quorum(),
        ejection_cap in proptest::option::of(any_cap()), results in any_results()
    ) {
        let policy = Policy { quorum, ejection_cap, ..Policy::default() };
        let stops = [QuorumAction::Stop, QuorumAction::Fallback].contains(&quorum.action);
        play(&mut pool(&weights, 0, policy), results, |before, after, failed| {
            let was_met = before.selection.lost.is_none() && after.selection.lost.is_none();
            for (host, weight) in placed(before).into_iter().filter(|(host, _)| *host != failed && *host != FALLBACK) {
                if before.is_well(&real(host, 1).key) && (!stops || was_met) {
                    assert!(placed(after).contains(&(host, weight)), "{host} left for {failed}");
                }
            }
        });
    }

    #[test]
    fn the_weight_only_rises_in_a_ramp_and_ends_at_the_whole(
        weight in 1..1000u32, seconds in 1..100u64, looks in proptest::collection::vec(0..20_000u64, 1..40)
    ) {
        let mut pool = pool(&[weight, 7], 0, slow_start(seconds));
        note(&mut pool, 1, false);
        note(&mut pool, 1, true);
        let (mut at, mut before) = (now(), 0);
        for later in looks {
            at += Duration::from_millis(later);
            pool.advance(at);
            let present = placed(&pool).into_iter().find(|(host, _)| *host == 1).map_or(0, |(_, weight)| weight);
            prop_assert!((before.max(1)..=weight).contains(&present));
            before = present;
        }
        pool.advance(at + Duration::from_secs(2 * seconds));
        prop_assert!(placed(&pool).contains(&(1, weight)));
        prop_assert_eq!(pool.next_change(at + Duration::from_secs(2 * seconds)), None);
    }

    #[test]
    fn a_quorum_never_flaps_within_its_hysteresis(
        required in 1..7u32, hysteresis in 0..4u32, results in any_results()
    ) {
        let policy = quorum(&required.to_string(), &hysteresis.to_string(), QuorumAction::Command);
        let total = 6;
        play(&mut pool(&[1; 6], 0, policy), results, |before, after, _| {
            let (was_lost, is_lost) = (before.selection.lost.is_some(), after.selection.lost.is_some());
            let weight = after.tally.primary.weight;
            let is_within = weight >= u64::from(required.saturating_sub(hysteresis).max(1))
                && weight < u64::from((required + hysteresis).min(total));
            assert!(!is_within || was_lost == is_lost, "weight {weight}");
        });
    }

    #[test]
    fn there_are_never_two_where_one_may_serve_and_a_change_has_its_cause(
        weights in proptest::collection::vec(1..4u32, 6), results in any_results()
    ) {
        play(&mut pool(&weights, 0, single()), results, |before, after, host| {
            assert_eq!(takers(after).len(), 1);
            let (was, is) = (takers(before)[0], takers(after)[0]);
            assert!(was == is || was == FALLBACK || was == host, "{was} gave way to {is} for {host}");
        });
    }
}
