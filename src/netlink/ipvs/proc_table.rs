//! `/proc/net/ip_vs`: the whole table in one read, without scheduler flags, thresholds and the family of a mark, and with
//! the time of persistence in ticks of the kernel, whose length it does not say (`ip_vs_info_seq_show` in
//! net/netfilter/ipvs/ip_vs_ctl.c).
//!
//! Only good for the answer "as wanted": whatever this does not understand, or what differs, has to be asked for by
//! netlink. So nothing here is an error.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::model::{
    Family, ForwardingMethod, Protocol, RealServer, RealServerKey, ServiceEntry, ServiceFlags, ServiceKey,
    VirtualService,
};

/// The header; another one means columns that this does not know.
const VERSION: &[u8] = b"IP Virtual Server version ";
const COLUMNS: [&[u8]; 2] =
    [b"Prot LocalAddress:Port Scheduler Flags", b"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn"];

/// The services by address that a text of the kernel tells of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProcTable<'a> {
    /// The header and every line were as expected.
    is_whole: bool,
    /// `None`: it exists, but not all of it was understood, or it was told of twice.
    services: HashMap<ServiceKey, Option<HeldService<'a>>>,
}

#[derive(Debug, PartialEq, Eq)]
struct HeldService<'a> {
    scheduler: &'a str,
    is_persistent: bool,
    one_packet: bool,
    /// In the order of their keys, no two with the same.
    real_servers: Vec<HeldRealServer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HeldRealServer {
    key: RealServerKey,
    weight: u32,
    /// `None`: the director itself, of which the kernel does not say the method.
    forwarding: Option<Word>,
}

/// How a packet reaches the real server, in the text's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Masq,
    Route,
    Tunnel,
}

impl<'a> ProcTable<'a> {
    /// Reads as far as it understands.
    pub fn parse(text: &'a [u8]) -> Self {
        let mut table = Self::default();
        let Some(body) = body(text) else { return table };
        table.is_whole = true;
        let mut section: Option<Section<'a>> = None;
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                // Cut off in the middle.
                table.is_whole = false;
                section = section.map(Section::unclear);
                break;
            };
            match (line.strip_prefix(b"  -> "), &mut section) {
                (Some(real), Some(section)) => section.add(real_server(real)),
                (Some(_), None) => table.is_whole = false,
                (None, _) => {
                    table.take(section.take());
                    section = service(line);
                    table.is_whole &= section.is_some();
                }
            }
        }
        table.take(section);
        table
    }

    fn take(&mut self, section: Option<Section<'a>>) {
        let Some(Section { key: Some(key), held }) = section else { return };
        self.is_whole &= held.is_some();
        let held = held.and_then(HeldService::in_order);
        // A service that moves in the kernel's list while it is read may be told of twice.
        self.services.entry(key).and_modify(|first| *first = None).or_insert(held);
    }

    /// Whether the text says all that matters of the service, and the service is as wanted.
    pub fn shows(&self, wanted: &ServiceEntry) -> bool {
        let held = self.held(wanted);
        tells_all_of(&wanted.service) && held.is_some_and(|held| held.is_as(&wanted.service) && held.has(wanted))
    }

    /// The same of its real servers alone.
    pub fn shows_real_servers(&self, wanted: &ServiceEntry) -> bool {
        self.held(wanted).is_some_and(|held| held.has(wanted))
    }

    fn held(&self, wanted: &ServiceEntry) -> Option<&HeldService<'a>> {
        self.services.get(&wanted.service.key)?.as_ref()
    }

    /// Whether the text proves that there is no such service.
    pub fn lacks(&self, key: &ServiceKey) -> bool {
        self.is_whole && matches!(key, ServiceKey::Address { .. }) && !self.services.contains_key(key)
    }
}

/// Whether the text has everything that is wanted of this service itself.
fn tells_all_of(wanted: &VirtualService) -> bool {
    let ServiceFlags { one_packet, scheduler } = wanted.flags;
    // The kernel writes "ops" for IPv4 only.
    let one_packet_is_told = !one_packet || wanted.key.family() == Family::Ipv4;
    wanted.persistence.is_none() && scheduler == [false; 3] && one_packet_is_told
}

impl HeldService<'_> {
    /// `None`: a real server was told of twice, as happens while the list changes.
    fn in_order(mut self) -> Option<Self> {
        self.real_servers.sort_unstable();
        let distinct = self.real_servers.is_sorted_by(|one, next| one.key < next.key);
        distinct.then_some(self)
    }

    fn is_as(&self, wanted: &VirtualService) -> bool {
        self.scheduler == wanted.scheduler.as_str()
            && self.is_persistent == wanted.persistence.is_some()
            && self.one_packet == wanted.flags.one_packet
    }

    /// Whether these are the wanted real servers, none of which is to have a limit.
    fn has(&self, wanted: &ServiceEntry) -> bool {
        self.real_servers.len() == wanted.real_servers.len()
            && self.real_servers.iter().zip(wanted.real_servers.values()).all(|(held, wanted)| held.is_as(wanted))
    }
}

