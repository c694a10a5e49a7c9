//! How long ago something was.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns how long ago `since` was, in the two largest units that matter; `-` where `since` is 0, which stands for a time that
/// is not known.
pub fn age(since: u64, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seconds = now.saturating_sub(since);
    match seconds {
        _ if since == 0 => "-".into(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        let at = |since| age(since, UNIX_EPOCH + Duration::from_secs(1_000_000));
        crate::testing::check_rows(
            [
                (1_000_000 - 59, "59s"),
                (1_000_000 - 61, "1m01s"),
                (1_000_000 - 3660, "1h01m"),
                (1_000_000 - 90_000, "1d01h"),
                (1_000_001, "0s"),
                (0, "-"),
            ],
            |(since, expected)| assert_eq!(at(since), expected),
        );
    }
}
