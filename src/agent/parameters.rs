//! The kind of parameter that several agents share: a list of addresses.

mod entry;

use std::io::{self, Read};
use std::path::Path;

use foldhash::HashSet;

use crate::ocf::{Failure, FailureKind, Problems};
use crate::system::open_regular;

pub use entry::{AddressEntry, check_host, later, prefix_length};

/// The most addresses of a list. More would be a typing error: an IPv6 network, for instance, written as a range.
const MOST: usize = 65_536;

/// The largest file, in bytes: the longest list of [`MOST`] addresses, each with prefix and interface, has half of it.
const LARGEST_FILE: u64 = 8 << 20;

/// Reads the value of parameter `ip`: addresses, each `ADDRESS[-LAST][/PREFIX][@NIC]`, separated by blanks, commas or
/// newlines.
///
/// # Errors
/// The failure names every wrong word, not only the first one.
pub fn address_list(text: &str) -> Result<Vec<AddressEntry>, Failure> {
    let mut list = AddressList::default();
    list.read_text("ip", text);
    list.finish()
}

/// Reads the same value without the words that cannot be read: for a stop, which must do what it can.
pub fn readable_addresses(text: &str) -> Vec<AddressEntry> {
    let mut list = AddressList::default();
    list.read_text("ip", text);
    list.readable()
}

/// Addresses from one or more texts.
#[derive(Debug, Default)]
pub struct AddressList {
    entries: Vec<AddressEntry>,
    problems: Problems,
    known: HashSet<AddressEntry>,
}

impl AddressList {
    /// Adds the words of a parameter's value. A `#` begins a comment that reaches to the end of its line.
    pub fn read_text(&mut self, parameter: &str, text: &str) {
        self.read(text, FailureKind::BadParameter, |_, word| format!("{parameter} \"{word}\""));
    }

    /// Adds the words of a file, which may differ from node to node. Messages name the line and never quote it: they go
    /// into the cluster's configuration, which more people can read than the file.
    pub fn read_file(&mut self, parameter: &str, path: &Path) {
        let shown = path.display();
        match read_list(path) {
            Ok(text) => self.read(&text, FailureKind::BadHere, |line, _| format!("{parameter} {shown}:{line}")),
            Err(cause) => {
                let text = format!("{parameter} {shown}: read: {cause}");
                self.problems.keep(Err::<(), _>(Failure::bad_here(text)));
            }
        }
    }

    /// Adds the words of a text. `name` says in messages where a word of a line (counted from 1) stands.
    fn read(&mut self, text: &str, kind: FailureKind, name: impl Fn(usize, &str) -> String) {
        for (number, line) in text.lines().enumerate() {
            let words = line.split('#').next().unwrap_or_default();
            for word in words.split([' ', ',', '\t', '\r']).filter(|word| !word.is_empty()) {
                if let Err(reason) = self.add(word) {
                    let text = format!("{}: {reason}", name(number + 1, word));
                    self.problems.keep(Err::<(), _>(Failure::new(kind, text)));
                }
            }
        }
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        for entry in entry::parse(word, MOST)? {
            // The interface alone tells two entries of an address apart: with two prefixes the address would be there
            // twice.
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

    /// Returns the addresses that could be read, whatever was wrong with others.
    pub fn readable(self) -> Vec<AddressEntry> {
        self.entries
    }

    /// # Errors
    /// It fails with everything that was wrong, or when there is no address at all.
    pub fn finish(self) -> Result<Vec<AddressEntry>, Failure> {
        match self.finish_or_empty()? {
            // These are the words of the frame, which may report it too: equal problems are shown once.
            entries if entries.is_empty() => Err(Failure::bad_parameter("ip: required, but not set")),
            entries => Ok(entries),
        }
    }

    /// Does the same as [`AddressList::finish`], where the list may be empty.
    ///
    /// # Errors
    /// It fails with everything that was wrong.
    pub fn finish_or_empty(self) -> Result<Vec<AddressEntry>, Failure> {
        self.problems.finish()?;
        Ok(self.entries)
    }
}

/// Reads a file that may be a list of addresses: neither a device or pipe, which might never end, nor one that is much
/// too long.
fn read_list(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_regular(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        let text = format!("larger than {} MiB: not a list of at most {MOST} addresses", LARGEST_FILE >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, check_rows};

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut list = AddressList::default();
        list.read(text, FailureKind::BadParameter, |line, word| format!("ip:{line} \"{word}\""));
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
        let expected = format!("ip_file {}:3: not an IPv4 or IPv6 address", path.display());
        assert_eq!(wrong.to_string(), expected);
        let missing = read(&scratch.path().join("nosuch")).unwrap_err();
        assert_eq!(missing.problems()[0].kind, FailureKind::BadHere);
    }

    #[test]
    fn no_message_about_a_file_has_a_word_of_it() {
        let scratch = Scratch::new("secrets");
        let path = scratch.path().join("shadow");
        const SECRET: &str = "s3cret";
        check_rows(
            [
                "root:$6$s3cret:19000:0:99999:7:::",
                "192.0.2.9/s3cret",
                "192.0.2.9/255.s3cret",
                "192.0.2.9-s3cret",
                "s3cret-192.0.2.9@s3cret",
                "2001:db8::1/s3cret@eth0",
                "a/s3cret",
            ],
            |line| {
                std::fs::write(&path, line).expect("write");
                let mut list = AddressList::default();
                list.read_file("ip_file", &path);
                let text = list.finish().expect_err(line).to_string();
                assert!(!text.contains(SECRET) && text.contains("shadow:1: "), "{line}: {text}");
            },
        );
    }

    #[test]
    fn what_cannot_be_a_list_is_refused_without_reading_it_to_the_end() {
        let scratch = Scratch::new("no-list");
        let (pipe, long) = (scratch.path().join("pipe"), scratch.path().join("long"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("pipe");
        std::fs::write(&long, vec![b'\n'; 8 << 20]).expect("write");
        let read = |path: &Path| read_list(path).map(|text| text.len()).map_err(|cause| cause.to_string());
        assert_eq!(read(&long), Ok(8 << 20));
        std::fs::write(&long, vec![b'\n'; (8 << 20) + 1]).expect("write");
        assert!(read(&long).expect_err("long").starts_with("larger than 8 MiB"));
        assert_eq!(read(&pipe), Err("not a regular file".into()));
        assert_eq!(read(Path::new("/dev/zero")), Err("not a regular file".into()));
    }
}
