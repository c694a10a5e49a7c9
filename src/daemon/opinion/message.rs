//! What directors ask each other of a virtual service, and answer: datagrams. Pure.
//!
//! ```text
//! "lvso" 4 · version 1 (1) · kind 1 (0 question, 1 well, 2 none, 3 unknown, 4 lately) · nonce 16 · text · HMAC-SHA256 32
//! ```
//! The text has lines: the virtual service, then in a question each real server, in an answer the name of the node. All before
//! the HMAC is proved by it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::{RealServerKey, ServiceKey};

/// The longest datagram in bytes: it fits into one packet of every network.
pub const LONGEST: usize = 1200;
/// The most real servers that a question names.
pub const MOST_REAL_SERVERS: usize = 16;

const MAGIC: &[u8; 4] = b"lvso";
const VERSION: u8 = 1;
const QUESTION: u8 = 0;
const PROOF: usize = 32;
/// The longest name of a node: that of a host in Linux.
const LONGEST_NAME: usize = 64;

/// Ties an answer to its question. Nobody may guess it.
pub type Nonce = [u8; 16];

/// What proves a datagram: the key of the cluster's own messages, or an empty one.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Takes a key of any length.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(bytes).ok().map(Self)
    }

    /// Returns the text with its proof behind it.
    pub fn proved(&self, mut text: Vec<u8>) -> Vec<u8> {
        let proof = self.mac(&text).finalize().into_bytes();
        text.extend_from_slice(&proof);
        text
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(text);
        mac
    }
}

/// Whether another director reaches one of these real servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub nonce: Nonce,
    pub service: ServiceKey,
    /// At most [`MOST_REAL_SERVERS`]; more are left out.
    pub real_servers: Vec<RealServerKey>,
}

/// What a director answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub nonce: Nonce,
    pub service: ServiceKey,
    pub word: Word,
    /// The name of its node.
    pub node: String,
}

/// Whether a director reaches one of the real servers that it was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// One has passed a check that began after the question.
    Well,
    /// All of them fail here too.
    None,
    /// It does not know: it does not look after the service, or its checks have not ended in time.
    Unknown,
    /// The same, and one of them has passed its check in the last interval.
    Lately,
}

const WORDS: [(u8, Word); 4] = [(1, Word::Well), (2, Word::None), (3, Word::Unknown), (4, Word::Lately)];

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Question(Question),
    Answer(Answer),
}

impl Message {
    /// Returns the datagram.
    pub fn encode(&self, key: &Key) -> Vec<u8> {
        let (kind, nonce, lines) = match self {
            Self::Question(Question { nonce, service, real_servers }) => {
                let reals = real_servers.iter().take(MOST_REAL_SERVERS).map(ToString::to_string);
                (QUESTION, nonce, [service.to_string()].into_iter().chain(reals).collect())
            }
            Self::Answer(Answer { nonce, service, word, node }) => {
                let kind = WORDS.iter().find(|(_, known)| known == word).map_or(QUESTION, |(kind, _)| *kind);
                (kind, nonce, vec![service.to_string(), node.chars().take(LONGEST_NAME).collect()])
            }
        };
        key.proved([&MAGIC[..], &[VERSION, kind], nonce, lines.join("\n").as_bytes()].concat())
    }

