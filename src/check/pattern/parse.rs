//! Reads a pattern as Perl 5.36 does (perlre, perlrecharclass, perlrebackslash), byte by byte.
//!
//! What Perl refuses is refused, and so is what we do not have: code, Unicode, the verbs that steer backtracking.

mod class;
mod escape;
mod group;
mod quote;
mod reference;

use std::collections::HashMap;

use super::byte_set::ByteSet;
use super::syntax::{Assertion, Count, Greed, Group, Node, Syntax};

/// Groups within groups. The functions here, and those that walk over a [`Node`], call themselves once a level.
const DEEPEST: u32 = 200;

/// As Perl's `REG_INFTY`.
const MOST_TIMES: u32 = 65534;

/// # Errors
/// The part of the pattern that cannot be read and the reason.
pub fn parse(pattern: &[u8]) -> Result<Syntax, String> {
    let pattern = quote::expand(pattern)?;
    let mut parser = Parser::new(&pattern);
    let root = parser.alternatives()?;
    if !parser.is_at_end() {
        return Err("a closing parenthesis has no opening one".into());
    }
    Ok(Syntax { root, groups: parser.most_groups, names: parser.names })
}

/// What `(?imnsx)` says.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_matches_newline: bool,
    no_capture: bool,
    spaced: bool,
    /// `xx`: blanks in `[…]` do not count either.
    spaced_class: bool,
}

struct Parser<'a> {
    pattern: &'a [u8],
    /// Index of the next byte.
    at: usize,
    flags: Flags,
    /// Number of the latest group that was opened.
    groups: Group,
    /// The highest of these numbers; `(?|` counts several times from the same.
    most_groups: Group,
    names: HashMap<Vec<u8>, Vec<Group>>,
    depth: u32,
    /// Lookarounds that we are inside of.
    looks: u32,
}

impl<'a> Parser<'a> {
    fn new(pattern: &'a [u8]) -> Self {
        Self {
            pattern,
            at: 0,
            flags: Flags::default(),
            groups: 0,
            most_groups: 0,
            names: HashMap::new(),
            depth: 0,
            looks: 0,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let is_here = self.rest().starts_with(text);
        if is_here {
            self.at += text.len();
        }
        is_here
    }

    fn take_while(&mut self, wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| wanted(byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Everything up to `end`, and past it.
    fn take_until(&mut self, end: u8, from: usize) -> Result<&'a [u8], String> {
        let text = self.take_while(|byte| *byte != end);
        match self.next() {
            Some(_) => Ok(text),
            None => Err(self.refusal(from, &format!("\"{}\" is missing", char::from(end)))),
        }
    }

    /// The part from `from` to here, and what is wrong with it.
    fn refusal(&self, from: usize, cause: &str) -> String {
        let part = self.pattern.get(from..self.at).unwrap_or_default();
        format!("\"{}\": {cause}", part.escape_ascii())
    }

    /// What stands for nothing: comments, and with the flag `x` blanks.
    fn skip_ignored(&mut self) -> Result<(), String> {
        loop {
            let from = self.at;
            if self.take(b"(?#") {
                self.take_until(b')', from)?;
            } else if self.flags.spaced && self.peek() == Some(b'#') {
                self.take_while(|byte| *byte != b'\n');
            } else if self.flags.spaced {
                self.take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0x85));
            }
            if self.at == from {
                return Ok(());
            }
        }
    }

    /// Up to the end of the group. Flags that are set inside of it end with it.
    fn alternatives(&mut self) -> Result<Node, String> {
        Ok(Node::alternate(self.branches(false)?))
    }

