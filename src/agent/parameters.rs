//! Parameters that several agents share: lists of addresses.

mod entry;

use std::collections::HashSet;
use std::path::Path;

use crate::ocf::{Call, Failure, FailureKind, Problems};

pub use entry::{AddressEntry, check_host, later, prefix_length};

/// More would be a slip of the pen: an IPv6 network, for instance, written as a range.
const MOST: usize = 65_536;

/// The addresses of parameter `ip`, each `ADDRESS[-LAST][/PREFIX][@NIC]`, separated by blanks, commas or newlines.
///
/// # Errors
/// Every wrong word, not only the first one.
pub fn address_list(call: &Call) -> Result<Vec<AddressEntry>, Failure> {
    let mut list = AddressList::default();
    list.read(call.text("ip").unwrap_or_default(), FailureKind::BadParameter, |_| "ip".into());
    list.finish()
}

/// Addresses from one or more texts.
#[derive(Debug, Default)]
pub struct AddressList {
    entries: Vec<AddressEntry>,
    problems: Problems,
    known: HashSet<AddressEntry>,
}

impl AddressList {
    /// Adds the words of `text`. `name` says where the words of a line (from 1) stand, for messages. A `#` begins a
    /// comment that reaches to the end of its line.
    pub fn read(&mut self, text: &str, kind: FailureKind, name: impl Fn(usize) -> String) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split('#').next().unwrap_or_default();
            for word in code.split([' ', ',', '\t', '\r']).filter(|word| !word.is_empty()) {
                if let Err(reason) = self.add(word) {
                    let text = format!("{} \"{word}\": {reason}", name(number + 1));
                    self.problems.keep(Err::<(), _>(Failure::new(kind, text)));
                }
            }
        }
    }

    /// Adds the words of a file, which may differ from node to node.
    pub fn read_file(&mut self, parameter: &str, path: &Path) {
        let shown = path.display();
        match std::fs::read_to_string(path) {
            Ok(text) => self.read(&text, FailureKind::BadHere, |line| format!("{parameter} {shown}:{line}")),
            Err(cause) => {
                let text = format!("{parameter} {shown}: read: {cause}");
                self.problems.keep(Err::<(), _>(Failure::bad_here(text)));
            }
        }
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        for entry in entry::parse(word, MOST)? {
            // Its place is what matters: with two prefixes it would be there twice.
            let place = AddressEntry { prefix_length: None, ..entry.clone() };
            if !self.known.insert(place) {
                return Err("named twice".into());
            }
            if self.entries.len() == MOST {
                return Err(format!("more than {MOST} addresses in all"));
            }
            self.entries.push(entry);
        }
        Ok(())
    }

    /// The addresses that could be read, whatever was wrong with others.
    pub fn readable(self) -> Vec<AddressEntry> {
        self.entries
    }

    /// # Errors
    /// Everything that was wrong; no address at all.
    pub fn finish(self) -> Result<Vec<AddressEntry>, Failure> {
        match self.finish_or_empty()? {
            // In the words of the frame, which may say it too: equal problems are told once.
            entries if entries.is_empty() => Err(Failure::bad_parameter("ip: required, but not set")),
            entries => Ok(entries),
        }
    }

    /// As [`AddressList::finish`], where an empty list is one.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish_or_empty(self) -> Result<Vec<AddressEntry>, Failure> {
        self.problems.finish()?;
        Ok(self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut list = AddressList::default();
        list.read(text, FailureKind::BadParameter, |line| format!("ip:{line}"));
        let entries = list.finish().map_err(|failure| failure.to_string())?;
        Ok(entries.iter().map(|entry| entry.address.to_string()).collect())
    }

    #[test]
    fn words_are_separated_by_whatever_people_use() {
        let expected = ["192.0.2.1", "192.0.2.2", "2001:db8::3", "192.0.2.4"].map(String::from).to_vec();
        assert_eq!(read("192.0.2.1 192.0.2.2,2001:db8::3, \n\t192.0.2.4 # the last one"), Ok(expected));
    }

    #[test]
    fn everything_wrong_is_named_with_its_line() {
        let wrong = read("x 192.0.2.1\n192.0.2.1\n192.0.2.1-192.0.2.3").unwrap_err();
        assert_eq!(
            wrong,
            "ip:1 \"x\": not an IPv4 or IPv6 address; ip:2 \"192.0.2.1\": named twice; \
             ip:3 \"192.0.2.1-192.0.2.3\": named twice"
        );
        assert_eq!(read(" , # nothing"), Err("ip: required, but not set".into()));
    }

    #[test]
    fn one_address_may_be_on_two_interfaces_but_not_with_two_prefixes() {
        assert!(read("192.0.2.1@eth0 192.0.2.1@eth1").is_ok());
        assert!(read("192.0.2.1/24 192.0.2.1/32").is_err());
    }

    #[test]
    fn more_than_the_limit_is_refused_whatever_it_is_made_of() {
        assert_eq!(read("10.0.0.0/16 10.1.0.0-10.1.255.255").unwrap_err().matches("more than 65536").count(), 1);
        assert!(read("10.1.0.0-10.1.255.255").is_ok());
    }

    #[test]
    fn a_file_is_named_with_the_line_and_is_wrong_on_this_node_only() {
        let scratch = Scratch::new("addresses");
        let path = scratch.path().join("vips");
        std::fs::write(&path, "# ours\n192.0.2.1\n192.0.2.300\n").expect("write");
        let read = |path: &Path| {
            let mut list = AddressList::default();
            list.read_file("ip_file", path);
            list.finish()
        };
        let wrong = read(&path).unwrap_err();
        assert_eq!(wrong.problems()[0].kind, FailureKind::BadHere);
        let expected = format!("ip_file {}:3 \"192.0.2.300\": not an IPv4 or IPv6 address", path.display());
        assert_eq!(wrong.to_string(), expected);
        let missing = read(&scratch.path().join("nosuch")).unwrap_err();
        assert_eq!(missing.problems()[0].kind, FailureKind::BadHere);
    }
}
