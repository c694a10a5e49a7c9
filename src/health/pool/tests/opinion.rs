//! The other directors are asked before the last real server leaves.

use proptest::prelude::*;

use super::rules::{cap, pool, reason, takers};
use super::*;
use crate::health::Health;
use crate::model::{Quorum, QuorumAction};

const ROUND: Duration = Duration::from_secs(4);

fn policy() -> Policy {
    Policy { second_opinion: Some(SecondOpinion { round: ROUND }), ..Policy::default() }
}

/// Two real servers of weight 1 that leave at the second failure.
fn pair(policy: Policy) -> Pool {
    twice(pool(&[1; 2], 0, policy))
}

/// They leave at the second failure.
fn twice(mut pool: Pool) -> Pool {
    let limits = Limits { failurecount: 2, rise: 1 };
    pool.reconfigure(PoolSettings { limits, ..pool.settings().clone() }, now());
    pool
}

fn at(milliseconds: u64) -> Instant {
    now() + Duration::from_millis(milliseconds)
}

fn note_ms(pool: &mut Pool, host: u8, good: bool, milliseconds: u64) -> Vec<PoolEvent> {
    let outcome = if good { Outcome::Good } else { Outcome::Bad("refused".into()) };
    pool.note(real(host, 1).key, &outcome, at(milliseconds))
}

/// Both fail twice, the last time so many milliseconds after the beginning.
fn fail_both(pool: &mut Pool, milliseconds: u64) -> Vec<PoolEvent> {
    let failures = (0..2).flat_map(|_| [1, 2]);
    failures.flat_map(|host| note_ms(pool, host, false, milliseconds)).collect()
}

fn hears(pool: &mut Pool, answer: OthersAnswer, milliseconds: u64) -> Vec<PoolEvent> {
    pool.hear(&answer, at(milliseconds))
}

fn reached() -> OthersAnswer {
    OthersAnswer::Reached { by: "n2".into() }
}

fn causes(pool: &Pool) -> Vec<String> {
    pool.alarms().into_iter().map(|alarm| alarm.cause).collect()
}

fn hosts(pool: &Pool) -> Vec<RealServerKey> {
    pool.doubted()
}

#[test]
fn what_another_director_reaches_stays_in_and_none_of_it_counts_as_healthy_here() {
    let mut pool = pair(policy());
    let events = fail_both(&mut pool, 0);
    assert!(events.contains(&PoolEvent::AsksOthers), "{events:?}");
    assert_eq!(takers(&pool), [1, 2], "while the answer is awaited");
    assert_eq!(hosts(&pool), [real(1, 1).key, real(2, 1).key]);
    let asked = "kept in: no real server passes its check here: the other directors are asked whether they reach one";
    assert_eq!(reason(&pool, 1), format!("{asked}; check failed 2 of 2: refused"));
    let events = hears(&mut pool, reached(), 20);
    assert_eq!(events, [PoolEvent::Began(Condition::OthersReach)]);
    let words = "the fault is sought at this node, nothing is removed: no real server passes its check here, and the director \
                 n2 reaches one";
    assert_eq!((takers(&pool), causes(&pool)), (vec![1, 2], vec![words.to_owned()]));
    assert_eq!(reason(&pool, 2), format!("kept in: {words}; check failed 2 of 2: refused"));
    assert_eq!(pool.healthy_weight(), 0, "the cluster may move the address to the director that sees more");
    let events = note_ms(&mut pool, 2, true, 900);
    assert!(events.contains(&PoolEvent::Ended(Condition::OthersReach)), "{events:?}");
    assert_eq!((takers(&pool), causes(&pool).len()), (vec![1, 2], 0));
}

