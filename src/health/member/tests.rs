use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Returns the time `seconds` after a moment that stays the same.
fn at(seconds: u64) -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_secs(seconds)
}

fn fall(failurecount: u32) -> Limits {
    Limits { failurecount, rise: 1 }
}

fn failure() -> Outcome {
    Outcome::Bad("refused".into())
}

#[test]
fn a_serving_member_goes_after_failurecount_failures_in_a_row() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    assert_eq!(member.note(&failure(), fall(3), at(1)), Some(Transition::SoftFailure { failures: 1 }));
    assert_eq!(member.note(&Outcome::Good, fall(3), at(2)), Some(Transition::CameUp));
    assert_eq!(member.note(&failure(), fall(3), at(3)), Some(Transition::SoftFailure { failures: 1 }));
    assert_eq!(member.note(&Outcome::Good, fall(3), at(4)), Some(Transition::Recovered));
    for second in 5..7 {
        assert!(matches!(member.note(&failure(), fall(3), at(second)), Some(Transition::SoftFailure { .. })));
        assert!(member.serves());
    }
    assert_eq!(member.note(&failure(), fall(3), at(7)), Some(Transition::WentDown));
    assert_eq!(member.note(&failure(), fall(3), at(8)), None);
    assert_eq!((member.health(), member.since()), (Health::Down, at(7)));
    assert_eq!(member.reason(fall(3)), "check failed 3 of 3: refused");
}

#[test]
fn a_newcomer_waits_for_its_first_good_check_and_is_down_at_the_first_bad_one() {
    let mut member = Member::new(Admission::Outside, at(0));
    assert_eq!((member.serves(), member.reason(fall(3))), (false, "not checked yet".to_owned()));
    assert_eq!(member.clone().note(&Outcome::Good, fall(3), at(1)), Some(Transition::CameUp));
    assert_eq!(member.note(&failure(), fall(3), at(1)), Some(Transition::WentDown));
}

#[test]
fn one_that_was_put_in_unchecked_goes_at_its_first_bad_check() {
    let mut member = Member::new(Admission::Unchecked, at(0));
    assert!(member.serves());
    assert_eq!(member.note(&failure(), fall(3), at(1)), Some(Transition::WentDown));
}

fn not_asked() -> Outcome {
    Outcome::NotAsked("too many open files".into())
}

#[test]
fn a_fault_of_this_node_says_nothing_of_a_real_server_up_to_the_limit() {
    use Admission::{KnownDown, KnownUp, Outside, Unchecked};
    crate::testing::check_rows(
        [(Outside, 1, 5), (KnownDown, 1, 5), (Unchecked, 1, 5), (KnownUp, 3, 5), (KnownUp, 7, 7)],
        |(admission, failurecount, limit)| {
            let mut member = Member::new(admission, at(0));
            let served = member.serves();
            for times in 1..limit {
                let transition = member.note(&not_asked(), fall(failurecount), at(times.into()));
                assert_eq!(transition, Some(Transition::Unasked { times }), "{admission:?}");
                let reason = format!("could not be asked {times} of {limit}: too many open files");
                assert_eq!((member.serves(), member.reason(fall(failurecount))), (served, reason));
                assert_eq!((member.health(), member.since()), (Health::Unknown(admission), at(0)));
            }
            assert_eq!(member.note(&not_asked(), fall(failurecount), at(9)), Some(Transition::WentDown));
            assert_eq!(member.note(&not_asked(), fall(failurecount), at(10)), None);
            let reason = format!("could not be asked {limit} of {limit}: too many open files");
            assert_eq!((member.serves(), member.reason(fall(failurecount))), (false, reason));
            assert_eq!(member.note(&Outcome::Good, fall(failurecount), at(11)), Some(Transition::CameUp));
        },
    );
}

