//! Random ways from one IPVS table to another, and what has to hold at each step of such a way: for the plan on a model of
//! the kernel, and for the same plan on a kernel (tests/ipvs_kernel).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{
    Family, ForwardingMethod, Persistence, PersistenceEngine, Protocol, RealServer, RealServerKey, Scheduler,
    ServiceEntry, ServiceFlags, ServiceKey, Table, TunnelChecksum, VirtualService,
};
use crate::plan::TableRole;

/// The schedulers of the kernel tree but for twos, which few kernels have yet.
const SCHEDULERS: [&str; 13] = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"];

/// Returns the addresses of real servers that are the director's own.
pub fn local_addresses() -> [IpAddr; 2] {
    [Family::Ipv4, Family::Ipv6].map(|family| address(family, 1, 1))
}

/// A table that is there, and the one that is wanted.
#[derive(Debug, Clone)]
pub struct Way {
    pub observed: Table,
    pub desired: Table,
    pub role: TableRole,
}

impl Way {
    /// Returns the table at the end: services that are not wanted stay as they are, as they are of another program.
    pub fn end(&self) -> Table {
        let mut end = self.observed.clone();
        for (key, wanted) in &self.desired {
            match (self.role, end.get_mut(key)) {
                (TableRole::OwnsServices, _) => drop(end.insert(*key, wanted.clone())),
                (TableRole::MovesRealServers, Some(entry)) => entry.real_servers.clone_from(&wanted.real_servers),
                (TableRole::MovesRealServers, None) | (TableRole::Observes, _) => {}
            }
        }
        end
    }

    /// Checks the table `now` that is between the two.
    ///
    /// # Errors
    /// Fails with the first thing that must not be.
    pub fn check_step(&self, now: &Table) -> Result<(), String> {
        let end = self.end();
        for (key, before) in &self.observed {
            let (Some(after), Some(present)) = (end.get(key), now.get(key)) else {
                return Err(format!("virtual service {key} is missing"));
            };
            let stays = before.real_servers.keys().filter(|real| after.real_servers.contains_key(real));
            if let Some(lost) = stays.into_iter().find(|real| !present.real_servers.contains_key(real)) {
                return Err(format!("virtual service {key}: real server {lost} is missing"));
            }
            if serves(before) && serves(after) && !serves(present) {
                return Err(format!("virtual service {key}: nobody serves"));
            }
        }
        for (key, present) in now {
            let (before, after) = (self.observed.get(key), end.get(key));
            check_entry(present, before, after).map_err(|cause| format!("virtual service {key}: {cause}"))?;
        }
        // As long as something is still to come, nothing may go: what comes may be what the others leave for.
        match (is_below(now, &self.observed), is_below(now, &end)) {
            (Some(gone), Some(missing)) => Err(format!("{gone} went before {missing} came")),
            _ => Ok(()),
        }
    }
}

/// Fails unless every part of an entry is as it was or as it will be.
fn check_entry(
    present: &ServiceEntry,
    before: Option<&ServiceEntry>,
    after: Option<&ServiceEntry>,
) -> Result<(), String> {
    let sides: Vec<&ServiceEntry> = before.into_iter().chain(after).collect();
    if !sides.iter().any(|side| side.service == present.service) {
        return Err(format!("it is {:?}", present.service));
    }
    for (key, real) in &present.real_servers {
        let known = sides.iter().filter_map(|side| side.real_servers.get(key));
        if !known.into_iter().any(|known| known.is_configured_as(real)) {
            return Err(format!("real server {key} is {real:?}"));
        }
    }
    Ok(())
}

fn serves(entry: &ServiceEntry) -> bool {
    entry.real_servers.values().any(|real| real.weight > 0)
}

/// Returns the first real server of `other` that `now` lacks or has with a lower weight.
fn is_below(now: &Table, other: &Table) -> Option<RealServerKey> {
    let below = |(key, entry): (&ServiceKey, &ServiceEntry)| {
        let present = now.get(key);
        let weight = |real: &RealServerKey| present?.real_servers.get(real).map(|real| real.weight);
        entry.real_servers.values().find(|real| weight(&real.key) < Some(real.weight)).map(|real| real.key)
    };
    other.iter().find_map(below)
}