#[test]
fn when_the_first_is_well_here_again_the_others_have_a_round_of_checks() {
    let vouched = || {
        let mut pool = pair(policy());
        fail_both(&mut pool, 0);
        hears(&mut pool, reached(), 20);
        note_ms(&mut pool, 2, true, 900);
        pool
    };
    let mut pool = vouched();
    let awaited = "kept in: another one is well here again, and the director n2 reached one: the next check is awaited";
    assert_eq!(reason(&pool, 1), format!("{awaited}; check failed 2 of 2: refused"));
    assert_eq!((takers(&pool), pool.next_change(at(900))), (vec![1, 2], Some(at(4900))));
    note_ms(&mut pool, 1, true, 1400);
    assert_eq!((takers(&pool), pool.next_change(at(1400))), (vec![1, 2], None), "all are well");

    let mut pool = vouched();
    note_ms(&mut pool, 1, false, 1400);
    assert_eq!(takers(&pool), [1, 2], "a failure that may have begun before the end of the fault");
    pool.advance(at(4899));
    assert_eq!(takers(&pool), [1, 2]);
    pool.advance(at(4900));
    assert_eq!((takers(&pool), pool.next_change(at(4900))), (vec![2], None), "it leaves as any that fails alone");

    let mut pool = vouched();
    note_ms(&mut pool, 2, false, 1900);
    assert_eq!(pool.next_change(at(1900)), Some(at(2200)), "the others are asked at once");
    assert_eq!(takers(&pool), [1, 2]);
    pool.advance(at(2200));
    assert_eq!(takers(&pool), [2], "they are silent, and the second one has failed once");
}

#[test]
fn without_a_director_that_reaches_one_they_leave_at_once_and_the_reason_says_whether_it_was_asked() {
    let here = "no real server passes its check here, and";
    let alone = |why| format!("decided alone: {here} {why}");
    crate::testing::check_rows(
        [
            (Some(OthersAnswer::NotReached), format!("{here} no other director reaches one"), false),
            (Some(OthersAnswer::Silence(Silence::NoOther)), alone("no other director is in the cluster"), true),
            (
                Some(OthersAnswer::Silence(Silence::Unknown)),
                alone("no other director knows whether it reaches one"),
                true,
            ),
            (None, alone("no other director answered within 300 ms"), true),
        ],
        |(answer, words, is_alarm)| {
            let mut pool = pair(policy());
            fail_both(&mut pool, 0);
            let events = match answer {
                Some(answer) => hears(&mut pool, answer, 10),
                None => {
                    assert_eq!(pool.advance(at(50)), [PoolEvent::AsksOthers], "both together");
                    assert_eq!(pool.advance(at(299)), []);
                    assert_eq!(pool.next_change(at(299)), Some(at(300)));
                    pool.advance(at(300))
                }
            };
            assert!(events.contains(&PoolEvent::FallbackIn), "{events:?}");
            assert_eq!(events.contains(&PoolEvent::Began(Condition::DecidedAlone)), is_alarm, "{events:?}");
            assert_eq!(takers(&pool), [FALLBACK]);
            assert_eq!(reason(&pool, 1), format!("{words}; check failed 2 of 2: refused"));
            assert_eq!(causes(&pool), if is_alarm { vec![words] } else { vec![] });
        },
    );
}

#[test]
fn an_answer_that_another_director_says_is_to_come_is_awaited_until_the_next_question() {
    let awaited = || {
        let mut pool = pair(policy());
        fail_both(&mut pool, 0);
        pool.advance(at(50));
        assert_eq!(hears(&mut pool, OthersAnswer::Awaited, 260), [PoolEvent::Reweighted]);
        pool.advance(at(999));
        assert_eq!((takers(&pool), pool.next_change(at(999))), (vec![1, 2], Some(at(1050))));
        pool
    };
    let mut pool = awaited();
    hears(&mut pool, OthersAnswer::NotReached, 999);
    assert_eq!(takers(&pool), [FALLBACK]);
    let mut pool = awaited();
    hears(&mut pool, reached(), 999);
    pool.advance(at(3000));
    hears(&mut pool, OthersAnswer::Awaited, 3260);
    pool.advance(at(4998));
    assert_eq!(takers(&pool), [1, 2], "its word counts for one round of checks");
    let mut pool = awaited();
    let events = pool.advance(at(1050));
    assert!(events.contains(&PoolEvent::AsksOthers), "{events:?}");
    assert_eq!(takers(&pool), [FALLBACK]);
    assert!(reason(&pool, 1).contains("no other director knows whether it reaches one"), "{}", reason(&pool, 1));
    hears(&mut pool, OthersAnswer::Awaited, 1260);
    assert_eq!(takers(&pool), [FALLBACK], "nothing is put back for it");
    let mut pool = pair(policy());
    fail_both(&mut pool, 0);
    pool.advance(at(50));
    pool.advance(at(300));
    hears(&mut pool, OthersAnswer::Awaited, 310);
    assert_eq!((takers(&pool), pool.next_change(at(310))), (vec![FALLBACK], Some(at(1050))), "it has come too late");
}

