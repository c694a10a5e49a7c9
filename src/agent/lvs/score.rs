//! The promotion score: which director pacemaker should make the active one. Pacemaker adds its stickiness, twice for the active
//! one, so the levels lie far enough apart for it.

use std::time::{Duration, Instant};

use super::unchecked;
use crate::ocf::{Call, Failure, Status};
use crate::ownership::RoleRecord;
use crate::system::node_attribute;

/// What is known of this director when its score is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fitness {
    /// The table is as it should be.
    pub complete: bool,
    /// Per cent of the connections that this director knows: all when it is the active one; `None` where nothing counts them.
    pub coverage: Option<u8>,
    /// The score that the cluster has.
    pub before: Option<u32>,
    /// No health monitor makes the checks of the services: the table is right until a real server dies.
    pub unchecked: bool,
}

impl Fitness {
    /// Judges a director by what its monitor answers, and by what its health monitor counts; `None` for one that does not run.
    /// `now` is in seconds since this machine was started.
    pub fn of(role: &RoleRecord, answer: &Result<Status, Failure>, counted: Option<u8>, now: u64) -> Option<Self> {
        let complete = match answer {
            Ok(Status::Stopped) => return None,
            Ok(Status::FailedPromoted(_)) | Err(_) => false,
            Ok(_) => true,
        };
        let coverage = match answer {
            // It is told in the middle of a take-over too, though pacemaker plans anew then and starts the virtual IP later (half a
            // second in the lab's cluster). Until it is told, the former active director may have the higher score, and gets the
            // role back as soon as whatever took it away has ended.
            _ if role.promoted => Some(100),
            // What it knew when the synchronisation broke down grows old.
            Ok(Status::Degraded(_)) => Some(0),
            _ => counted,
        };
        let unchecked = unchecked::trouble(role, now).is_some();
        Some(Self { complete, coverage, before: role.score, unchecked })
    }
}

/// How long a take-over may go on after the promotion: the first monitor is a part of it, before the virtual IP is started.
const TAKE_OVER: u64 = 3;

fn is_taking_over(role: &RoleRecord, now: u64) -> bool {
    role.promoted_since.is_some_and(|since| now < since + TAKE_OVER)
}

/// The score of a director that is whole, while nothing is known of its connections.
const WHOLE: u32 = 100;

/// The scores of a director that is whole, each with the per cent of the connections from which on it counts.
const LEVELS: [(u32, u8); 2] = [(1000, 95), (500, 50)];

/// The highest score of a director without a health monitor. The other one takes over where it knows the connections: a dead
/// real server would cost more of them. It does not where it would lose half of them.
const UNCHECKED: u32 = 500;

/// So many per cent less keep a score that the cluster has. Connections come and go while they are counted, and each change of a
/// score makes pacemaker plan anew.
const SLACK: u8 = 15;

/// Returns the score. It is never negative: pacemaker would not promote the only director that is left.
///
/// A director that was the active one knows the connections until they are counted, so a demotion that leaves it in order changes
/// no score.
pub fn score(fitness: Fitness) -> u32 {
    let Fitness { complete, coverage, before, unchecked } = fitness;
    if !complete {
        return 5;
    }
    let highest = if unchecked { UNCHECKED } else { u32::MAX };
    let before = before.unwrap_or(0);
    let Some(percent) = coverage else { return before.max(WHOLE).min(highest) };
    let is_reached = |(level, from): &(u32, u8)| percent >= if before >= *level { from - SLACK } else { *from };
    LEVELS.iter().find(|level| is_reached(level)).map_or(WHOLE, |(level, _)| *level).min(highest)
}

/// For how long the cluster is believed to know a score that has not changed.
const BELIEVED: u64 = 60;

/// Whether the cluster may have lost the score that the record says it was told. Pacemaker's attribute daemon forgets those of
/// its node when it is killed, and tells nobody: a clone whose directors have no score has none promoted. Another daemon shows
/// by `keeper`, the number of its socket. Whatever else takes a score away is mended after a minute. A take-over does not wait for
/// any of this: the next monitor looks.
pub fn may_be_forgotten(role: &RoleRecord, keeper: impl FnOnce() -> Option<u64>, now: u64) -> bool {
    if is_taking_over(role, now) {
        return false;
    }
    let keeper = keeper();
    let is_another = keeper.is_some() && keeper != role.score_told_to;
    is_another || role.score_told_at.is_none_or(|told| now >= told + BELIEVED)
}

