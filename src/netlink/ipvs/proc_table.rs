//! `/proc/net/ip_vs`: the whole table in one read, without scheduler flags, thresholds, persistence engines, the kinds
//! of tunnels and the family of a mark, and with the time of persistence in ticks of the kernel, whose length it does
//! not say (`ip_vs_info_seq_show` in net/netfilter/ipvs/ip_vs_ctl.c).
//!
//! The text is only good for the answer "as wanted": whatever is not understood here, or differs, has to be asked for
//! by netlink. So nothing here is an error.

use std::collections::HashMap;
use std::io::BufRead;
use std::net::{IpAddr, Ipv4Addr};

use super::connections::Connections;
use crate::model::{
    Family, ForwardingMethod, Protocol, RealServer, RealServerKey, ServiceEntry, ServiceFlags, ServiceKey, Table,
    VirtualService,
};

/// The header; another one means columns that are not known here.
const VERSION: &[u8] = b"IP Virtual Server version ";
const COLUMNS: [&[u8]; 2] =
    [b"Prot LocalAddress:Port Scheduler Flags", b"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn"];

/// What a text of the kernel tells of wanted services by address. The text itself is not kept: it has a line for each
/// of what may be a hundred thousand entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProcTable {
    /// Whether the header and every line were as expected.
    is_whole: bool,
    /// The wanted services that exist.
    services: HashMap<ServiceKey, ShownService>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShownService {
    /// The text was not understood in full, or told of the service twice.
    Unclear,
    Clear {
        service_as_wanted: bool,
        real_servers_as_wanted: bool,
    },
}

impl ProcTable {
    /// Reads as far as it understands.
    pub fn read(mut source: impl BufRead, desired: &Table) -> Self {
        let mut table = Self::default();
        let (mut line, mut section) = (Vec::new(), None);
        if !has_header(&mut source, &mut line) {
            return table;
        }
        table.is_whole = true;
        loop {
            match next_line(&mut source, &mut line) {
                NextLine::Whole => table.take_line(&line, &mut section, desired),
                NextLine::End => break,
                NextLine::Cut => {
                    table.is_whole = false;
                    section = section.map(ProcSection::unclear);
                    break;
                }
            }
        }
        table.take(section);
        table
    }

    fn take_line<'d>(&mut self, line: &[u8], section: &mut Option<ProcSection<'d>>, desired: &'d Table) {
        match (line.strip_prefix(b"  -> "), &mut *section) {
            (Some(real), Some(section)) => section.add(real_server(real).map(|(held, _)| held)),
            (Some(_), None) => self.is_whole = false,
            (None, _) => {
                self.take(section.take());
                *section = service(line).map(|(key, held)| ProcSection::new(key, held, desired));
                self.is_whole &= section.is_some();
            }
        }
    }

    fn take(&mut self, section: Option<ProcSection<'_>>) {
        let Some(section) = section.filter(|section| section.key.is_some()) else { return };
        self.is_whole &= section.is_clear;
        let Some(wanted) = section.wanted else { return };
        // A service that moves in the kernel's list while it is read may be told of twice.
        let shown = section.shown(wanted);
        self.services.entry(wanted.service.key).and_modify(|first| *first = ShownService::Unclear).or_insert(shown);
    }

    /// Whether the text says all that matters of the service, and the service is as wanted.
    pub fn shows(&self, wanted: &VirtualService) -> bool {
        let all = ShownService::Clear { service_as_wanted: true, real_servers_as_wanted: true };
        tells_all_of(wanted) && self.services.get(&wanted.key) == Some(&all)
    }

    /// Whether the same holds of its real servers alone.
    pub fn shows_real_servers(&self, key: &ServiceKey) -> bool {
        matches!(self.services.get(key), Some(ShownService::Clear { real_servers_as_wanted: true, .. }))
    }

    /// Whether the text proves that there is no such service, one of those that are wanted.
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

/// What the line of a service tells.
pub(super) struct HeldService<'a> {
    scheduler: &'a str,
    is_persistent: bool,
    one_packet: bool,
}

impl HeldService<'_> {
    fn is_as(&self, wanted: &VirtualService) -> bool {
        self.scheduler == wanted.scheduler.as_str()
            && self.is_persistent == wanted.persistence.is_some()
            && self.one_packet == wanted.flags.one_packet
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HeldRealServer {
    pub key: RealServerKey,
    pub weight: u32,
    /// `None` stands for the director itself, of which the kernel does not say the method.
    pub forwarding: Option<ForwardingWord>,
}

/// How a packet reaches the real server, in the text's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ForwardingWord {
    Masq,
    Route,
    Tunnel,
}

impl HeldRealServer {
    fn is_as(&self, wanted: &RealServer) -> bool {
        let word = match wanted.forwarding {
            ForwardingMethod::Masq => ForwardingWord::Masq,
            ForwardingMethod::Gate => ForwardingWord::Route,
            ForwardingMethod::Ipip => ForwardingWord::Tunnel,
            // The text does not say which kind of tunnel it is: netlink has to be asked.
            ForwardingMethod::Gue { .. } | ForwardingMethod::Gre { .. } => return false,
        };
        let has_limits = wanted.upper_threshold != 0 || wanted.lower_threshold != 0;
        !has_limits
            && self.key == wanted.key
            && self.weight == wanted.weight
            && self.forwarding.is_none_or(|held| held == word)
    }
}