/// Fails unless the tables have the same services with the same real servers.
pub fn check_equal(found: &Table, expected: &Table) -> Result<(), String> {
    let shape = |table: &Table| -> Vec<(VirtualService, Vec<RealServerKey>)> {
        let entry = |entry: &ServiceEntry| (entry.service.clone(), entry.real_servers.keys().copied().collect());
        table.values().map(entry).collect()
    };
    if shape(found) != shape(expected) {
        return Err(format!("found {:?}\nexpected {:?}", shape(found), shape(expected)));
    }
    let reals = |table: &Table| -> Vec<RealServer> {
        table.values().flat_map(|entry| entry.real_servers.values().cloned()).collect()
    };
    for (found, expected) in reals(found).iter().zip(&reals(expected)) {
        if !expected.is_configured_as(found) {
            return Err(format!("found {found:?}\nexpected {expected:?}"));
        }
    }
    Ok(())
}

/// Makes ways with up to 6 virtual services of up to 8 real servers, most of which are on both sides.
pub fn ways() -> impl Strategy<Value = Way> {
    let entry = (sides(service_material()), btree_map(real_key(), sides(real_material()), 0..=8));
    let role = prop_oneof![3 => Just(TableRole::OwnsServices), 1 => Just(TableRole::MovesRealServers)];
    (btree_map(service_key(), entry, 0..=6), role).prop_map(|(entries, role)| {
        let mut way = Way { observed: Table::new(), desired: Table::new(), role };
        for (key, (services, reals)) in entries {
            let real = |real: &RealServerKey, (before, after): &(Option<RealMaterial>, Option<RealMaterial>)| {
                let made = |side: &Option<RealMaterial>| side.as_ref().map(|side| real_server(&key, *real, side));
                (made(before), made(after))
            };
            let reals: Vec<_> = reals.iter().map(|(key, sides)| real(key, sides)).collect();
            let (before, after) = services;
            let befores = reals.iter().filter_map(|(before, _)| before.clone());
            let afters = reals.iter().filter_map(|(_, after)| after.clone());
            way.observed.extend(before.map(|service| (key, entry_of(key, &service, befores))));
            way.desired.extend(after.map(|service| (key, entry_of(key, &service, afters))));
        }
        way
    })
}

fn entry_of(key: ServiceKey, service: &ServiceMaterial, reals: impl Iterator<Item = RealServer>) -> ServiceEntry {
    ServiceEntry {
        service: virtual_service(key, service),
        real_servers: reals.map(|real| (real.key, real)).collect::<BTreeMap<_, _>>(),
    }
}

/// Makes what is of something before and after. Most of it is on both sides, and half of that is edited.
fn sides<T: Clone + std::fmt::Debug>(
    material: impl Strategy<Value = T>,
) -> impl Strategy<Value = (Option<T>, Option<T>)> {
    (prop::array::uniform2(material), 0..6u8).prop_map(|([one, other], fate)| match fate {
        0 => (Some(one), None),
        1 => (None, Some(other)),
        2 | 3 => (Some(one.clone()), Some(one)),
        _ => (Some(one), Some(other)),
    })
}

fn service_key() -> impl Strategy<Value = ServiceKey> {
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let by_address = (protocol, family(), 1..=2u8, select(vec![0, 53, 80, u16::MAX]));
    let by_address = by_address.prop_map(|(protocol, family, host, port)| ServiceKey::Address {
        protocol,
        address: address(family, 0, host),
        port,
    });
    let mark = (select(vec![1, 2, u32::MAX]), family()).prop_map(|(mark, family)| ServiceKey::Fwmark { mark, family });
    prop_oneof![3 => by_address, 1 => mark]
}

fn real_key() -> impl Strategy<Value = RealServerKey> {
    let port = prop_oneof![4 => Just(80), 1 => Just(8080), 1 => Just(0)];
    (family(), 1..=5u8, port).prop_map(|(family, host, port)| RealServerKey { address: address(family, 1, host), port })
}

