//! The table of directives: one row each.

mod check;
mod notices;
mod process;
mod rules;
mod service;

use std::borrow::Cow;
use std::path::Path;

use super::directive::{Directive, Form, Kind, Scope};

const fn value(name: &'static str, scope: Scope, kind: Kind) -> Directive {
    Directive::new(name, scope, Form::Value(kind))
}

/// Accepted without effect, wherever it stands.
const fn ignored(name: &'static str, why: &'static str) -> Directive {
    Directive::new(name, Scope::Both, Form::Ignored(why))
}

/// Every directive. Those of a service stand in the order in which a declaration has them.
pub const DIRECTIVES: &[Directive] = &joined::<COUNT>(PARTS);

const PARTS: [&[Directive]; 5] = [service::SERVICE, check::CHECK, rules::RULES, notices::NOTICES, process::PROCESS];
const COUNT: usize =
    service::SERVICE.len() + check::CHECK.len() + rules::RULES.len() + notices::NOTICES.len() + process::PROCESS.len();

/// Joins the parts of the table, while this is built.
const fn joined<const N: usize>(mut parts: [&[Directive]; 5]) -> [Directive; N] {
    let mut all = [ignored("", ""); N];
    let (mut places, mut left): (&mut [Directive], &mut [&[Directive]]) = (&mut all, &mut parts);
    while let [part, others @ ..] = left {
        while let [first, rest @ ..] = *part {
            let none: &mut [Directive] = &mut [];
            let Some((place, behind)) = std::mem::replace(&mut places, none).split_first_mut() else { break };
            *place = *first;
            (*part, places) = (rest, behind);
        }
        left = others;
    }
    all
}

/// A text, unless it is empty, which says nothing.
fn said(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text)).filter(|text| !text.is_empty())
}

/// A path as the configuration has it: it was read from text.
fn path_text(path: Option<&Path>) -> Option<Cow<'_, str>> {
    path.map(Path::to_string_lossy)
}

pub(super) fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name == name)
}

/// The directive that a mistyped word is closest to.
pub(super) fn suggestion(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    // A longer word cannot be within the bound, and the distance costs the product of the lengths.
    if word.chars().count() > 32 {
        return None;
    }
    let near = DIRECTIVES.iter().filter(|directive| directive.name.len().abs_diff(word.chars().count()) <= 2);
    let close = near.map(|directive| (distance(&word, directive.name), directive.name));
    let (distance, name) = close.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance * 3 <= name.len()).then_some(name)
}

/// How many letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (index, left) in a.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((right, pair), last) in b.chars().zip(row.windows(2)).zip(0_usize..) {
            let &[diagonal, above] = pair else { continue };
            let before = next.get(last).copied().unwrap_or(usize::MAX - 1);
            next.push((diagonal + usize::from(left != right)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CheckKind, NamedBy};

    #[test]
    fn a_mistyped_word_gets_its_neighbour_and_a_strange_one_nothing() {
        for (word, meant) in
            [("chektype", "checktype"), ("CheckTimeout", "checktimeout"), ("quiesent", "quiescent"), ("rea", "real")]
        {
            assert_eq!(suggestion(word), Some(meant), "{word}");
        }
        for word in ["[vip]", "include", "x", "", "frobnicate"] {
            assert_eq!(suggestion(word), None, "{word}");
        }
    }

    #[test]
    fn every_directive_has_one_row() {
        for directive in DIRECTIVES {
            let same = DIRECTIVES.iter().filter(|other| other.name == directive.name).count();
            assert_eq!(same, 1, "{}", directive.name);
        }
    }

    #[test]
    fn the_help_names_every_service_that_can_be_checked() {
        let help = find("service").expect("a row").long;
        let words: Vec<&str> = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for kind in CheckKind::all_named_by(NamedBy::Service) {
            let is_usable = kind.ask.is_some() || kind.stands_for.is_some();
            assert_eq!(words.contains(&kind.name), is_usable, "{}", kind.name);
        }
    }

    #[test]
    fn every_part_of_a_question_has_a_row() {
        for field in CheckKind::all().flat_map(|kind| kind.fields).map(|(field, _)| *field) {
            assert!(find(field.directive()).is_some(), "{field:?}");
        }
    }
}
