//! Addresses, ranges of them, and how packets get there.

use std::net::IpAddr;

use super::block::Statement;
use crate::model::{Family, ForwardingMethod, TunnelChecksum};

/// A section is written for each address of a range.
const LARGEST_RANGE: u128 = 1024;

/// Every address of `A`, `A-B`, `A-LAST` (the last part of the address alone) or `A/LENGTH`.
pub(super) fn range(text: &str) -> Result<Vec<IpAddr>, String> {
    let invalid = || format!("\"{text}\": expected an address, or a range of addresses");
    let (first, last) = if let Some((first, last)) = text.split_once('-') {
        let first: IpAddr = first.parse().map_err(|_| invalid())?;
        (first, range_end(first, last).ok_or_else(invalid)?)
    } else if let Some((first, length)) = text.split_once('/') {
        let first: IpAddr = first.parse().map_err(|_| invalid())?;
        let bits = u32::from(Family::of(first).bits());
        let length: u32 = length.parse().ok().filter(|length| *length <= bits).ok_or_else(invalid)?;
        let host = 1_u128.checked_shl(bits - length).map_or(u128::MAX, |size| size - 1);
        (address(number(first) & !host, first), address(number(first) | host, first))
    } else {
        let only = text.parse().map_err(|_| invalid())?;
        (only, only)
    };
    if Family::of(first) != Family::of(last) || number(first) > number(last) {
        return Err(invalid());
    }
    if number(last) - number(first) >= LARGEST_RANGE {
        return Err(format!("\"{text}\": expected at most {LARGEST_RANGE} addresses: write a firewall mark instead"));
    }
    Ok((number(first)..=number(last)).map(|number| address(number, first)).collect())
}

/// A whole address, or its last part: decimal for IPv4, hexadecimal for IPv6.
fn range_end(first: IpAddr, text: &str) -> Option<IpAddr> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let (part, size) = match first {
        IpAddr::V4(_) => (u128::from(text.parse::<u8>().ok()?), 0xff),
        IpAddr::V6(_) => (u128::from(u16::from_str_radix(text, 16).ok()?), 0xffff),
    };
    Some(address(number(first) & !size | part, first))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address of this number, of the same family as the other.
fn address(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::from(number as u32).into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::from(number).into(),
    }
}

/// An address with a port, as a line has it; 0 stands for no port.
pub(super) fn place(address: IpAddr, port: u16) -> String {
    match (port, address) {
        (0, IpAddr::V4(address)) => address.to_string(),
        (0, IpAddr::V6(address)) => format!("[{address}]"),
        _ => std::net::SocketAddr::new(address, port).to_string(),
    }
}

/// The address behind a keyword, and the port behind that; 0 where there is none.
pub(super) fn target(statement: &Statement, first: usize) -> Result<(IpAddr, u16), String> {
    let word = statement.argument(first).unwrap_or_default();
    let address = word.parse().map_err(|_| format!("\"{word}\": expected an address"))?;
    Ok((address, port(statement.argument(first + 1))?))
}

pub(super) fn port(word: Option<&str>) -> Result<u16, String> {
    word.map_or(Ok(0), |word| word.parse().map_err(|_| format!("port \"{word}\": expected a number")))
}

/// `NAT`, `DR`, or `TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`.
pub(super) fn forwarding(words: &[String]) -> Result<ForwardingMethod, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let invalid = || format!("\"{}\": expected NAT, DR or TUN", words.join(" "));
    match words.as_slice() {
        ["NAT"] => Ok(ForwardingMethod::Masq),
        ["DR"] => Ok(ForwardingMethod::Gate),
        ["TUN", options @ ..] => tunnel(options).ok_or_else(invalid),
        _ => Err(invalid()),
    }
}

fn tunnel(options: &[&str]) -> Option<ForwardingMethod> {
    let checksum = |words: &[&str]| match words {
        [] | ["nocsum"] => Some(TunnelChecksum::None),
        ["csum"] => Some(TunnelChecksum::Outer),
        ["remcsum"] => Some(TunnelChecksum::Remote),
        _ => None,
    };
    match options {
        [] | ["type", "ipip"] => Some(ForwardingMethod::Ipip),
        ["type", "gue", "port", port, rest @ ..] => {
            Some(ForwardingMethod::Gue { port: port.parse().ok()?, checksum: checksum(rest)? })
        }
        ["type", "gre", rest @ ..] => Some(ForwardingMethod::Gre { checksum: checksum(rest)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_every_address_of_it() {
        crate::testing::check_rows(
            [
                ("192.0.2.1", Some((1, "192.0.2.1", "192.0.2.1"))),
                ("192.0.2.1-3", Some((3, "192.0.2.1", "192.0.2.3"))),
                ("192.0.2.254-192.0.3.1", Some((4, "192.0.2.254", "192.0.3.1"))),
                ("192.0.2.9/30", Some((4, "192.0.2.8", "192.0.2.11"))),
                ("2001:db8::1-a", Some((10, "2001:db8::1", "2001:db8::a"))),
                ("2001:db8::8/127", Some((2, "2001:db8::8", "2001:db8::9"))),
                ("192.0.2.3-1", None),
                ("192.0.2.3-300", None),
                ("10.0.0.0/8", None),
                ("::/0", None),
                ("192.0.2.1-2001:db8::1", None),
                ("web", None),
            ],
            |(text, expected)| {
                let found = range(text).ok();
                let ends = found.as_ref().map(|all| (all.len(), all[0].to_string(), all[all.len() - 1].to_string()));
                let expected = expected.map(|(count, first, last)| (count, first.to_owned(), last.to_owned()));
                assert_eq!(ends, expected, "{text}");
            },
        );
    }

    #[test]
    fn a_method_is_read_with_the_options_of_its_tunnel() {
        crate::testing::check_rows(
            [
                ("NAT", Some("masq")),
                ("DR", Some("gate")),
                ("TUN", Some("ipip")),
                ("TUN type gue port 99 csum", Some("gue tun-port:99 tun-csum")),
                ("TUN type gre", Some("gre")),
                ("TUN type gue", None),
                ("DRX", None),
                ("", None),
            ],
            |(text, expected)| {
                let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                let method = forwarding(&words).ok().map(|method| format!("{method}{}", method.options()));
                assert_eq!(method.as_deref(), expected, "{text}");
            },
        );
    }
}