    /// Reads a datagram. `None` stands for what is not proved by the key, and for all that is no message of this version.
    pub fn decode(datagram: &[u8], key: &Key) -> Option<Self> {
        let (proved, proof) = datagram.split_at_checked(datagram.len().checked_sub(PROOF)?)?;
        if datagram.len() > LONGEST || key.mac(proved).verify_slice(proof).is_err() {
            return None;
        }
        let (magic, rest) = proved.split_first_chunk()?;
        let ([version, kind], rest) = rest.split_first_chunk()?;
        let (nonce, text) = rest.split_first_chunk()?;
        if (magic, *version) != (MAGIC, VERSION) {
            return None;
        }
        let mut lines = std::str::from_utf8(text).ok()?.split('\n');
        let (nonce, service) = (*nonce, lines.next()?.parse().ok()?);
        if *kind == QUESTION {
            let real_servers: Vec<RealServerKey> = lines.map(|line| line.parse().ok()).collect::<Option<_>>()?;
            let is_short = real_servers.len() <= MOST_REAL_SERVERS;
            return is_short.then_some(Self::Question(Question { nonce, service, real_servers }));
        }
        let (_, word) = WORDS.into_iter().find(|(known, _)| known == kind)?;
        let (node, end) = (lines.next()?.to_owned(), lines.next());
        // It goes into the log.
        let is_name = node.len() <= LONGEST_NAME && !node.chars().any(char::is_control);
        (is_name && end.is_none()).then_some(Self::Answer(Answer { nonce, service, word, node }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text.as_bytes()).expect("any length")
    }

    fn question(reals: usize) -> Message {
        let real = |host: usize| format!("[2001:db8:1111:2222:3333:4444:5555:{host:x}]:65535").parse().expect("a key");
        Message::Question(Question {
            nonce: *b"0123456789abcdef",
            service: "sctp [2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().expect("a key"),
            real_servers: (0x1000..).map(real).take(reals).collect(),
        })
    }

    fn answer(word: Word) -> Message {
        let service = "tcp 10.9.0.100:3306".parse().expect("a key");
        Message::Answer(Answer { nonce: *b"0123456789abcdef", service, word, node: "n2".into() })
    }

    #[test]
    fn a_message_is_the_same_bytes_in_every_version_of_this_program() {
        let short = Message::Question(Question {
            nonce: *b"0123456789abcdef",
            service: "tcp 10.9.0.100:3306".parse().expect("a key"),
            real_servers: ["10.9.0.21:3306", "10.9.0.22:3306"].map(|real| real.parse().expect("a key")).into(),
        });
        let golden: [(Message, &[u8], [u8; 4]); 2] = [
            (
                short,
                b"lvso\x01\x000123456789abcdeftcp 10.9.0.100:3306\n10.9.0.21:3306\n10.9.0.22:3306",
                GOLDEN_QUESTION,
            ),
            (answer(Word::Well), b"lvso\x01\x010123456789abcdeftcp 10.9.0.100:3306\nn2", GOLDEN_ANSWER),
        ];
        for (message, expected, proof) in golden {
            let datagram = message.encode(&key("secret"));
            let (text, found) = datagram.split_at(datagram.len() - PROOF);
            assert_eq!((text, &found[..4]), (expected, &proof[..]), "{message:?}");
        }
    }

    /// The beginnings of the proofs, made with `openssl dgst -sha256 -hmac secret`.
    const GOLDEN_QUESTION: [u8; 4] = [0x1d, 0x27, 0x6c, 0x61];
    const GOLDEN_ANSWER: [u8; 4] = [0x8b, 0xfa, 0x5d, 0x0c];

    #[test]
    fn every_message_reads_back_and_the_longest_fits_into_a_packet() {
        let answers = WORDS.map(|(_, word)| answer(word));
        for message in [question(0), question(16)].into_iter().chain(answers) {
            let datagram = message.encode(&key(""));
            assert!(datagram.len() <= LONGEST, "{}", datagram.len());
            assert_eq!(Message::decode(&datagram, &key("")), Some(message));
        }
        let cut = question(40).encode(&key(""));
        assert_eq!(Message::decode(&cut, &key("")), Some(question(16)));
    }

    #[test]
    fn what_is_cut_or_has_a_flipped_bit_or_is_proved_by_another_key_is_nothing() {
        for message in [question(3), answer(Word::Well)] {
            let datagram = message.encode(&key("secret"));
            assert_eq!(Message::decode(&datagram, &key("Secret")), None);
            assert_eq!(Message::decode(&datagram, &key("")), None);
            for length in 0..datagram.len() {
                assert_eq!(Message::decode(&datagram[..length], &key("secret")), None, "{length}");
            }
            for bit in 0..datagram.len() * 8 {
                let mut changed = datagram.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Message::decode(&changed, &key("secret")), None, "{bit}");
            }
        }
    }

    #[test]
    fn a_right_proof_of_something_else_is_nothing() {
        let head = |version: u8, kind: u8| [&b"lvso"[..], &[version, kind], b"0123456789abcdef"].concat();
        let many = "\n10.9.0.21:80".repeat(17);
        crate::testing::check_rows(
            [
                (head(2, 0), "tcp 10.9.0.100:80"),
                (head(1, 5), "tcp 10.9.0.100:80\nn2"),
                (head(1, 0), ""),
                (head(1, 0), "tcp 10.9.0.100:80\nn2"),
                (head(1, 0), &format!("tcp 10.9.0.100:80{many}")),
                (head(1, 1), "tcp 10.9.0.100:80"),
                (head(1, 1), "tcp 10.9.0.100:80\nn2\n"),
                (head(1, 1), "tcp 10.9.0.100:80\nn\x1b"),
                (b"lvsa\x01\x000123456789abcdef".to_vec(), "tcp 10.9.0.100:80"),
            ],
            |(head, text)| {
                let datagram = key("").proved([&head[..], text.as_bytes()].concat());
                assert_eq!(Message::decode(&datagram, &key("")), None);
            },
        );
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..LONGEST + 50), proved: bool) {
            let datagram = if proved { key("").proved(bytes) } else { bytes };
            let _ = Message::decode(&datagram, &key(""));
        }
    }
}
