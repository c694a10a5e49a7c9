//! Reads a whole file: which line belongs to which section.

use super::address;
use super::check::Patterns;
use super::directive::{self, Action, Directive, Entry};
use super::effective::Resolution;
use super::line::{self, Line};
use super::problem::{Problem, Report};
use super::real;
use super::section::{Located, Outside, Preview, Section};
use super::value;
use super::{Config, Resolver, effective};
use crate::model::Family;

/// Reads the text of an `ldirectord.cf`. All errors are returned, in the order of their lines.
pub fn parse_file(text: &[u8], resolver: &dyn Resolver) -> Result<Config, Vec<Problem>> {
    // Twice: what the last line says outside of sections counts for the first section.
    let mut preview = Preview::default();
    let outside = read(text, Depth::Preview, &mut Report::default(), |section| preview.note(&section));
    let patterns = Patterns::default();
    let mut resolution = Resolution::new(&outside, &preview, resolver, &patterns);
    let mut report = Report::default();
    read(text, Depth::Whole, &mut report, |section| resolution.add(&section));
    resolution.finish(report)
}

/// As [`parse_file`], for a text that is small enough to be read once and remembered.
pub fn parse_part(text: &[u8], resolver: &dyn Resolver) -> Result<Config, Vec<Problem>> {
    let (mut report, mut sections) = (Report::default(), Vec::new());
    let outside = read(text, Depth::Whole, &mut report, |section| sections.push(section));
    effective::resolve(&outside, &sections, resolver, report)
}

/// How much of each section is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// As much as [`Preview`] needs.
    Preview,
    Whole,
}

/// Gives each section to `take` when all of it was read.
fn read(text: &[u8], depth: Depth, report: &mut Report, take: impl FnMut(Section)) -> Outside {
    let mut reader =
        Reader { depth, outside: Outside::default(), section: None, in_section: false, take_section: take };
    line::read(text, report, |line, report| reader.take(line, report));
    reader.close_section();
    reader.outside
}

struct Reader<T> {
    depth: Depth,
    outside: Outside,
    /// The last one that was opened.
    section: Option<Section>,
    /// The last line at the left margin was a `virtual` one.
    in_section: bool,
    take_section: T,
}

impl<T: FnMut(Section)> Reader<T> {
    fn take(&mut self, line: &Line, report: &mut Report) {
        let Some(directive) = directive::find(line.keyword) else {
            report.error(line.origin, unknown(line.keyword));
            return;
        };
        let Some(value) = line.value.or((directive.name == "supervised").then_some("yes")) else {
            report.error(line.origin, format!("{}: expected \"=\" and a value", directive.name));
            return;
        };
        self.place(directive, line, report);
        let entry = Entry { origin: line.origin, directive: directive.name, value };
        if self.depth == Depth::Preview && self.in_section && has_no_host_name(directive, value) {
            return;
        }
        if let Action::Virtual(family) = directive.action {
            self.close_section();
            self.section = Some(open_section(&entry, family, report));
        } else {
            self.store(directive, &entry, report);
        }
    }

    fn close_section(&mut self) {
        self.section.take().into_iter().for_each(&mut self.take_section);
    }

    /// Decides whether the line is part of a section.
    fn place(&mut self, directive: &Directive, line: &Line, report: &mut Report) {
        let opens = matches!(directive.action, Action::Virtual(_));
        self.in_section = opens || (self.in_section && line.indent > 0);
        if line.indent > 0 && (opens || !self.in_section) {
            report.warn_once(line.origin, "blanks before a line outside of sections, which ldirectord refuses");
        } else if (1..4).contains(&line.indent) {
            report.warn_once(line.origin, "indented by less than 4 blanks or a tab, which ldirectord refuses");
        }
    }

    fn store(&mut self, directive: &Directive, entry: &Entry, report: &mut Report) {
        let outside = &mut self.outside;
        let section = self.section.as_mut().filter(|_| self.in_section);
        match (&directive.action, section) {
            (Action::Setting(set), None) => {
                let result = set(&mut outside.settings, entry, report);
                explain(result, entry, report);
            }
            (Action::Global(set), None) => {
                let result = set(&mut outside.global, entry, report);
                explain(result, entry, report);
            }
            (Action::Global(_), Some(_)) => {
                report
                    .error(entry.origin, format!("{}: not in a section: expected no blanks before it", directive.name));
            }
            (Action::Fallback(family), None) => {
                let fallback = parse_fallback(entry, *family, report);
                match family {
                    Family::Ipv4 => outside.fallback = fallback,
                    Family::Ipv6 => outside.fallback6 = fallback,
                }
            }
            (Action::Section(_) | Action::Real(_), None) => {
                report.error(
                    entry.origin,
                    format!(
                        "{}: not in a virtual section: expected blanks before it, below a virtual line",
                        directive.name
                    ),
                );
            }
            (_, Some(section)) => store_in_section(directive, section, entry, report),
            (_, None) => without_effect(directive, entry, report),
        }
    }
}

