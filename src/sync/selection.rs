//! Which entries of the director's table of connections a standby is told of, and how.
//!
//! What the kernel does with each field was measured: an entry with the wrong state, method or mark harms the standby, or is
//! thrown away at its first packet.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use super::{Connection, ConnectionState, Endpoints, SyncRecord, TcpState};
use crate::model::{Family, ForwardingMethod, Persistence, Protocol, RealServerKey, ServiceEntry, ServiceKey, Table};

/// The forwarding methods (`IP_VS_CONN_F_FWD_MASK`).
const MASQ: u32 = 0;
const TUNNEL: u32 = 2;
const DIRECT: u32 = 3;
/// The entry counts as an inactive connection (`IP_VS_CONN_F_INACTIVE`). Without it the receiver counts it as an active one.
const INACTIVE: u32 = 0x0100;
/// The entry is a persistence template (`IP_VS_CONN_F_TEMPLATE`).
const TEMPLATE: u32 = 0x1000;
/// The port that the kernel gives a template that shall not be used any more, because its real server went away.
const DEAD_PORT: u16 = 0xffff;

/// Why an entry is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The handshake is not over, or the connection is: the kernel counts it, and a standby has no use for it.
    State,
    /// Its real server is not in the director's table, so the kernel counts it nowhere.
    Stranger,
    /// It is a template that is not used any more.
    DeadTemplate,
    /// Its addresses are of two families: a tunnel, with which the kernel's sync daemon does not go together.
    TwoFamilies,
}

/// How an entry is to be sent, by what the director's table says of its service.
#[derive(Debug, Clone, Copy)]
struct Service {
    /// The mark; 0 means none, or that it is not known.
    fwmark: u32,
    forwarding: ForwardingMethod,
    persistence: Option<Persistence>,
}

/// The director's table, in the form in which entries are looked up.
#[derive(Debug)]
pub struct Selection<'t> {
    table: &'t Table,
    /// For each real server of services by mark, what these services say.
    marked: HashMap<(Family, RealServerKey), Vec<Service>>,
}

impl<'t> Selection<'t> {
    /// Prepares the table for any number of entries.
    pub fn new(table: &'t Table) -> Self {
        let mut marked: HashMap<_, Vec<Service>> = HashMap::new();
        for (key, entry) in table {
            let ServiceKey::Fwmark { mark, family } = *key else { continue };
            for real in entry.real_servers.values() {
                let persistence = entry.service.persistence;
                let service = Service { fwmark: mark, forwarding: real.forwarding, persistence };
                marked.entry((family, real.key)).or_default().push(service);
            }
        }
        Self { table, marked }
    }

    /// Returns what a standby is told of an entry.
    ///
    /// # Errors
    /// Fails with the reason when it is told nothing.
    pub fn record(&self, connection: &Connection) -> Result<SyncRecord, Unsent> {
        let Connection { state, ends, expires } = connection;
        if !ends.are_of_one_family() {
            return Err(Unsent::TwoFamilies);
        }
        // Nothing tells the receiver "0 seconds": it would take its own time for the state instead.
        let left = (*expires).max(1);
        match *state {
            ConnectionState::Template { protocol, is_assured } => {
                let service = self.template_service(protocol, ends)?;
                let flags = TEMPLATE | flag(service.forwarding);
                // Each use of a template begins its time anew with what the record says, not with what was left.
                let timeout = service.persistence.map_or(left, |persistence| persistence.timeout);
                let fwmark = if protocol.is_none() { service.fwmark } else { 0 };
                let state = u16::from(is_assured);
                Ok(SyncRecord { protocol: number(protocol), flags, state, ends: *ends, fwmark, timeout })
            }
            ConnectionState::Udp => {
                let record = self.ordinary(Protocol::Udp, ends, left)?;
                Ok(SyncRecord { flags: record.flags | INACTIVE, ..record })
            }
            ConnectionState::Tcp(state) => {
                let record = self.ordinary(Protocol::Tcp, ends, left)?;
                let activity = activity(state).ok_or(Unsent::State)?;
                Ok(SyncRecord { flags: record.flags | activity, state: state as u16, ..record })
            }
        }
    }

    /// Returns the record of a connection in state 0 that counts as active.
    fn ordinary(&self, protocol: Protocol, ends: &Endpoints, timeout: u32) -> Result<SyncRecord, Unsent> {
        let service = self.service(protocol, ends).ok_or(Unsent::Stranger)?;
        let (protocol, flags) = (number(Some(protocol)), flag(service.forwarding));
        Ok(SyncRecord { protocol, flags, state: 0, ends: *ends, fwmark: service.fwmark, timeout })
    }

    fn template_service(&self, protocol: Option<Protocol>, ends: &Endpoints) -> Result<Service, Unsent> {
        if ends.service.1 == DEAD_PORT || ends.real_server.1 == DEAD_PORT {
            return Err(Unsent::DeadTemplate);
        }
        let service = match protocol {
            Some(protocol) => self.service(protocol, ends),
            None => self.service_by_mark(ends),
        };
        service.ok_or(Unsent::Stranger)
    }

