//! Parameters that several agents share.

use std::net::IpAddr;

use crate::ocf::{Call, Failure};

/// One entry of an `ip` list: `ADDRESS[/PREFIX][@NIC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressEntry {
    pub address: IpAddr,
    pub prefix_length: Option<u8>,
    pub nic: Option<String>,
}

/// The addresses of parameter `ip`, separated by blanks, commas or newlines. Every wrong entry is named.
pub fn address_list(call: &Call) -> Result<Vec<AddressEntry>, Failure> {
    let text = call.text("ip").unwrap_or_default();
    let words: Vec<&str> = text.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        // In the words of the frame, which says it too: equal problems are told once.
        return Err(Failure::bad_parameter("ip: required, but not set"));
    }
    let mut entries: Vec<AddressEntry> = Vec::new();
    let mut failures = Vec::new();
    for word in words {
        match parse_entry(word) {
            Ok(entry) if entries.iter().any(|other| other.address == entry.address && other.nic == entry.nic) => {
                failures.push(Err(Failure::bad_parameter(format!("ip \"{word}\": named twice"))));
            }
            Ok(entry) => entries.push(entry),
            Err(reason) => failures.push(Err(Failure::bad_parameter(format!("ip \"{word}\": {reason}")))),
        }
    }
    Failure::collect(failures)?;
    Ok(entries)
}

fn parse_entry(word: &str) -> Result<AddressEntry, String> {
    let (rest, nic) = match word.split_once('@') {
        Some((_, "")) => return Err("the nic after \"@\" is missing".into()),
        Some((rest, nic)) => (rest, Some(nic.to_owned())),
        None => (word, None),
    };
    let (address, prefix) = match rest.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (rest, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "not an IPv4 or IPv6 address".to_owned())?;
    if address.is_unspecified() || address.is_multicast() {
        return Err("not the address of a host".into());
    }
    let prefix_length = prefix.map(|prefix| prefix_length(address, prefix)).transpose()?;
    Ok(AddressEntry { address, prefix_length, nic })
}

/// A prefix length for `address`: a number, or for IPv4 also a dotted netmask as old configurations have it.
pub fn prefix_length(address: IpAddr, text: &str) -> Result<u8, String> {
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if address.is_ipv4()
        && let Ok(mask) = text.parse::<std::net::Ipv4Addr>()
    {
        let bits = u32::from(mask);
        let length = bits.leading_ones();
        let whole = bits.checked_shl(length).unwrap_or(0) == 0;
        return u8::try_from(length)
            .ok()
            .filter(|length| whole && *length > 0)
            .ok_or_else(|| format!("\"{text}\" is not a netmask: its ones must be on the left, as in 255.255.255.0"));
    }
    let number = text.parse::<u8>().ok().filter(|number| (1..=longest).contains(number));
    number.ok_or_else(|| format!("prefix \"{text}\" is not between 1 and {longest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_may_carry_its_prefix_and_nic() {
        let parse = |word: &str| parse_entry(word).map(|entry| (entry.prefix_length, entry.nic));
        assert_eq!(parse("192.0.2.1"), Ok((None, None)));
        assert_eq!(parse("192.0.2.1/24@eth0"), Ok((Some(24), Some("eth0".into()))));
        assert_eq!(parse("2001:db8::1/64"), Ok((Some(64), None)));
        for (word, reason) in [
            ("300.0.2.1", "not an IPv4 or IPv6 address"),
            ("192.0.2.1/33", "prefix \"33\" is not between 1 and 32"),
            ("2001:db8::1/129", "prefix \"129\" is not between 1 and 128"),
            ("192.0.2.1/", "prefix \"\" is not between 1 and 32"),
            ("192.0.2.1@", "the nic after \"@\" is missing"),
            ("0.0.0.0", "not the address of a host"),
            ("224.0.0.1", "not the address of a host"),
        ] {
            assert_eq!(parse(word), Err(reason.into()), "{word}");
        }
    }

    #[test]
    fn a_dotted_netmask_is_a_prefix_length() {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        for (mask, length) in [("255.255.255.0", 24), ("255.255.255.255", 32), ("128.0.0.0", 1), ("24", 24)] {
            assert_eq!(prefix_length(v4, mask), Ok(length), "{mask}");
        }
        for mask in ["0.0.0.0", "255.0.255.0", "0.255.0.0", "0", "-1", "abc", ""] {
            assert!(prefix_length(v4, mask).is_err(), "{mask}");
        }
        assert!(prefix_length("::1".parse().expect("v6"), "255.255.255.0").is_err());
    }
}