impl HeldRealServer {
    fn is_as(&self, wanted: &RealServer) -> bool {
        let word = match wanted.forwarding {
            ForwardingMethod::Masq => Word::Masq,
            ForwardingMethod::Gate => Word::Route,
            ForwardingMethod::Ipip => Word::Tunnel,
        };
        let has_limits = wanted.upper_threshold != 0 || wanted.lower_threshold != 0;
        !has_limits
            && self.key == wanted.key
            && self.weight == wanted.weight
            && self.forwarding.is_none_or(|held| held == word)
    }
}

/// A service whose real servers are being read.
struct Section<'a> {
    /// `None`: a mark, or a protocol that the model does not have: its real servers are skipped.
    key: Option<ServiceKey>,
    held: Option<HeldService<'a>>,
}

impl Section<'_> {
    fn unclear(self) -> Self {
        Self { held: None, ..self }
    }

    fn add(&mut self, real: Option<HeldRealServer>) {
        match (&mut self.held, real) {
            (Some(held), Some(real)) => held.real_servers.push(real),
            (held, _) => *held = None,
        }
    }
}

fn body(text: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = split_line(text)?;
    first.strip_prefix(VERSION)?;
    for columns in COLUMNS {
        let (line, tail) = split_line(rest)?;
        (line == columns).then_some(())?;
        rest = tail;
    }
    Some(rest)
}

fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// `TCP  0A090064:0050 wrr persistent 36000 FFFFFF00`. `None`: not even a service.
fn service(line: &[u8]) -> Option<Section<'_>> {
    let mut words = words(line);
    let protocol = match words.next()? {
        b"TCP" => Protocol::Tcp,
        b"UDP" => Protocol::Udp,
        _ => return Some(Section { key: None, held: None }),
    };
    let (address, port) = socket(words.next()?)?;
    let key = ServiceKey::Address { protocol, address, port };
    let held = words.next().and_then(|scheduler| attributes(scheduler, words));
    Some(Section { key: Some(key), held })
}

fn attributes<'a>(scheduler: &'a [u8], mut words: impl Iterator<Item = &'a [u8]>) -> Option<HeldService<'a>> {
    let scheduler = std::str::from_utf8(scheduler).ok()?;
    let mut held = HeldService { scheduler, is_persistent: false, one_packet: false, real_servers: Vec::new() };
    while let Some(word) = words.next() {
        match word {
            b"ops" => held.one_packet = true,
            b"persistent" => {
                // The time in ticks, and the mask.
                decimal(words.next()?).and(hexadecimal(words.next()?))?;
                held.is_persistent = true;
            }
            _ => return None,
        }
    }
    Some(held)
}

/// `0A090101:0050      Route   1      0          0`.
fn real_server(text: &[u8]) -> Option<HeldRealServer> {
    let mut words = words(text);
    let (address, port) = socket(words.next()?)?;
    let forwarding = match words.next()? {
        b"Masq" => Some(Word::Masq),
        b"Route" => Some(Word::Route),
        b"Tunnel" => Some(Word::Tunnel),
        b"Local" => None,
        _ => return None,
    };
    let weight = decimal(words.next()?)?;
    // The counts of connections.
    decimal(words.next()?).and(decimal(words.next()?))?;
    Some(HeldRealServer { key: RealServerKey { address, port }, weight, forwarding })
}

/// `0A090101:0050` or `[2001:0db8:...:0001]:0050`.
fn socket(word: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = word.iter().rposition(|byte| *byte == b':')?;
    let (address, port) = (word.get(..colon)?, word.get(colon + 1..)?);
    let port = u16::try_from(hexadecimal(port)?).ok()?;
    let address = match address.strip_prefix(b"[") {
        Some(rest) => IpAddr::V6(std::str::from_utf8(rest.strip_suffix(b"]")?).ok()?.parse().ok()?),
        None if address.len() == 8 => IpAddr::V4(Ipv4Addr::from(hexadecimal(address)?)),
        None => return None,
    };
    Some((address, port))
}

fn decimal(word: &[u8]) -> Option<u32> {
    number(word, 10)
}

fn hexadecimal(word: &[u8]) -> Option<u32> {
    number(word, 16)
}

/// Digits alone: no sign, which the standard library would take.
fn number(word: &[u8], base: u32) -> Option<u32> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u32, |sum, byte| {
        let digit = char::from(*byte).to_digit(base)?;
        sum.checked_mul(base)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests;
