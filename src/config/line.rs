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
}

/// Splits a file into the lines that say something, and hands each to `take`.
pub(super) fn read(text: &[u8], report: &mut Report, mut take: impl FnMut(&Line, &mut Report)) {
    let (mut blank_before, mut is_first) = (false, true);
    for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let origin = Origin::Line(index + 1);
        let decoded = String::from_utf8_lossy(raw);
        let mut line: &str = &decoded;
        if let Some(rest) = line.strip_prefix('\u{feff}').filter(|_| index == 0) {
            report.warn(origin, "starts with a byte order mark, which ldirectord refuses");
            line = rest;
        }
        if let Some(rest) = line.strip_suffix('\r') {
            report.warn_once(origin, "ends with a carriage return, which ldirectord refuses after yes and no");
            line = rest;
        }
        let content = strip_comment(line).trim_end();
        if content.is_empty() {
            blank_before |= line.trim().is_empty();
            continue;
        }
        if let Err(text) = check_characters(content, raw) {
            report.error(origin, text);
            continue;
        }
        let content = plain_blanks(content, origin, report);
        let line = split(origin, &content);
        if blank_before && line.indent > 0 && !is_first {
            report.warn_once(origin, "an indented line after a blank one, which ldirectord refuses");
        }
        (blank_before, is_first) = (false, false);
        take(&line, report);
    }
}

/// The line up to the first `#` that is not between two double quotes. ldirectord cuts inside quotes as well and then
/// refuses the line, so no file that it accepts is read differently.
pub(super) fn strip_comment(line: &str) -> &str {
    if !line.contains('#') {
        return line;
    }
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' if quoted => quoted = false,
            '"' => quoted = line.get(at + 1..).is_some_and(|rest| rest.contains('"')),
            '#' if !quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

/// Control characters would break the files and protocols that values end up in.
fn check_characters(content: &str, raw: &[u8]) -> Result<(), String> {
    // Nearly every line, and files have many: a look at each byte is enough.
    if content.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Ok(());
    }
    if content.contains(char::REPLACEMENT_CHARACTER) && std::str::from_utf8(raw).is_err() {
        return Err("not UTF-8 text: only comments may have another encoding".into());
    }
    match content.chars().find(|character| character.is_control() && *character != '\t') {
        Some(character) => Err(format!("control character U+{:04X}: expected text", u32::from(character))),
        None => Ok(()),
    }
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
    Line { origin, indent, keyword, value }
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
            assert_eq!(strip_comment(text), kept, "{text:?}");
        }
    }

    #[test]
    fn a_tab_is_four_columns() {
        for (text, columns) in [("a=1", 0), ("  a=1", 2), ("\ta=1", 4), (" \ta=1", 5), ("\u{3000}a=1", 1)] {
            assert_eq!(one(text).0, columns, "{text:?}");
        }
    }
}
