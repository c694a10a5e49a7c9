//! RADIUS packets (RFC 2865): one that asks for access, and whether another answers it. Pure.
//!
//! A page of code: the library that exists brings a runtime, a calendar and dictionaries of four hundred vendors along.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

const ACCESS_REQUEST: u8 = 1;
const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const NAS_IP_ADDRESS: u8 = 4;
const REPLY_MESSAGE: u8 = 18;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const NAS_IPV6_ADDRESS: u8 = 95;

const HEADER: usize = 20;
const BLOCK: usize = 16;
/// Of the value of an attribute, whose length with type and length is one octet.
pub const LONGEST_VALUE: usize = 253;
/// RFC 2865 section 5.2.
pub const LONGEST_PASSWORD: usize = 128;

/// Who asks for access, and what ties the answer to the question.
pub struct Request<'a> {
    pub id: u8,
    /// Nobody may guess it: the password is hidden with it, and the answer proves itself with it.
    pub authenticator: [u8; BLOCK],
    pub login: &'a str,
    pub passwd: &'a str,
    pub secret: &'a str,
    /// This host, as the server sees it.
    pub client: IpAddr,
}

/// What a server says of a request for access.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Accept,
    /// With the server's words, which may be none.
    Reject(String),
    Challenge,
    Other(u8),
}

impl Request<'_> {
    /// The packet. A server that was told of CVE-2024-3596 takes none without a Message-Authenticator (RFC 3579 section
    /// 3.2), which ldirectord did not send; it comes first, so that what follows cannot be forged.
    pub fn encode(&self) -> Vec<u8> {
        let mut attributes = Vec::new();
        let mut push = |kind: u8, value: &[u8]| {
            let value = value.get(..LONGEST_VALUE).unwrap_or(value);
            attributes.extend([kind, u8::try_from(value.len() + 2).unwrap_or(u8::MAX)]);
            attributes.extend_from_slice(value);
        };
        push(MESSAGE_AUTHENTICATOR, &[0; BLOCK]);
        push(USER_NAME, self.login.as_bytes());
        push(USER_PASSWORD, &self.hidden_password());
        match self.client {
            IpAddr::V4(address) => push(NAS_IP_ADDRESS, &address.octets()),
            IpAddr::V6(address) => push(NAS_IPV6_ADDRESS, &address.octets()),
        }
        let length = u16::try_from(HEADER + attributes.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut packet = [&[ACCESS_REQUEST, self.id], &length[..], &self.authenticator, &attributes].concat();
        let proof = self.proof(&[&packet]);
        let place = HEADER + 2;
        packet.splice(place..place + BLOCK, proof);
        packet
    }

    /// RFC 2865 section 5.2: each block is hidden with the one before it.
    fn hidden_password(&self) -> Vec<u8> {
        let bytes = self.passwd.as_bytes();
        let bytes = bytes.get(..LONGEST_PASSWORD).unwrap_or(bytes);
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(BLOCK).max(BLOCK), 0);
        let mut hidden: Vec<u8> = Vec::with_capacity(padded.len());
        let mut before = self.authenticator;
        for block in padded.chunks_exact(BLOCK) {
            let key = Md5::new().chain_update(self.secret).chain_update(before).finalize();
            for ((byte, mask), place) in block.iter().zip(key).zip(&mut before) {
                *place = byte ^ mask;
            }
            hidden.extend(before);
        }
        hidden
    }

    /// What the packet that arrived says, if it answers this request: `None` for any other, and for one that somebody
    /// sent who does not know the secret (section 3).
    pub fn decode_reply(&self, packet: &[u8]) -> Option<Reply> {
        let &[code, id, high, low] = packet.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        // What follows is padding.
        let packet = packet.get(..length)?;
        let (start, authenticator) = (packet.get(..4)?, packet.get(4..HEADER)?);
        let attributes = packet.get(HEADER..)?;
        let digest = Md5::new().chain_update(start).chain_update(self.authenticator);
        let digest = digest.chain_update(attributes).chain_update(self.secret).finalize();
        if id != self.id || digest[..] != *authenticator || !self.is_proved(start, attributes)? {
            return None;
        }
        Some(match code {
            2 => Reply::Accept,
            3 => Reply::Reject(message(attributes)),
            11 => Reply::Challenge,
            code => Reply::Other(code),
        })
    }

    /// A Message-Authenticator need not be there, but where it is, it must be right. `None`: attributes that make no sense.
    fn is_proved(&self, start: &[u8], attributes: &[u8]) -> Option<bool> {
        let mut rest = attributes;
        while !rest.is_empty() {
            let Attribute { kind, value, after } = Attribute::first_of(rest)?;
            if kind == MESSAGE_AUTHENTICATOR {
                let before = attributes.get(..attributes.len() - after.len() - value.len())?;
                let proof = self.proof(&[start, &self.authenticator, before, &[0; BLOCK], after]);
                return Some(proof == value);
            }
            rest = after;
        }
        Some(true)
    }

    /// HMAC-MD5 with the secret as its key.
    fn proof(&self, parts: &[&[u8]]) -> Vec<u8> {
        // A key may have any length, so there is always one.
        let Ok(mut mac) = Hmac::<Md5>::new_from_slice(self.secret.as_bytes()) else { return Vec::new() };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }
}

struct Attribute<'a> {
    kind: u8,
    value: &'a [u8],
    /// What follows it.
    after: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// `None` where it is longer than the packet.
    fn first_of(attributes: &'a [u8]) -> Option<Self> {
        let &[kind, length] = attributes.first_chunk()?;
        let length = usize::from(length);
        Some(Self { kind, value: attributes.get(2..length)?, after: attributes.get(length..)? })
    }
}

