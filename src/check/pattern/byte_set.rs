//! Sets of bytes, and those that Perl has a name for.
//!
//! All of them are Perl's for byte strings without `use locale` and `use feature 'unicode_strings'`: bytes above 0x7F are
//! neither letters nor digits nor blanks, and have no other case.

use std::ops::{BitOr, Not};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteSet {
    low: u128,
    high: u128,
}

impl ByteSet {
    pub const ALL: Self = Self { low: u128::MAX, high: u128::MAX };

    pub fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::default();
        bytes.into_iter().for_each(|byte| set.insert(byte));
        set
    }

    pub fn matching(property: impl Fn(&u8) -> bool) -> Self {
        Self::of((0..=u8::MAX).filter(property))
    }

    pub fn insert(&mut self, byte: u8) {
        let half = if byte < 0x80 { &mut self.low } else { &mut self.high };
        *half |= 1 << (byte & 0x7f);
    }

    pub fn contains(&self, byte: u8) -> bool {
        let half = if byte < 0x80 { self.low } else { self.high };
        half >> (byte & 0x7f) & 1 == 1
    }

    /// With the other case of each of its letters.
    pub fn of_either_case(self) -> Self {
        Self::matching(|byte| {
            self.contains(byte.to_ascii_lowercase()) || self.contains(byte.to_ascii_uppercase()) || self.contains(*byte)
        })
    }

    /// `\d`, `\W` and so on; `None`: the letter names no set.
    pub fn of_escape(letter: u8) -> Option<Self> {
        Some(match letter {
            b'd' => Self::matching(u8::is_ascii_digit),
            b'w' => Self::matching(is_word),
            b's' => Self::matching(is_space),
            b'h' => Self::of([b' ', b'\t', 0xa0]),
            b'v' => Self::of((b'\n'..=b'\r').chain([0x85])),
            b'D' | b'W' | b'S' | b'H' | b'V' => !Self::of_escape(letter.to_ascii_lowercase())?,
            b'N' => !Self::of([b'\n']),
            _ => return None,
        })
    }

    /// `alpha` of `[[:alpha:]]`; `None`: there is no such class.
    pub fn of_posix(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"alnum" => Self::matching(u8::is_ascii_alphanumeric),
            b"alpha" => Self::matching(u8::is_ascii_alphabetic),
            b"ascii" => Self::matching(u8::is_ascii),
            b"blank" => Self::of([b' ', b'\t']),
            b"cntrl" => Self::matching(u8::is_ascii_control),
            b"digit" => Self::matching(u8::is_ascii_digit),
            b"graph" => Self::matching(u8::is_ascii_graphic),
            b"lower" => Self::matching(u8::is_ascii_lowercase),
            b"print" => Self::of(b' '..=b'~'),
            b"punct" => Self::matching(u8::is_ascii_punctuation),
            b"space" => Self::matching(is_space),
            b"upper" => Self::matching(u8::is_ascii_uppercase),
            b"word" => Self::matching(is_word),
            b"xdigit" => Self::matching(u8::is_ascii_hexdigit),
            _ => return None,
        })
    }
}

impl BitOr for ByteSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }
}

impl Not for ByteSet {
    type Output = Self;

    fn not(self) -> Self {
        Self { low: !self.low, high: !self.high }
    }
}

/// Of `\w` and of the two sides of `\b`.
pub fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// With the vertical tab, which Rust's `is_ascii_whitespace` leaves out.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