    /// Returns the service by mark whose template this is: the mark is the beginning of the virtual address.
    fn service_by_mark(&self, ends: &Endpoints) -> Option<Service> {
        let mark = match ends.service.0 {
            IpAddr::V4(address) => u32::from(address),
            IpAddr::V6(address) => (u128::from(address) >> 96) as u32,
        };
        self.marked_services(ends).find(|service| service.fwmark == mark)
    }

    /// Returns the service of a connection: by its address, with its port or for every port, or the only one by mark that has
    /// the real server. The table of connections does not say the mark. When several may be meant, and all forward in the
    /// same way, it goes without: the standby cannot count it then, and its packets pass.
    fn service(&self, protocol: Protocol, ends: &Endpoints) -> Option<Service> {
        let (address, port) = ends.service;
        let by_address = [port, 0].into_iter().find_map(|port| {
            let entry = self.table.get(&ServiceKey::Address { protocol, address, port })?;
            let forwarding = forwarding(entry, ends)?;
            Some(Service { fwmark: 0, forwarding, persistence: entry.service.persistence })
        });
        by_address.or_else(|| {
            let mut services = self.marked_services(ends);
            let first = services.next()?;
            let others: Vec<Service> = services.collect();
            match others.iter().all(|other| other.forwarding == first.forwarding) {
                _ if others.is_empty() => Some(first),
                true => Some(Service { fwmark: 0, persistence: None, ..first }),
                false => None,
            }
        })
    }

    /// Returns the services by mark that have the real server.
    fn marked_services(&self, ends: &Endpoints) -> impl Iterator<Item = Service> {
        let family = Family::of(ends.service.0);
        let services = keys(ends).into_iter().filter_map(move |key| self.marked.get(&(family, key)));
        services.flatten().copied()
    }
}

/// The names that a real server may have: a service for every port, or by mark, has it with port 0.
fn keys(ends: &Endpoints) -> [RealServerKey; 2] {
    let (address, port) = ends.real_server;
    [port, 0].map(|port| RealServerKey { address, port })
}

fn forwarding(entry: &ServiceEntry, ends: &Endpoints) -> Option<ForwardingMethod> {
    keys(ends).iter().find_map(|key| entry.real_servers.get(key)).map(|real| real.forwarding)
}

fn flag(forwarding: ForwardingMethod) -> u32 {
    match forwarding {
        ForwardingMethod::Masq => MASQ,
        ForwardingMethod::Ipip | ForwardingMethod::Gue { .. } | ForwardingMethod::Gre { .. } => TUNNEL,
        ForwardingMethod::Gate => DIRECT,
    }
}

/// Returns the flag that goes with a state of which a standby is told; `None` for the others. Half-closed streams break
/// when their states are left out, and a handshake that is not over has nothing to lose.
fn activity(state: TcpState) -> Option<u32> {
    match state {
        TcpState::Established => Some(0),
        TcpState::FinWait | TcpState::TimeWait | TcpState::Close | TcpState::CloseWait => Some(INACTIVE),
        TcpState::None
        | TcpState::SynSent
        | TcpState::SynRecv
        | TcpState::LastAck
        | TcpState::Listen
        | TcpState::SynAck => None,
    }
}

/// Returns the number of a protocol; 0 stands for none.
fn number(protocol: Option<Protocol>) -> u8 {
    match protocol {
        None => 0,
        Some(Protocol::Tcp) => 6,
        Some(Protocol::Udp) => 17,
        Some(Protocol::Sctp) => 132,
    }
}

/// Puts connections with the time that each has left into the order of their last packets: each packet begins that time anew.
/// It is another one for each kind, so that the kinds take turns; persistence templates, which last longest, come last.
pub fn latest_first<T>(mut connections: Vec<(ConnectionState, u32, T)>) -> Vec<T> {
    connections.sort_by_key(|(state, left, _)| (kind(*state), Reverse(*left)));
    let mut ranks: Vec<((bool, usize), T)> = Vec::with_capacity(connections.len());
    let (mut present, mut rank) = (None, 0);
    for (state, _, connection) in connections {
        rank = if present == Some(kind(state)) { rank + 1 } else { 0 };
        present = Some(kind(state));
        ranks.push(((matches!(state, ConnectionState::Template { .. }), rank), connection));
    }
    ranks.sort_by_key(|(rank, _)| *rank);
    ranks.into_iter().map(|(_, connection)| connection).collect()
}

fn kind(state: ConnectionState) -> u16 {
    match state {
        ConnectionState::Tcp(state) => state as u16,
        ConnectionState::Udp => u16::MAX - 1,
        ConnectionState::Template { .. } => u16::MAX,
    }
}

#[cfg(test)]
mod tests;
