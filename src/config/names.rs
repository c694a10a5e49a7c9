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
/// A text may have names beside addresses, and an address that is an answer too would be taken for given twice: hosts are
/// from ranges that nothing is configured in. There is no such range of ports; theirs begin at the highest.
#[derive(Debug, Default)]
pub struct AnyName {
    hosts: Numbers,
    services: Numbers,
}

/// A number for each name, from 0 on.
#[derive(Debug, Default)]
struct Numbers(RefCell<HashMap<String, u32>>);

impl Numbers {
    fn of(&self, name: &str) -> u32 {
        let mut numbers = self.0.borrow_mut();
        let next = numbers.len() as u32;
        match numbers.get(name) {
            Some(known) => *known,
            None => *numbers.entry(name.to_owned()).or_insert(next),
        }
    }
}

impl Resolver for AnyName {
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String> {
        let number = self.hosts.of(&name.to_ascii_lowercase());
        Ok(match family {
            // 240.0.0.0/4, reserved (RFC 1112, section 4).
            Family::Ipv4 => Ipv4Addr::from(0xf000_0000 | number).into(),
            // 100::/64, where packets are discarded (RFC 6666).
            Family::Ipv6 => Ipv6Addr::from((0x100 << 112) | u128::from(number)).into(),
        })
    }

    fn port(&self, service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
        Ok(u16::MAX - (self.services.of(service) % u32::from(u16::MAX)) as u16)
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn any_name_is_taken_and_told_from_others() {
        let names = AnyName::default();
        let host = |name| names.host(name, Family::Ipv4);
        assert_eq!(host("a"), host("a"));
        assert_ne!(host("a"), host("b"));
        assert_eq!(host("a"), host("A"), "RFC 4343");
        assert_eq!(names.port("mysql", None), names.port("mysql", Some(Protocol::Tcp)));
        assert_ne!(names.port("mysql", None), names.port("www", None));
        let hosts: HashSet<_> = (0..=0x1_0000).map(|number| names.host(&number.to_string(), Family::Ipv6)).collect();
        assert_eq!(hosts.len(), 0x1_0001);
        let ports: HashSet<_> = (2..0xffff).map(|number| names.port(&number.to_string(), None)).collect();
        assert_eq!(ports.len(), 0xfffd);
        assert!(!ports.contains(&Ok(0)));
    }
}
