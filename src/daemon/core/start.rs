//! Decides when the start of a health monitor is over. Pure.

use std::time::{Duration, Instant};

/// How long a start waits for the first results of all real servers, and how long it waits beyond the longest timeout
/// for those that it must know.
const GRACE: Duration = Duration::from_millis(500);
/// How long a start waits for first results at most. A service that is decided waits for no slower real server anyway.
const LIMIT: Duration = Duration::from_secs(10);

/// How patient a start is.
#[derive(Debug, Clone, Copy)]
pub struct StartDeadline {
    /// Until then the start waits for every first result: those of healthy real servers come within milliseconds.
    from: Instant,
    /// The start is over by then, even when checks have not ended.
    by: Instant,
}

/// How far the health monitor has come.
#[derive(Debug, Clone, Copy)]
pub struct StartProgress {
    /// Nothing can be served as far as is known: the kernel refuses every service, or its table cannot be read.
    pub has_failed: bool,
    /// Every service is decided, and the kernel holds it as known.
    pub is_ready: bool,
    /// Every real server has had a result.
    pub are_asked: bool,
}

/// What becomes of the start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartVerdict {
    Waits,
    Ready,
    Failed,
}

impl StartDeadline {
    /// Creates the deadline of a start that begins now. `longest` is the longest timeout of a check; `within` is the
    /// time that the process which waits for the start has.
    pub fn new(now: Instant, longest: Duration, within: Duration) -> Self {
        Self { from: now + GRACE, by: now + (longest + GRACE).min(LIMIT).min(within) }
    }

    /// Judges the start. A failure may have a passing reason, so it is tried again as long as there is time.
    pub fn judge(&self, now: Instant, progress: StartProgress) -> StartVerdict {
        let StartProgress { has_failed, is_ready, are_asked } = progress;
        let is_over = is_ready && (now >= self.from || are_asked);
        match (has_failed, now >= self.by) {
            (true, true) => StartVerdict::Failed,
            (false, is_late) if is_late || is_over => StartVerdict::Ready,
            _ => StartVerdict::Waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(has_failed: bool, is_ready: bool, are_asked: bool) -> StartProgress {
        StartProgress { has_failed, is_ready, are_asked }
    }

    #[test]
    fn a_failure_that_passes_in_time_is_no_failed_start() {
        let now = Instant::now();
        let start = StartDeadline::new(now, Duration::from_secs(5), Duration::from_secs(30));
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        for at in [0, 501, 5499] {
            assert_eq!(start.judge(after(at), progress(true, true, true)), StartVerdict::Waits, "{at} ms");
        }
        assert_eq!(start.judge(after(5499), progress(false, true, true)), StartVerdict::Ready, "it has passed");
        assert_eq!(start.judge(after(5500), progress(true, false, false)), StartVerdict::Failed, "it has lasted");
    }

    #[test]
    fn a_start_waits_for_all_first_results_for_half_a_second_and_then_for_what_it_must_know() {
        let now = Instant::now();
        let start = StartDeadline::new(now, Duration::from_secs(5), Duration::from_secs(30));
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        crate::testing::check_rows(
            [
                (0, true, true, StartVerdict::Ready),
                (499, true, false, StartVerdict::Waits),
                (500, true, false, StartVerdict::Ready),
                (5499, false, false, StartVerdict::Waits),
                (5500, false, false, StartVerdict::Ready),
            ],
            |(at, is_ready, are_asked, expected)| {
                assert_eq!(start.judge(after(at), progress(false, is_ready, are_asked)), expected, "{at} ms");
            },
        );
    }

    #[test]
    fn no_start_takes_longer_than_its_limit_or_the_time_that_it_is_given() {
        let now = Instant::now();
        crate::testing::check_rows([(60, 30, 10), (60, 3, 3), (2, 30, 2)], |(longest, within, expected)| {
            let start = StartDeadline::new(now, Duration::from_secs(longest), Duration::from_secs(within));
            let end = now + Duration::from_secs(expected) + GRACE;
            assert_eq!(start.judge(end, progress(false, false, false)), StartVerdict::Ready);
            assert_eq!(start.judge(end - GRACE * 2, progress(false, false, false)), StartVerdict::Waits);
        });
    }
}