    /// `renumber`: every branch counts its groups from the same number, as in `(?|…)`.
    fn branches(&mut self, renumber: bool) -> Result<Vec<Node>, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("groups are nested deeper than {DEEPEST}"));
        }
        let (flags, first) = (self.flags, self.groups);
        let mut last = first;
        let mut branches = vec![self.branch()?];
        while self.take(b"|") {
            last = last.max(self.groups);
            if renumber {
                self.groups = first;
            }
            branches.push(self.branch()?);
        }
        self.groups = self.groups.max(last);
        self.flags = flags;
        self.depth -= 1;
        Ok(branches)
    }

    fn branch(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        loop {
            self.skip_ignored()?;
            match self.peek() {
                None | Some(b'|' | b')') => return Ok(Node::concat(nodes)),
                Some(_) => {}
            }
            if let Some(node) = self.atom()? {
                nodes.push(self.quantified(node)?);
            }
        }
    }

    /// `None`: it stands for nothing by itself, as `(?i)`.
    fn atom(&mut self) -> Result<Option<Node>, String> {
        let from = self.at;
        let Some(byte) = self.next() else { return Ok(None) };
        Ok(Some(match byte {
            b'(' => return self.group(),
            b'[' => Node::Set(self.class()?),
            b'\\' => return self.escape().map(Some),
            b'.' if self.flags.dot_matches_newline => Node::Set(ByteSet::ALL),
            b'.' => Node::Set(!ByteSet::of([b'\n'])),
            b'^' if self.flags.multi_line => Node::Assert(Assertion::LineStart),
            b'^' => Node::Assert(Assertion::Start),
            b'$' if self.flags.multi_line => Node::Assert(Assertion::LineEnd),
            b'$' => Node::Assert(Assertion::FinalEnd),
            b'*' | b'+' | b'?' => return Err(self.refusal(from, "there is nothing before it that it could repeat")),
            b'{' if self.follows_a_letter_of_an_escape(from) => {
                return Err(self.refusal(from.saturating_sub(2), "a brace here must be written \"\\{\""));
            }
            _ => self.literal(byte),
        }))
    }

    /// Perl goes by the looks of it: `\d{a}` is refused, and so is `\\\\d{a}`.
    fn follows_a_letter_of_an_escape(&self, brace: usize) -> bool {
        let before = self.pattern.get(..brace).unwrap_or_default();
        matches!(before, [.., b'\\', letter] if letter.is_ascii_alphabetic())
    }

    fn literal(&self, byte: u8) -> Node {
        let set = ByteSet::of([byte]);
        Node::Set(if self.flags.ignore_case { set.of_either_case() } else { set })
    }

    fn quantified(&mut self, node: Node) -> Result<Node, String> {
        self.skip_ignored()?;
        let from = self.at;
        let Some(count) = self.count()? else { return Ok(node) };
        self.skip_ignored()?;
        let greed = if self.take(b"?") {
            Greed::Lazy
        } else if self.take(b"+") {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        self.skip_ignored()?;
        if self.count()?.is_some() {
            return Err(self.refusal(from, "one repetition follows another"));
        }
        if matches!(node, Node::KeepOut) && count.max.is_none() {
            return Err(self.refusal(from, "\"\\K\" cannot be repeated without end"));
        }
        if count.max.is_some_and(|max| max < count.min) {
            return Ok(Node::Fail);
        }
        Ok(Node::Repeat { node: Box::new(node), count, greed })
    }

    fn count(&mut self) -> Result<Option<Count>, String> {
        let (min, max) = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return self.braces(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Count { min, max }))
    }

    /// `{3}`, `{3,}`, `{,5}`, `{ 3, 5 }`. Any other text in braces is just that text.
    fn braces(&mut self) -> Result<Option<Count>, String> {
        let from = self.at;
        self.at += 1;
        let min = self.number_between_blanks();
        let has_comma = self.take(b",");
        let max = if has_comma { self.number_between_blanks() } else { min };
        if !self.take(b"}") || (min.is_empty() && max.is_empty()) {
            self.at = from;
            return Ok(None);
        }
        let number = |digits: &[u8]| {
            let number = digits.iter().fold(0_u32, |number, digit| {
                number.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
            });
            let too_many = || self.refusal(from, &format!("more repetitions than {MOST_TIMES}"));
            if number > MOST_TIMES { Err(too_many()) } else { Ok(number) }
        };
        let most = if max.is_empty() { None } else { Some(number(max)?) };
        Ok(Some(Count { min: number(min)?, max: most }))
    }

    fn number_between_blanks(&mut self) -> &'a [u8] {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        self.take_while(is_blank);
        let digits = self.take_while(u8::is_ascii_digit);
        self.take_while(is_blank);
        digits
    }
}
