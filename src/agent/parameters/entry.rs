//! One word of a list of addresses: `ADDRESS[-LAST][/PREFIX][@NIC]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Family;

/// One address of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressEntry {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix, where the word has one.
    pub prefix_length: Option<u8>,
    /// The interface, where the word names one.
    pub nic: Option<String>,
}

impl AddressEntry {
    /// Whether every interface has the network of this address, so that no route tells which one is meant.
    pub fn needs_nic(&self) -> bool {
        matches!(self.address, IpAddr::V6(address) if address.is_unicast_link_local())
    }
}

/// Returns the addresses that `word` stands for, at most `most`. Reasons never quote the word: it may come from a file
/// that only root may read.
pub fn parse(word: &str, most: usize) -> Result<Vec<AddressEntry>, String> {
    let (rest, nic) = match word.split_once('@') {
        Some((_, "")) => return Err("the nic after \"@\" is missing".into()),
        Some((rest, nic)) => (rest, Some(nic)),
        None => (word, None),
    };
    let (range, prefix) = match rest.split_once('/') {
        Some((range, prefix)) => (range, Some(prefix)),
        None => (rest, None),
    };
    let addresses = match range.split_once('-') {
        Some((first, last)) => addresses_between(host_address(first)?, host_address(last)?, most)?,
        None => vec![host_address(range)?],
    };
    let length = |address| prefix.map(|prefix| prefix_length(address, prefix)).transpose();
    let entry = |address| Ok(AddressEntry { address, prefix_length: length(address)?, nic: nic.map(Into::into) });
    addresses.into_iter().map(entry).collect()
}

fn host_address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| "not an IPv4 or IPv6 address".to_owned())?;
    check_host(address)?;
    Ok(address)
}

/// Fails when an interface cannot have the address.
pub fn check_host(address: IpAddr) -> Result<(), String> {
    let is_for_all = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    match address.is_unspecified() || address.is_multicast() || is_for_all {
        true => Err("not the address of a host".into()),
        false => Ok(()),
    }
}

fn addresses_between(first: IpAddr, last: IpAddr, most: usize) -> Result<Vec<IpAddr>, String> {
    if Family::of(first) != Family::of(last) {
        return Err("a range from one address family to the other".into());
    }
    let count = number(last).checked_sub(number(first)).ok_or("the last address is before the first")?;
    if count >= most as u128 {
        return Err(format!("a range of more than {most} addresses"));
    }
    Ok((0..=count).map(|offset| later(first, offset)).collect())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Returns the address `offset` after this one. The first address of a family follows its last one.
pub fn later(address: IpAddr, offset: u128) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().wrapping_add(offset as u32)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().wrapping_add(offset)).into(),
    }
}

/// Reads a prefix length for `address`: a number, or for IPv4 also a dotted netmask as old configurations have it.
pub fn prefix_length(address: IpAddr, text: &str) -> Result<u8, String> {
    let longest = Family::of(address).bits();
    if address.is_ipv4()
        && let Ok(mask) = text.parse::<Ipv4Addr>()
    {
        let bits = u32::from(mask);
        let length = bits.leading_ones();
        let whole = bits.checked_shl(length).unwrap_or(0) == 0;
        return u8::try_from(length)
            .ok()
            .filter(|length| whole && *length > 0)
            .ok_or_else(|| "not a netmask: its ones must be on the left, as in 255.255.255.0".into());
    }
    let number = text.parse::<u8>().ok().filter(|number| (1..=longest).contains(number));
    number.ok_or_else(|| format!("the prefix is not between 1 and {longest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn an_entry_may_carry_its_prefix_and_nic() {
        let one = |word: &str| {
            let entries = parse(word, 10)?;
            assert_eq!(entries.len(), 1, "{word}");
            Ok::<_, String>((entries[0].prefix_length, entries[0].nic.clone()))
        };
        assert_eq!(one("192.0.2.1"), Ok((None, None)));
        assert_eq!(one("192.0.2.1/24@eth0"), Ok((Some(24), Some("eth0".into()))));
        assert_eq!(one("2001:db8::1/64"), Ok((Some(64), None)));
        check_rows(
            [
                ("300.0.2.1", "not an IPv4 or IPv6 address"),
                ("192.0.2.1/33", "the prefix is not between 1 and 32"),
                ("2001:db8::1/129", "the prefix is not between 1 and 128"),
                ("192.0.2.1/", "the prefix is not between 1 and 32"),
                ("192.0.2.1@", "the nic after \"@\" is missing"),
                ("0.0.0.0", "not the address of a host"),
                ("224.0.0.1", "not the address of a host"),
                ("255.255.255.255", "not the address of a host"),
                ("192.0.2.1-", "not an IPv4 or IPv6 address"),
                ("192.0.2.2-192.0.2.1", "the last address is before the first"),
                ("192.0.2.2-2001:db8::1", "a range from one address family to the other"),
                ("192.0.2.0-192.0.2.10", "a range of more than 10 addresses"),
                ("2001:db8::-2001:db8:ffff::", "a range of more than 10 addresses"),
            ],
            |(word, reason)| {
                assert_eq!(one(word), Err(reason.into()), "{word}");
            },
        );
    }

    #[test]
    fn a_range_stands_for_every_address_from_the_first_to_the_last() {
        let texts = |word: &str| -> Vec<String> {
            let entries = parse(word, 10).expect(word);
            assert!(entries.iter().all(|entry| entry.nic == entries[0].nic), "{word}");
            entries.iter().map(|entry| format!("{}/{:?}", entry.address, entry.prefix_length)).collect()
        };
        assert_eq!(texts("192.0.2.254-192.0.3.1/24@eth1").first().map(String::as_str), Some("192.0.2.254/Some(24)"));
        assert_eq!(texts("192.0.2.254-192.0.3.1/24@eth1").last().map(String::as_str), Some("192.0.3.1/Some(24)"));
        assert_eq!(texts("192.0.2.254-192.0.3.1").len(), 4);
        assert_eq!(texts("2001:db8::ffff-2001:db8::1:0"), ["2001:db8::ffff/None", "2001:db8::1:0/None"]);
        assert_eq!(texts("192.0.2.1-192.0.2.1").len(), 1);
        assert_eq!(parse("192.0.2.1-192.0.2.10", 10).map(|entries| entries.len()), Ok(10));
    }

    #[test]
    fn a_dotted_netmask_is_a_prefix_length() {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        check_rows([("255.255.255.0", 24), ("255.255.255.255", 32), ("128.0.0.0", 1), ("24", 24)], |(mask, length)| {
            assert_eq!(prefix_length(v4, mask), Ok(length), "{mask}");
        });
        check_rows(["0.0.0.0", "255.0.255.0", "0.255.0.0", "0", "-1", "abc", ""], |mask| {
            assert!(prefix_length(v4, mask).is_err(), "{mask}");
        });
        assert!(prefix_length("::1".parse().expect("v6"), "255.255.255.0").is_err());
    }
}
