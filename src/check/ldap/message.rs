//! LDAP messages (RFC 4511): the three that a check sends, and those that answer. Pure.
//!
//! The LDAP libraries that exist read an answer of any announced length into the memory, which a broken server must not be
//! able to fill; what a check needs is little enough to be written here.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_RESPONSE: u8 = 0x78;
const SIMPLE_PASSWORD: u8 = 0x80;
const PRESENT: u8 = 0x87;

/// What a server sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    Bound(Outcome),
    Entry(Entry),
    /// Where else one might ask: no entry.
    Reference,
    Done(Outcome),
    /// The server says that it will close the connection, and why.
    Disconnection(Outcome),
}

/// `LDAPResult`.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: u32,
    pub message: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: Vec<u8>,
    /// Each value as `ATTRIBUTE: VALUE`.
    pub values: Vec<Vec<u8>>,
}

/// Binds as `login`, or as nobody where it is empty.
pub fn encode_bind(id: u8, login: &str, passwd: &str) -> Vec<u8> {
    let version = element(INTEGER, &[3]);
    let (login, passwd) = (element(OCTET_STRING, login.as_bytes()), element(SIMPLE_PASSWORD, passwd.as_bytes()));
    message(id, element(BIND_REQUEST, &[version, login, passwd].concat()))
}

/// Asks for the entry of this name and all its attributes, as ldirectord: whatever its class is, aliases on the way
/// followed, without limits.
pub fn encode_search(id: u8, base: &str) -> Vec<u8> {
    let (base_object, finding_aliases, no_limit, values_too) = (&[0], &[2], &[0], &[0]);
    let parts = [
        element(OCTET_STRING, base.as_bytes()),
        element(ENUMERATED, base_object),
        element(ENUMERATED, finding_aliases),
        element(INTEGER, no_limit),
        element(INTEGER, no_limit),
        element(0x01, values_too),
        element(PRESENT, b"objectClass"),
        element(SEQUENCE, b""),
    ];
    message(id, element(SEARCH_REQUEST, &parts.concat()))
}

/// Says goodbye.
pub fn encode_unbind(id: u8) -> Vec<u8> {
    message(id, element(UNBIND_REQUEST, b""))
}

