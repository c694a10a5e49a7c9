//! An event as a line for people.

use jiff::tz::TimeZone;

use crate::daemon::events::EventRecord;

/// Returns when, by whom, about what, what happened and why, each after two blanks.
pub fn line(record: &EventRecord, zone: &TimeZone) -> String {
    let EventRecord { time, instance, service, real_server, what, reason, .. } = record;
    let time = time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let happened = if reason.is_empty() { what.to_string() } else { format!("{what}: {reason}") };
    let parts = [Some(time), Some(instance.to_string()), service.clone(), real_server.clone(), Some(happened)];
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join("  ");
    // A file that another version has written may hold anything.
    line.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_there_is_and_speaks_to_no_terminal() {
        crate::testing::check_rows(
            [
                (
                    r#""service":"tcp 192.0.2.1:80","real_server":"192.0.2.2:80","what":"down","reason":"check failed 1 of 1: refused""#,
                    "2026-11-27 10:52:26.123  db  tcp 192.0.2.1:80  192.0.2.2:80  down: check failed 1 of 1: refused",
                ),
                (r#""what":"the health monitor stops""#, "2026-11-27 10:52:26.123  db  the health monitor stops"),
                (r#""what":"a\u001b[2Jb\nc","later":7"#, "2026-11-27 10:52:26.123  db  a [2Jb c"),
            ],
            |(fields, expected)| {
                let text = format!(
                    r#"{{"version":1,"time":"2026-11-27T10:52:26.1234Z","instance":"db","kind":"x",{fields}}}"#
                );
                let record: EventRecord = serde_json::from_str(&text).expect("understood");
                assert_eq!(line(&record, &TimeZone::UTC), expected);
            },
        );
    }
}
