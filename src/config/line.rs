//! From bytes to lines: comments, blanks, indentation, `keyword = value`. Knows no directive.

use std::borrow::Cow;

use super::problem::{Origin, Report};

/// Columns of a tab, and the indentation from which ldirectord takes a line as part of a section.
const TAB: usize = 4;

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub origin: Origin,
    /// Columns of blanks before the keyword.
    pub indent: usize,
    /// Everything up to the first blank or `=`.
    pub keyword: &'a str,
    /// What follows the `=`, without blanks around it; `None` without `=`.
    pub value: Option<&'a str>,
    /// What begins the comment behind the value, if there is one.
    pub comment: Option<&'static str>,
    /// The line is not UTF-8; it was read as Latin-1.
    pub is_latin1: bool,
}

/// Splits a file into the lines that say something, and hands each to `take`.
pub(super) fn read(text: &[u8], report: &mut Report, mut take: impl FnMut(&Line, &mut Report)) {
    let (mut blank_before, mut is_first) = (false, true);
    for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let origin = Origin::Line(index + 1);
        let Content { text, comment, is_latin1 } = plain(raw).unwrap_or_else(|| decode(raw, origin, report));
        let content = text.trim_end();
        if content.is_empty() {
            blank_before |= comment.is_none();
            continue;
        }
        if let Some(character) = control_character(content) {
            report.error(origin, format!("control character U+{:04X}: expected text", u32::from(character)));
            continue;
        }
        let content = plain_blanks(content, origin, report);
        let line = Line { comment, is_latin1, ..split(origin, &content) };
        if blank_before && line.indent > 0 && !is_first {
            report.warn_once(origin, "an indented line after a blank one, which ldirectord refuses");
        }
        (blank_before, is_first) = (false, false);
        take(&line, report);
    }
}

/// A line as text, without its comment.
struct Content<'a> {
    text: Cow<'a, str>,
    /// What begins the comment, if there is one.
    comment: Option<&'static str>,
    is_latin1: bool,
}

/// A line of nothing but printable ASCII in which no comment can begin. Nearly every line is one, and files have many: one look
/// at each byte is enough.
fn plain(raw: &[u8]) -> Option<Content<'_>> {
    // No early end: this way the compiler compares many bytes at once.
    let is_plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~') & !matches!(byte, b'#' | b'/');
    let all = raw.iter().fold(true, |all, byte| all & is_plain(byte));
    let text = std::str::from_utf8(raw).ok().filter(|_| all)?;
    Some(Content { text: Cow::Borrowed(text), comment: None, is_latin1: false })
}

fn decode<'a>(raw: &'a [u8], origin: Origin, report: &mut Report) -> Content<'a> {
    let mut line = raw;
    if let Some(rest) = line.strip_prefix("\u{feff}".as_bytes()).filter(|_| origin == Origin::Line(1)) {
        report.warn(origin, "starts with a byte order mark, which ldirectord refuses");
        line = rest;
    }
    if let Some(rest) = line.strip_suffix(b"\r") {
        report.warn_once(origin, "ends with a carriage return, which ldirectord refuses after yes and no");
        line = rest;
    }
    let (text, comment) = without_comment(String::from_utf8_lossy(line));
    // A comment may be in any encoding.
    let is_latin1 = text.contains(char::REPLACEMENT_CHARACTER) && std::str::from_utf8(line).is_err();
    let (text, comment) = match is_latin1 {
        true => without_comment(line.iter().map(|byte| char::from(*byte)).collect()),
        false => (text, comment),
    };
    Content { text, comment, is_latin1 }
}

fn without_comment(text: Cow<'_, str>) -> (Cow<'_, str>, Option<&'static str>) {
    let (kept, comment) = split_comment(&text);
    let length = kept.len();
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..length).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(length);
            Cow::Owned(text)
        }
    };
    (text, comment)
}

/// What begins a comment: a number sign anywhere, two slashes behind a blank or at the beginning.
const COMMENTS: [&str; 2] = ["#", "//"];

