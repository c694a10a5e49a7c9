//! What a directive is: one row of the table.

use std::borrow::Cow;

use super::problem::{Origin, Report};
use super::written::{Entry, Value};
use super::{Service, value, words};
use crate::model::{Family, Field};

/// A directive of the configuration language. Parser, placement, suggestions, the declaration of an `lvs` resource, its
/// parameters and `check-config --explain` follow from this.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// The keyword.
    pub name: &'static str,
    /// Counts where nothing is written; in the language's own words.
    pub default: Option<&'static str>,
    /// Where a value comes from that is neither written nor the default.
    pub derived_from: &'static str,
    /// The directive whose value it gives, in place of a line of that one; empty for most.
    pub(super) gives: &'static str,
    /// The value is never shown.
    pub secret: bool,
    /// `ocf:rust:lvs` has a parameter of this name.
    pub is_parameter: bool,
    /// The value says which virtual services there are: with another one, others are meant.
    pub names_services: bool,
    /// A few words, for lists.
    pub short: &'static str,
    /// The whole truth, ASCII.
    pub long: &'static str,
    pub(super) scope: Scope,
    pub(super) form: Form,
    /// A warning that everybody gets who writes it.
    pub(super) note: &'static str,
    /// The value that counts for a service, as the language has it, but for the quotes around it. `None`: it says nothing
    /// of such a service.
    pub(super) declared: fn(&Service) -> Option<Cow<'_, str>>,
    /// A declaration leaves the value out, since the rest of the section says the same.
    pub(super) implied: fn(&Service) -> bool,
}

/// Where a directive may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Outside,
    Section,
    /// In a section, or outside for all sections that do not say otherwise.
    Both,
}

/// What a line of the directive does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Opens a section.
    Virtual(Family),
    Real(Family),
    Fallback(Family),
    Value(Kind),
    /// Accepted, without effect, for this reason.
    Ignored(&'static str),
    /// Names a file that is started with this one.
    Execute,
    /// Gone from ldirectord itself in favour of these.
    Replaced(&'static str),
}

/// How a value is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Whole seconds, at least one.
    Seconds,
    Number {
        min: u32,
        max: u32,
    },
    /// A number from 0; a larger one than this counts as this one.
    AtMost(u32),
    Port,
    YesNo,
    /// The first word, judged by this function.
    Word(fn(&str) -> Result<Box<str>, String>),
    Scheduler,
    /// A netmask, or the length of a prefix for IPv6.
    Netmask,
    /// In double quotes.
    Quoted,
    /// In double quotes, which many files forget.
    LenientlyQuoted,
    /// With or without double quotes.
    Text,
    /// The whole rest of the line; a pair of double quotes around it is no part of it, unless there are more of them.
    Rest,
    /// The same, judged by this function.
    Judged(fn(&str) -> Result<Box<str>, String>),
    /// A host name, with or without double quotes; an empty one is none.
    HostName,
}

impl Kind {
    /// Whether a file has double quotes around this value; a parameter of a resource has none.
    pub fn has_quotes(self, value: &str) -> bool {
        match self {
            Self::Quoted | Self::LenientlyQuoted | Self::Text | Self::HostName => true,
            Self::Rest | Self::Judged(_) => !value.contains('"'),
            _ => false,
        }
    }

