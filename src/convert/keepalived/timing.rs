//! When a checker asks, how long it waits, and how many failures it takes: what keepalived has at three levels, of which the
//! innermost counts, and a section has once.

use super::block::Statement;
use crate::convert::{Place, Remark};

/// Seconds between two checks (`delay_loop`; keepalived.conf(5)).
const INTERVAL: u32 = 60;
/// Seconds that a check may take (`connect_timeout`).
const TIMEOUT: u32 = 5;

/// A value and where it stands.
type Said = Option<(Place, u32)>;

/// What one level says.
#[derive(Debug, Clone, Default)]
pub(super) struct Timing {
    pub interval: Said,
    pub timeout: Said,
    pub retry: Said,
}

impl Timing {
    /// Whether the statement is one of these.
    pub fn take(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) -> bool {
        match statement.keyword() {
            "delay_loop" => self.interval = seconds(statement, remarks),
            "connect_timeout" | "misc_timeout" => self.timeout = seconds(statement, remarks),
            "retry" | "nb_get_retry" => self.retry = retries(statement, remarks),
            "delay_before_retry" => {
                let how = "a failed check is made again after checkinterval, as every check";
                remarks.push(statement.left_out(how));
            }
            "warmup" => remarks.push(statement.otherwise("checks are spread over the interval anyway")),
            "alpha" => remarks.push(statement.otherwise("always so: clients come after the first good check")),
            "log_all_failures" => remarks.push(statement.otherwise("monitorfile has the result of each check")),
            _ => return false,
        }
        true
    }

    /// What counts inside of this level.
    pub fn inside(self, outer: &Self) -> Self {
        Self {
            interval: self.interval.or_else(|| outer.interval.clone()),
            timeout: self.timeout.or_else(|| outer.timeout.clone()),
            retry: self.retry.or_else(|| outer.retry.clone()),
        }
    }

    /// The directives of the section, and where they are said. `retries` counts where nothing is said, and so does `place`.
    /// A program without a time limit of its own has until the next check.
    pub fn directives(&self, retries: u32, is_program: bool, place: &Place) -> [(Place, &'static str, u32); 3] {
        let value = |said: &Said, default| said.clone().unwrap_or_else(|| (place.clone(), default));
        let (at, interval) = value(&self.interval, INTERVAL);
        let (timeout_at, timeout) = value(&self.timeout, if is_program { interval } else { TIMEOUT });
        let (retry_at, retry) = value(&self.retry, retries);
        [
            (at, "checkinterval", interval),
            (timeout_at, "checktimeout", timeout),
            (retry_at, "failurecount", retry.saturating_add(1)),
        ]
    }
}

/// A time with a fraction is rounded up: a check that is given less time than before may fail.
fn seconds(statement: &Statement, remarks: &mut Vec<Remark>) -> Said {
    let word = statement.argument(1).unwrap_or_default();
    let seconds = word.parse::<f64>().ok().filter(|seconds| (0.0..=f64::from(u32::MAX)).contains(seconds));
    let Some(seconds) = seconds else {
        remarks.push(statement.left_out("expected seconds"));
        return None;
    };
    // In the range of the type, as was just looked at.
    let whole = (seconds.ceil() as u32).max(1);
    if f64::from(whole) > seconds {
        remarks.push(statement.otherwise(format!("whole seconds, at least one: {whole}")));
    }
    Some((statement.place.clone(), whole))
}

fn retries(statement: &Statement, remarks: &mut Vec<Remark>) -> Said {
    let number = statement.argument(1).and_then(|word| word.parse().ok());
    if number.is_none() {
        remarks.push(statement.left_out("expected a whole number"));
    }
    Some((statement.place.clone(), number?))
}
