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

/// What is wrong with the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The kernel has no such virtual service; its real servers are not listed one by one.
    ServiceIsMissing,
    /// The virtual service itself differs.
    ServiceDiffers(Vec<Detail>),
    /// The kernel lacks a real server, which is wanted with this weight.
    RealServerIsMissing(RealServerKey, u32),
    /// A real server differs.
    RealServerDiffers(RealServerKey, Vec<Detail>),
    /// The kernel has a real server that is not wanted, with this weight.
    RealServerIsSurplus(RealServerKey, u32),
}

/// One setting of an entry that differs, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    name: &'static str,
    held: String,
    wanted: String,
}

const WEIGHT: &str = "weight";

impl Difference {
    /// Returns the real server that differs; `None` stands for the virtual service itself.
    pub fn real_server(&self) -> Option<&RealServerKey> {
        match &self.kind {
            DifferenceKind::ServiceIsMissing | DifferenceKind::ServiceDiffers(_) => None,
            DifferenceKind::RealServerIsMissing(real, _)
            | DifferenceKind::RealServerDiffers(real, _)
            | DifferenceKind::RealServerIsSurplus(real, _) => Some(real),
        }
    }

    /// Returns what the kernel has: `weight 0`, `no such real server`.
    pub fn held(&self) -> String {
        match &self.kind {
            DifferenceKind::ServiceIsMissing => "no such virtual service".into(),
            DifferenceKind::RealServerIsMissing(..) => "no such real server".into(),
            DifferenceKind::RealServerIsSurplus(_, weight) => format!("the real server with weight {weight}"),
            DifferenceKind::ServiceDiffers(details) | DifferenceKind::RealServerDiffers(_, details) => {
                listed(details, |detail| format!("{} {}", detail.name, detail.held))
            }
        }
    }

    /// Returns what it should have, to be read behind [`Difference::held`]: `3`, `weight 3`, `no such real server`.
    pub fn wanted(&self) -> String {
        match &self.kind {
            DifferenceKind::ServiceIsMissing => "the virtual service".into(),
            DifferenceKind::RealServerIsMissing(_, weight) => format!("weight {weight}"),
            DifferenceKind::RealServerIsSurplus(..) => "no such real server".into(),
            DifferenceKind::ServiceDiffers(details) | DifferenceKind::RealServerDiffers(_, details) => {
                match details.as_slice() {
                    [only] => only.wanted.clone(),
                    _ => listed(details, |detail| format!("{} {}", detail.name, detail.wanted)),
                }
            }
        }
    }

    /// Returns which settings differ, such as `weight is 1, must be 3`; `None` where the entry as a whole does.
    pub fn settings(&self) -> Option<String> {
        match &self.kind {
            DifferenceKind::ServiceDiffers(details) | DifferenceKind::RealServerDiffers(_, details) => {
                Some(described(details))
            }
            _ => None,
        }
    }

    /// Returns the command by which an operator does the same with the knowledge of the health monitor: a drain, another
    /// weight, a real server that is taken out. `None` where there is none.
    pub fn command(&self) -> Option<String> {
        match &self.kind {
            DifferenceKind::RealServerIsMissing(real, _) => Some(format!("lvs-agents disable {real}")),
            DifferenceKind::RealServerDiffers(real, details) => {
                let weight = &details.iter().find(|detail| detail.name == WEIGHT)?.held;
                Some(match weight.as_str() {
                    "0" => format!("lvs-agents drain {real}"),
                    _ => format!("lvs-agents weight {real} {weight}"),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "virtual service {}: ", self.service)?;
        match &self.kind {
            DifferenceKind::ServiceIsMissing => write!(f, "missing in the kernel"),
            DifferenceKind::ServiceDiffers(details) => write!(f, "{}", described(details)),
            DifferenceKind::RealServerIsMissing(real, _) => write!(f, "real server {real} is missing"),
            DifferenceKind::RealServerDiffers(real, details) => {
                write!(f, "real server {real}: {}", described(details))
            }
            DifferenceKind::RealServerIsSurplus(real, _) => {
                write!(f, "real server {real} was added by another program")
            }
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
            None => kinds.push(DifferenceKind::RealServerIsMissing(*key, real.weight)),
            Some(held) if real.is_configured_as(held) => {}
            Some(held) => kinds.push(DifferenceKind::RealServerDiffers(*key, real_server_details(real, held))),
        }
    }
    let surplus = held.real_servers.values().filter(|real| !wanted.real_servers.contains_key(&real.key));
    kinds.extend(surplus.map(|real| DifferenceKind::RealServerIsSurplus(real.key, real.weight)));
    kinds.into_iter().map(of_service).collect()
}

fn service_details(wanted: &VirtualService, held: &VirtualService) -> Vec<Detail> {
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
    differing(details)
}

fn real_server_details(wanted: &RealServer, held: &RealServer) -> Vec<Detail> {
    let mut details = vec![
        (WEIGHT, held.weight.to_string(), wanted.weight.to_string()),
        ("upper threshold", held.upper_threshold.to_string(), wanted.upper_threshold.to_string()),
        ("lower threshold", held.lower_threshold.to_string(), wanted.lower_threshold.to_string()),
    ];
    if !held.local {
        let method = |real: &RealServer| format!("{}{}", real.forwarding, real.forwarding.options());
        details.push(("forwarding method", method(held), method(wanted)));
    }
    differing(details)
}

fn differing(details: Vec<(&'static str, String, String)>) -> Vec<Detail> {
    let wrong = details.into_iter().filter(|(_, held, wanted)| held != wanted);
    wrong.map(|(name, held, wanted)| Detail { name, held, wanted }).collect()
}

/// Says `NAME is HELD, must be WANTED` for each detail.
fn described(details: &[Detail]) -> String {
    listed(details, |Detail { name, held, wanted }| format!("{name} is {held}, must be {wanted}"))
}

fn listed(details: &[Detail], words: impl Fn(&Detail) -> String) -> String {
    details.iter().map(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
