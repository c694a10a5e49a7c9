//! Operators' orders: what a person says of a real server by hand, until when and why.
//!
//! An order is kept as a name and a value, as a node attribute of the cluster or as a file. The name is the subject, so
//! two people who order different things at the same time never overwrite each other.

use std::fmt;
use std::net::IpAddr;

use super::{InvalidValue, RealServerKey, ServiceKey};

/// What the names of all orders begin with.
pub const ORDER_PREFIX: &str = "lvs-order-";

/// The most characters that are kept of a reason or a name: each order is copied to every node of the cluster.
const LONGEST_TEXT: usize = 200;

/// Which real servers an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderSubject {
    /// The address of the real server.
    pub address: IpAddr,
    /// Its port; `None` means every port.
    pub port: Option<u16>,
    /// The virtual service; `None` means every service.
    pub service: Option<ServiceKey>,
}

impl OrderSubject {
    /// Whether the order is about this real server of this service.
    pub fn covers(&self, service: &ServiceKey, real: &RealServerKey) -> bool {
        self.address == real.address
            && self.port.is_none_or(|port| port == real.port)
            && self.service.is_none_or(|own| own == *service)
    }

    /// Whether it covers every real server that the other one covers.
    pub fn includes(&self, other: &Self) -> bool {
        self.address == other.address
            && (self.port.is_none() || self.port == other.port)
            && (self.service.is_none() || self.service == other.service)
    }

    /// Returns how narrow the subject is: of two orders about one real server the narrower one counts. One for a port is
    /// narrower than one for all, and then one for a service is narrower than one for all.
    pub fn narrowness(&self) -> (bool, bool) {
        (self.port.is_some(), self.service.is_some())
    }

    /// Returns the name under which the order is kept, such as `lvs-order-10.0.0.2_80_in_tcp_10.0.0.1_80`. It has only
    /// letters, digits, `.`, `-` and `_`, since identifiers in the CIB may have no others.
    pub fn name(&self) -> String {
        let port = self.port.map(|port| format!("_{port}")).unwrap_or_default();
        let service = self.service.map(|service| format!("_in_{}", plain_service(&service))).unwrap_or_default();
        format!("{ORDER_PREFIX}{}{port}{service}", plain_address(self.address))
    }

    /// Reads what [`OrderSubject::name`] has written.
    ///
    /// # Errors
    /// Fails for any other name.
    pub fn of_name(name: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new(name, format!("{ORDER_PREFIX}ADDRESS[_PORT][_in_SERVICE]"));
        let rest = name.strip_prefix(ORDER_PREFIX).ok_or_else(invalid)?;
        let (server, service) = rest.split_once("_in_").map_or((rest, None), |(server, rest)| (server, Some(rest)));
        let (address, port) = server.split_once('_').map_or((server, None), |(address, port)| (address, Some(port)));
        let subject = Self {
            address: address_of_plain(address).ok_or_else(invalid)?,
            port: port.map(str::parse).transpose().map_err(|_| invalid())?,
            service: match service {
                Some(text) => Some(service_of_plain(text).ok_or_else(invalid)?),
                None => None,
            },
        };
        // Each subject has one name: a second one would be an order that no command can end.
        if subject.name() == name { Ok(subject) } else { Err(invalid()) }
    }
}

/// Writes the subject as messages name it: `10.0.0.2:80 in tcp 10.0.0.1:80`.
impl fmt::Display for OrderSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => RealServerKey { address: self.address, port }.fmt(f)?,
            None => self.address.fmt(f)?,
        }
        self.service.map_or(Ok(()), |service| write!(f, " in {service}"))
    }
}

/// Returns the name of the node attribute that has the weight of a virtual service's healthy real servers, such as
/// `lvs-weight-tcp_10.0.0.1_80`. Its characters are those of [`OrderSubject::name`].
pub fn healthy_weight_name(service: &ServiceKey) -> String {
    format!("lvs-weight-{}", plain_service(service))
}

fn plain_address(address: IpAddr) -> String {
    address.to_string().replace(':', "-")
}

fn address_of_plain(text: &str) -> Option<IpAddr> {
    text.replace('-', ":").parse().ok()
}

fn plain_service(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, address, port } => format!("{protocol}_{}_{port}", plain_address(*address)),
        ServiceKey::Fwmark { .. } => key.to_string().replace(' ', "_"),
    }
}

