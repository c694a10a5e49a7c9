//! Reads a whole file: which line belongs to which section.

use super::address;
use super::check::Questions;
use super::directive::{Directive, Form, Kind, Scope};
use super::effective::{Author, Judged, Resolution};
use super::line::{self, Line};
use super::problem::{Origin, Problem, Report};
use super::real;
use super::section::{Outside, Preview, Section};
use super::table;
use super::value;
use super::written::{Entry, Located};
use super::{Config, ExecutedFile, NoNames, Resolver, effective};
use crate::model::Family;

/// Reads the text of an `ldirectord.cf`. All errors are returned, in the order of their lines.
pub fn parse_file(text: &[u8], resolver: &dyn Resolver) -> Result<Config, Vec<Problem>> {
    judge(text, resolver, Author::User).result()
}

/// Reads a declaration, as [`render`](super::render()) writes it. It has no names, and may say what only its author knows.
pub fn parse_declaration(text: &[u8]) -> Result<Config, Vec<Problem>> {
    judge(text, &NoNames, Author::Lvs).result()
}

/// As [`parse_declaration`], for a text that is small enough to be read once and remembered.
pub fn parse_declared_part(text: &[u8]) -> Result<Config, Vec<Problem>> {
    let (mut report, mut sections) = (Report::default(), Vec::new());
    let outside = read(text, Depth::Whole, &mut report, |section| sections.push(section));
    effective::resolve(&outside, &sections, (&NoNames, Author::Lvs), report)
}

/// The warnings of a text, in the order of their lines, whatever else is wrong with it.
pub fn warnings(text: &[u8], resolver: &dyn Resolver) -> Vec<Problem> {
    judge(text, resolver, Author::User).config.warnings
}

fn judge(text: &[u8], resolver: &dyn Resolver, author: Author) -> Judged {
    // Twice: what the last line says outside of sections counts for the first section.
    let mut preview = Preview::default();
    let outside = read(text, Depth::Preview, &mut Report::default(), |section| preview.note(&section));
    let questions = Questions::new(resolver);
    let mut resolution = Resolution::new(&outside, &preview, (resolver, author), &questions);
    let mut report = Report::default();
    read(text, Depth::Whole, &mut report, |section| resolution.add(&section));
    resolution.finish(report)
}

/// The files that the text executes, whatever else is wrong with it.
pub fn executed_files(text: &[u8]) -> Vec<ExecutedFile> {
    read(text, Depth::Preview, &mut Report::default(), |_| {}).executed
}

/// How much of each section is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// As much as [`Preview`] needs.
    Preview,
    Whole,
}

/// Gives each section to `take` when all of it was read.
pub(super) fn read(text: &[u8], depth: Depth, report: &mut Report, take: impl FnMut(Section)) -> Outside {
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
        let Some(directive) = table::find(line.keyword) else {
            report.error(line.origin, unknown(line));
            return;
        };
        let Some(value) = line.value.or_else(|| bare_value(directive, line, report)) else {
            report.error(line.origin, format!("{}: expected \"=\" and a value", directive.name));
            return;
        };
        self.place(directive, line, report);
        let entry = Entry { origin: line.origin, directive, value };
        warn_of_comment(&entry, line, self.in_section, report);
        if line.is_latin1 {
            // Only people read these.
            if !["servicename", "comment"].contains(&directive.name) {
                let text = "not UTF-8 text: only comments may have another encoding";
                return report.error(line.origin, text);
            }
            report.warn(line.origin, format!("{}: not UTF-8 text, taken as Latin-1", directive.name));
        }
        if self.depth == Depth::Preview && self.in_section && has_no_host_name(directive, value) {
            return;
        }
        if let Form::Virtual(family) = directive.form {
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
        let opens = matches!(directive.form, Form::Virtual(_));
        self.in_section = opens || (self.in_section && line.indent > 0);
        if line.indent > 0 && (opens || !self.in_section) {
            report.warn_once(line.origin, "blanks before a line outside of sections, which ldirectord refuses");
        } else if (1..4).contains(&line.indent) {
            report.warn_once(line.origin, "indented by less than 4 blanks or a tab, which ldirectord refuses");
        }
    }

    fn store(&mut self, directive: &'static Directive, entry: &Entry, report: &mut Report) {
        let section = self.section.as_mut().filter(|_| self.in_section);
        match (directive.scope, section) {
            (Scope::Outside, Some(_)) => {
                report
                    .error(entry.origin, format!("{}: not in a section: expected no blanks before it", directive.name));
            }
            (Scope::Section, None) => {
                report.error(
                    entry.origin,
                    format!(
                        "{}: not in a virtual section: expected blanks before it, below a virtual line",
                        directive.name
                    ),
                );
            }
            (_, Some(section)) => store_in_section(section, entry, report),
            (_, None) => store_outside(&mut self.outside, entry, report),
        }
    }
}

fn store_outside(outside: &mut Outside, entry: &Entry, report: &mut Report) {
    match entry.directive.form {
        Form::Value(_) => {
            let value = entry.read(report, Family::Ipv4);
            value.into_iter().for_each(|value| outside.values.set(entry, value));
        }
        Form::Fallback(Family::Ipv4) => outside.fallback = parse_fallback(entry, Family::Ipv4, report),
        Form::Fallback(Family::Ipv6) => outside.fallback6 = parse_fallback(entry, Family::Ipv6, report),
        Form::Execute => execute(outside, entry, report),
        _ => without_effect(entry, report),
    }
}