#[test]
fn the_question_is_repeated_each_second_and_a_late_answer_puts_back_what_has_left() {
    let mut pool = pair(policy());
    fail_both(&mut pool, 0);
    pool.advance(at(50));
    pool.advance(at(300));
    assert_eq!(takers(&pool), [FALLBACK]);
    assert_eq!(pool.next_change(at(300)), Some(at(1050)));
    assert!(pool.advance(at(1050)).contains(&PoolEvent::AsksOthers));
    assert_eq!(takers(&pool), [FALLBACK], "a question alone brings nothing back");
    assert!(hears(&mut pool, reached(), 1900).contains(&PoolEvent::FallbackOut));
    assert_eq!(takers(&pool), [1, 2]);
    assert!(hears(&mut pool, OthersAnswer::NotReached, 2100).contains(&PoolEvent::FallbackIn));
    assert!(!pool.advance(at(99_000)).is_empty(), "as long as none is well");
    note_ms(&mut pool, 1, true, 99_001);
    assert_eq!(pool.next_change(at(99_001)), None, "all is over when one is well");
    assert_eq!(hears(&mut pool, reached(), 99_002), [], "an answer that comes after that says nothing");
    assert_eq!(takers(&pool), [1]);
}

#[test]
fn the_word_of_a_director_that_falls_silent_counts_for_one_round_of_checks() {
    let mut pool = pair(policy());
    fail_both(&mut pool, 0);
    hears(&mut pool, reached(), 10);
    hears(&mut pool, OthersAnswer::Silence(Silence::Unknown), 20);
    for milliseconds in [1000, 1300, 2000, 2300, 3000, 3300, 4000, 4009] {
        pool.advance(at(milliseconds));
        assert_eq!(takers(&pool), [1, 2], "{milliseconds} ms");
    }
    assert_eq!(pool.next_change(at(4009)), Some(at(4010)));
    let events = pool.advance(at(4010));
    assert!(events.contains(&PoolEvent::Began(Condition::DecidedAlone)), "{events:?}");
    assert_eq!(takers(&pool), [FALLBACK]);
}

#[test]
fn one_that_failed_in_an_earlier_round_is_neither_asked_about_nor_brought_back() {
    let mut pool = pair(policy());
    note_ms(&mut pool, 1, false, 0);
    let events = note_ms(&mut pool, 1, false, 0);
    assert!(!events.contains(&PoolEvent::AsksOthers), "the other one serves without doubt");
    assert_eq!(takers(&pool), [2]);
    note_ms(&mut pool, 2, false, 5000);
    assert!(note_ms(&mut pool, 2, false, 6000).contains(&PoolEvent::AsksOthers));
    assert_eq!((takers(&pool), hosts(&pool)), (vec![2], vec![real(2, 1).key]));
    hears(&mut pool, reached(), 6010);
    assert_eq!(takers(&pool), [2]);
}

#[test]
fn one_that_counts_failures_is_no_last_one_and_is_asked_about_when_it_fails_too() {
    let mut pool = pair(policy());
    note_ms(&mut pool, 2, false, 0);
    note_ms(&mut pool, 1, false, 0);
    let events = note_ms(&mut pool, 1, false, 100);
    assert!(events.contains(&PoolEvent::AsksOthers), "{events:?}");
    assert_eq!((takers(&pool), hosts(&pool)), (vec![1, 2], vec![real(1, 1).key]));
    hears(&mut pool, OthersAnswer::NotReached, 110);
    assert_eq!(takers(&pool), [2]);
    assert!(note_ms(&mut pool, 2, false, 200).contains(&PoolEvent::AsksOthers), "it was not asked about");
    assert_eq!(takers(&pool), [2], "what has left by an answer does not come back for a question");
    assert_eq!(pool.next_change(at(200)), Some(at(500)));
    hears(&mut pool, reached(), 210);
    assert_eq!(takers(&pool), [1, 2], "one of both is reached");
}

#[test]
fn a_good_check_of_one_that_was_in_doubt_ends_the_question() {
    let mut pool = pair(policy());
    note_ms(&mut pool, 2, false, 0);
    note_ms(&mut pool, 1, false, 0);
    note_ms(&mut pool, 1, false, 100);
    note_ms(&mut pool, 2, true, 150);
    assert_eq!((takers(&pool), hosts(&pool), pool.next_change(at(150))), (vec![2], vec![], None));
}

