//! What a backslash makes of the next characters: bytes, sets and assertions.

use super::Parser;
use crate::check::pattern::byte_set::ByteSet;
use crate::check::pattern::syntax::{Assertion, Node};

const UNICODE: &str = "characters of more than one byte are not supported: a body is matched byte by byte";

impl<'a> Parser<'a> {
    /// After the backslash, outside of `[…]`.
    pub(super) fn escape(&mut self) -> Result<Node, String> {
        let from = self.at.saturating_sub(1);
        let Some(letter) = self.next() else { return Err("a backslash at the end escapes nothing".into()) };
        Ok(match letter {
            b'A' | b'G' => Node::Assert(Assertion::Start),
            b'z' => Node::Assert(Assertion::End),
            b'Z' => Node::Assert(Assertion::FinalEnd),
            b'b' | b'B' if self.peek() == Some(b'{') => {
                return Err(self.refusal(from, "boundaries of Unicode are not supported"));
            }
            b'b' => Node::Assert(Assertion::WordBoundary),
            b'B' => Node::Assert(Assertion::NoWordBoundary),
            b'K' if self.looks > 0 => return Err(self.refusal(from, "it cannot stand in a lookahead or lookbehind")),
            b'K' => Node::KeepOut,
            b'R' => newline(),
            b'X' | b'C' => return Err(self.refusal(from, UNICODE)),
            b'g' | b'k' => return self.reference(letter, from),
            b'1'..=b'9' => return self.digits(letter, from),
            b'N' if self.peek() == Some(b'{') && !self.is_count() => {
                return Err(self.refusal(from, "characters by name are not supported"));
            }
            _ => match (self.named_byte(letter, from)?, ByteSet::of_escape(letter)) {
                (Some(byte), _) => self.literal(byte),
                (None, Some(set)) => Node::Set(set),
                // A character without a meaning is that character: `\<` is `<`.
                (None, None) => self.literal(letter),
            },
        })
    }

    fn is_count(&mut self) -> bool {
        let from = self.at;
        let is_count = !matches!(self.count(), Ok(None));
        self.at = from;
        is_count
    }

    /// An escape that stands for one byte, inside and outside of `[…]`; `None`: it is none of these.
    pub(super) fn named_byte(&mut self, letter: u8, from: usize) -> Result<Option<u8>, String> {
        Ok(Some(match letter {
            b'a' => 7,
            b'e' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => self.octal(letter, from)?,
            b'x' => self.hexadecimal(from)?,
            b'o' if self.take(b"{") => match self.in_braces(from)? {
                b"" => return Err(self.refusal(from, "a number is missing")),
                digits => self.value(digits, 8, from)?,
            },
            b'o' => return Err(self.refusal(from, "\"{\" is missing")),
            b'c' => self.control(from)?,
            b'p' | b'P' => return Err(self.refusal(from, "properties of Unicode are not supported")),
            _ => return Ok(None),
        }))
    }

    /// `\x41`, `\x4`, `\x`, `\x{41}`
    fn hexadecimal(&mut self, from: usize) -> Result<u8, String> {
        if self.take(b"{") {
            let digits = self.in_braces(from)?;
            return self.value(digits, 16, from);
        }
        let length = self.rest().iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        self.value(digits, 16, from)
    }

    /// Up to three digits, the first of which is `first` and read already.
    pub(super) fn octal(&mut self, first: u8, from: usize) -> Result<u8, String> {
        let more = self.rest().iter().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let digits: Vec<u8> = [first].into_iter().chain(self.rest().iter().take(more).copied()).collect();
        self.at += more;
        self.value(&digits, 8, from)
    }

    /// The text up to the closing brace, without the blanks around it.
    pub(super) fn in_braces(&mut self, from: usize) -> Result<&'a [u8], String> {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let text = self.take_until(b'}', from)?;
        let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
        let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
        Ok(text.get(start..end).unwrap_or_default())
    }

    /// Underscores group digits, and what is no digit ends the number, as in Perl.
    fn value(&self, digits: &[u8], radix: u32, from: usize) -> Result<u8, String> {
        let digits = digits.iter().filter(|byte| **byte != b'_').map_while(|byte| char::from(*byte).to_digit(radix));
        let value = digits.fold(0_u32, |value, digit| value.saturating_mul(radix).saturating_add(digit));
        u8::try_from(value).map_err(|_| self.refusal(from, UNICODE))
    }

    /// `\cA`
    fn control(&mut self, from: usize) -> Result<u8, String> {
        match self.next() {
            Some(b'{') => Err(self.refusal(from, "not a control character, write \";\" instead")),
            Some(byte @ b' '..=b'~') => Ok(byte.to_ascii_uppercase() ^ 0x40),
            _ => Err(self.refusal(from, "not a control character")),
        }
    }
}

/// `\R`: a carriage return and its line feed stay together.
fn newline() -> Node {
    let pair = [b'\r', b'\n'].map(|byte| Node::Set(ByteSet::of([byte])));
    let single = ByteSet::of((b'\n'..=b'\r').chain([0x85]));
    Node::Atomic(Box::new(Node::Alternate(vec![Node::Concat(pair.into()), Node::Set(single)])))
}
