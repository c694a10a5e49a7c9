//! Orders in words, for `status`, the log and the command line.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::{Order, OrderKind};

/// Returns what is ordered, by whom, since when, until when and why: `drained by anna since 2026-11-27 10:03 until 12:03:
/// replaces the disk`. An end on another day than the beginning has its date.
pub fn described(order: &Order, zone: &TimeZone) -> String {
    let what = match order.kind {
        OrderKind::Drain => "drained".to_owned(),
        OrderKind::Disable => "disabled".to_owned(),
        OrderKind::Weight(weight) => format!("weight {weight}"),
    };
    let by = if order.by.is_empty() { String::new() } else { format!(" by {}", order.by) };
    let beginning = at(order.since, zone).filter(|_| order.since > 0);
    let since = beginning.as_ref().map(|_| format!(" since {}", local_time(order.since, zone, None)));
    let until = order.until.map(|until| format!(" until {}", local_time(until, zone, beginning.as_ref())));
    let (since, until) = (since.unwrap_or_default(), until.unwrap_or_default());
    let reason = if order.reason.is_empty() { String::new() } else { format!(": {}", order.reason) };
    format!("{what}{by}{since}{until}{reason}")
}

/// Returns a time in seconds since 1970 as a clock of this zone shows it, without the date where that is the one of `day`.
fn local_time(seconds: u64, zone: &TimeZone, day: Option<&Zoned>) -> String {
    let Some(time) = at(seconds, zone) else { return "the end of time".into() };
    let format = if day.is_some_and(|day| day.date() == time.date()) { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    time.strftime(format).to_string()
}

fn at(seconds: u64, zone: &TimeZone) -> Option<Zoned> {
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn an_order_says_what_who_until_when_and_why() {
        check_rows(
            [
                ("drain", "drained"),
                ("disable by=anna", "disabled by anna"),
                (
                    "weight=5 since=1764000000 until=1764003780 reason=a disk",
                    "weight 5 since 2025-11-24 16:00 until 17:03: a disk",
                ),
                (
                    "drain since=1764000000 by=anna until=1764090000",
                    "drained by anna since 2025-11-24 16:00 until 2025-11-25 17:00",
                ),
                ("drain until=1764003780", "drained until 2025-11-24 17:03"),
                ("drain until=18446744073709551615", "drained until the end of time"),
            ],
            |(value, expected)| {
                let order = Order::read("lvs-order-192.0.2.2", value).expect("an order");
                assert_eq!(described(&order, &TimeZone::UTC), expected);
            },
        );
    }
}
