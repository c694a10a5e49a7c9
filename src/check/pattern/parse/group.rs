//! What stands in parentheses.

use super::Parser;
use crate::check::pattern::syntax::{Condition, Look, Node, Reference};

const AHEAD: Look = Look { behind: false, negative: false };
const NOT_AHEAD: Look = Look { behind: false, negative: true };
const BEHIND: Look = Look { behind: true, negative: false };
const NOT_BEHIND: Look = Look { behind: true, negative: true };

const LOOKS: [(&[u8], Look); 12] = [
    (b"?=", AHEAD),
    (b"?!", NOT_AHEAD),
    (b"?<=", BEHIND),
    (b"?<!", NOT_BEHIND),
    (b"*pla:", AHEAD),
    (b"*nla:", NOT_AHEAD),
    (b"*plb:", BEHIND),
    (b"*nlb:", NOT_BEHIND),
    (b"*positive_lookahead:", AHEAD),
    (b"*negative_lookahead:", NOT_AHEAD),
    (b"*positive_lookbehind:", BEHIND),
    (b"*negative_lookbehind:", NOT_BEHIND),
];

const ATOMIC: [&[u8]; 2] = [b"?>", b"*atomic:"];

/// Flags that need other rules for letters than those of bytes.
const OTHER_CHARACTER_SETS: &[u8] = b"alu";