#[test]
fn where_only_one_may_serve_the_others_are_asked_about_that_one() {
    let mut pool = pair(Policy { single: true, ..policy() });
    assert_eq!(takers(&pool), [1]);
    assert!(fail_both(&mut pool, 0).contains(&PoolEvent::AsksOthers));
    assert_eq!((takers(&pool), hosts(&pool)), (vec![1], vec![real(1, 1).key]));
    hears(&mut pool, reached(), 10);
    assert_eq!(takers(&pool), [1]);
    note_ms(&mut pool, 2, true, 500);
    assert_eq!(takers(&pool), [2], "another writer has come up");
}

#[test]
fn where_only_one_may_serve_nobody_is_asked_about_one_that_waited() {
    let mut pool = pair(Policy { single: true, ..policy() });
    note_ms(&mut pool, 1, false, 0);
    note_ms(&mut pool, 2, false, 0);
    let events = note_ms(&mut pool, 2, false, 10);
    assert!(!events.contains(&PoolEvent::AsksOthers), "{events:?}");
    let events = note_ms(&mut pool, 1, false, 20);
    assert!(events.contains(&PoolEvent::AsksOthers), "{events:?}");
    assert_eq!((takers(&pool), hosts(&pool)), (vec![1], vec![real(1, 1).key]));
}

#[test]
fn nobody_is_asked_where_the_rule_is_off_or_all_stays_in_anyway() {
    let keep = Quorum { action: QuorumAction::Keep, ..Quorum::default() };
    let capped = Policy { second_opinion: policy().second_opinion, ..cap(40, 4) };
    for (policy, expected) in
        [(Policy::default(), vec![FALLBACK]), (Policy { quorum: keep, ..policy() }, vec![1, 2]), (capped, vec![1, 2])]
    {
        let mut pool = pair(policy);
        let events = fail_both(&mut pool, 0);
        assert!(!events.contains(&PoolEvent::AsksOthers), "{policy:?}: {events:?}");
        assert_eq!(takers(&pool), expected, "{policy:?}");
    }
}

#[test]
fn one_that_a_person_takes_out_waits_for_no_answer() {
    let mut pool = pair(policy());
    fail_both(&mut pool, 0);
    hears(&mut pool, reached(), 10);
    let file = Override::Maintenance { file: "a".into() };
    let of = |key: &RealServerKey| (*key == real(1, 1).key).then(|| file.clone());
    pool.set_overrides(of, at(20));
    assert_eq!((takers(&pool), hosts(&pool)), (vec![2], vec![real(2, 1).key]));
}

#[test]
fn a_start_asks_before_it_takes_out_what_it_has_found() {
    let settings = PoolSettings { policy: policy(), ..settings(&[(1, 1), (2, 1)], false) };
    let mut observed = Pool::new(settings.clone(), None, &KnownHealth::default(), now()).entry(now());
    observed.real_servers = [(real(1, 1).key, real(1, 1)), (real(2, 1).key, real(2, 1))].into();
    let mut pool = Pool::new(settings, Some(&observed), &KnownHealth::default(), now());
    note_ms(&mut pool, 1, false, 0);
    note_ms(&mut pool, 2, false, 5);
    assert_eq!(takers(&pool), [1, 2]);
    hears(&mut pool, reached(), 10);
    assert_eq!(takers(&pool), [1, 2]);
}

#[test]
fn one_that_swallows_connections_is_neither_brought_back_nor_a_reason_to_keep_a_dead_one() {
    let mut pool = pair(policy());
    pool.suspect(&real(1, 1).key, "swallows", true, at(0));
    note_ms(&mut pool, 1, true, 500);
    note_ms(&mut pool, 2, false, 600);
    assert!(note_ms(&mut pool, 2, false, 1600).contains(&PoolEvent::AsksOthers));
    assert_eq!(
        (takers(&pool), hosts(&pool)),
        (vec![2], vec![real(2, 1).key]),
        "the other one passes its checks everywhere"
    );
    hears(&mut pool, OthersAnswer::NotReached, 1620);
    assert_eq!(takers(&pool), [FALLBACK]);
}

#[test]
fn one_that_is_dead_leaves_although_another_one_comes_and_goes_here() {
    let (mut pool, mut time) = (pool(&[1; 2], 0, policy()), 0);
    let mut last_in = None;
    for until in (0..60_000).step_by(1000) {
        while let Some(next) = pool.next_change(at(time)).filter(|next| *next <= at(until)) {
            time = u64::try_from((next - now()).as_millis()).expect("a time");
            let events = pool.advance(at(time));
            answered(&mut pool, &events, time);
        }
        time = until;
        let is_well = until / 1000 % 4 >= 2;
        for (host, good) in [(1, is_well), (2, false)] {
            let events = note_ms(&mut pool, host, good, time);
            answered(&mut pool, &events, time);
        }
        last_in = last_in.max(takers(&pool).contains(&2).then_some(time));
    }
    assert!(last_in < Some(10_000), "{last_in:?}");
}

