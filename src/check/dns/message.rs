//! DNS messages (RFC 1035 section 4): the one that asks, and what is in the one that answers. Pure.
//!
//! A query and three kinds of records are a page of code; the libraries that exist bring a resolver of fifty crates along.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const INTERNET: u16 = 1;
const HEADER: usize = 12;
/// RFC 1035 section 2.3.4: of a label, and of a name with the lengths of its labels.
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 255;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    A = 1,
    Ptr = 12,
    Aaaa = 28,
}

/// One question; `name` is as it stands in a message, without compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub id: u16,
    pub record_type: RecordType,
    pub name: Vec<u8>,
}

/// What an answer to our question says.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The addresses or names that were asked for, as text. May be empty.
    Records(Vec<String>),
    /// There is more than fits into a datagram: ask again over TCP.
    Truncated,
    /// `RCODE`.
    Refused(u8),
}

/// Why a message is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It answers another question, or none.
    NotOurs,
    /// It ends too early or contradicts itself.
    Broken,
}

/// The name in the form that a message has it.
///
/// # Errors
/// What was expected instead.
pub fn encode_name(name: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let length =
            u8::try_from(label.len()).ok().filter(|length| (1..=LONGEST_LABEL).contains(&usize::from(*length)));
        let is_printable = label.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(length) = length.filter(|_| is_printable) else {
            return Err("expected a host name or an address");
        };
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() > LONGEST_NAME { Err("expected a host name of at most 253 letters") } else { Ok(bytes) }
}

/// The name under which the name of an address is kept (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse_name(address: IpAddr) -> String {
    let mut name = String::new();
    match address {
        IpAddr::V4(address) => {
            address.octets().iter().rev().for_each(|octet| name += &format!("{octet}."));
            name + "in-addr.arpa"
        }
        IpAddr::V6(address) => {
            let digits = |octet: &u8| format!("{:x}.{:x}.", octet & 0xf, octet >> 4);
            address.octets().iter().rev().for_each(|octet| name += &digits(octet));
            name + "ip6.arpa"
        }
    }
}