/// Whether the line needs no look-up: what is not a host does not, and digits are an address.
fn has_no_host_name(directive: &Directive, value: &str) -> bool {
    match directive.action {
        Action::Virtual(_) => false,
        Action::Real(_) | Action::Fallback(_) => {
            let place = value.split_whitespace().next().unwrap_or_default();
            place.bytes().all(|byte| byte.is_ascii_digit() || b".:[]".contains(&byte))
        }
        _ => true,
    }
}

/// Stores a directive that stands in a section, or is a parameter of one.
pub(super) fn store_in_section(directive: &Directive, section: &mut Section, entry: &Entry, report: &mut Report) {
    match directive.action {
        Action::Setting(set) => {
            let result = set(&mut section.settings, entry, report);
            explain(result, entry, report);
        }
        Action::Section(set) => {
            let result = set(section, entry, report);
            explain(result, entry, report);
        }
        Action::Real(family) if family == section.family => {
            match real::parse_real(entry.value, family) {
                Ok(real) => section.real_servers.push(entry.locate(real)),
                Err(text) => report.error(entry.origin, format!("{}: {text}", entry.name())),
            };
        }
        Action::Fallback(family) if family == section.family => {
            section.fallback = parse_fallback(entry, family, report).map(Box::new);
        }
        Action::Real(_) | Action::Fallback(_) => {
            let base = directive.name.trim_end_matches('6');
            let suffix = if section.family == Family::Ipv6 { "6" } else { "" };
            report.error(
                entry.origin,
                format!("{}: expected {base}{suffix} in a {} section", directive.name, section.directive()),
            );
        }
        Action::Virtual(_) | Action::Global(_) | Action::Ignored(_) | Action::Unsupported | Action::Replaced(_) => {
            without_effect(directive, entry, report);
        }
    }
}

/// Starts a section. Even when its address is wrong, its lines are read for their own errors.
fn open_section(entry: &Entry, family: Family, report: &mut Report) -> Section {
    let (word, rest) = entry.value.split_once(char::is_whitespace).unwrap_or((entry.value, ""));
    if !rest.is_empty() {
        report.warn(entry.origin, format!("{}: ignored what follows the address", entry.name()));
    }
    new_section(&Entry { value: word, ..*entry }, family, report)
}

pub(super) fn new_section(entry: &Entry, family: Family, report: &mut Report) -> Section {
    let mut section = Section::new(entry.origin, family, entry.value);
    let address = address::parse_virtual(entry.value, family);
    section.address = report.keep(entry.origin, address.map_err(|text| format!("{}: {text}", entry.name())));
    section
}

fn parse_fallback(entry: &Entry, family: Family, report: &mut Report) -> Option<Located<real::FallbackSpec>> {
    let text = value::bare(entry.value);
    if text != entry.value {
        report.warn(entry.origin, format!("{}: double quotes around it, which ldirectord refuses", entry.name()));
    }
    match real::parse_fallback(text, family) {
        Ok(fallback) => Some(entry.locate(fallback)),
        Err(text) => {
            report.error(entry.origin, format!("{}: {text}", entry.name()));
            None
        }
    }
}

fn without_effect(directive: &Directive, entry: &Entry, report: &mut Report) {
    let say = |text: &str| entry.origin.say(directive.name, text);
    match directive.action {
        Action::Ignored(reason) => report.warn(entry.origin, say(&format!("ignored: {reason}"))),
        Action::Replaced(by) => report.error(entry.origin, say(&format!("no longer exists: use {by}"))),
        _ => report.error(entry.origin, say("not supported yet")),
    }
}

fn explain(result: Result<(), String>, entry: &Entry, report: &mut Report) {
    if let Err(text) = result {
        report.error(entry.origin, format!("{}: {text}", entry.name()));
    }
}

/// Only the keyword is shown: what follows may be a password after a mistyped `passwd`. Nor is a keyword shown that is none:
/// the wrong file may have been named, such as /etc/shadow, and what is said here ends up in the cluster's configuration.
fn unknown(keyword: &str) -> String {
    /// Longer than any directive.
    const LONGEST: usize = 24;
    let is_word = |character: char| character.is_ascii_alphabetic() || "_-[]".contains(character);
    match directive::suggestion(keyword) {
        Some(meant) => format!("\"{keyword}\": unknown directive: did you mean \"{meant}\"?"),
        None if keyword.len() <= LONGEST && keyword.chars().all(is_word) => format!("\"{keyword}\": unknown directive"),
        None => "unknown directive: expected KEYWORD = VALUE".into(),
    }
}