/// Each file counts once, as often as it is named.
fn execute(outside: &mut Outside, entry: &Entry, report: &mut Report) {
    let name = value::without_quotes(entry.value);
    if name.is_empty() {
        report.error(entry.origin, format!("{}: expected the name of a configuration file", entry.name()));
    } else if outside.executed.iter().all(|known| &*known.name != name) {
        outside.executed.push(ExecutedFile { origin: entry.origin, name: name.into() });
    }
}

/// What a keyword means that stands alone.
fn bare_value(directive: &Directive, line: &Line, report: &mut Report) -> Option<&'static str> {
    (directive.name == "supervised").then(|| {
        report.warn(line.origin, "supervised: without a value, which ldirectord warns of: yes counts");
        "yes"
    })
}

/// ldirectord takes a number sign behind some values and not behind others, and two slashes for a part of the value.
fn warn_of_comment(entry: &Entry, line: &Line, in_section: bool, report: &mut Report) {
    let Some(mark) = line.comment else { return };
    let is_refused = match entry.directive.form {
        Form::Value(Kind::YesNo) => true,
        Form::Fallback(_) => !in_section,
        _ => false,
    };
    let text = match mark {
        "#" if !is_refused => return,
        "#" => "a comment behind the value, which ldirectord refuses",
        _ => "a comment behind the value that begins with //, which ldirectord takes for a part of it",
    };
    report.warn(entry.origin, format!("{}: {text}", entry.directive.name));
}

/// Whether the line needs no look-up: what is not a host does not, and digits are an address.
fn has_no_host_name(directive: &Directive, value: &str) -> bool {
    match directive.form {
        Form::Virtual(_) => false,
        Form::Real(_) | Form::Fallback(_) => {
            let place = value.split_whitespace().next().unwrap_or_default();
            place.bytes().all(|byte| byte.is_ascii_digit() || b".:[]".contains(&byte))
        }
        _ => true,
    }
}

/// Stores a directive that stands in a section, or is a parameter of one.
pub(super) fn store_in_section(section: &mut Section, entry: &Entry, report: &mut Report) {
    match entry.directive.form {
        Form::Value(_) => {
            let value = entry.read(report, section.family);
            value.into_iter().for_each(|value| section.values.set(entry, value));
        }
        Form::Real(family) if family == section.family => {
            let mut notes = Vec::new();
            let real = real::parse_real(entry.value, family, &mut notes);
            for (objection, what_counts) in notes {
                report.tolerate(entry.origin, &format!("{}: {objection}", entry.name()), what_counts);
            }
            match real {
                Ok(real) => section.real_servers.push(entry.locate(real)),
                Err(text) => report.error(entry.origin, format!("{}: {text}", entry.name())),
            };
        }
        Form::Fallback(family) if family == section.family => {
            section.fallback = parse_fallback(entry, family, report).map(Box::new);
        }
        Form::Real(_) | Form::Fallback(_) => {
            let name = entry.directive.name;
            let base = name.trim_end_matches('6');
            let suffix = if section.family == Family::Ipv6 { "6" } else { "" };
            let text = format!("{name}: expected {base}{suffix} in a {} section", section.directive());
            report.error(entry.origin, text);
        }
        Form::Virtual(_) | Form::Execute | Form::Ignored(_) | Form::Replaced(_) => {
            without_effect(entry, report);
        }
    }
}

/// Starts a section. Even when its address is wrong, its lines are read for their own errors.
fn open_section(entry: &Entry, family: Family, report: &mut Report) -> Section {
    let (word, rest) = entry.value.split_once(char::is_whitespace).unwrap_or((entry.value, ""));
    if !rest.is_empty() {
        report.warn(entry.origin, format!("{}: ignored what follows the address", entry.name()));
    }
    new_section(entry.origin, word, family, report)
}

pub(super) fn new_section(origin: Origin, word: &str, family: Family, report: &mut Report) -> Section {
    let mut section = Section::new(origin, family, word);
    let mut notes = Vec::new();
    let address = address::parse_virtual(&address::tidied(word, &mut notes), family);
    for (objection, what_counts) in notes {
        report.tolerate(origin, &format!("{}: {objection}", section.name()), what_counts);
    }
    section.address = report.keep(origin, address.map_err(|text| format!("{}: {text}", section.name())));
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

fn without_effect(entry: &Entry, report: &mut Report) {
    let say = |text: &str| entry.origin.say(entry.directive.name, text);
    match entry.directive.form {
        Form::Ignored(reason) => report.warn(entry.origin, say(&format!("ignored: {reason}"))),
        Form::Replaced(by) => report.error(entry.origin, say(&format!("no longer exists: use {by}"))),
        // The others have an effect, and do not come here.
        _ => {}
    }
}

/// Only the keyword is shown: what follows may be a password after a mistyped `passwd`. Nor is a keyword shown that is none:
/// the wrong file may have been named, such as /etc/shadow, and what is said here ends up in the cluster's configuration.
fn unknown(line: &Line) -> String {
    /// Longer than any directive.
    const LONGEST: usize = 24;
    let is_word = |character: char| character.is_ascii_alphabetic() || "_-[]".contains(character);
    let keyword = line.keyword;
    let is_shown = keyword.len() <= LONGEST && keyword.chars().all(is_word);
    match (table::suggestion(keyword), line.value) {
        (Some(meant), _) => format!("\"{keyword}\": unknown directive: did you mean \"{meant}\"?"),
        (None, Some(_)) if is_shown => format!("\"{keyword}\": unknown directive"),
        // Another language has another form of line, such as [SECTION].
        (None, None) if is_shown => {
            format!("\"{keyword}\": expected KEYWORD = VALUE; a line virtual = ADDRESS:PORT begins a section")
        }
        _ => "unknown directive: expected KEYWORD = VALUE".into(),
    }
}