impl Query {
    /// A standard query that wants recursion, as ldirectord's.
    pub fn encode(&self) -> Vec<u8> {
        const RECURSION_DESIRED: u16 = 0x0100;
        let mut bytes = Vec::with_capacity(HEADER + self.name.len() + 4);
        for word in [self.id, RECURSION_DESIRED, 1, 0, 0, 0] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(&self.name);
        for word in [self.record_type as u16, INTERNET] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// What a message says to this question.
    pub fn decode_reply(&self, message: &[u8]) -> Result<Reply, Wrong> {
        let mut reader = Reader { message, at: 0 };
        let mut header = [0_u16; HEADER / 2];
        for word in &mut header {
            *word = reader.word().ok_or(Wrong::NotOurs)?;
        }
        let [id, flags, questions, answers, _authorities, _additional] = header;
        let is_response_to_a_query = flags & 0xf800 == 0x8000;
        if id != self.id || !is_response_to_a_query {
            return Err(Wrong::NotOurs);
        }
        let code = (flags & 0xf) as u8;
        // A server that did not even understand the question need not repeat it.
        if code != 0 && questions == 0 {
            return Ok(Reply::Refused(code));
        }
        if questions != 1 || !self.is_repeated_by(&mut reader).ok_or(Wrong::Broken)? {
            return Err(Wrong::NotOurs);
        }
        if code != 0 {
            return Ok(Reply::Refused(code));
        }
        if flags & 0x0200 != 0 {
            return Ok(Reply::Truncated);
        }
        let mut records = Vec::new();
        for _ in 0..answers {
            records.extend(self.record(&mut reader).ok_or(Wrong::Broken)?);
        }
        Ok(Reply::Records(records))
    }

    fn is_repeated_by(&self, reader: &mut Reader) -> Option<bool> {
        let name = reader.name()?;
        let (record_type, class) = (reader.word()?, reader.word()?);
        let ours = Reader { message: &self.name, at: 0 }.name()?;
        Some(name.eq_ignore_ascii_case(&ours) && record_type == self.record_type as u16 && class == INTERNET)
    }

    /// The next record, if it is one of those that were asked for: an alias on the way to them is not.
    fn record(&self, reader: &mut Reader) -> Option<Option<String>> {
        reader.name()?;
        let (record_type, class) = (reader.word()?, reader.word()?);
        let _time_to_live = (reader.word()?, reader.word()?);
        let length = usize::from(reader.word()?);
        let (start, data) = (reader.at, reader.take(length)?);
        if record_type != self.record_type as u16 || class != INTERNET {
            return Some(None);
        }
        let text = match self.record_type {
            RecordType::A => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string(),
            RecordType::Aaaa => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string(),
            RecordType::Ptr => Reader { message: reader.message, at: start }.name()?,
        };
        Some(Some(text))
    }
}

/// A place in a message. Every step says whether the message is long enough for it.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A name, its labels with dots between them. A pointer leads to an earlier place of the message (section 4.1.4), always
    /// earlier than the one before: so there is an end.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let (mut length, mut start, mut end) = (0, self.at, None);
        loop {
            let first = self.byte()?;
            match first >> 6 {
                0 if first == 0 => break,
                0 => {
                    let label = self.take(first.into())?;
                    length += label.len() + 1;
                    if length > LONGEST_NAME {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    label.iter().for_each(|byte| push_escaped(&mut name, *byte));
                }
                0b11 => {
                    let target = usize::from(first & 0x3f) << 8 | usize::from(self.byte()?);
                    end.get_or_insert(self.at);
                    if target >= start {
                        return None;
                    }
                    (start, self.at) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(self.at);
        Some(name)
    }
}

/// As zone files write it (section 5.1).
fn push_escaped(name: &mut String, byte: u8) {
    match byte {
        b'.' | b'\\' => name.extend(['\\', char::from(byte)]),
        _ if byte.is_ascii_graphic() => name.push(char::from(byte)),
        _ => *name += &format!("\\{byte:03}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(record_type: RecordType, name: &str) -> Query {
        Query { id: 0x1234, record_type, name: encode_name(name).expect(name) }
    }

    /// Bind 9.18's answer to `dig +noedns www.example.test`, an alias of `web` with two addresses.
    const ALIAS: &[u8] = b"\x12\x34\x85\x80\0\x01\0\x03\0\0\0\0\
        \x03www\x07example\x04test\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\x0e\x10\0\x06\x03web\xc0\x10\
        \xc0\x2e\0\x01\0\x01\0\0\x0e\x10\0\x04\x0a\x01\0\x02\
        \xc0\x2e\0\x01\0\x01\0\0\x0e\x10\0\x04\x0a\x01\0\x03";

    #[test]
    fn a_query_has_these_bytes() {
        let bytes = query(RecordType::A, "www.example.test.").encode();
        assert_eq!(bytes, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x01\0\x01");
        assert_eq!(reverse_name([10, 1, 0, 2].into()), "2.0.1.10.in-addr.arpa");
        let wanted = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reverse_name("2001:db8::1".parse().expect("address")), wanted);
        assert_eq!(query(RecordType::Ptr, wanted).encode().len(), HEADER + 2 + wanted.len() + 4);
    }

    #[test]
    fn names_that_no_server_has_are_refused() {
        let long = "a".repeat(64);
        let deep = "abc.".repeat(64);
        for name in ["", ".", "a..b", ".a", "a b", "größe", long.as_str(), deep.as_str()] {
            assert!(encode_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_answer_to_our_question_has_its_records() {
        let www = query(RecordType::A, "WWW.example.test");
        assert_eq!(www.decode_reply(ALIAS), Ok(Reply::Records(vec!["10.1.0.2".into(), "10.1.0.3".into()])));
        for (name, record_type, id) in [
            ("ww2.example.test", RecordType::A, 0x1234),
            ("www.example.test", RecordType::Aaaa, 0x1234),
            ("www.example.test", RecordType::A, 0x1235),
        ] {
            assert_eq!(
                Query { id, ..query(record_type, name) }.decode_reply(ALIAS),
                Err(Wrong::NotOurs),
                "{name} {id}"
            );
        }
        let with_flags = |flags: [u8; 2]| {
            let mut message = ALIAS.to_vec();
            message.splice(2..4, flags);
            www.decode_reply(&message)
        };
        assert_eq!(with_flags([0x05, 0x80]), Err(Wrong::NotOurs), "a query");
        assert_eq!(with_flags([0x87, 0x80]), Ok(Reply::Truncated));
        assert_eq!(with_flags([0x85, 0x83]), Ok(Reply::Refused(3)));
        assert_eq!(www.decode_reply(b"\x12\x34\x80\x01\0\0\0\0\0\0\0\0"), Ok(Reply::Refused(1)));
    }

    #[test]
    fn the_name_of_an_address_is_unpacked() {
        let name = reverse_name([10, 1, 0, 2].into());
        let mut message = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0".to_vec();
        message.extend(encode_name(&name).expect("name"));
        message.extend(b"\0\x0c\0\x01\xc0\x0c\0\x0c\0\x01\0\0\x0e\x10\0\x0c\x03w.b\x05mixed\xc0\x1d");
        let reply = query(RecordType::Ptr, &name).decode_reply(&message);
        assert_eq!(reply, Ok(Reply::Records(vec!["w\\.b.mixed.arpa".into()])));
    }

    #[test]
    fn every_truncation_is_an_error_and_pointers_lead_back_only() {
        let www = query(RecordType::A, "www.example.test");
        for end in 0..ALIAS.len() {
            www.decode_reply(&ALIAS[..end]).expect_err("cut off");
        }
        let head = b"\x12\x34\x85\x80\0\x01\0\0\0\0\0\0";
        for name in
            [b"\xc0\x0c".as_slice(), b"\x01a\xc0\x0c", b"\x01a\xc0\x0e", b"\xc0\x0e\xc0\x0c", b"\x40a", b"\xff\xff"]
        {
            let message = [head.as_slice(), name, b"\0\x01\0\x01"].concat();
            assert_eq!(www.decode_reply(&message), Err(Wrong::Broken), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(mut message in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
            if ours {
                message.splice(0..message.len().min(HEADER), ALIAS[..HEADER].iter().copied());
            }
            for record_type in [RecordType::A, RecordType::Aaaa, RecordType::Ptr] {
                let _ = query(record_type, "www.example.test").decode_reply(&message);
            }
        }
    }
}
