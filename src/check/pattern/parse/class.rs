//! `[…]` as Perl reads it: no sets within sets, no operators, and a hyphen that makes no range is a hyphen.

use super::Parser;
use crate::check::pattern::byte_set::ByteSet;

/// One member: it can be an end of a range only if it is a single byte.
enum Member {
    Byte(u8),
    Set(ByteSet),
}

impl Parser<'_> {
    /// After the opening bracket.
    pub(super) fn class(&mut self) -> Result<ByteSet, String> {
        let from = self.at.saturating_sub(1);
        self.skip_blanks_of_class();
        let is_negated = self.take(b"^");
        // Bytes that are named one by one; the flag `i` adds the other case of these only.
        let mut bytes = ByteSet::default();
        let mut sets = ByteSet::default();
        let mut is_first = true;
        loop {
            self.skip_blanks_of_class();
            if !is_first && self.take(b"]") {
                break;
            }
            match self.member(from)? {
                Member::Set(set) => sets = sets | set,
                Member::Byte(low) => bytes = bytes | self.range(low, from)?,
            }
            is_first = false;
        }
        let bytes = if self.flags.ignore_case { bytes.of_either_case() } else { bytes };
        let set = bytes | sets;
        Ok(if is_negated { !set } else { set })
    }

    /// The range that begins with `low`, if one does. `[a-\d]` and `[a-]` are none.
    fn range(&mut self, low: u8, class: usize) -> Result<ByteSet, String> {
        let single = ByteSet::of([low]);
        let from = self.at;
        self.skip_blanks_of_class();
        if !self.take(b"-") {
            return Ok(single);
        }
        self.skip_blanks_of_class();
        if self.peek() == Some(b']') {
            self.at = from;
            return Ok(single);
        }
        match self.member(class)? {
            Member::Byte(high) if high < low => Err(self.refusal(class, "a range ends before it begins")),
            Member::Byte(high) => Ok(ByteSet::of(low..=high)),
            Member::Set(set) => Ok(single | ByteSet::of([b'-']) | set),
        }
    }

    fn member(&mut self, class: usize) -> Result<Member, String> {
        let Some(byte) = self.next() else { return Err(self.refusal(class, "\"]\" is missing")) };
        match byte {
            b'\\' => self.escaped_member(class),
            b'[' => self.posix().map(|set| set.map_or(Member::Byte(byte), Member::Set)),
            _ => Ok(Member::Byte(byte)),
        }
    }

    fn escaped_member(&mut self, class: usize) -> Result<Member, String> {
        let from = self.at.saturating_sub(1);
        let Some(letter) = self.next() else { return Err(self.refusal(class, "\"]\" is missing")) };
        Ok(match letter {
            b'b' => Member::Byte(8),
            b'N' => return Err(self.refusal(from, "characters by name are not supported")),
            b'0'..=b'7' => Member::Byte(self.octal(letter, from)?),
            _ => match (self.named_byte(letter, from)?, ByteSet::of_escape(letter)) {
                (Some(byte), _) => Member::Byte(byte),
                (None, Some(set)) => Member::Set(set),
                (None, None) => Member::Byte(letter),
            },
        })
    }

    /// `[:alpha:]` and `[:^alpha:]`, after the bracket. `None`: the bracket is a member as others.
    fn posix(&mut self) -> Result<Option<ByteSet>, String> {
        let from = self.at.saturating_sub(1);
        let Some(&kind @ (b':' | b'.' | b'=')) = self.rest().first() else { return Ok(None) };
        let after = self.rest().get(1..).unwrap_or_default();
        let length = after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'^').count();
        let is_closed = after.get(length..).is_some_and(|end| end.starts_with(&[kind, b']']));
        let text = after.get(..length).unwrap_or_default();
        let name = text.strip_prefix(b"^").unwrap_or(text);
        // What is too short to be a mistyped name is no name.
        if !is_closed || (kind == b':' && name.len() < 3) {
            return Ok(None);
        }
        self.at += length + 3;
        // With the flag `i` these two are "has a case".
        let is_case = name == b"upper" || name == b"lower";
        let class = if is_case && self.flags.ignore_case { b"alpha" } else { name };
        match ByteSet::of_posix(class).filter(|_| kind == b':') {
            Some(set) => Ok(Some(if name == text { set } else { !set })),
            None => Err(self.refusal(from, "there is no such class")),
        }
    }

    fn skip_blanks_of_class(&mut self) {
        if self.flags.spaced_class {
            self.take_while(|byte| matches!(byte, b' ' | b'\t'));
        }
    }
}
