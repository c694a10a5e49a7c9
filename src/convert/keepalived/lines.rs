//! From a text to the lines that count: comments, continued lines, `include`, lines for one director only, and definitions.

use std::collections::HashMap;
use std::sync::Arc;

use super::{IncludedFile, KeepalivedSource};
use crate::convert::{Place, Remark};

/// Files that include each other are read as often as they are named; this ends a circle.
const DEEPEST_INCLUDE: usize = 8;
/// Definitions that name each other grow without end.
const MOST_REPLACEMENTS: usize = 200;
const LONGEST_LINE: usize = 16_384;
/// Eight files that include themselves twice are 2^8 files.
const MOST_LINES: usize = 1_000_000;

/// A line without comments and definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub place: Place,
    pub text: String,
}

/// Returns the lines of the text and of everything that it includes.
pub(super) fn read(source: &KeepalivedSource, remarks: &mut Vec<Remark>) -> Vec<Line> {
    let definitions = HashMap::from([("_HASH".into(), "#".into()), ("_BANG".into(), "!".into())]);
    let mut reader = Reader { source, definitions, lines: Vec::new(), is_full: false, remarks };
    reader.read(source.file, source.text, 0);
    reader.lines
}

struct Reader<'a> {
    source: &'a KeepalivedSource<'a>,
    definitions: HashMap<String, String>,
    lines: Vec<Line>,
    /// Whether it was told that there are too many.
    is_full: bool,
    remarks: &'a mut Vec<Remark>,
}

impl Reader<'_> {
    fn read(&mut self, name: &str, text: &str, depth: usize) {
        let file: Arc<str> = name.into();
        self.definitions.insert("_PWD".into(), folder(name).into());
        let mut lines = text.lines().zip(1..);
        while let Some((raw, line)) = lines.next() {
            let place = Place { file: Arc::clone(&file), line };
            let (mut text, mut goes_on) = content(raw);
            let is_long_definition = goes_on && definition(&text).is_some();
            while goes_on {
                let Some((next, _)) = lines.next() else { break };
                let (more, again) = content(next);
                text = text + " " + &more;
                goes_on = again;
            }
            if is_long_definition {
                let name = text.split('=').next().unwrap_or_default();
                let why = "a definition of several lines: write out what it stands for";
                self.remarks.push(Remark::left_out(&place, name, why));
            } else {
                self.take(place, text, depth);
            }
        }
    }

    fn take(&mut self, place: Place, text: String, depth: usize) {
        let Some(text) = self.for_this_director(&place, text) else { return };
        if let Some((name, value)) = definition(&text) {
            self.definitions.insert(name.to_owned(), value.to_owned());
            return;
        }
        let first = text.split_whitespace().next().unwrap_or_default();
        match first {
            "" => {}
            "include" | "includer" | "includem" | "includew" | "includeb" | "includea" => {
                let text = self.replaced(&place, text);
                let pattern = text.split_whitespace().nth(1).unwrap_or_default().trim_matches('"');
                self.include(&place, pattern, depth);
            }
            _ if self.lines.len() >= MOST_LINES => {
                if !std::mem::replace(&mut self.is_full, true) {
                    let why = format!("more than {MOST_LINES} lines: nothing behind this one is read");
                    self.remarks.push(Remark::left_out(&place, first, why));
                }
            }
            _ => {
                let text = self.replaced(&place, text);
                self.lines.push(Line { place, text });
            }
        }
    }

    fn include(&mut self, place: &Place, pattern: &str, depth: usize) {
        let subject = format!("include {pattern}");
        if depth >= DEEPEST_INCLUDE {
            let why = format!("files that include each other more than {DEEPEST_INCLUDE} deep");
            return self.remarks.push(Remark::left_out(place, &subject, why));
        }
        let files = (self.source.include)(&place.file, pattern);
        if files.is_empty() {
            self.remarks.push(Remark::left_out(place, &subject, "no such file"));
        }
        for IncludedFile { name, text } in files {
            match text {
                Ok(text) => self.read(&name, &text, depth + 1),
                Err(cause) => self.remarks.push(Remark::left_out(place, &subject, format!("{name}: read: {cause}"))),
            }
        }
        self.definitions.insert("_PWD".into(), folder(&place.file).into());
    }

    /// The line without the condition that it begins with, if it is met.
    fn for_this_director(&mut self, place: &Place, text: String) -> Option<String> {
        let Some(condition) = text.strip_prefix('@') else { return Some(text) };
        let (word, rest) = condition.split_once(char::is_whitespace).unwrap_or((condition, ""));
        let Some(config_id) = self.source.config_id else {
            let why = "counts for some directors only: --config-id says for which one to import";
            self.remarks.push(Remark::left_out(place, &format!("@{word}"), why));
            return None;
        };
        let counts = match word.strip_prefix('^') {
            Some(other) => other != config_id,
            None => word == config_id,
        };
        counts.then(|| rest.trim().to_owned())
    }

    /// The line with what the definitions say, which may name others.
    fn replaced(&mut self, place: &Place, mut text: String) -> String {
        let mut from = 0;
        for _ in 0..MOST_REPLACEMENTS {
            let Some(name) = next_name(&text, from) else { return text };
            match self.definitions.get(name.word) {
                Some(value) => {
                    from = name.start;
                    text = [text.get(..name.start), Some(value), text.get(name.end..)].into_iter().flatten().collect();
                }
                None => from = name.end,
            }
            if text.len() > LONGEST_LINE {
                break;
            }
        }
        self.remarks.push(Remark::left_out(place, "$", "definitions that name each other without end"));
        String::new()
    }
}