#[test]
fn any_answer_ends_a_row_of_checks_that_could_not_be_made_but_they_end_no_row_of_failures() {
    let mut member = Member::new(Admission::Outside, at(0));
    member.note(&Outcome::Good, fall(2), at(1));
    for answer in [Outcome::Good, failure(), Outcome::Good] {
        for times in 1..5 {
            assert_eq!(member.note(&not_asked(), fall(2), at(2)), Some(Transition::Unasked { times }));
        }
        member.note(&answer, fall(2), at(3));
        assert!(member.serves());
    }
    assert_eq!(member.note(&not_asked(), fall(2), at(4)), Some(Transition::Unasked { times: 1 }));
    assert_eq!(member.note(&Outcome::Good, fall(2), at(4)), Some(Transition::AskedAgain));
    member.note(&failure(), fall(2), at(5));
    member.note(&not_asked(), fall(2), at(6));
    let reason = "check failed 1 of 2: refused; could not be asked 1 of 5: too many open files";
    assert_eq!(member.reason(fall(2)), reason);
    assert_eq!(member.note(&failure(), fall(2), at(7)), Some(Transition::WentDown));
    assert_eq!(member.reason(fall(2)), "check failed 2 of 2: refused");
}

#[test]
fn one_that_was_down_serves_again_after_rise_good_checks_in_a_row() {
    let limits = Limits { failurecount: 1, rise: 3 };
    let mut member = Member::new(Admission::KnownDown, at(0));
    let passed = |successes| Some(Transition::SoftSuccess { successes });
    assert_eq!(member.note(&Outcome::Good, limits, at(1)), passed(1));
    assert_eq!(member.note(&not_asked(), limits, at(2)), Some(Transition::Unasked { times: 1 }));
    assert_eq!(member.note(&Outcome::Good, limits, at(3)), passed(2));
    assert_eq!((member.serves(), member.reason(limits)), (false, "check passed 2 of 3".to_owned()));
    assert_eq!(member.note(&failure(), limits, at(4)), Some(Transition::WentDown));
    assert_eq!(member.note(&Outcome::Good, limits, at(5)), passed(1), "a bad check begins the row anew");
    assert_eq!(member.note(&Outcome::Good, limits, at(6)), passed(2));
    assert_eq!(member.note(&Outcome::Good, limits, at(7)), Some(Transition::CameUp));
    assert_eq!((member.serves(), member.since()), (true, at(7)));
    assert_eq!(member.note(&failure(), limits, at(8)), Some(Transition::WentDown));
    assert_eq!(member.note(&Outcome::Good, limits, at(9)), passed(1));
}

proptest! {
    #[test]
    fn a_full_row_of_good_checks_brings_a_member_in_and_a_full_row_of_bad_ones_takes_it_out(
        known_up: bool, failurecount in 1..5u32, rise in 1..5u32, results in proptest::collection::vec(any::<bool>(), 0..40)
    ) {
        let admission = if known_up { Admission::KnownUp } else { Admission::Outside };
        let mut member = Member::new(admission, at(0));
        let (mut row, mut last, mut was_down) = (0, None, false);
        for (second, good) in results.into_iter().enumerate() {
            let served = member.serves();
            let outcome = if good { Outcome::Good } else { failure() };
            member.note(&outcome, Limits { failurecount, rise }, at(second as u64));
            row = if last.replace(good) == Some(good) { row + 1 } else { 1 };
            let expected = if good { served || row >= rise || !was_down } else { served && row < failurecount };
            was_down |= !good && !expected;
            prop_assert_eq!(member.serves(), expected);
        }
    }
}

#[test]
fn a_member_under_maintenance_does_not_serve_whatever_its_checks_say_and_the_next_health_monitor_is_told() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    let file = |name: &str| Some(Override::Maintenance { file: name.into() });
    assert_eq!(member.set_override(file("web1")), Some(Transition::MaintenanceBegan));
    assert_eq!(member.set_override(file("web1:80")), None);
    member.note(&Outcome::Good, fall(1), at(1));
    assert_eq!((member.serves(), member.is_known_up(), member.is_known_down()), (false, false, true));
    assert_eq!(member.reason(fall(1)), "maintenance: file web1:80");
    assert_eq!(member.set_override(None), Some(Transition::MaintenanceEnded));
    assert_eq!((member.serves(), member.is_known_up(), member.is_known_down()), (true, true, false));
}

fn weight(weight: u32, reason: &str) -> Option<Override> {
    Some(Override::Weight { weight, reason: reason.into() })
}

