//! The kernel's entries by the names that health monitors give them.

use foldhash::{HashMap, HashMapExt};

use super::overview::KernelRow;

/// An index of the kernel's rows.
pub struct KernelIndex<'a> {
    /// Each service with its rows, which stand beside each other.
    services: HashMap<&'a str, &'a [KernelRow]>,
    rows: HashMap<(&'a str, &'a str), &'a KernelRow>,
}

impl<'a> KernelIndex<'a> {
    pub fn of(kernel: &'a [KernelRow]) -> Self {
        let services = kernel.chunk_by(|one, next| one.service == next.service);
        let mut rows = HashMap::with_capacity(kernel.len());
        rows.extend(kernel.iter().map(|row| ((row.service.as_str(), row.real_server.as_str()), row)));
        let named = |rows: &'a [KernelRow]| Some((rows.first()?.service.as_str(), rows));
        Self { services: services.filter_map(named).collect(), rows }
    }

    pub fn row(&self, service: &str, real_server: &str) -> Option<&'a KernelRow> {
        self.rows.get(&(service, real_server)).copied()
    }

    /// Returns every row of a service, in the kernel's order.
    pub fn rows_of(&self, service: &str) -> &'a [KernelRow] {
        self.services.get(service).copied().unwrap_or_default()
    }
}
