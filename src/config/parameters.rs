//! Services from the parameters of a cluster resource. Each parameter is the directive of the same name; text that a
//! file has in double quotes comes without them.

use super::directive::{Directive, Form, Kind, Scope};
use super::effective::Author;
use super::problem::{Origin, Problem, Report};
use super::section::{Outside, Section};
use super::written::{Effective, Entry, Value, Written};
use super::{Config, Resolver, effective, file, line, render, table, words};
use crate::model::{Family, Field};

const VIRTUAL: &str = "virtual";
const REAL: &str = "real";
const FALLBACK: &str = "fallback";

/// Reads parameters: `virtual` (one, or several separated by commas or newlines, which share everything else), `real`
/// (likewise a list), and the directives of a section. IPv6 needs no other names: `virtual` and `real` tell.
/// An empty value is one that is not given.
pub fn parse_parameters(
    parameters: &[(&'static str, String)],
    resolver: &dyn Resolver,
) -> Result<Config, Vec<Problem>> {
    let given = || parameters.iter().map(|(name, value)| (*name, value.as_str())).filter(|(_, v)| !v.trim().is_empty());
    let value_of = |wanted| given().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
    let mut report = Report::default();
    let mut sections = Vec::new();
    for word in split_list(value_of(VIRTUAL)) {
        let family = family(word, value_of(REAL));
        let origin = Origin::Parameter(VIRTUAL);
        let mut section = file::new_section(origin, word, family, &mut report);
        for (name, value) in given().filter(|(name, _)| *name != VIRTUAL) {
            store(name, value, &mut section, &mut report);
        }
        sections.push(section);
    }
    if sections.is_empty() {
        report.error(Origin::Parameter(VIRTUAL), "expected ADDRESS:PORT or a firewall mark");
    }
    effective::resolve(&Outside::default(), &sections, (resolver, Author::User), report)
}

fn store(name: &'static str, value: &str, section: &mut Section, report: &mut Report) {
    let origin = Origin::Parameter(name);
    let suffix = if section.family == Family::Ipv6 && [REAL, FALLBACK].contains(&name) { "6" } else { "" };
    let directive = table::find(&format!("{name}{suffix}"));
    let Some(directive) = directive.filter(|directive| may_be_in_a_section(directive)) else {
        report.error(origin, "not a directive of a service");
        return;
    };
    let mut store = |value: &str| file::store_in_section(section, &Entry { origin, directive, value }, report);
    if name == REAL {
        split_list(value).into_iter().for_each(store);
    } else {
        match as_in_a_file(directive, value) {
            Ok(text) => store(&text),
            Err(expected) => report.error(origin, expected),
        }
    }
}

fn may_be_in_a_section(directive: &Directive) -> bool {
    directive.scope != Scope::Outside && !matches!(directive.form, Form::Virtual(_))
}

/// The value as a file would have it, or what was expected where the language has no way to write it.
fn as_in_a_file(directive: &Directive, value: &str) -> Result<String, &'static str> {
    let has_quotes = directive.kind().is_some_and(|kind| kind.has_quotes(value));
    let text = if has_quotes { format!("\"{value}\"") } else { value.trim().to_string() };
    if text.contains(char::is_control) {
        return Err("expected a value without line breaks and other control characters");
    }
    match line::split_comment(&text).1 {
        None => Ok(text),
        Some(_) if has_quotes => Err("expected a value without \"#\" or \" //\" behind a double quote"),
        Some(_) => Err("expected a value without a comment (\"#\" or \"//\"): parameters have none"),
    }
}

/// Whether a declaration can hold this value of a part of a question.
pub(super) fn is_writable(field: Field, value: &str) -> bool {
    table::find(field.directive()).is_some_and(|directive| as_in_a_file(directive, value).is_ok())
}

/// Returns what a file says of its only service as the parameters that say the same: what is written and nothing else, with
/// names as names.
///
/// # Errors
/// Fails where the file has another number of services, is wrong, or says something that no parameter can.
pub fn file_as_parameters(text: &[u8], resolver: &dyn Resolver) -> Result<Vec<(&'static str, String)>, String> {
    let in_words = |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ");
    let config = super::parse_file(text, resolver).map_err(in_words)?;
    let mut sections = Vec::new();
    let outside = file::read(text, file::Depth::Whole, &mut Report::default(), |section| sections.push(section));
    let [section] = sections.as_slice() else {
        return Err(format!("{} virtual services: expected one, as parameters name one", sections.len()));
    };
    let directives = table::DIRECTIVES.iter().filter(|directive| directive.is_parameter);
    let parameters: Vec<_> =
        directives.filter_map(|directive| Some((directive.name, said(directive, section, &outside)?))).collect();
    let again = parse_parameters(&parameters, resolver).map_err(in_words)?;
    match render(&again) == render(&config) {
        true => Ok(parameters),
        false => Err("as parameters it would mean something else".into()),
    }
}

/// The value of a parameter, if the file has one.
fn said(directive: &Directive, section: &Section, outside: &Outside) -> Option<String> {
    match directive.form {
        Form::Virtual(_) => Some(section.word.clone()),
        Form::Real(_) => {
            let reals = section.real_servers.iter().map(|real| &*real.word);
            Some(reals.collect::<Vec<_>>().join(", ")).filter(|list| !list.is_empty())
        }
        Form::Fallback(_) => {
            let shared = outside.fallbacks().find(|(_, family)| *family == section.family).map(|(spec, _)| spec);
            Some(section.fallback.as_deref().or(shared)?.word.to_string())
        }
        Form::Value(kind) => {
            let values = Effective { section: &section.values, outside: &outside.values };
            values.written(directive.name).map(|written| value_of(kind, written, section.family))
        }
        Form::Ignored(_) | Form::Execute | Form::Replaced(_) => None,
    }
}

fn value_of(kind: Kind, written: &Written, family: Family) -> String {
    match (&written.at.value, kind) {
        (Value::Number(length), Kind::Netmask) => words::netmask(family, (*length).try_into().unwrap_or(u8::MAX)),
        (Value::Number(number), _) => number.to_string(),
        (Value::Flag(flag), _) => words::yes_no(*flag).into(),
        (Value::Text(text), _) => text.to_string(),
    }
}

/// A host name or a mark has no family of its own: the first real server decides.
fn family(word: &str, real: &str) -> Family {
    let first = split_list(real).into_iter().next().unwrap_or("");
    let named = !word.contains('[') && !word.bytes().all(|byte| byte.is_ascii_digit() || b".:".contains(&byte));
    let mark = word.bytes().all(|byte| byte.is_ascii_digit());
    if word.starts_with('[') || ((named || mark) && first.starts_with('[')) { Family::Ipv6 } else { Family::Ipv4 }
}

/// Entries between commas or newlines that stand outside of quotes. A comma before a quote belongs to
/// `"request", "receive"`.
fn split_list(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        let rest = text.get(at + character.len_utf8()..).unwrap_or("");
        match character {
            '"' => quoted = !quoted,
            '\n' => quoted = false,
            ',' if quoted || rest.trim_start_matches([' ', '\t']).starts_with('"') => continue,
            ',' => {}
            _ => continue,
        }
        if character != '"' {
            entries.push(text.get(start..at).unwrap_or(""));
            start = at + character.len_utf8();
        }
    }
    entries.push(text.get(start..).unwrap_or(""));
    entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_of_quotes() {
        assert_eq!(split_list("a gate, b gate\n c gate,\n"), ["a gate", "b gate", "c gate"]);
        assert_eq!(split_list(r#"a gate 1 "x,y", "z", b gate"#), [r#"a gate 1 "x,y", "z""#, "b gate"]);
        assert_eq!(split_list(r#"a gate 5, "x","y""#), [r#"a gate 5, "x","y""#]);
        assert_eq!(split_list("a \"lost\nb"), ["a \"lost", "b"]);
        assert!(split_list(" , \n").is_empty());
    }

    #[test]
    fn marks_and_names_have_the_family_of_their_real_servers() {
        for (word, real, wanted) in [
            ("[2001:db8::1]:80", "", Family::Ipv6),
            ("10.0.0.1:80", "[2001:db8::2] gate", Family::Ipv4),
            ("7", "[2001:db8::2] gate", Family::Ipv6),
            ("7", "10.0.0.2 gate", Family::Ipv4),
            ("web:80", "[2001:db8::2] gate", Family::Ipv6),
        ] {
            assert_eq!(family(word, real), wanted, "{word} {real}");
        }
    }
}