/// Tells the cluster the score of this director, or that it has none any more. Every change makes pacemaker plan anew.
///
/// # Errors
/// It says what the cluster's own program answered. An action must not fail for it.
pub fn tell(call: &Call, score: Option<u32>) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(5);
    // The name that pacemaker gives to the score of an anonymous clone's instances.
    let name = format!("master-{}", call.instance);
    let deadline = Instant::now() + PATIENCE.min(call.timeout / 4);
    let shown = score.map_or_else(|| "none".into(), |score| score.to_string());
    let told = match score {
        Some(_) => node_attribute::set(&name, &shown, deadline),
        None => node_attribute::remove(&name, deadline),
    };
    told.map_err(|cause| format!("promotion score {shown}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_warmer_director_has_a_higher_score_and_none_is_negative() {
        check_rows(
            [
                (true, Some(100), None, 1000),
                (true, Some(95), Some(100), 1000),
                (true, Some(94), Some(500), 500),
                (true, Some(80), Some(1000), 1000),
                (true, Some(79), Some(1000), 500),
                (true, Some(50), Some(100), 500),
                (true, Some(35), Some(500), 500),
                (true, Some(34), Some(500), 100),
                (true, Some(0), Some(1000), 100),
                (true, None, None, 100),
                (true, None, Some(5), 100),
                (true, None, Some(1000), 1000),
                (false, Some(100), Some(1000), 5),
            ],
            |(complete, coverage, before, expected)| {
                assert_eq!(score(Fitness { complete, coverage, before, unchecked: false }), expected);
            },
        );
    }

    #[test]
    fn a_director_without_a_health_monitor_gives_way_to_one_that_is_checked_and_warm_and_to_no_other() {
        let of = |coverage, unchecked| score(Fitness { complete: true, coverage, before: None, unchecked });
        // Pacemaker adds a resource-stickiness of 100 twice to the active one.
        let stays = |active, standby| active + 200 >= standby;
        assert!(!stays(of(Some(100), true), of(Some(95), false)));
        assert!(stays(of(Some(100), true), of(Some(94), false)));
        assert!(stays(of(Some(100), true), of(Some(100), true)));
        // What it knew when its health monitor ended is not known any more.
        assert_eq!(score(Fitness { complete: true, coverage: None, before: Some(1000), unchecked: true }), 500);
        assert_eq!(score(Fitness { complete: false, coverage: None, before: Some(1000), unchecked: true }), 5);
    }

    #[test]
    fn an_active_director_knows_all_and_a_standby_that_is_not_in_order_nothing() {
        let degraded = || Status::Degraded("d".into());
        check_rows(
            [
                (true, Ok(Status::Promoted), None, Some((true, Some(100)))),
                (true, Ok(Status::DegradedPromoted("d".into())), Some(3), Some((true, Some(100)))),
                (true, Ok(Status::FailedPromoted("f".into())), None, Some((false, Some(100)))),
                (false, Ok(Status::Running), Some(97), Some((true, Some(97)))),
                (false, Ok(Status::Running), None, Some((true, None))),
                (false, Ok(degraded()), Some(97), Some((true, Some(0)))),
                (false, Err(Failure::generic("f")), Some(97), Some((false, Some(97)))),
                (false, Ok(Status::Stopped), Some(97), None),
            ],
            |(promoted, answer, counted, expected)| {
                let role = RoleRecord { promoted, score: Some(500), ..RoleRecord::default() };
                for unchecked in [false, true] {
                    let unchecked_since = unchecked.then_some(1);
                    let role = RoleRecord { has_checks: true, unchecked_since, ..role.clone() };
                    let fitness = |(complete, coverage)| Fitness { complete, coverage, before: Some(500), unchecked };
                    assert_eq!(Fitness::of(&role, &answer, counted, 1000), expected.map(fitness));
                }
            },
        );
    }

    #[test]
    fn a_score_is_told_again_to_another_attribute_daemon_and_after_a_minute() {
        let (at, before, other) = (|at| (Some(at), Some(7)), Some(7), Some(8));
        check_rows(
            [
                (at(100), before, 100, false),
                (at(100), before, 159, false),
                (at(100), before, 160, true),
                (at(100), other, 101, true),
                // What cannot be found out is no reason to start a program with each monitor.
                (at(100), None, 101, false),
                ((Some(100), None), before, 101, true),
                ((Some(100), None), None, 101, false),
                // A record of an earlier version does not say.
                ((None, None), before, 101, true),
            ],
            |((score_told_at, score_told_to), keeper, now, expected)| {
                let role = RoleRecord { score: Some(1000), score_told_at, score_told_to, ..RoleRecord::default() };
                assert_eq!(may_be_forgotten(&role, || keeper, now), expected);
                let role = RoleRecord { promoted: true, promoted_since: Some(now), ..role };
                let nobody_asks = || panic!("the kernel is asked for its sockets in a take-over");
                assert!(!may_be_forgotten(&role, nobody_asks, now));
            },
        );
    }

    #[test]
    fn a_director_that_was_just_promoted_is_rated_highest_at_once() {
        for score in [None, Some(5), Some(100), Some(500), Some(1000)] {
            for (unchecked_since, expected) in [(None, 1000), (Some(1), 500)] {
                let role = RoleRecord { promoted: true, promoted_since: Some(103), score, ..RoleRecord::default() };
                let role = RoleRecord { has_checks: true, unchecked_since, ..role };
                let fitness = Fitness::of(&role, &Ok(Status::Promoted), None, 103);
                assert_eq!(fitness.map(super::score), Some(expected), "after {score:?}");
            }
        }
    }
}
