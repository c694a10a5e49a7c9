//! The message of the kernel's sync daemon, protocol version 1 (`ip_vs_sync_mesg`, `ip_vs_sync_v4` and `ip_vs_sync_v6` in
//! net/netfilter/ipvs/ip_vs_sync.c). Every number is big-endian; lengths are in bytes.
//!
//! ```text
//! message: reserved 1 (0) · sync id 1 · length of the message 2 · records 1 · version 1 (1) · spare 2 (0)
//! record:  type 1 (bit 0: IPv6) · protocol 1 · length of the record 2 · flags 4 · state 2 · client, virtual and real port
//!          2 each · fwmark 4 · timeout in seconds 4 · client, virtual and real address 4 or 16 each
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The version of the protocol.
const VERSION: u8 = 1;
/// The length of what comes before the records.
const HEADER: usize = 8;
/// The length of a record before its addresses.
const FIXED: usize = 24;
/// The most records that the field for their number can say.
const MOST_RECORDS: u8 = u8::MAX;
/// The bit of a record's type that says IPv6.
const IPV6: u8 = 1;
/// The bits of a record's length that are its length; the others are a version, 0.
const LENGTH_BITS: u16 = 0x0fff;

/// The three ends of a connection, each an address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The client.
    pub client: (IpAddr, u16),
    /// The virtual service. Its address begins with the mark in the template of a firewall mark.
    pub service: (IpAddr, u16),
    /// The real server.
    pub real_server: (IpAddr, u16),
}

impl Endpoints {
    fn all(&self) -> [(IpAddr, u16); 3] {
        [self.client, self.service, self.real_server]
    }

    /// Whether all three are of one family. Those of a tunnel between families are not, and no message can name them.
    pub fn are_of_one_family(&self) -> bool {
        let is_ipv6 = self.client.0.is_ipv6();
        self.all().iter().all(|(address, _)| address.is_ipv6() == is_ipv6)
    }
}

/// One connection or persistence template, as the kernel's sync daemon tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncRecord {
    /// The number of the transport protocol (IANA); 0 in the template of a firewall mark.
    pub protocol: u8,
    /// `IP_VS_CONN_F_*` of include/uapi/linux/ip_vs.h.
    pub flags: u32,
    /// The number of the state within the protocol.
    pub state: u16,
    /// The ends of the connection, all of one family.
    pub ends: Endpoints,
    /// The firewall mark of the service; 0 means none.
    pub fwmark: u32,
    /// The seconds after which the receiver forgets it; 0 leaves that to the receiver's own table of states.
    pub timeout: u32,
}

impl SyncRecord {
    /// Returns the length of the record.
    fn length(&self) -> usize {
        FIXED + 3 * if self.is_ipv6() { 16 } else { 4 }
    }

    fn is_ipv6(&self) -> bool {
        self.ends.client.0.is_ipv6()
    }

    /// Appends the bytes of the record.
    fn encode(&self, bytes: &mut Vec<u8>) {
        let ends = self.ends.all();
        bytes.extend([if self.is_ipv6() { IPV6 } else { 0 }, self.protocol]);
        bytes.extend((self.length() as u16).to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        bytes.extend(self.state.to_be_bytes());
        ends.iter().for_each(|(_, port)| bytes.extend(port.to_be_bytes()));
        bytes.extend(self.fwmark.to_be_bytes());
        bytes.extend(self.timeout.to_be_bytes());
        ends.iter().for_each(|(address, _)| match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        });
    }

    /// Reads the record that `bytes` begin with, and returns how long it is. Options behind the addresses are skipped.
    fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>()?;
        let mut fields = Fields(fixed);
        let (kind, protocol) = (fields.byte()?, fields.byte()?);
        let length = fields.short()?;
        let (flags, state) = (fields.word()?, fields.short()?);
        let ports = [fields.short()?, fields.short()?, fields.short()?];
        let (fwmark, timeout) = (fields.word()?, fields.word()?);
        let mut addresses = Fields(rest);
        let ends = match kind {
            0 => ends(ports, || addresses.word().map(|address| IpAddr::V4(Ipv4Addr::from(address))))?,
            IPV6 => ends(ports, || addresses.array().map(|address| IpAddr::V6(Ipv6Addr::from(address))))?,
            _ => return None,
        };
        let record = Self { protocol, flags, state, ends, fwmark, timeout };
        let is_whole = length & !LENGTH_BITS == 0 && (record.length()..=bytes.len()).contains(&usize::from(length));
        is_whole.then_some((record, usize::from(length)))
    }
}