/// The name of a definition in a line.
struct Name<'a> {
    word: &'a str,
    start: usize,
    end: usize,
}

/// `${NAME}`, or `$NAME` before a blank or the end.
fn next_name(text: &str, from: usize) -> Option<Name<'_>> {
    let rest = text.get(from..)?;
    for (at, _) in rest.match_indices('$') {
        let start = from + at;
        let behind = text.get(start + 1..)?;
        let (inner, braces) = match behind.strip_prefix('{') {
            Some(inner) => (inner, true),
            None => (behind, false),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        let (word, after) = inner.split_at_checked(length)?;
        let ends = match braces {
            true => after.starts_with('}'),
            false => after.is_empty() || after.starts_with(char::is_whitespace),
        };
        if ends && !word.is_empty() {
            let end = start + 1 + length + if braces { 2 } else { 0 };
            return Some(Name { word, start, end });
        }
    }
    None
}

/// `$NAME=VALUE`.
fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('$')?.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value.trim()))
}

/// The line without blanks around it and without its comment, and whether it goes on in the next line: `#` and `!` begin a
/// comment but between double quotes and behind a backslash (`decomment` of keepalived's lib/parser.c).
fn content(raw: &str) -> (String, bool) {
    let mut text = String::with_capacity(raw.len());
    let mut quoted = false;
    let mut characters = raw.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => {
                let Some(next) = characters.next() else { return (text.trim_end().to_owned(), true) };
                if quoted || !matches!(next, '#' | '!') {
                    text.push('\\');
                }
                text.push(next);
                continue;
            }
            '#' | '!' if !quoted => break,
            _ => {}
        }
        text.push(character);
    }
    (text.trim_end().to_owned(), false)
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, config_id: Option<&str>) -> (Vec<String>, Vec<String>) {
        let include = |from: &str, pattern: &str| match pattern {
            "other" => vec![IncludedFile { name: format!("{from}/other"), text: Ok("from other ${_PWD}".into()) }],
            "again" => vec![IncludedFile { name: "again".into(), text: Ok("include again\nonce".into()) }],
            _ => Vec::new(),
        };
        let source = KeepalivedSource { file: "etc/k.conf", text, config_id, include: &include };
        let mut remarks = Vec::new();
        let lines = read(&source, &mut remarks).into_iter().map(|line| line.text).collect();
        (lines, remarks.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn comments_end_a_line_but_between_quotes_and_behind_a_backslash() {
        crate::testing::check_rows(
            [
                ("  a b # c", "a b"),
                ("a ! b", "a"),
                ("a \"x # y\" z ! c", "a \"x # y\" z"),
                ("a \\# b", "a # b"),
                ("a \"\\\" b # c", "a \"\\\" b # c"),
                ("a \\\n  b # c", "a b"),
            ],
            |(text, expected)| assert_eq!(lines(text, None).0, [expected], "{text}"),
        );
    }

    #[test]
    fn a_definition_is_replaced_when_it_is_used_and_one_without_end_is_told() {
        let text = "$A=1${B}\n$B=2\nx ${A}3 $A y$B $C z$A\n$L=${L} \nuse $L\n$M= \\\n  a \\\n  b\n$M";
        let (lines, remarks) = lines(text, None);
        assert_eq!(lines, ["x 123 12 y2 $C z12", "", "$M"]);
        assert_eq!(
            remarks,
            [
                "etc/k.conf:5: $: left out: definitions that name each other without end",
                "etc/k.conf:6: $M: left out: a definition of several lines: write out what it stands for"
            ]
        );
    }

    #[test]
    fn a_line_for_another_director_does_not_count() {
        let text = "@main a\n@^main b\nc";
        assert_eq!(lines(text, Some("main")).0, ["a", "c"]);
        assert_eq!(lines(text, Some("spare")).0, ["b", "c"]);
        let (kept, remarks) = lines(text, None);
        assert_eq!((kept.as_slice(), remarks.len()), (["c".to_owned()].as_slice(), 2));
    }

    #[test]
    fn an_included_file_is_read_in_its_place_and_a_circle_ends() {
        assert_eq!(lines("a\ninclude other\nb ${_PWD}", None).0, ["a", "from other etc/k.conf", "b etc"]);
        let (kept, remarks) = lines("include again\ninclude none", None);
        assert_eq!(kept.len(), DEEPEST_INCLUDE);
        assert_eq!(remarks.len(), 2, "{remarks:?}");
    }
}