fn family() -> impl Strategy<Value = Family> {
    select(vec![Family::Ipv4, Family::Ipv6])
}

fn address(family: Family, network: u8, host: u8) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(10, 9, network, host).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, network.into(), 0, 0, 0, 0, host.into()).into(),
    }
}

/// What a virtual service is made of, whatever its key.
#[derive(Debug, Clone)]
struct ServiceMaterial {
    scheduler: &'static str,
    persistence: Option<(u32, u8, bool)>,
    one_packet: bool,
    flags: [bool; 3],
}

fn service_material() -> impl Strategy<Value = ServiceMaterial> {
    // A day is more than any client needs. The kernel counts in ticks, and 32 bits of them are 49 days.
    let persistence = proptest::option::of((1..=86_400u32, any::<u8>(), any::<bool>()));
    (select(&SCHEDULERS[..]), persistence, any::<bool>(), any::<[bool; 3]>()).prop_map(
        |(scheduler, persistence, one_packet, flags)| ServiceMaterial { scheduler, persistence, one_packet, flags },
    )
}

fn virtual_service(key: ServiceKey, material: &ServiceMaterial) -> VirtualService {
    let bits = key.family().bits();
    let (is_udp, is_every_port) = match key {
        ServiceKey::Address { protocol, port, .. } => (protocol == Protocol::Udp, port == 0),
        ServiceKey::Fwmark { .. } => (true, false),
    };
    let persistence = material.persistence.or(is_every_port.then_some((300, 0, false)));
    let persistence = persistence.map(|(timeout, length, by_sip)| Persistence {
        timeout,
        prefix_length: bits - length % bits,
        engine: (by_sip && is_udp).then_some(PersistenceEngine::Sip),
    });
    VirtualService {
        key,
        scheduler: Scheduler::named(material.scheduler),
        persistence,
        flags: ServiceFlags { one_packet: material.one_packet && is_udp, scheduler: material.flags },
    }
}

/// What a real server is made of, whatever its key.
#[derive(Debug, Clone)]
struct RealMaterial {
    forwarding: ForwardingMethod,
    weight: u32,
    thresholds: (u32, u32),
}

fn real_material() -> impl Strategy<Value = RealMaterial> {
    let weight = prop_oneof![2 => Just(0), 3 => 1..=3u32, 2 => 0..=65_535u32];
    let threshold = || prop_oneof![2 => Just(0), 1 => 1..=3u32, 1 => 0..=65_535u32];
    (forwarding(), weight, threshold(), threshold()).prop_map(|(forwarding, weight, upper, lower)| RealMaterial {
        forwarding,
        weight,
        thresholds: (upper, lower.min(upper)),
    })
}

fn forwarding() -> impl Strategy<Value = ForwardingMethod> {
    use TunnelChecksum::{None, Outer, Remote};
    let gue = (1..=u16::MAX, select(vec![None, Outer, Remote]));
    let gue = gue.prop_map(|(port, checksum)| ForwardingMethod::Gue { port, checksum });
    let gre = select(vec![None, Outer]).prop_map(|checksum| ForwardingMethod::Gre { checksum });
    let plain = select(vec![ForwardingMethod::Gate, ForwardingMethod::Masq, ForwardingMethod::Ipip]);
    prop_oneof![3 => plain, 1 => gue, 1 => gre]
}

/// Makes a real server. One of the other family than its virtual service is reached through a tunnel, and the port 0 is
/// for firewall marks alone.
fn real_server(service: &ServiceKey, mut key: RealServerKey, material: &RealMaterial) -> RealServer {
    let is_of_other_family = Family::of(key.address) != service.family();
    let forwarding = match material.forwarding {
        ForwardingMethod::Gate | ForwardingMethod::Masq if is_of_other_family => ForwardingMethod::Ipip,
        method => method,
    };
    if key.port == 0 && matches!(service, ServiceKey::Address { .. }) {
        key.port = 53;
    }
    let (upper_threshold, lower_threshold) = material.thresholds;
    RealServer { key, forwarding, local: false, weight: material.weight, upper_threshold, lower_threshold }
}