fn message(id: u8, operation: Vec<u8>) -> Vec<u8> {
    element(SEQUENCE, &[element(INTEGER, &[id]), operation].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            bytes.push(0x84);
            bytes.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// What follows the first octet of a length: how many octets more it has, or the length itself (RFC 4511 section 5.1: never
/// the indefinite form).
pub enum Length {
    Is(usize),
    Follows(usize),
}

impl Length {
    pub fn decode(first: u8) -> Option<Self> {
        match first {
            0..=0x7f => Some(Self::Is(first.into())),
            0x81..=0x84 => Some(Self::Follows(usize::from(first & 0x7f))),
            _ => None,
        }
    }

    /// The octets that followed.
    pub fn decode_rest(octets: &[u8]) -> Option<usize> {
        octets.iter().try_fold(0_usize, |length, octet| length.checked_mul(256)?.checked_add((*octet).into()))
    }
}

impl Response {
    /// The content of a message, which is what its `SEQUENCE` holds, if it answers the request of this number. `None`: it
    /// makes no sense, or is for another.
    pub fn decode(content: &[u8], id: u8) -> Option<Self> {
        let mut parts = Reader(content);
        let number = parts.number(INTEGER)?;
        let (tag, content) = parts.element()?;
        if tag == EXTENDED_RESPONSE && number == 0 {
            return outcome(content).map(Self::Disconnection);
        }
        if number != u32::from(id) {
            return None;
        }
        match tag {
            BIND_RESPONSE => outcome(content).map(Self::Bound),
            SEARCH_ENTRY => entry(content).map(Self::Entry),
            SEARCH_REFERENCE => Some(Self::Reference),
            SEARCH_DONE => outcome(content).map(Self::Done),
            _ => None,
        }
    }
}

fn outcome(content: &[u8]) -> Option<Outcome> {
    let mut parts = Reader(content);
    let code = parts.number(ENUMERATED)?;
    let _matched_name = parts.expect(OCTET_STRING)?;
    Some(Outcome { code, message: String::from_utf8_lossy(parts.expect(OCTET_STRING)?).into_owned() })
}

fn entry(content: &[u8]) -> Option<Entry> {
    let mut parts = Reader(content);
    let name = parts.expect(OCTET_STRING)?.to_vec();
    let (mut attributes, mut values) = (Reader(parts.expect(SEQUENCE)?), Vec::new());
    while !attributes.0.is_empty() {
        let mut attribute = Reader(attributes.expect(SEQUENCE)?);
        let kind = attribute.expect(OCTET_STRING)?;
        let mut of_kind = Reader(attribute.expect(SET)?);
        while !of_kind.0.is_empty() {
            values.push([kind, b": ", of_kind.expect(OCTET_STRING)?].concat());
        }
    }
    Some(Entry { name, values })
}

/// Elements one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let &[tag, first] = self.0.first_chunk()?;
        let (length, start) = match Length::decode(first)? {
            Length::Is(length) => (length, 2),
            Length::Follows(octets) => (Length::decode_rest(self.0.get(2..2 + octets)?)?, 2 + octets),
        };
        let end = start.checked_add(length)?;
        let content = self.0.get(start..end)?;
        self.0 = self.0.get(end..)?;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    fn number(&mut self, tag: u8) -> Option<u32> {
        let octets = self.expect(tag)?;
        Length::decode_rest(octets).filter(|_| !octets.is_empty())?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Answers of OpenLDAP 2.5: to an anonymous bind, to a search, and to one for nothing that exists.
    const BOUND: &[u8] = b"\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
    const ENTRY: &[u8] = b"\x02\x01\x02\x64\x30\x04\x07dc=test\x30\x25\x30\x17\x04\x0bobjectClass\x31\x08\
        \x04\x06domain\x30\x0a\x04\x02dc\x31\x04\x04\x02ab";
    const DONE: &[u8] = b"\x02\x01\x02\x65\x0a\x0a\x01\x20\x04\0\x04\x03no!";

    #[test]
    fn requests_have_these_bytes() {
        assert_eq!(encode_bind(1, "", ""), b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0");
        assert_eq!(encode_bind(1, "cn=a", "b"), b"\x30\x11\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=a\x80\x01b");
        let search = b"\x30\x2c\x02\x01\x02\x63\x27\x04\x07dc=test\x0a\x01\0\x0a\x01\x02\x02\x01\0\x02\x01\0\x01\x01\0\
            \x87\x0bobjectClass\x30\0";
        assert_eq!(encode_search(2, "dc=test"), search);
        assert_eq!(encode_unbind(3), b"\x30\x05\x02\x01\x03\x42\0");
        let long = encode_search(2, &"x".repeat(300));
        assert_eq!(long[..6], *b"\x30\x84\0\0\x01\x59");
        assert_eq!(long.len(), 6 + 0x159);
    }

    #[test]
    fn responses_are_understood() {
        let outcome = |code, message: &str| Outcome { code, message: message.into() };
        assert_eq!(Response::decode(BOUND, 1), Some(Response::Bound(outcome(0, ""))));
        assert_eq!(Response::decode(DONE, 2), Some(Response::Done(outcome(32, "no!"))));
        let values = vec![b"objectClass: domain".to_vec(), b"dc: ab".to_vec()];
        assert_eq!(Response::decode(ENTRY, 2), Some(Response::Entry(Entry { name: b"dc=test".to_vec(), values })));
        assert_eq!(Response::decode(b"\x02\x01\x02\x73\0", 2), Some(Response::Reference));
        let notice = b"\x02\x01\0\x78\x07\x0a\x01\x34\x04\0\x04\0";
        assert_eq!(Response::decode(notice, 2), Some(Response::Disconnection(outcome(52, ""))));
        // Lengths in the long form, which some servers always use.
        let long = b"\x02\x84\0\0\0\x01\x01\x61\x81\x07\x0a\x01\0\x04\0\x04\0";
        assert_eq!(Response::decode(long, 1), Some(Response::Bound(outcome(0, ""))));
    }

    #[test]
    fn what_is_cut_off_or_for_another_request_is_no_response() {
        for (message, id) in [(BOUND, 1), (DONE, 2), (ENTRY, 2)] {
            assert_eq!(Response::decode(message, id + 1), None);
            for end in 0..message.len() {
                assert_eq!(Response::decode(&message[..end], id), None, "{end} of {message:?}");
            }
        }
        for wrong in
            [b"\x02\x80\x61\0".as_slice(), b"\x02\x88\0\0\0\0\0\0\0\x01\x01", b"\x02\0\x61\0", b"\x04\x01\x01\x61\0"]
        {
            assert_eq!(Response::decode(wrong, 1), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0..ENTRY.len(), byte: u8) {
            let _ = Response::decode(&bytes, 1);
            let mut changed = ENTRY.to_vec();
            changed[at] = byte;
            let _ = Response::decode(&changed, 2);
        }
    }
}
