//! Addresses as users write them: `HOST:PORT`, `[IPV6]:PORT`, firewall marks. Parsing is apart from looking names up,
//! since the protocol of a service name is known only at the end of its section.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Resolver, value};
use crate::model::{Family, Protocol};

/// An address, or a name that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(Box<str>),
}

impl Host {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Name(name) => Some(name),
        }
    }

    pub fn resolve(&self, family: Family, resolver: &dyn Resolver) -> Result<IpAddr, String> {
        match self {
            Self::Address(address) => Ok(*address),
            Self::Name(name) => {
                let address = resolver.host(name, family).map_err(|cause| format!("host \"{name}\": {cause}"))?;
                if Family::of(address) == family {
                    Ok(address)
                } else {
                    Err(format!("host \"{name}\": no address of the wanted family"))
                }
            }
        }
    }
}

/// A port number or the name of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Number(u16),
    Name(Box<str>),
}

impl Port {
    pub fn resolve(&self, protocol: Option<Protocol>, resolver: &dyn Resolver) -> Result<u16, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) => resolver.port(name, protocol).map_err(|cause| format!("port \"{name}\": {cause}")),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let name = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        if let Some(digits) = value::digits(text) {
            digits.parse().map(Self::Number).map_err(|_| format!("port \"{text}\": expected 0 to 65535"))
        } else if !text.is_empty() && text.chars().all(name) {
            Ok(Self::Name(text.into()))
        } else {
            Err(format!("port \"{text}\": expected a number or the name of a service"))
        }
    }
}

/// `HOST` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPort {
    pub host: Host,
    pub port: Option<Port>,
}

/// What a `virtual` line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VirtualAddress {
    Mark(u32),
    Address { host: Host, port: Port },
}

/// `HOST:PORT` or a mark. ldirectord takes `10.1.9.9` without a port as the mark 10: here it is an error.
pub(super) fn parse_virtual(text: &str, family: Family) -> Result<VirtualAddress, String> {
    if value::digits(text).is_some() {
        let mark = value::number(text, 1, u32::MAX).map_err(|expected| format!("firewall mark: {expected}"))?;
        return Ok(VirtualAddress::Mark(mark));
    }
    let HostPort { host, port } = parse_host_port(text, family)?;
    match port {
        Some(port) => Ok(VirtualAddress::Address { host, port }),
        None => Err("expected ADDRESS:PORT or a firewall mark: the port is missing".into()),
    }
}

/// An objection, and what counts where it is tolerated.
pub(super) type Note = (String, &'static str);

/// The text without what people write around a port and ldirectord passes over: `80/tcp`, and two colons before it.
pub(super) fn tidied<'a>(text: &'a str, notes: &mut Vec<Note>) -> Cow<'a, str> {
    let mut tidy = Cow::Borrowed(text);
    if let Some((place, protocol @ ("tcp" | "udp"))) = text.rsplit_once('/') {
        notes.push((format!("\"/{protocol}\" behind the port"), "the protocol is that of the virtual service"));
        tidy = Cow::Borrowed(place);
    }
    if !tidy.starts_with('[') && tidy.matches(':').count() == 2 && tidy.contains("::") {
        notes.push(("two colons before the port".into(), "they count as one"));
        tidy = Cow::Owned(tidy.replace("::", ":"));
    }
    tidy
}

/// `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT`, of the given family.
pub(super) fn parse_host_port(text: &str, family: Family) -> Result<HostPort, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']').ok_or("expected \"]\" after the IPv6 address")?;
            let address: Ipv6Addr = inner.parse().map_err(|_| format!("\"{inner}\" is not an IPv6 address"))?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err("expected \":\" and a port after \"]\"".into()),
            };
            (Host::Address(address.into()), port)
        }
        None if text.parse::<Ipv6Addr>().is_ok() => {
            return Err(format!("expected an IPv6 address in square brackets: [{text}]"));
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("expected a single \":\" between address and port".into());
            }
            Some((host, port)) => (parse_host(host)?, Some(port)),
            None => (parse_host(text)?, None),
        },
    };
    check_family(&host, family)?;
    Ok(HostPort { host, port: port.map(Port::parse).transpose()? })
}

/// An address without a port: one end of a range.
pub(super) fn parse_range_start(text: &str) -> Result<Host, String> {
    if text.starts_with('[') {
        return Err("a range of IPv6 addresses: not supported yet".into());
    }
    parse_host(text)
}

/// An IPv4 address or a name. Digits and dots are always an address: `10.1` is no host name, though the C library would
/// take it as 10.0.0.1.
fn parse_host(text: &str) -> Result<Host, String> {
    if text.is_empty() {
        return Err("the address is missing".into());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let address = text.parse::<Ipv4Addr>().map_err(|_| format!("\"{text}\" is not an IPv4 address"))?;
        return Ok(Host::Address(address.into()));
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._+-".contains(character);
    let starts_well = text.starts_with(|character: char| character.is_ascii_alphanumeric() || character == '_');
    if starts_well && text.chars().all(allowed) {
        Ok(Host::Name(text.into()))
    } else {
        Err(format!("\"{text}\" is neither an address nor a host name"))
    }
}

fn check_family(host: &Host, family: Family) -> Result<(), String> {
    match (host, family) {
        (Host::Address(IpAddr::V6(_)), Family::Ipv4) => {
            Err("an IPv6 address: use virtual6, real6 and fallback6 for IPv6".into())
        }
        (Host::Address(IpAddr::V4(_)), Family::Ipv6) => {
            Err("an IPv4 address: use virtual, real and fallback for IPv4".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_digits_and_nothing_else() {
        assert_eq!(parse_virtual("7", Family::Ipv4), Ok(VirtualAddress::Mark(7)));
        assert_eq!(parse_virtual("4294967295", Family::Ipv6), Ok(VirtualAddress::Mark(u32::MAX)));
        for wrong in ["0", "4294967296", "7x", "10.1.9.9", "-7", ""] {
            assert!(parse_virtual(wrong, Family::Ipv4).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn digits_and_dots_are_never_a_host_name() {
        for wrong in ["10.1", "10", "10.1.0.999", "1.2.3.4.5", "0x7f.1:"] {
            assert!(parse_host_port(wrong, Family::Ipv4).is_err(), "{wrong:?}");
        }
        let named = parse_host_port("1st-host.example:http", Family::Ipv4).expect("a name");
        assert_eq!(named.host, Host::Name("1st-host.example".into()));
        assert_eq!(named.port, Some(Port::Name("http".into())));
    }

    #[test]
    fn a_name_never_looks_like_an_option() {
        for wrong in ["-s", "--help:80", "a b", "a;b", "$(x)"] {
            assert!(parse_host_port(wrong, Family::Ipv4).is_err(), "{wrong:?}");
        }
    }
}
