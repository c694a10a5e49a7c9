//! A director beside which no health monitor runs: its table is right until a real server dies. Pure.

use crate::ownership::RoleRecord;

/// The seconds for which a health monitor may be missing without a word: the cluster restarts one that was killed meanwhile, and a
/// start may take 20 of them. Another director that took over for that would have moved the address in vain.
const PATIENCE: u64 = 30;

/// Returns since when no health monitor makes the checks of the services. `is_checked` says whether one runs; `now` is in seconds
/// since the machine was started.
pub fn since(record: &RoleRecord, is_checked: bool, now: u64) -> Option<u64> {
    (record.has_checks && !is_checked).then(|| record.unchecked_since.unwrap_or(now))
}

/// Says that no health monitor runs, once it has been missing for too long.
pub fn trouble(record: &RoleRecord, now: u64) -> Option<String> {
    record.unchecked_since.filter(|since| now.saturating_sub(*since) >= PATIENCE)?;
    Some(
        "health monitor: none runs on this node, and a real server that dies stays in the table: see to the ldirectord resource, \
         or declare the services with checktype=on"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_health_monitor_that_comes_back_soon_was_never_missed() {
        let record = |has_checks, unchecked_since| RoleRecord { has_checks, unchecked_since, ..RoleRecord::default() };
        check_rows(
            [
                (record(true, None), false, Some(100)),
                (record(true, Some(90)), false, Some(90)),
                (record(true, Some(90)), true, None),
                (record(true, None), true, None),
                (record(false, None), false, None),
                // The services were declared anew, without checks.
                (record(false, Some(90)), false, None),
            ],
            |(record, is_checked, expected)| assert_eq!(since(&record, is_checked, 100), expected),
        );
        let is_told = |since, now| trouble(&record(true, since), now).is_some();
        check_rows(
            [
                (None, 100, false),
                (Some(90), 90 + PATIENCE - 1, false),
                (Some(90), 90 + PATIENCE, true),
                (Some(90), 5, false),
            ],
            |(since, now, expected)| assert_eq!(is_told(since, now), expected),
        );
    }
}