    /// The value, or what was expected instead.
    pub fn read(self, entry: &Entry, report: &mut Report, family: Family) -> Result<Value, String> {
        let text = |text: String| Value::Text(text.into());
        match self {
            Self::Seconds => value::seconds(entry.number(report)).map(Value::Number),
            Self::Number { min, max } => value::number(entry.number(report), min, max).map(Value::Number),
            Self::AtMost(most) => value::number(entry.number(report), 0, u32::MAX).map(|number| {
                if number > most {
                    let objection = format!("{}: expected at most {most}", entry.name());
                    report.tolerate(entry.origin, &objection, "that counts");
                }
                Value::Number(number.min(most))
            }),
            Self::Port => value::port(entry.number(report)).map(|port| Value::Number(port.into())),
            Self::YesNo => value::yes_no(entry.value).map(Value::Flag),
            Self::Word(judge) => entry.leniently(report, judge).map(Value::Text),
            Self::Scheduler => scheduler(entry, report),
            Self::Netmask => value::netmask(entry.value, family).map(|length| Value::Number(length.into())),
            Self::Quoted => entry.quoted(report).map(text),
            Self::LenientlyQuoted => entry.leniently_quoted(report).map(text),
            Self::Text => entry.text(report).map(text),
            Self::Rest => Ok(Value::Text(value::without_quotes(entry.value).into())),
            Self::Judged(judge) => judge(value::without_quotes(entry.value)).map(Value::Text),
            Self::HostName => host_name(entry, report).map(text),
        }
    }
}

fn scheduler(entry: &Entry, report: &mut Report) -> Result<Value, String> {
    let (name, note) = entry.leniently(report, words::scheduler)?;
    if let Some(expected) = note {
        let objection = format!("{}: {expected}", entry.name());
        report.tolerate(entry.origin, &objection, "the kernel decides whether it has it");
    }
    Ok(Value::Text(name))
}

fn host_name(entry: &Entry, report: &mut Report) -> Result<String, String> {
    // Templates leave an empty one; ldirectord takes it.
    if value::bare(entry.value).is_empty() {
        return Ok(String::new());
    }
    let host = entry.text(report)?;
    let is_name = host.chars().all(|character| character.is_ascii_graphic() && character != '"');
    if is_name { Ok(host) } else { Err("expected a host name".into()) }
}

impl Directive {
    pub(super) const fn new(name: &'static str, scope: Scope, form: Form) -> Self {
        Self {
            name,
            default: None,
            derived_from: "",
            gives: "",
            secret: false,
            is_parameter: false,
            names_services: false,
            short: "",
            long: "",
            scope,
            form,
            note: "",
            declared: |_| None,
            implied: |_| false,
        }
    }

    pub(super) const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    pub(super) const fn derived_from(self, source: &'static str) -> Self {
        Self { derived_from: source, ..self }
    }

    pub(super) const fn gives(self, other: &'static str) -> Self {
        Self { gives: other, ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// A parameter of `ocf:rust:lvs`, with what its users are told.
    pub(super) const fn parameter(self, short: &'static str, long: &'static str) -> Self {
        Self { is_parameter: true, short, long, ..self }
    }

    pub(super) const fn names_services(self) -> Self {
        Self { names_services: true, ..self }
    }

    pub(super) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub(super) const fn declared(self, declared: fn(&Service) -> Option<Cow<'_, str>>) -> Self {
        Self { declared, ..self }
    }

    pub(super) const fn implied(self, implied: fn(&Service) -> bool) -> Self {
        Self { implied, ..self }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        match self.form {
            Form::Value(kind) => Some(kind),
            _ => None,
        }
    }

    /// The beginning of a message: `checkport "x"`, or the name alone where the value is a secret.
    pub(super) fn name_value(&self, origin: Origin, value: &str) -> String {
        match (self.secret, origin) {
            (false, _) => origin.name_value(self.name, value),
            (true, Origin::Parameter(_)) => "the value".into(),
            (true, Origin::Line(_)) => self.name.into(),
        }
    }

    /// What a declaration has of a service, with the quotes that a file has around it. A secret is shown.
    pub(super) fn written_for<'a>(&self, service: &'a Service) -> Option<Cow<'a, str>> {
        let value = (self.declared)(service).filter(|_| !(self.implied)(service))?;
        let quotes = self.kind().is_some_and(|kind| kind.has_quotes(&value));
        Some(if quotes { format!("\"{value}\"").into() } else { value })
    }
}

/// What the question of a service's checks says of a field.
pub(super) fn asked(service: &Service, field: Field) -> Option<Cow<'_, str>> {
    Some(service.question.get(field)).filter(|text| !text.is_empty()).map(Cow::Borrowed)
}
