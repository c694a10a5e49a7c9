//! Since when entries of the table are as other programs have made them.

use std::collections::BTreeMap;

use super::DriftRecord;
use crate::model::{RealServerKey, ServiceKey};
use crate::plan::Place;

/// The entries, each with the time at which it was found, in seconds since this machine was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriftTimes(BTreeMap<(ServiceKey, Place), u64>);

impl DriftTimes {
    /// Notes the entries of a record. What is known already keeps its time.
    pub fn add(&mut self, records: &[DriftRecord]) {
        for DriftRecord { service, real_server, since } in records {
            let real = real_server.as_ref().map(|text| text.parse()).transpose();
            if let (Ok(service), Ok(real)) = (service.parse(), real) {
                self.0.entry((service, real)).or_insert(*since);
            }
        }
    }

    /// Returns the entries of a virtual service.
    pub fn of(&self, service: &ServiceKey) -> impl Iterator<Item = (Place, u64)> {
        let service = *service;
        let all = self.0.range((service, None)..).take_while(move |((key, _), _)| *key == service);
        all.map(|((_, place), since)| (*place, *since))
    }

    /// Returns the real servers of a virtual service among them.
    pub fn real_servers(&self, service: &ServiceKey) -> impl Iterator<Item = RealServerKey> {
        self.of(service).filter_map(|(place, _)| place)
    }

    /// Returns when the entry was found, if it is among them.
    pub fn since(&self, service: &ServiceKey, place: &Place) -> Option<u64> {
        self.0.get(&(*service, *place)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_own_entries_the_first_time_counts_and_what_is_not_understood_is_skipped() {
        let record = |service: &str, real: Option<&str>, since| DriftRecord {
            service: service.into(),
            real_server: real.map(str::to_owned),
            since,
        };
        let (one, two) = ("tcp 192.0.2.1:80", "tcp 192.0.2.2:80");
        let mut times = DriftTimes::default();
        times.add(&[
            record(one, None, 1),
            record(one, Some("192.0.2.9:80"), 2),
            record(two, Some("192.0.2.9:80"), 3),
            record(one, Some("192.0.2.9:80"), 4),
            record("nonsense", None, 5),
            record(one, Some("nonsense"), 6),
        ]);
        let of = |service: &str| times.of(&service.parse().expect("key")).map(|(_, since)| since).collect::<Vec<_>>();
        assert_eq!((of(one), of(two), of("fwmark 7")), (vec![1, 2], vec![3], vec![]));
        let real = "192.0.2.9:80".parse().expect("key");
        assert_eq!(times.since(&one.parse().expect("key"), &Some(real)), Some(2));
        assert_eq!(times.real_servers(&one.parse().expect("key")).collect::<Vec<_>>(), [real]);
    }
}