/// All the server's words for the user.
fn message(attributes: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), attributes);
    while let Some(Attribute { kind, value, after }) = Attribute::first_of(rest) {
        if kind == REPLY_MESSAGE {
            text += &String::from_utf8_lossy(value);
        }
        rest = after;
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 2865 section 7.1.
    pub fn nemo() -> Request<'static> {
        Request {
            id: 0,
            authenticator: *b"\x0f\x40\x3f\x94\x73\x97\x80\x57\xbd\x83\xd5\xcb\x98\xf4\x22\x7a",
            login: "nemo",
            passwd: "arctangent",
            secret: "xyzzy5461",
            client: [192, 168, 1, 16].into(),
        }
    }

    const HIDDEN: &[u8] = b"\x0d\xbe\x70\x8d\x93\xd4\x13\xce\x31\x96\xe4\x3f\x78\x2a\x0a\xee";
    const ACCEPT: &[u8] = b"\x02\0\0\x26\x86\xfe\x22\x0e\x76\x24\xba\x2a\x10\x05\xf6\xbf\x9b\x55\xe0\xb2\
        \x06\x06\0\0\0\x01\x0f\x06\0\0\0\0\x0e\x06\xc0\xa8\x01\x03";

    #[test]
    fn the_packets_are_those_of_the_standard() {
        let packet = nemo().encode();
        assert_eq!(packet[..4], *b"\x01\0\0\x44");
        assert_eq!(packet[4..20], nemo().authenticator);
        assert_eq!(packet[20..22], *b"\x50\x12");
        let rest = [b"\x01\x06nemo\x02\x12", HIDDEN, b"\x04\x06\xc0\xa8\x01\x10"].concat();
        assert_eq!(packet[38..], rest);
        assert_eq!(nemo().decode_reply(ACCEPT), Some(Reply::Accept));
        assert_eq!(nemo().decode_reply(&[ACCEPT, b"padding"].concat()), Some(Reply::Accept));
    }

    #[test]
    fn passwords_of_every_length_are_hidden_in_whole_blocks() {
        let long = "x".repeat(400);
        for (length, hidden) in [(0, 16), (1, 16), (16, 16), (17, 32), (128, 128), (400, 128)] {
            let passwd = "x".repeat(length);
            let request = Request { passwd: &passwd, ..nemo() };
            assert_eq!(request.hidden_password().len(), hidden, "{length}");
        }
        let request = Request { login: &long, ..nemo() };
        assert_eq!(request.encode().len(), 20 + 18 + 255 + 18 + 6);
    }

    /// An answer as a server makes it, with a right Message-Authenticator.
    fn signed(request: &Request, code: u8, attributes: &[u8]) -> Vec<u8> {
        let length = (HEADER + 18 + attributes.len()) as u8;
        let start = [code, request.id, 0, length];
        let proof = request.proof(&[&start, &request.authenticator, b"\x50\x12", &[0; 16], attributes]);
        let attributes = [b"\x50\x12", proof.as_slice(), attributes].concat();
        let digest = Md5::new().chain_update(start).chain_update(request.authenticator);
        let digest = digest.chain_update(&attributes).chain_update(request.secret).finalize();
        [&start, &digest[..], &attributes].concat()
    }

    #[test]
    fn an_answer_says_what_it_says_and_proves_itself() {
        let reject = signed(&nemo(), 3, b"\x12\x05no \x06\x06\0\0\0\x01\x12\x05way");
        assert_eq!(nemo().decode_reply(&reject), Some(Reply::Reject("no way".into())));
        assert_eq!(nemo().decode_reply(&signed(&nemo(), 11, b"")), Some(Reply::Challenge));
        assert_eq!(nemo().decode_reply(&signed(&nemo(), 5, b"")), Some(Reply::Other(5)));
        assert_eq!(Request { id: 1, ..nemo() }.decode_reply(ACCEPT), None);
        assert_eq!(Request { secret: "other", ..nemo() }.decode_reply(ACCEPT), None);
        assert_eq!(Request { authenticator: [0; 16], ..nemo() }.decode_reply(ACCEPT), None);
        // The digest is right, the stronger proof is not.
        let other = Request { secret: "other", ..nemo() };
        let forged = signed(&other, 2, b"")[HEADER..].to_vec();
        let start = [2, 0, 0, (HEADER + forged.len()) as u8];
        let digest = Md5::new().chain_update(start).chain_update(nemo().authenticator);
        let digest = digest.chain_update(&forged).chain_update(nemo().secret).finalize();
        assert_eq!(nemo().decode_reply(&[&start, &digest[..], &forged].concat()), None);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_answer() {
        let reject = signed(&nemo(), 3, b"\x12\x05no ");
        for end in 0..reject.len() {
            assert_eq!(nemo().decode_reply(&reject[..end]), None, "{end}");
            let mut changed = reject.clone();
            changed[end] ^= 1;
            assert_eq!(nemo().decode_reply(&changed), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(packet in prop::collection::vec(any::<u8>(), 0..80), attributes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = nemo().decode_reply(&packet);
            let length = (HEADER + attributes.len()) as u8;
            let start = [3, 0, 0, length];
            let digest = Md5::new().chain_update(start).chain_update(nemo().authenticator);
            let digest = digest.chain_update(&attributes).chain_update(nemo().secret).finalize();
            let _ = nemo().decode_reply(&[&start, &digest[..], &attributes].concat());
        }
    }
}
