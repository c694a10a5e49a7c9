//! Since when entries of the table are as other programs have made them. A health monitor keeps that in its record; where none
//! looks after the services, `monitor` of `lvs` does (`<run>/services/<instance>.drift`).

use std::time::SystemTime;

use crate::daemon::protocol::EntryDrift;
use crate::ocf::Call;
use crate::ownership::{DriftRecord, DriftTimes, Registry};
use crate::plan::Difference;
use crate::system::{RunDir, boot_by_wall_clock, seconds_since_boot};

/// Notes what stays as other programs have made it, and returns it in words.
pub fn note(call: &Call, run_dir: &RunDir, registry: &Registry, drift: &[Difference]) -> Vec<String> {
    let folder = run_dir.drifts();
    let before: Vec<DriftRecord> = folder.read_json(&call.instance).unwrap_or_default();
    if drift.is_empty() && before.is_empty() {
        return Vec::new();
    }
    let mut times = registry.drifts().clone();
    times.add(&before);
    let records = records(drift, &times, seconds_since_boot());
    if records != before && !call.is_probe {
        let done = match records.is_empty() {
            true => folder.remove(&call.instance),
            false => folder.write_json(&call.instance, &records),
        };
        done.unwrap_or_else(|error| call.log().warning(error));
    }
    let known = drift.iter().zip(&records);
    known
        .map(|(one, record)| EntryDrift::new(one, boot_by_wall_clock(record.since)).sentence(SystemTime::now()))
        .collect()
}

/// What is not known yet has begun now.
fn records(drift: &[Difference], times: &DriftTimes, now: u64) -> Vec<DriftRecord> {
    let record = |one: &Difference| {
        let place = one.real_server().copied();
        DriftRecord::new(&one.service, &place, times.since(&one.service, &place).unwrap_or(now))
    };
    drift.iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::DifferenceKind;
    use crate::testing::{real_server, virtual_service};

    #[test]
    fn what_is_known_keeps_its_time_and_what_is_new_begins_now() {
        let service = virtual_service("tcp 192.0.2.1:80").key;
        let (eight, nine) = (real_server(8, 1).key, real_server(9, 1).key);
        let mut times = DriftTimes::default();
        times.add(&[DriftRecord::new(&service, &Some(eight), 5), DriftRecord::new(&service, &Some(eight), 9)]);
        let drift = [DifferenceKind::RealServerIsMissing(eight, 1), DifferenceKind::RealServerIsMissing(nine, 1)]
            .map(|kind| Difference { service, kind });
        let since: Vec<u64> = records(&drift, &times, 90).into_iter().map(|record| record.since).collect();
        assert_eq!(since, [5, 90]);
    }
}