impl Parser<'_> {
    /// After the opening parenthesis. `None`: it stands for nothing by itself, as `(?i)`.
    pub(super) fn group(&mut self) -> Result<Option<Node>, String> {
        let from = self.at.saturating_sub(1);
        if let Some(look) = self.look() {
            return Ok(Some(Node::Look(look, Box::new(self.looked_for(from)?))));
        }
        if ATOMIC.iter().any(|text| self.take(text)) {
            return Ok(Some(Node::Atomic(Box::new(self.inside(from)?))));
        }
        if [b"*FAIL)".as_slice(), b"*F)"].iter().any(|text| self.take(text)) {
            return Ok(Some(Node::Fail));
        }
        if self.peek() == Some(b'*') && self.rest().get(1).is_some_and(u8::is_ascii_alphabetic) {
            self.take_while(|byte| *byte != b')');
            return Err(self.refusal(from, "verbs are not supported, except (*FAIL)"));
        }
        if self.take(b"?") {
            return self.special_group(from);
        }
        let node = if self.flags.no_capture { self.inside(from)? } else { self.capture(None, from)? };
        Ok(Some(node))
    }

    fn special_group(&mut self, from: usize) -> Result<Option<Node>, String> {
        for (opening, end) in [(b"<".as_slice(), b'>'), (b"P<", b'>'), (b"'", b'\'')] {
            if self.take(opening) {
                let name = self.take_until(end, from)?;
                return self.capture(Some(name), from).map(Some);
            }
        }
        Ok(Some(match self.rest() {
            [b'|', ..] => {
                self.at += 1;
                let branches = self.branches(true)?;
                self.close(from)?;
                Node::alternate(branches)
            }
            [b'(', ..] => self.conditional(from)?,
            [b'P', b'=', ..] => {
                let to = self.name_to_close(2, from)?;
                self.back_reference(to)
            }
            [b'P', b'>', ..] => Node::Call(self.name_to_close(2, from)?),
            [b'&', ..] => Node::Call(self.name_to_close(1, from)?),
            [b'R', ..] => {
                self.at += 1;
                self.close(from)?;
                Node::Call(Reference::Number(0))
            }
            [b'0'..=b'9' | b'+', ..] | [b'-', b'0'..=b'9', ..] => {
                let number = self.take_until(b')', from)?;
                Node::Call(self.number(number, from)?)
            }
            [b'{', ..] | [b'?', b'{', ..] => return Err(self.refusal(from, "code in a pattern is not supported")),
            [b'[', ..] => return Err(self.refusal(from, "operations on sets are not supported")),
            _ => return self.flags(from),
        }))
    }

    /// The rest of the group, and past its end.
    fn inside(&mut self, from: usize) -> Result<Node, String> {
        let node = self.alternatives()?;
        self.close(from)?;
        Ok(node)
    }

    fn close(&mut self, from: usize) -> Result<(), String> {
        if self.take(b")") { Ok(()) } else { Err(self.refusal(from, "\")\" is missing")) }
    }

    fn capture(&mut self, name: Option<&[u8]>, from: usize) -> Result<Node, String> {
        self.groups += 1;
        self.most_groups = self.most_groups.max(self.groups);
        let group = self.groups;
        if let Some(name) = name {
            self.name(name, from)?;
            self.names.entry(name.to_vec()).or_default().push(group);
        }
        Ok(Node::Capture(group, Box::new(self.inside(from)?)))
    }

    fn look(&mut self) -> Option<Look> {
        LOOKS.iter().find(|(text, _)| self.take(text)).map(|(_, look)| *look)
    }

    fn looked_for(&mut self, from: usize) -> Result<Node, String> {
        self.looks += 1;
        let node = self.inside(from);
        self.looks -= 1;
        node
    }

    fn name_to_close(&mut self, opening: usize, from: usize) -> Result<Reference, String> {
        self.at += opening;
        let text = self.take_until(b')', from)?;
        self.name(text, from)
    }

    /// `(?(1)yes|no)`, before the inner parenthesis.
    fn conditional(&mut self, from: usize) -> Result<Node, String> {
        self.at += 1;
        let condition = match self.look() {
            Some(look) => Condition::Look(look, Box::new(self.looked_for(from)?)),
            None => {
                let text = self.take_until(b')', from)?;
                self.condition(text, from)?
            }
        };
        let mut branches = self.branches(false)?.into_iter();
        self.close(from)?;
        let (yes, no) = (branches.next().unwrap_or(Node::Empty), branches.next());
        if branches.next().is_some() {
            return Err(self.refusal(from, "a condition has two branches at most"));
        }
        if matches!(condition, Condition::Define) && no.is_some() {
            return Err(self.refusal(from, "a definition has one branch only"));
        }
        Ok(Node::Condition { condition, yes: Box::new(yes), no: Box::new(no.unwrap_or(Node::Empty)) })
    }

    fn condition(&self, text: &[u8], from: usize) -> Result<Condition, String> {
        Ok(match text {
            b"DEFINE" => Condition::Define,
            b"R" => Condition::Call(None),
            [b'R', b'&', name @ ..] => Condition::Call(Some(self.name(name, from)?)),
            [b'R', number @ ..] => Condition::Call(Some(self.number(number, from)?)),
            [b'<', name @ .., b'>'] | [b'\'', name @ .., b'\''] => Condition::Group(self.name(name, from)?),
            [b'1'..=b'9', ..] => Condition::Group(self.number(text, from)?),
            _ => return Err(self.refusal(from, "such a condition is not supported")),
        })
    }

    /// `(?i)`, `(?i-s:…)`, `(?^x:…)`, after the question mark.
    fn flags(&mut self, from: usize) -> Result<Option<Node>, String> {
        let before = self.flags;
        if self.take(b"^") {
            self.flags = Default::default();
        }
        let mut is_on = true;
        loop {
            let Some(letter) = self.next() else { return Err(self.refusal(from, "\")\" is missing")) };
            match letter {
                b'-' if is_on => is_on = false,
                b'i' => self.flags.ignore_case = is_on,
                b'm' => self.flags.multi_line = is_on,
                b's' => self.flags.dot_matches_newline = is_on,
                b'n' => self.flags.no_capture = is_on,
                b'x' => {
                    self.flags.spaced_class = self.take(b"x") && is_on;
                    self.flags.spaced = is_on;
                }
                // What we do anyway, and what has no effect.
                b'd' | b'p' if is_on => {}
                b')' => return Ok(None),
                b':' => {
                    // The flags are those of the group only.
                    let node = self.inside(from)?;
                    self.flags = before;
                    return Ok(Some(node));
                }
                _ if OTHER_CHARACTER_SETS.contains(&letter) => {
                    return Err(self.refusal(from, "letters of other character sets are not supported"));
                }
                _ => return Err(self.refusal(from, "not a kind of group")),
            }
        }
    }
}
