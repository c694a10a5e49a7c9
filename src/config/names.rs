//! Names without a machine to ask.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::Resolver;
use crate::model::{DnsMember, DnsName, Family, Protocol, Secret};

/// Takes every name for a right one, for checks that must not look at this machine. Equal names have equal answers, and
/// different names different ones.
#[derive(Debug, Default)]
pub struct AnyName {
    numbers: RefCell<HashMap<String, u16>>,
}

impl AnyName {
    fn number(&self, name: &str) -> u16 {
        let mut numbers = self.numbers.borrow_mut();
        let next = numbers.len() as u16;
        match numbers.get(name) {
            Some(known) => *known,
            None => *numbers.entry(name.to_owned()).or_insert(next),
        }
    }
}

impl Resolver for AnyName {
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String> {
        let number = self.number(name);
        let [high, low] = number.to_be_bytes();
        Ok(match family {
            // RFC 2544 and RFC 3849: addresses of nobody.
            Family::Ipv4 => Ipv4Addr::new(198, 18, high, low).into(),
            Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into(),
        })
    }

    fn port(&self, service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
        Ok(self.number(service) % 0x8000 + 0x4000)
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
    }
}
