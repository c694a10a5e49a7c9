//! Files that a user wrote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tests::meanings;
use super::{Family, Protocol, Resolver, parse_file, render};
use crate::seeds::Seeds;

/// Every name is known.
struct AllNames;

impl Resolver for AllNames {
    fn host(&self, _name: &str, family: Family) -> Result<IpAddr, String> {
        Ok(match family {
            Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 1).into(),
            Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        })
    }

    fn port(&self, _service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
        Ok(80)
    }
}

#[test]
fn config_files() {
    let seeds = Seeds::of("config_files");
    bolero::check!(name = "config_files").for_each(|bytes: &[u8]| seeds.each(bytes, read));
}

/// A file is refused with reasons, or its services mean the same when they are declared.
fn read(file: &[u8]) {
    match parse_file(file, &AllNames) {
        Err(problems) => assert!(!problems.is_empty()),
        Ok(config) => {
            let text = render(&config);
            let again =
                parse_file(text.as_bytes(), &AllNames).unwrap_or_else(|problems| panic!("{problems:?}: {text}"));
            assert_eq!(meanings(&again), meanings(&config), "{text}");
            assert_eq!(render(&again), text);
        }
    }
}
