use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Returns the time `seconds` after a moment that stays the same.
fn at(seconds: u64) -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_secs(seconds)
}

fn failure() -> Outcome {
    Outcome::Bad("refused".into())
}

#[test]
fn a_serving_member_goes_after_failurecount_failures_in_a_row() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    assert_eq!(member.note(&failure(), 3, at(1)), Some(Transition::SoftFailure { failures: 1 }));
    assert_eq!(member.note(&Outcome::Good, 3, at(2)), Some(Transition::CameUp));
    assert_eq!(member.note(&failure(), 3, at(3)), Some(Transition::SoftFailure { failures: 1 }));
    assert_eq!(member.note(&Outcome::Good, 3, at(4)), Some(Transition::Recovered));
    for second in 5..7 {
        assert!(matches!(member.note(&failure(), 3, at(second)), Some(Transition::SoftFailure { .. })));
        assert!(member.serves());
    }
    assert_eq!(member.note(&failure(), 3, at(7)), Some(Transition::WentDown));
    assert_eq!(member.note(&failure(), 3, at(8)), None);
    assert_eq!((member.health(), member.since()), (Health::Down, at(7)));
    assert_eq!(member.serving_state(3).reason, "check failed 3 of 3: refused");
}

#[test]
fn a_newcomer_waits_for_its_first_good_check_and_is_down_at_the_first_bad_one() {
    let mut member = Member::new(Admission::Outside, at(0));
    assert_eq!(member.serving_state(3), ServingState { serves: false, reason: "not checked yet".into() });
    assert_eq!(member.clone().note(&Outcome::Good, 3, at(1)), Some(Transition::CameUp));
    assert_eq!(member.note(&failure(), 3, at(1)), Some(Transition::WentDown));
}

#[test]
fn one_that_was_put_in_unchecked_goes_at_its_first_bad_check() {
    let mut member = Member::new(Admission::Unchecked, at(0));
    assert!(member.serves());
    assert_eq!(member.note(&failure(), 3, at(1)), Some(Transition::WentDown));
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
                let transition = member.note(&not_asked(), failurecount, at(times.into()));
                assert_eq!(transition, Some(Transition::Unasked { times }), "{admission:?}");
                let reason = format!("could not be asked {times} of {limit}: too many open files");
                assert_eq!(member.serving_state(failurecount), ServingState { serves: served, reason });
                assert_eq!((member.health(), member.since()), (Health::Unknown(admission), at(0)));
            }
            assert_eq!(member.note(&not_asked(), failurecount, at(9)), Some(Transition::WentDown));
            assert_eq!(member.note(&not_asked(), failurecount, at(10)), None);
            let reason = format!("could not be asked {limit} of {limit}: too many open files");
            assert_eq!(member.serving_state(failurecount), ServingState { serves: false, reason });
            assert_eq!(member.note(&Outcome::Good, failurecount, at(11)), Some(Transition::CameUp));
        },
    );
}

#[test]
fn any_answer_ends_a_row_of_checks_that_could_not_be_made_but_they_end_no_row_of_failures() {
    let mut member = Member::new(Admission::Outside, at(0));
    member.note(&Outcome::Good, 2, at(1));
    for answer in [Outcome::Good, failure(), Outcome::Good] {
        for times in 1..5 {
            assert_eq!(member.note(&not_asked(), 2, at(2)), Some(Transition::Unasked { times }));
        }
        member.note(&answer, 2, at(3));
        assert!(member.serves());
    }
    assert_eq!(member.note(&not_asked(), 2, at(4)), Some(Transition::Unasked { times: 1 }));
    assert_eq!(member.note(&Outcome::Good, 2, at(4)), Some(Transition::AskedAgain));
    member.note(&failure(), 2, at(5));
    member.note(&not_asked(), 2, at(6));
    let reason = "check failed 1 of 2: refused; could not be asked 1 of 5: too many open files";
    assert_eq!(member.serving_state(2).reason, reason);
    assert_eq!(member.note(&failure(), 2, at(7)), Some(Transition::WentDown));
    assert_eq!(member.serving_state(2).reason, "check failed 2 of 2: refused");
}

proptest! {
    #[test]
    fn one_good_check_brings_any_member_in_and_only_a_full_row_of_bad_ones_takes_it_out(
        known_up: bool, failurecount in 1..5u32, results in proptest::collection::vec(any::<bool>(), 0..40)
    ) {
        let admission = if known_up { Admission::KnownUp } else { Admission::Outside };
        let mut member = Member::new(admission, at(0));
        let mut row = 0;
        for (second, good) in results.into_iter().enumerate() {
            let served = member.serves();
            member.note(&if good { Outcome::Good } else { failure() }, failurecount, at(second as u64));
            row = if good { 0 } else { row + 1 };
            let expected = good || (served && row < failurecount);
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
    member.note(&Outcome::Good, 1, at(1));
    assert_eq!((member.serves(), member.is_known_up(), member.is_known_down()), (false, false, true));
    assert_eq!(member.serving_state(1).reason, "maintenance: file web1:80");
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
    assert_eq!(member.serving_state(2).reason, "drained by anna; not checked yet, was serving before");
    member.note(&Outcome::Good, 2, at(1));
    assert_eq!(member.serving_state(2).reason, "drained by anna");
    assert_eq!((member.is_known_up(), member.is_known_down()), (true, true), "well, and for no client");
    member.note(&failure(), 2, at(2));
    assert_eq!(member.serving_state(2).reason, "drained by anna; check failed 1 of 2: refused");
    member.note(&failure(), 2, at(3));
    assert!(!member.serves() && !member.is_known_up());
    member.set_override(None);
    assert_eq!((member.weight(3), member.serves()), (3, false), "the end of an order brings no failed one in");
}

#[test]
fn one_whose_removal_is_ordered_does_not_serve_whatever_its_checks_say() {
    let mut member = Member::new(Admission::KnownUp, at(0));
    member.set_override(Some(Override::Removal { reason: "disabled by anna".into() }));
    member.note(&Outcome::Good, 1, at(1));
    assert!(!member.serves() && member.is_removed() && member.is_known_down() && !member.is_known_up());
    assert_eq!(member.serving_state(1).reason, "disabled by anna");
    assert_eq!(member.health(), Health::Up, "its checks go on");
}
