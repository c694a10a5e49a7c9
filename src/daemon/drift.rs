//! Drift in words: `status` and the OCF action monitor say the same.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::protocol::EntryDrift;
use crate::plan::Difference;

impl EntryDrift {
    /// Puts a difference into words. `since` is when it was found, in seconds since 1970.
    pub fn new(difference: &Difference, since: u64) -> Self {
        Self {
            service: difference.service.to_string(),
            real_server: difference.real_server().map(ToString::to_string),
            kernel: difference.held(),
            configured: difference.wanted(),
            since,
            command: difference.command(),
        }
    }

    /// Returns the sentence without the name of the entry.
    pub fn words(&self, now: SystemTime) -> String {
        let Self { kernel, configured, command, .. } = self;
        let since = wall_clock_time(self.since, now, &TimeZone::system());
        let command = command.as_ref().map(|command| format!("; the command for this is: {command}"));
        format!(
            "drift: the kernel has {kernel} since {since}, configured is {configured}{}",
            command.unwrap_or_default()
        )
    }

    /// Returns the same with the name of the entry.
    pub fn sentence(&self, now: SystemTime) -> String {
        let real = self.real_server.as_ref().map_or_else(String::new, |real| format!("real server {real}: "));
        format!("virtual service {}: {real}{}", self.service, self.words(now))
    }
}

/// Returns the time of day, with the date where that is another day than today.
fn wall_clock_time(since: u64, now: SystemTime, zone: &TimeZone) -> String {
    let zoned = |seconds: u64| {
        let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.unwrap_or_default().to_zoned(zone.clone())
    };
    let (then, now) = (zoned(since), zoned(now.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())));
    let form = if then.date() == now.date() { "%T" } else { "%F %T" };
    then.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::ServiceEntry;
    use crate::plan::entry_differences;
    use crate::testing::{check_rows, real_server as real, virtual_service};

    fn entry(scheduler: &str, reals: &[(u8, u32)]) -> ServiceEntry {
        let mut service = virtual_service("tcp 192.0.2.1:80");
        service.scheduler = scheduler.parse().expect("scheduler");
        let reals = reals.iter().map(|(host, weight)| real(*host, *weight)).map(|real| (real.key, real));
        ServiceEntry { service, real_servers: reals.collect() }
    }

    #[test]
    fn drift_names_what_the_kernel_has_since_when_what_is_configured_and_the_command_for_it() {
        let wanted = entry("wrr", &[(8, 1), (9, 3)]);
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let time = wall_clock_time(since, now, &TimeZone::system());
        let real = "real server 192.0.2.9:80";
        let command = "the command for this is: lvs-agents";
        check_rows(
            [
                (
                    Some(entry("wrr", &[(8, 1), (9, 0)])),
                    format!(
                        "{real}: drift: the kernel has weight 0 since {time}, configured is 3; {command} drain 192.0.2.9:80"
                    ),
                ),
                (
                    Some(entry("wrr", &[(8, 1), (9, 5)])),
                    format!(
                        "{real}: drift: the kernel has weight 5 since {time}, configured is 3; {command} weight 192.0.2.9:80 5"
                    ),
                ),
                (
                    Some(entry("wrr", &[(8, 1)])),
                    format!(
                        "{real}: drift: the kernel has no such real server since {time}, configured is weight 3; {command} \
                         disable 192.0.2.9:80"
                    ),
                ),
                (
                    Some(entry("wrr", &[(7, 2), (8, 1), (9, 3)])),
                    format!(
                        "real server 192.0.2.7:80: drift: the kernel has the real server with weight 2 since {time}, \
                         configured is no such real server"
                    ),
                ),
                (
                    Some(entry("rr", &[(8, 1), (9, 3)])),
                    format!("drift: the kernel has scheduler rr since {time}, configured is wrr"),
                ),
                (
                    None,
                    format!(
                        "drift: the kernel has no such virtual service since {time}, configured is the virtual service"
                    ),
                ),
            ],
            |(held, expected)| {
                let differences = entry_differences(&wanted, held.as_ref());
                let said: Vec<String> =
                    differences.iter().map(|difference| EntryDrift::new(difference, since).sentence(now)).collect();
                assert_eq!(said, [format!("virtual service tcp 192.0.2.1:80: {expected}")]);
            },
        );
    }

    #[test]
    fn another_day_has_its_date() {
        let now = UNIX_EPOCH + Duration::from_secs(100_000);
        check_rows([(99_999, "03:46:39"), (86_399, "1970-01-01 23:59:59")], |(since, expected)| {
            assert_eq!(wall_clock_time(since, now, &TimeZone::UTC), expected);
        });
    }
}