#[test]
fn another_failure_does_not_make_the_first_answer_be_awaited_for_longer() {
    let mut pool = pair(policy());
    note_ms(&mut pool, 2, false, 0);
    note_ms(&mut pool, 1, false, 0);
    note_ms(&mut pool, 1, false, 0);
    note_ms(&mut pool, 2, false, 200);
    assert_eq!((takers(&pool), pool.next_change(at(200))), (vec![1, 2], Some(at(300))));
    pool.advance(at(300));
    assert_eq!(takers(&pool), [FALLBACK]);
}

#[test]
fn nobody_is_asked_about_one_that_a_person_has_drained() {
    let mut pool = pair(policy());
    fail_both(&mut pool, 0);
    let drained = Override::Weight { weight: 0, reason: "drained".into() };
    pool.set_overrides(|key| (*key == real(1, 1).key).then(|| drained.clone()), at(10));
    assert_eq!(hosts(&pool), [real(2, 1).key]);
}

#[test]
fn one_that_could_not_be_asked_is_in_doubt() {
    let mut pool = pair(policy());
    pool.note(real(2, 1).key, &Outcome::NotAsked("too many open files".into()), at(0));
    note_ms(&mut pool, 1, false, 0);
    assert!(note_ms(&mut pool, 1, false, 10).contains(&PoolEvent::AsksOthers));
}

#[test]
fn many_that_fail_one_after_the_other_are_asked_about_together() {
    let (mut pool, mut questions) = (twice(pool(&[1; 250], 0, policy())), 0);
    // All have failed once before the first of them leaves.
    for milliseconds in 0..500_u64 {
        let mut events = pool.advance(at(milliseconds));
        let host = u8::try_from(milliseconds % 250).expect("a host") + 1;
        events.extend(note_ms(&mut pool, host, false, milliseconds));
        if events.contains(&PoolEvent::AsksOthers) {
            questions += 1;
            hears(&mut pool, OthersAnswer::NotReached, milliseconds);
        }
    }
    assert_eq!(takers(&pool), [FALLBACK]);
    assert!((2..=6).contains(&questions), "{questions} questions");
}

/// Which real server answers how, and how many milliseconds after the one before.
fn any_results() -> impl Strategy<Value = Vec<(u8, bool, u64)>> {
    proptest::collection::vec((1..4u8, proptest::bool::weighted(0.3), 0..900u64), 1..80)
}

fn three() -> Pool {
    twice(pool(&[1; 3], 0, policy()))
}

/// Another director reaches one whenever it is asked.
fn answered(pool: &mut Pool, events: &[PoolEvent], milliseconds: u64) {
    if events.contains(&PoolEvent::AsksOthers) {
        hears(pool, reached(), milliseconds);
    }
}

proptest! {
    #[test]
    fn without_an_answer_nothing_that_failed_stays_in_for_longer_than_300_ms(results in any_results()) {
        let (mut pool, mut time) = (three(), 0);
        for (host, good, pause) in results {
            time += pause;
            pool.advance(at(time));
            note_ms(&mut pool, host, good, time);
            let mut later = pool.clone();
            later.advance(at(time + 300));
            let entry = later.entry(at(time + 300));
            for (real, member, _) in later.members() {
                prop_assert!(member.health() != Health::Down || !entry.real_servers.contains_key(&real.key));
            }
        }
    }

    #[test]
    fn where_another_director_always_reaches_one_the_last_real_server_never_leaves(results in any_results()) {
        let (mut pool, mut time) = (three(), 0);
        for (host, good, pause) in results {
            let until = time + pause;
            while let Some(next) = pool.next_change(at(time)).filter(|next| *next <= at(until)) {
                time = u64::try_from((next - now()).as_millis()).expect("a time");
                let events = pool.advance(at(time));
                answered(&mut pool, &events, time);
                prop_assert!(!takers(&pool).contains(&FALLBACK));
            }
            time = until;
            let events = note_ms(&mut pool, host, good, time);
            answered(&mut pool, &events, time);
            prop_assert!(!takers(&pool).contains(&FALLBACK) && !takers(&pool).is_empty());
        }
    }
}