fn service_of_plain(text: &str) -> Option<ServiceKey> {
    let parts: Vec<&str> = text.split('_').collect();
    match parts.as_slice() {
        ["fwmark", ..] => parts.join(" ").parse().ok(),
        [protocol, address, port] => Some(ServiceKey::Address {
            protocol: protocol.parse().ok()?,
            address: address_of_plain(address)?,
            port: port.parse().ok()?,
        }),
        _ => None,
    }
}

/// What shall become of the real server. Its checks go on, and one that has failed does not serve, whatever is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// It is quiesced: it gets no new connections and keeps those that it has.
    Drain,
    /// It is removed, with its connections.
    Disable,
    /// It has this weight instead of the configured one, at most `i32::MAX`.
    Weight(u32),
}

/// Writes it as the command line takes it: `drain`, `disable` or `weight 5`.
impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("drain"),
            Self::Disable => f.write_str("disable"),
            Self::Weight(weight) => write!(f, "weight {weight}"),
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which real servers it is about.
    pub subject: OrderSubject,
    /// What shall become of them.
    pub kind: OrderKind,
    /// When it was given, in seconds since 1970; 0 means that it is not known.
    pub since: u64,
    /// When it ends by itself, in seconds since 1970; `None` means that a person ends it.
    pub until: Option<u64>,
    /// Who gave it, one word; empty means that it is not known.
    pub by: String,
    /// Why, in the words of the operator; may be empty.
    pub reason: String,
}

impl Order {
    /// Whether its time is not over at this time, in seconds since 1970.
    pub fn is_in_force(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Returns the value that is kept under the name of the subject: `drain since=1764 until=1765 by=anna reason=a disk`.
    pub fn value(&self) -> String {
        let mut words = vec![match self.kind {
            OrderKind::Drain => "drain".to_owned(),
            OrderKind::Disable => "disable".to_owned(),
            OrderKind::Weight(weight) => format!("weight={weight}"),
        }];
        words.extend((self.since > 0).then(|| format!("since={}", self.since)));
        words.extend(self.until.map(|until| format!("until={until}")));
        let (by, reason) = (one_word(&self.by), one_line(&self.reason));
        words.extend((!by.is_empty()).then(|| format!("by={by}")));
        // The last one, since it has blanks.
        words.extend((!reason.is_empty()).then(|| format!("reason={reason}")));
        words.join(" ")
    }

    /// Reads a name and a value. Words that a later version has added are skipped.
    ///
    /// # Errors
    /// Fails when it is not clear what is ordered, about what, or until when: an order that may have ended is no order.
    pub fn read(name: &str, value: &str) -> Result<Self, InvalidValue> {
        let subject = OrderSubject::of_name(name)?;
        let (head, reason) = value.split_once(" reason=").unwrap_or((value, ""));
        let mut words = head.split_whitespace();
        let kind = kind_of(words.next().unwrap_or_default()).ok_or_else(|| invalid_value(value))?;
        let mut order = Self { subject, kind, since: 0, until: None, by: String::new(), reason: one_line(reason) };
        for (key, text) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "since" => order.since = text.parse().unwrap_or(0),
                "until" => order.until = Some(text.parse().map_err(|_| invalid_value(value))?),
                "by" => order.by = one_word(text),
                _ => {}
            }
        }
        Ok(order)
    }
}

fn kind_of(word: &str) -> Option<OrderKind> {
    match word {
        "drain" => Some(OrderKind::Drain),
        "disable" => Some(OrderKind::Disable),
        _ => {
            let weight: u32 = word.strip_prefix("weight=")?.parse().ok()?;
            // The kernel keeps a signed number.
            i32::try_from(weight).is_ok().then_some(OrderKind::Weight(weight))
        }
    }
}

fn invalid_value(value: &str) -> InvalidValue {
    InvalidValue::new(one_line(value), "drain, disable or weight=N, then since=, until=, by= and reason=")
}

/// Returns the text as one line without control characters: it is shown in logs and on terminals, and each member of the
/// cluster's group may have written it.
fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_TEXT).collect::<String>().trim_end().to_owned()
}

fn one_word(text: &str) -> String {
    one_line(text).replace(' ', "_")
}

#[cfg(test)]
mod tests;