/// The line up to the comment, and what begins it. Between two double quotes there is none: ldirectord cuts at a number sign
/// there as well and then refuses the line, so no file that it accepts is read differently. Two slashes are what users write
/// who come from other languages; ldirectord takes them for a part of the value.
pub(super) fn split_comment(line: &str) -> (&str, Option<&'static str>) {
    let [number_sign, slashes] = COMMENTS;
    let cut = |at: usize, mark| (line.get(..at).unwrap_or(line), Some(mark));
    let mut after_blank = true;
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' if quoted => quoted = false,
            '"' => quoted = line.get(at + 1..).is_some_and(|rest| rest.contains('"')),
            '#' if !quoted => return cut(at, number_sign),
            '/' if !quoted && after_blank && line.get(at..).is_some_and(|rest| rest.starts_with(slashes)) => {
                return cut(at, slashes);
            }
            _ => {}
        }
        after_blank = character.is_whitespace();
    }
    (line, None)
}

/// The first one that would break the files and protocols that values end up in.
fn control_character(content: &str) -> Option<char> {
    content.chars().find(|character| character.is_control() && *character != '\t')
}

/// Editors for Chinese and web pages put no-break and wide spaces where a blank is meant.
fn plain_blanks<'a>(content: &'a str, origin: Origin, report: &mut Report) -> Cow<'a, str> {
    if content.is_ascii() {
        return Cow::Borrowed(content);
    }
    let mut quoted = false;
    let mut replaced = false;
    let plain = content.chars().map(|character| match character {
        '"' => {
            quoted = !quoted;
            character
        }
        '\u{a0}' | '\u{3000}' if !quoted => {
            replaced = true;
            ' '
        }
        _ => character,
    });
    let plain = plain.collect::<String>();
    if replaced {
        report.warn_once(origin, "contains a no-break or wide space, taken as a blank; ldirectord refuses it");
    }
    Cow::Owned(plain)
}

fn split(origin: Origin, content: &str) -> Line<'_> {
    let text = content.trim_start();
    let leading = content.chars().take_while(|character| character.is_whitespace());
    let indent = leading.map(|character| if character == '\t' { TAB } else { 1 }).sum();
    let end = text.find(|character: char| character == '=' || character.is_whitespace()).unwrap_or(text.len());
    let (keyword, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let value = rest.trim_start().strip_prefix('=').map(str::trim);
    Line { origin, indent, keyword, value, comment: None, is_latin1: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Indentation, keyword and value of the only line.
    fn one(text: &str) -> (usize, String, Option<String>) {
        let mut lines = Vec::new();
        read(text.as_bytes(), &mut Report::default(), |line, _| {
            lines.push((line.indent, line.keyword.to_owned(), line.value.map(str::to_owned)));
        });
        assert_eq!(lines.len(), 1, "{text:?}");
        lines.remove(0)
    }

    #[test]
    fn keyword_and_value_stand_around_the_equal_sign() {
        for text in
            ["real=10.0.0.1 gate", "real = 10.0.0.1 gate  ", "real\t=10.0.0.1 gate # x", "real= 10.0.0.1 gate\r"]
        {
            assert_eq!(one(text), (0, "real".into(), Some("10.0.0.1 gate".into())), "{text:?}");
        }
        assert_eq!(one("supervised"), (0, "supervised".into(), None));
    }

    #[test]
    fn a_number_sign_is_data_between_quotes_only() {
        for (text, kept) in [
            ("a=1 # b", "a=1 "),
            ("a=\"x#y\"", "a=\"x#y\""),
            ("a=\"x#y\" # \"z\"", "a=\"x#y\" "),
            ("a=\"x#y", "a=\"x"),
            ("a=x#y\"z\"", "a=x"),
            ("#", ""),
        ] {
            assert_eq!(split_comment(text).0, kept, "{text:?}");
        }
    }

    #[test]
    fn two_slashes_are_a_comment_behind_a_blank_only() {
        for (text, kept, mark) in [
            ("a=1   //\u{8d85}\u{65f6}", "a=1   ", Some("//")),
            ("a=yes\t// b # c", "a=yes\t", Some("//")),
            ("// a", "", Some("//")),
            ("a=http://b/c", "a=http://b/c", None),
            ("a=\"x // y\"", "a=\"x // y\"", None),
            ("a=\"x\" // \"y\"", "a=\"x\" ", Some("//")),
            ("a=1 # // b", "a=1 ", Some("#")),
        ] {
            assert_eq!(split_comment(text), (kept, mark), "{text:?}");
        }
    }

    #[test]
    fn a_tab_is_four_columns() {
        for (text, columns) in [("a=1", 0), ("  a=1", 2), ("\ta=1", 4), (" \ta=1", 5), ("\u{3000}a=1", 1)] {
            assert_eq!(one(text).0, columns, "{text:?}");
        }
    }
}
