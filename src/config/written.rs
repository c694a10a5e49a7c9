//! What was written of a directive, and what counts of it: the section's word, else the word outside, else the default.

use std::path::PathBuf;

use super::directive::Directive;
use super::problem::{Origin, Report};
use super::{table, value};

/// A directive's value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub origin: Origin,
    pub directive: &'static Directive,
    pub value: &'a str,
}

impl Entry<'_> {
    /// The beginning of a message: `checkport "x"`. A secret's value is never part of it.
    pub fn name(&self) -> String {
        self.directive.name_value(self.origin, self.value)
    }

    /// The same value with the user's word.
    pub fn locate<T>(&self, value: T) -> Located<T> {
        Located { origin: self.origin, word: self.value.into(), value }
    }

    /// Reads the value by the directive's rule; what is wrong with it is reported.
    pub fn read(&self, report: &mut Report, family: crate::model::Family) -> Option<Value> {
        let kind = self.directive.kind()?;
        if !self.directive.note.is_empty() {
            report.warn(self.origin, self.origin.say(self.directive.name, self.directive.note));
        }
        let value = kind.read(self, report, family);
        report.keep(self.origin, value.map_err(|text| format!("{}: {text}", self.name())))
    }

    /// The value between double quotes. The error never contains the value.
    pub fn quoted(&self, report: &mut Report) -> Result<String, String> {
        let (text, after) = value::quoted(self.value)?;
        if !after.is_empty() {
            report.warn(self.origin, format!("{}: ignored what follows the closing double quote", self.name()));
        }
        Ok(text.into())
    }

    /// The value with or without double quotes.
    pub fn text(&self, report: &mut Report) -> Result<String, String> {
        match self.value {
            "" => Err("expected a value".into()),
            text if text.starts_with('"') => self.quoted(report),
            // No file could hold it in double quotes: what follows the number sign would be a comment.
            text if text.contains('"') && text.contains('#') => Err("expected a value in double quotes".into()),
            text => Ok(text.into()),
        }
    }

    /// The same, for a value that ldirectord wants in quotes and that many files have without.
    pub fn leniently_quoted(&self, report: &mut Report) -> Result<String, String> {
        let text = self.text(report)?;
        if !self.value.starts_with('"') {
            report.warn(self.origin, format!("{}: no double quotes around it, which ldirectord refuses", self.name()));
        }
        Ok(text)
    }

    /// The digits at the beginning, if the value begins with some: ldirectord ignores what follows them.
    pub fn number(&self, report: &mut Report) -> &str {
        let value = value::bare(self.value);
        let end = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
        match value.split_at_checked(end) {
            Some((digits, tail)) if !digits.is_empty() && !tail.is_empty() => {
                let objection = format!("{}: expected digits alone", self.name());
                report.tolerate(self.origin, &objection, &format!("{digits} counts"));
                digits
            }
            _ => value,
        }
    }

    /// A word that `judge` takes, if need be without a comma behind it, or in small letters.
    pub fn leniently<T>(&self, report: &mut Report, judge: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        let word = self.word(report);
        let judged = judge(word);
        let plain = word.trim_end_matches([',', ';']).to_ascii_lowercase();
        match judge(&plain) {
            Ok(value) if judged.is_err() && matches!(self.origin, Origin::Line(_)) => {
                report.warn(self.origin, format!("{}: taken as {plain}", self.name()));
                Ok(value)
            }
            _ => judged,
        }
    }

    /// The first word: ldirectord ignores what follows.
    pub fn word(&self, report: &mut Report) -> &str {
        let (word, rest) = self.value.split_once(char::is_whitespace).unwrap_or((self.value, ""));
        if !rest.is_empty() {
            let objection = format!("{}: expected one word", self.name());
            report.tolerate(self.origin, &objection, &format!("{word} counts"));
        }
        value::bare(word)
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub origin: Origin,
    /// The user's own word.
    pub word: Box<str>,
    pub value: T,
}

/// A value that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u32),
    Flag(bool),
    /// Empty: said, and none, such as `virtualhost=` in a template.
    Text(Box<str>),
}

/// A directive as it was written last.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub directive: &'static Directive,
    pub at: Located<Value>,
}

impl Written {
    /// The beginning of a message.
    pub fn name(&self) -> String {
        self.directive.name_value(self.at.origin, &self.at.word)
    }

    pub fn number(&self) -> Option<u32> {
        match self.at.value {
            Value::Number(number) => Some(number),
            Value::Flag(_) | Value::Text(_) => None,
        }
    }
}

/// Everything that was written in one place: a section, or outside of sections. The last word counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(Vec<Written>);

impl Values {
    pub fn set(&mut self, entry: &Entry, value: Value) {
        let written = Written { directive: entry.directive, at: entry.locate(value) };
        match self.0.iter_mut().find(|known| known.directive.name == entry.directive.name) {
            Some(known) => *known = written,
            None => self.0.push(written),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Written> {
        debug_assert!(table::find(name).is_some(), "{name}: no such directive");
        self.0.iter().find(|written| written.directive.name == name)
    }
}

/// What counts for one section.
#[derive(Clone, Copy)]
pub(super) struct Effective<'a> {
    pub section: &'a Values,
    pub outside: &'a Values,
}

impl<'a> Effective<'a> {
    /// What was written, if it was.
    pub fn written(&self, name: &str) -> Option<&'a Written> {
        self.section.get(name).or_else(|| self.outside.get(name))
    }

    /// What was written for the first of these names that was written at all: in the section first.
    pub fn first_written(&self, names: [&str; 2]) -> Option<&'a Written> {
        let first = |values: &'a Values| names.into_iter().find_map(|name| values.get(name));
        first(self.section).or_else(|| first(self.outside))
    }

    /// A number; 0 where nothing is written and there is no default.
    pub fn number(&self, name: &str) -> u32 {
        self.written(name).and_then(Written::number).unwrap_or_else(|| default_number(name))
    }

    /// `yes`; false where nothing is written and there is no default.
    pub fn flag(&self, name: &str) -> bool {
        match self.written(name).map(|written| &written.at.value) {
            Some(Value::Flag(flag)) => *flag,
            _ => default_of(name) == "yes",
        }
    }

    /// A text; empty where nothing is written and there is no default.
    pub fn text(&self, name: &str) -> &'a str {
        match self.written(name).map(|written| &written.at.value) {
            Some(Value::Text(text)) => text,
            _ => default_of(name),
        }
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }
}

fn default_of(name: &str) -> &'static str {
    table::find(name).and_then(|directive| directive.default).unwrap_or("")
}

/// The default of a directive whose value is a number; 0 for none.
pub(super) fn default_number(name: &str) -> u32 {
    default_of(name).parse().unwrap_or(0)
}
