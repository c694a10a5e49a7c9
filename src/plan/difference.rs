//! Where the kernel's IPVS table differs from the wanted one, for a caller that only looks.

use std::fmt;

use crate::model::{Persistence, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table, VirtualService};

/// One entry of the table that differs from the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The virtual service.
    pub service: ServiceKey,
    /// What is wrong.
    pub kind: DifferenceKind,
}

/// What is wrong with the entry. The texts are for people: `NAME is HELD, must be WANTED`, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The kernel has no such virtual service; its real servers are not listed one by one.
    ServiceIsMissing,
    /// The virtual service itself differs.
    ServiceDiffers(String),
    /// The kernel lacks a real server.
    RealServerIsMissing(RealServerKey),
    /// A real server differs.
    RealServerDiffers(RealServerKey, String),
    /// The kernel has a real server that is not wanted.
    RealServerIsSurplus(RealServerKey),
}

impl Difference {
    /// Returns the real server that differs; `None` stands for the virtual service itself.
    pub fn real_server(&self) -> Option<&RealServerKey> {
        match &self.kind {
            DifferenceKind::ServiceIsMissing | DifferenceKind::ServiceDiffers(_) => None,
            DifferenceKind::RealServerIsMissing(real)
            | DifferenceKind::RealServerDiffers(real, _)
            | DifferenceKind::RealServerIsSurplus(real) => Some(real),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "virtual service {}: ", self.service)?;
        match &self.kind {
            DifferenceKind::ServiceIsMissing => write!(f, "missing in the kernel"),
            DifferenceKind::ServiceDiffers(details) => write!(f, "{details}"),
            DifferenceKind::RealServerIsMissing(real) => write!(f, "real server {real} is missing"),
            DifferenceKind::RealServerDiffers(real, details) => write!(f, "real server {real}: {details}"),
            DifferenceKind::RealServerIsSurplus(real) => write!(f, "real server {real} was added by another program"),
        }
    }
}

/// Returns every entry of `desired` that `observed` holds otherwise, and every surplus real server of its services, in
/// the order of the keys.
pub fn differences(desired: &Table, observed: &Table) -> Vec<Difference> {
    desired.values().flat_map(|wanted| entry_differences(wanted, observed.get(&wanted.service.key))).collect()
}

/// Returns the [`differences`] of one virtual service.
pub fn entry_differences(wanted: &ServiceEntry, held: Option<&ServiceEntry>) -> Vec<Difference> {
    let of_service = |kind| Difference { service: wanted.service.key, kind };
    let Some(held) = held else { return vec![of_service(DifferenceKind::ServiceIsMissing)] };
    let mut kinds = Vec::new();
    if wanted.service != held.service {
        kinds.push(DifferenceKind::ServiceDiffers(service_details(&wanted.service, &held.service)));
    }
    for (key, real) in &wanted.real_servers {
        match held.real_servers.get(key) {
            None => kinds.push(DifferenceKind::RealServerIsMissing(*key)),
            Some(held) if real.is_configured_as(held) => {}
            Some(held) => kinds.push(DifferenceKind::RealServerDiffers(*key, real_server_details(real, held))),
        }
    }
    let surplus = held.real_servers.keys().filter(|key| !wanted.real_servers.contains_key(key));
    kinds.extend(surplus.map(|key| DifferenceKind::RealServerIsSurplus(*key)));
    kinds.into_iter().map(of_service).collect()
}

fn service_details(wanted: &VirtualService, held: &VirtualService) -> String {
    let persistence = |service: &VirtualService| match service.persistence {
        None => "none".to_owned(),
        Some(Persistence { timeout, prefix_length, engine }) => {
            let engine = engine.map_or_else(String::new, |engine| format!(" by engine {}", engine.name()));
            format!("{timeout} s for each /{prefix_length}{engine}")
        }
    };
    let mut details = vec![
        ("scheduler", held.scheduler.to_string(), wanted.scheduler.to_string()),
        ("persistence", persistence(held), persistence(wanted)),
    ];
    if wanted.flags != held.flags {
        details.push(("flags", "others".into(), "as configured".into()));
    }
    describe(details)
}

fn real_server_details(wanted: &RealServer, held: &RealServer) -> String {
    let mut details = vec![
        ("weight", held.weight.to_string(), wanted.weight.to_string()),
        ("upper threshold", held.upper_threshold.to_string(), wanted.upper_threshold.to_string()),
        ("lower threshold", held.lower_threshold.to_string(), wanted.lower_threshold.to_string()),
    ];
    if !held.local {
        let method = |real: &RealServer| format!("{}{}", real.forwarding, real.forwarding.options());
        details.push(("forwarding method", method(held), method(wanted)));
    }
    describe(details)
}

/// Says `NAME is HELD, must be WANTED` for each detail that differs.
fn describe(details: Vec<(&str, String, String)>) -> String {
    let wrong = details.into_iter().filter(|(_, held, wanted)| held != wanted);
    let texts: Vec<String> = wrong.map(|(name, held, wanted)| format!("{name} is {held}, must be {wanted}")).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests;
