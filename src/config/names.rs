//! Names without a machine to ask.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::Resolver;
use crate::model::{DnsMember, DnsName, Family, Protocol, Secret};

/// Takes every name for a right one, for checks that must not look at this machine. Equal names have equal answers, and
/// different names different ones.
///
/// The answers are from ranges that nothing is configured in: a text may have names and addresses side by side, and an
/// address that it has would be taken for given twice.
#[derive(Debug, Default)]
pub struct AnyName {
    numbers: RefCell<HashMap<String, u32>>,
}

impl AnyName {
    fn number(&self, name: &str) -> u32 {
        let mut numbers = self.numbers.borrow_mut();
        let next = numbers.len() as u32;
        match numbers.get(name) {
            Some(known) => *known,
            None => *numbers.entry(name.to_owned()).or_insert(next),
        }
    }
}

impl Resolver for AnyName {
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String> {
        let number = self.number(name);
        Ok(match family {
            // 240.0.0.0/4, reserved (RFC 1112, section 4).
            Family::Ipv4 => Ipv4Addr::from(0xf000_0000 | number).into(),
            // 100::/64, where packets are discarded (RFC 6666).
            Family::Ipv6 => Ipv6Addr::from((0x100 << 112) | u128::from(number)).into(),
        })
    }

    fn port(&self, service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
        // 49152 to 65535 are dynamic (RFC 6335, section 6).
        Ok((0xc000 | (self.number(service) & 0x3fff)) as u16)
    }

    fn members(&self, name: &DnsName) -> Result<Vec<DnsMember>, String> {
        Ok(vec![DnsMember::at(self.host(&name.name, name.family)?)])
    }

    fn password(&self, path: &Path) -> Result<Secret, String> {
        Ok(Secret::new(path.to_string_lossy()))
    }
}

/// Knows no name, for texts in which there is none: every name of a declaration was looked up when it was written.
pub struct NoNames;

impl Resolver for NoNames {
    fn host(&self, _name: &str, _family: Family) -> Result<IpAddr, String> {
        Err("expected an address".into())
    }

    fn port(&self, _service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
        Err("expected a number".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_taken_and_told_from_others() {
        let names = AnyName::default();
        let host = |name| names.host(name, Family::Ipv4);
        assert_eq!(host("a"), host("a"));
        assert_ne!(host("a"), host("b"));
        assert_eq!(names.port("mysql", None), names.port("mysql", Some(Protocol::Tcp)));
        assert_ne!(names.port("mysql", None), names.port("www", None));
        let last = (0..=0x1_0000).map(|number| names.host(&number.to_string(), Family::Ipv6)).last();
        assert_ne!(last, Some(names.host("0", Family::Ipv6)));
    }
}