fn ends(ports: [u16; 3], mut address: impl FnMut() -> Option<IpAddr>) -> Option<Endpoints> {
    let [client, service, real_server] = ports;
    Some(Endpoints {
        client: (address()?, client),
        service: (address()?, service),
        real_server: (address()?, real_server),
    })
}

/// Bytes that are read one field after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

/// Collects records into datagrams: none is longer than the receiver takes, and none has more records than can be counted.
#[derive(Debug)]
pub struct MessageWriter {
    sync_id: u8,
    /// The longest datagram.
    most_bytes: usize,
    bytes: Vec<u8>,
    records: u8,
}

impl MessageWriter {
    /// The shortest limit, which has room for one record of IPv6, and the longest datagram that every receiver takes (1500
    /// bytes less the headers of IPv4 and UDP). A longer one is dropped without a word.
    const LIMITS: [usize; 2] = [HEADER + FIXED + 3 * 16, 1472];

    /// Creates a writer. `maxlen` is the length of the longest datagram, 80 to 1472; what is outside counts as the nearest of
    /// these.
    pub fn new(sync_id: u8, maxlen: u16) -> Self {
        let [least, most] = Self::LIMITS;
        let most_bytes = usize::from(maxlen).clamp(least, most);
        Self { sync_id, most_bytes, bytes: Vec::with_capacity(most_bytes), records: 0 }
    }

    /// Adds a record, and returns the datagram before it when that has no room left. A record whose ends are of two families
    /// is left out: there is no form for it.
    pub fn add(&mut self, record: &SyncRecord) -> Option<Vec<u8>> {
        if !record.ends.are_of_one_family() {
            return None;
        }
        let is_full = self.records == MOST_RECORDS || self.bytes.len() + record.length() > self.most_bytes;
        let full = is_full.then(|| self.finish()).flatten();
        if self.records == 0 {
            self.bytes.extend([0, self.sync_id, 0, 0, 0, VERSION, 0, 0]);
        }
        record.encode(&mut self.bytes);
        self.records += 1;
        full
    }

    /// Returns the datagram with the records that are left; `None` without one.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let mut datagram = std::mem::replace(&mut self.bytes, Vec::with_capacity(self.most_bytes));
        let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX).to_be_bytes();
        let records = std::mem::take(&mut self.records);
        if let Some([_, _, high, low, count, ..]) = datagram.get_mut(..HEADER) {
            [*high, *low] = length;
            *count = records;
        }
        (records > 0).then_some(datagram)
    }
}

/// A datagram that is no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no message of the IPVS sync protocol, version 1")
    }
}

impl std::error::Error for Malformed {}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncMessage {
    /// The channel's number.
    pub sync_id: u8,
    /// The records, without their options (sequence numbers and the data of persistence engines).
    pub records: Vec<SyncRecord>,
}

impl SyncMessage {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Fails when any part of it is not as this protocol wants it. The kernel takes the records before the broken one.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        Self::understood(datagram).ok_or(Malformed)
    }

    fn understood(datagram: &[u8]) -> Option<Self> {
        let mut header = Fields(datagram);
        let (reserved, sync_id, length) = (header.byte()?, header.byte()?, header.short()?);
        let (count, version, spare) = (header.byte()?, header.byte()?, header.short()?);
        let is_ours = (reserved, version, spare) == (0, VERSION, 0) && usize::from(length) == datagram.len();
        let mut rest = header.0;
        let mut records = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (record, length) = SyncRecord::decode(rest)?;
            records.push(record);
            // The next record begins at a multiple of four bytes; the last one may end before it.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        is_ours.then_some(Self { sync_id, records })
    }
}

#[cfg(test)]
pub mod tests;
