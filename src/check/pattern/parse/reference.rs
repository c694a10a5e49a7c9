//! References to groups: `\1`, `\g{-1}`, `\k<name>`.

use super::Parser;
use crate::check::pattern::byte_set::is_word;
use crate::check::pattern::syntax::{Group, Node, Reference};

impl Parser<'_> {
    /// `\1` to `\9` are references. `\10` and up are, if so many groups were opened before; else `\12` is octal.
    pub(super) fn digits(&mut self, first: u8, from: usize) -> Result<Node, String> {
        let after_first = self.at;
        self.take_while(u8::is_ascii_digit);
        let digits = self.pattern.get(after_first.saturating_sub(1)..self.at).unwrap_or_default();
        let number = decimal(digits);
        if number > 9 && number > self.groups && first < b'8' {
            self.at = after_first;
            let byte = self.octal(first, from)?;
            return Ok(self.literal(byte));
        }
        Ok(self.back_reference(Reference::Number(number)))
    }

    /// `\g1`, `\g{-1}`, `\g{name}`, `\k<name>`, `\k'name'`, `\k{name}`, after the letter.
    pub(super) fn reference(&mut self, letter: u8, from: usize) -> Result<Node, String> {
        let text = match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.in_braces(from)?
            }
            Some(quote @ (b'<' | b'\'')) if letter == b'k' => {
                self.at += 1;
                self.take_until(if quote == b'<' { b'>' } else { quote }, from)?
            }
            _ if letter == b'g' => {
                let start = self.at;
                self.take(b"-");
                self.take_while(u8::is_ascii_digit);
                self.pattern.get(start..self.at).unwrap_or_default()
            }
            _ => &[],
        };
        let is_number = letter == b'g' && !is_name(text) && !text.starts_with(b"+");
        let to = if is_number { self.number(text, from)? } else { self.name(text, from)? };
        Ok(self.back_reference(to))
    }

    pub(super) fn back_reference(&self, to: Reference) -> Node {
        Node::BackReference { to, fold: self.flags.ignore_case }
    }

    /// `2`, or counted backwards from here: `-1`, or forwards: `+1`.
    pub(super) fn number(&self, text: &[u8], from: usize) -> Result<Reference, String> {
        let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
        let number = Some(digits).filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
        let number = number.map(decimal).and_then(|number| match text.first() {
            Some(b'-') => (self.groups + 1).checked_sub(number.max(1)).filter(|group| *group > 0 && number > 0),
            Some(b'+') => self.groups.checked_add(number).filter(|_| number > 0),
            _ => Some(number),
        });
        number.map(Reference::Number).ok_or_else(|| self.refusal(from, "there is no such group"))
    }

    pub(super) fn name(&self, text: &[u8], from: usize) -> Result<Reference, String> {
        if is_name(text) {
            return Ok(Reference::Name(text.to_vec()));
        }
        Err(self.refusal(from, "not the name of a group"))
    }
}

pub(super) fn is_name(text: &[u8]) -> bool {
    text.iter().all(is_word) && text.first().is_some_and(|byte| !byte.is_ascii_digit())
}

fn decimal(digits: &[u8]) -> Group {
    digits
        .iter()
        .fold(0, |number: Group, digit| number.saturating_mul(10).saturating_add(Group::from(digit.wrapping_sub(b'0'))))
}