#[test]
fn an_order_begins_again_when_it_says_something_else_and_not_when_it_is_repeated() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    let removal = || Some(Override::Removal { reason: "disabled by anna".into() });
    let file = || Some(Override::Maintenance { file: "web1".into() });
    let steps = [
        (weight(0, "drained by anna"), Some(Transition::OrderBegan)),
        (weight(0, "drained by anna"), None),
        (weight(0, "drained by ben"), Some(Transition::OrderBegan)),
        (removal(), Some(Transition::OrderBegan)),
        (file(), Some(Transition::MaintenanceBegan)),
        (weight(7, "weight 7"), Some(Transition::OrderBegan)),
        (None, Some(Transition::OrderEnded)),
        (None, None),
        (file(), Some(Transition::MaintenanceBegan)),
        (None, Some(Transition::MaintenanceEnded)),
    ];
    for (overridden, expected) in steps {
        assert_eq!(member.set_override(overridden.clone()), expected, "{overridden:?}");
    }
}

#[test]
fn an_ordered_weight_counts_as_long_as_the_checks_let_the_real_server_serve_and_the_reason_says_both() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    member.set_override(weight(0, "drained by anna"));
    assert_eq!((member.weight(3), member.serves()), (0, true));
    assert_eq!(member.reason(fall(2)), "drained by anna; not checked yet, was serving before");
    member.note(&Outcome::Good, fall(2), at(1));
    assert_eq!(member.reason(fall(2)), "drained by anna");
    assert_eq!((member.is_known_up(), member.is_known_down()), (true, true), "well, and for no client");
    member.note(&failure(), fall(2), at(2));
    assert_eq!(member.reason(fall(2)), "drained by anna; check failed 1 of 2: refused");
    member.note(&failure(), fall(2), at(3));
    assert!(!member.serves() && !member.is_known_up());
    member.set_override(None);
    assert_eq!((member.weight(3), member.serves()), (3, false), "the end of an order brings no failed one in");
}

#[test]
fn one_whose_removal_is_ordered_does_not_serve_whatever_its_checks_say() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    member.set_override(Some(Override::Removal { reason: "disabled by anna".into() }));
    member.note(&Outcome::Good, fall(1), at(1));
    assert!(!member.serves() && member.is_removed() && member.is_known_down() && !member.is_known_up());
    assert_eq!(member.reason(fall(1)), "disabled by anna");
    assert_eq!(member.health(), Health::Up, "its checks go on");
}

fn advised(percent: u8) -> Outcome {
    Outcome::Advised(Advice { percent, lets_in: true, reason: format!("{percent} asked") })
}

/// As [`advised`], for one that serves already.
fn between(percent: u8) -> Outcome {
    Outcome::Advised(Advice { percent, lets_in: false, reason: format!("{percent} between") })
}

#[test]
fn what_a_real_server_wants_changes_its_weight_down_at_once_and_up_after_three_checks_in_a_row() {
    use Transition::{AdviceChanged, CameUp};
    let mut member = Member::new(Admission::Outside, at(0));
    let steps = [
        (advised(40), Some(CameUp), 4, "40 % of its weight: 40 asked"),
        (advised(30), Some(AdviceChanged), 3, "30 % of its weight: 30 asked"),
        (advised(60), None, 3, "30 % of its weight: 30 asked (better in 1 of 3 checks)"),
        (advised(60), None, 3, "30 % of its weight: 30 asked (better in 2 of 3 checks)"),
        (advised(30), None, 3, "30 % of its weight: 30 asked"),
        (Outcome::Good, None, 3, "30 % of its weight: 30 asked (better in 1 of 3 checks)"),
        (advised(60), None, 3, "30 % of its weight: 30 asked (better in 2 of 3 checks)"),
        (advised(70), Some(AdviceChanged), 6, "60 % of its weight: 60 asked"),
        (advised(0), Some(AdviceChanged), 0, "drained: 0 asked"),
        (Outcome::Good, None, 0, "drained: 0 asked (better in 1 of 3 checks)"),
        (between(100), None, 0, "drained: 100 between"),
        (Outcome::Good, None, 0, "drained: 100 between (better in 1 of 3 checks)"),
        (Outcome::Good, None, 0, "drained: 100 between (better in 2 of 3 checks)"),
        (Outcome::Good, Some(AdviceChanged), 10, "configured"),
        (between(100), None, 10, "100 between"),
        (between(10), Some(AdviceChanged), 1, "10 % of its weight: 10 between"),
    ];
    for (place, (outcome, transition, weight, reason)) in steps.into_iter().enumerate() {
        assert_eq!(member.note(&outcome, fall(2), at(1)), transition, "step {place}");
        let state = (member.weight(10), member.serves(), member.reason(fall(2)));
        assert_eq!(state, (weight, true, reason.to_owned()), "step {place}");
    }
}

