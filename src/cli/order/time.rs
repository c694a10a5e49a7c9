//! Times as people write them.

use std::time::Duration;

use anyhow::{Context, bail};
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

/// Reads `90s`, `15m`, `2h30m`, `1d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 90s, 15m, 2h or 1d".to_owned();
    // A day has 24 hours here, whatever the clock does meanwhile.
    let (text, days) = match text.split_once('d') {
        Some((days, rest)) => (rest, days.trim().parse::<u32>().map_err(|_| expected())?),
        None => (text, 0),
    };
    let rest = match text.trim() {
        "" if days > 0 => SignedDuration::ZERO,
        text => text.parse::<SignedDuration>().map_err(|_| expected())?,
    };
    let rest = Duration::try_from(rest).map_err(|_| expected())?;
    let whole = rest + Duration::from_secs(86_400) * days;
    if whole.as_secs() == 0 { Err(expected()) } else { Ok(whole) }
}

/// Returns when an order ends, in seconds since 1970; `None` means that a person ends it.
pub fn end(after: Option<Duration>, until: Option<&str>, now: &Zoned) -> anyhow::Result<Option<u64>> {
    let present = u64::try_from(now.timestamp().as_second()).context("the clock is before 1970")?;
    let Some(text) = until else { return Ok(after.map(|after| present.saturating_add(after.as_secs()))) };
    let end = moment(text, now)
        .with_context(|| format!("--until \"{text}\": expected 12:00, 2026-11-28T12:00 or seconds since 1970"))?;
    if end <= present {
        bail!("--until \"{text}\": is over already: it is {}", now.strftime("%Y-%m-%d %H:%M"));
    }
    Ok(Some(end))
}

/// Returns when a look back begins: so long ago, at the last such time, at a date.
///
/// # Errors
/// Fails when the text is none of these.
pub fn start(text: &str, now: &Zoned) -> anyhow::Result<Timestamp> {
    let seconds = |seconds: u64| i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let ago = duration(text).ok().map(|ago| now.timestamp().checked_sub(SignedDuration::try_from(ago).ok()?).ok());
    let last = || last(text.parse().ok()?, now).map(|zoned| zoned.timestamp());
    let start = ago.unwrap_or_else(|| last().or_else(|| moment(text, now).and_then(seconds)));
    start.with_context(|| format!("--since \"{text}\": expected 10m, 12:00, 2026-11-27T12:00 or seconds since 1970"))
}

fn moment(text: &str, now: &Zoned) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let zoned = match text.parse::<DateTime>() {
        Ok(time) => time.to_zoned(now.time_zone().clone()).ok()?,
        Err(_) => next(text.parse().ok()?, now)?,
    };
    u64::try_from(zoned.timestamp().as_second()).ok()
}

/// Returns the next moment at which a clock shows this time.
fn next(time: Time, now: &Zoned) -> Option<Zoned> {
    let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
    if today > *now { Some(today) } else { today.checked_add(1.day()).ok() }
}

/// Returns the last moment at which a clock showed this time.
fn last(time: Time, now: &Zoned) -> Option<Zoned> {
    let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
    if today <= *now { Some(today) } else { today.checked_sub(1.day()).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        check_rows(
            [
                ("90s", Some(90)),
                ("15m", Some(900)),
                ("2h", Some(7200)),
                ("2h30m", Some(9000)),
                ("1d", Some(86_400)),
                ("1d2h", Some(93_600)),
                ("", None),
                ("2", None),
                ("0s", None),
                ("-5m", None),
                ("soon", None),
                ("xd", None),
            ],
            |(text, expected)| assert_eq!(duration(text).ok().map(|time| time.as_secs()), expected, "{text}"),
        );
    }

    #[test]
    fn a_look_back_begins_so_long_ago_or_at_the_last_such_time() {
        let now: Zoned = "2026-11-27T13:00+01:00[+01:00]".parse().expect("a time");
        let present = now.timestamp().as_second();
        check_rows(
            [
                ("10m", Some(600)),
                ("1d", Some(86_400)),
                ("12:00", Some(3600)),
                ("13:00", Some(0)),
                ("14:00", Some(23 * 3600)),
                ("2026-11-27T12:59", Some(60)),
                ("1764244740", Some(present - 1_764_244_740)),
                ("yesterday", None),
                ("", None),
                ("99999999999d", None),
            ],
            |(text, ago)| assert_eq!(start(text, &now).ok().map(|time| present - time.as_second()), ago, "{text}"),
        );
    }

    #[test]
    fn an_end_is_the_next_such_time_a_date_or_a_number_of_seconds_and_always_to_come() {
        let now: Zoned = "2026-11-27T13:00[Europe/Berlin]"
            .parse()
            .or_else(|_| "2026-11-27T13:00+01:00[+01:00]".parse())
            .expect("a time");
        let midnight = u64::try_from(now.timestamp().as_second()).expect("after 1970") - 13 * 3600;
        check_rows(
            [
                ("14:30", Some(midnight + 14 * 3600 + 1800)),
                ("12:00", Some(midnight + 36 * 3600)),
                ("13:00", Some(midnight + 37 * 3600)),
                ("2026-11-28T12:00", Some(midnight + 36 * 3600)),
                ("2026-11-28 12:00:05", Some(midnight + 36 * 3600 + 5)),
                ("9000000000", Some(9_000_000_000)),
                ("2026-11-27T12:00", None),
                ("1764000000", None),
                ("noon", None),
                ("", None),
                ("25:00", None),
            ],
            |(text, expected)| assert_eq!(end(None, Some(text), &now).ok().flatten(), expected, "{text}"),
        );
        assert_eq!(end(Some(Duration::from_secs(60)), None, &now).ok().flatten(), Some(midnight + 13 * 3600 + 60));
        assert_eq!(end(None, None, &now).ok().flatten(), None);
    }
}