/// A service whose real servers are being read.
struct ProcSection<'d> {
    /// `None` stands for a mark, or a protocol that the model does not have.
    key: Option<ServiceKey>,
    wanted: Option<&'d ServiceEntry>,
    service_as_wanted: bool,
    /// The real servers, which are kept of wanted services only.
    real_servers: Vec<HeldRealServer>,
    is_clear: bool,
}

impl<'d> ProcSection<'d> {
    fn new(key: Option<ServiceKey>, held: Option<HeldService<'_>>, desired: &'d Table) -> Self {
        let wanted = key.and_then(|key| desired.get(&key));
        let service_as_wanted = wanted.zip(held.as_ref()).is_some_and(|(wanted, held)| held.is_as(&wanted.service));
        Self { key, wanted, service_as_wanted, real_servers: Vec::new(), is_clear: held.is_some() }
    }

    fn unclear(self) -> Self {
        Self { is_clear: false, ..self }
    }

    fn add(&mut self, real: Option<HeldRealServer>) {
        self.is_clear &= real.is_some();
        self.real_servers.extend(real.filter(|_| self.wanted.is_some()));
    }

    fn shown(mut self, wanted: &ServiceEntry) -> ShownService {
        self.real_servers.sort_unstable();
        // A real server may be told of twice while the list changes.
        let distinct = self.real_servers.is_sorted_by(|one, next| one.key < next.key);
        let mut pairs = self.real_servers.iter().zip(wanted.real_servers.values());
        let real_servers_as_wanted =
            self.real_servers.len() == wanted.real_servers.len() && pairs.all(|(held, wanted)| held.is_as(wanted));
        match self.is_clear && distinct {
            true => ShownService::Clear { service_as_wanted: self.service_as_wanted, real_servers_as_wanted },
            false => ShownService::Unclear,
        }
    }
}

pub(super) enum NextLine {
    /// A whole line, without its end.
    Whole,
    End,
    /// The text ends in the middle of a line, or could not be read on.
    Cut,
}

pub(super) fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> NextLine {
    line.clear();
    match source.read_until(b'\n', line) {
        Ok(0) => NextLine::End,
        Ok(_) if line.pop() == Some(b'\n') => NextLine::Whole,
        _ => NextLine::Cut,
    }
}

pub(super) fn has_header(source: &mut impl BufRead, line: &mut Vec<u8>) -> bool {
    let mut expect =
        |is_right: &dyn Fn(&[u8]) -> bool| matches!(next_line(source, line), NextLine::Whole) && is_right(line);
    expect(&|line| line.starts_with(VERSION)) && COLUMNS.iter().all(|columns| expect(&|line| line == *columns))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// Reads `TCP  0A090064:0050 wrr persistent 36000 FFFFFF00`. `None` means that the line is no service. A service of
/// another kind has no key, and one that is not understood has no rest.
pub(super) fn service(line: &[u8]) -> Option<(Option<ServiceKey>, Option<HeldService<'_>>)> {
    let mut words = words(line);
    let protocol = match words.next()? {
        b"TCP" => Protocol::Tcp,
        b"UDP" => Protocol::Udp,
        b"SCTP" => Protocol::Sctp,
        _ => return Some((None, None)),
    };
    let (address, port) = socket(words.next()?)?;
    let key = ServiceKey::Address { protocol, address, port };
    let held = words.next().and_then(|scheduler| attributes(scheduler, words));
    Some((Some(key), held))
}

fn attributes<'a>(scheduler: &'a [u8], mut words: impl Iterator<Item = &'a [u8]>) -> Option<HeldService<'a>> {
    let scheduler = std::str::from_utf8(scheduler).ok()?;
    let mut held = HeldService { scheduler, is_persistent: false, one_packet: false };
    while let Some(word) = words.next() {
        match word {
            b"ops" => held.one_packet = true,
            b"persistent" => {
                // The two words are the time in ticks, and the mask.
                decimal(words.next()?).and(hexadecimal(words.next()?))?;
                held.is_persistent = true;
            }
            _ => return None,
        }
    }
    Some(held)
}

/// Reads `0A090101:0050      Route   1      0          0`. The last two words are the counts of connections.
pub(super) fn real_server(text: &[u8]) -> Option<(HeldRealServer, Connections)> {
    let mut words = words(text);
    let (address, port) = socket(words.next()?)?;
    let forwarding = match words.next()? {
        b"Masq" => Some(ForwardingWord::Masq),
        b"Route" => Some(ForwardingWord::Route),
        b"Tunnel" => Some(ForwardingWord::Tunnel),
        b"Local" => None,
        _ => return None,
    };
    let weight = decimal(words.next()?)?;
    let connections = Connections { active: decimal(words.next()?)?, inactive: decimal(words.next()?)?, persistent: 0 };
    Some((HeldRealServer { key: RealServerKey { address, port }, weight, forwarding }, connections))
}

/// Reads `0A090101:0050` or `[2001:0db8:...:0001]:0050`.
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

/// Reads digits alone, without the sign that the standard library would take.
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
