//! The drift of a health monitor by its place. Pure.

use std::collections::BTreeMap;

use crate::daemon::protocol::{EntryDrift, Liveness};

/// The drift by service and real server; `None` is the virtual service itself.
#[derive(Default)]
pub struct Drifts<'a>(BTreeMap<&'a str, BTreeMap<Option<&'a str>, &'a EntryDrift>>);

impl<'a> Drifts<'a> {
    pub fn of(liveness: &'a Liveness) -> Self {
        let mut drifts = BTreeMap::<_, BTreeMap<_, _>>::new();
        for drift in &liveness.drifts {
            drifts.entry(drift.service.as_str()).or_default().insert(drift.real_server.as_deref(), drift);
        }
        Self(drifts)
    }

    /// Takes those of one service.
    pub fn of_service(&self, service: &str) -> BTreeMap<Option<&'a str>, &'a EntryDrift> {
        self.0.get(service).cloned().unwrap_or_default()
    }
}