#[test]
fn a_real_server_that_serves_no_client_is_let_in_only_by_what_lets_in() {
    use Admission::{KnownDown, KnownUp, Outside, Unchecked};
    crate::testing::check_rows(
        [(Outside, false), (KnownDown, false), (Unchecked, true), (KnownUp, true)],
        |(admission, serves)| {
            let mut member = Member::new(admission, at(0));
            member.note(&between(100), fall(1), at(1));
            assert_eq!(member.serves(), serves, "{admission:?}");
            assert!(member.reason(fall(1)).ends_with("100 between"));
            member.note(&advised(100), fall(1), at(2));
            assert!(member.serves());
        },
    );
}

#[test]
fn a_failure_leaves_the_weight_until_it_takes_the_real_server_out_and_ends_the_advice_then() {
    let mut member = Member::new(Admission::Outside, at(0));
    member.note(&advised(0), fall(2), at(1));
    assert!(member.is_known_up() && member.is_known_down(), "well, and for no client");
    member.note(&failure(), fall(2), at(2));
    assert_eq!((member.weight(10), member.serves()), (0, true));
    assert_eq!(member.reason(fall(2)), "drained: 0 asked; check failed 1 of 2: refused");
    member.note(&failure(), fall(2), at(3));
    assert_eq!(member.reason(fall(2)), "check failed 2 of 2: refused");
    assert_eq!(member.note(&advised(50), fall(2), at(4)), Some(Transition::CameUp));
    assert_eq!(member.weight(10), 5, "one that comes in waits for nothing");
}

/// A check that only connects has not asked what the real server wants, and three of them would else give it all its weight again.
#[test]
fn a_check_between_two_questions_leaves_the_weight_as_it_was_asked_for() {
    let mut member = Member::new(Admission::Outside, at(0));
    member.note(&advised(10), fall(1), at(0));
    for second in 1..10 {
        assert_eq!(member.note(&Outcome::Alive, fall(1), at(second)), None);
        assert_eq!(member.weight(100), 10, "{second}");
    }
    for second in 10..13 {
        member.note(&Outcome::Good, fall(1), at(second));
    }
    assert_eq!(member.weight(100), 100);
}

#[test]
fn an_order_goes_before_what_the_real_server_wants() {
    let mut member = Member::new(Admission::Outside, at(0));
    member.note(&advised(0), fall(1), at(1));
    member.set_override(weight(7, "weight 7 by anna"));
    assert_eq!((member.weight(10), member.is_known_down()), (7, false));
    assert_eq!(member.reason(fall(1)), "weight 7 by anna");
    member.set_override(None);
    assert_eq!((member.weight(10), member.is_known_down()), (0, true));
}

proptest! {
    /// However it wavers, a weight that rises costs three checks.
    #[test]
    fn a_wavering_advice_changes_the_weight_at_most_twice_in_four_checks(
        advices in proptest::collection::vec(prop_oneof![Just(0), Just(100), 0..=100_u8], 1..80)
    ) {
        let mut member = Member::new(Admission::KnownUp, at(0));
        member.note(&advised(100), fall(1), at(0));
        let (mut rises, mut last) = (0, 100);
        for percent in &advices {
            let transition = member.note(&advised(*percent), fall(1), at(1));
            let weight = member.weight(100);
            prop_assert_eq!(transition.is_some(), weight != last);
            prop_assert!(weight <= u32::from(*percent), "less counts at once, and no check gives more than it asks for");
            rises += usize::from(weight > last);
            last = weight;
        }
        prop_assert!(rises * 3 <= advices.len());
    }
}
