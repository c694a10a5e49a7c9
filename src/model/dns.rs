//! Names in DNS whose records are real servers.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Family;

/// A name that is asked for its records, of the family of its virtual service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsName {
    /// As it was written.
    pub name: Box<str>,
    /// Which addresses count: those of A records or those of AAAA records.
    pub family: Family,
}

impl DnsName {
    /// Whether it names a service (RFC 2782), such as `_mysql._tcp.example.com`: its SRV records say host, port, weight and
    /// priority.
    pub fn is_service(&self) -> bool {
        let mut labels = self.name.split('.');
        labels.next().is_some_and(|label| label.starts_with('_')) && labels.next().is_some_and(|l| l.starts_with('_'))
    }

    /// Returns the type of the records that it is asked for.
    pub fn record_type(&self) -> &'static str {
        match (self.is_service(), self.family) {
            (true, _) => "SRV",
            (false, Family::Ipv4) => "A",
            (false, Family::Ipv6) => "AAAA",
        }
    }
}

/// The name alone, as users know it.
impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A real server as the records of a name have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnsMember {
    /// Its address.
    pub address: IpAddr,
    /// The port of an SRV record; else the line's counts.
    pub port: Option<u16>,
    /// The weight of an SRV record; else the line's counts.
    pub weight: Option<u16>,
    /// The priority of its SRV record is not the first one.
    pub backup: bool,
}

impl DnsMember {
    /// Returns the member that a record of an address alone stands for.
    pub fn at(address: IpAddr) -> Self {
        Self { address, port: None, weight: None, backup: false }
    }
}

/// What a health monitor leaves of a name to the next one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnsRecord {
    /// The name.
    pub name: DnsName,
    /// What its records were.
    pub members: Vec<DnsMember>,
}
