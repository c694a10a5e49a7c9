//! Sections of a `ldirectord.cf` under way. The language itself judges each line: what it refuses, or would warn of, becomes
//! a remark with the reason that the language gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::remark::one_line;
use super::{Conversion, Place, Remark};
use crate::config::{self, AnyName, Origin, Problem};
use crate::model::ServiceKey;

/// One section.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    place: Place,
    /// The line that opens it.
    opening: String,
    lines: Vec<Line>,
    remarks: Vec<Remark>,
}

/// One line of it, without its indentation.
#[derive(Debug, Clone)]
struct Line {
    place: Place,
    text: String,
    /// Says less, and counts where the language refuses the text.
    instead: Option<String>,
}

impl Draft {
    pub fn new(place: &Place, opening: String) -> Self {
        Self { place: place.clone(), opening, lines: Vec::new(), remarks: Vec::new() }
    }

    pub fn say(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Line { place: place.clone(), text: text.into(), instead: None });
    }

    /// A line of the draft is one line: problems are told by their numbers.
    fn add(&mut self, line: Line) {
        let is_one_line = |text: &String| !text.contains(char::is_control);
        if is_one_line(&line.text) && line.instead.as_ref().is_none_or(is_one_line) {
            return self.lines.push(line);
        }
        let keyword = line.text.split('=').next().unwrap_or_default();
        let why = "a control character, such as a newline, cannot be written";
        self.remarks.push(Remark::left_out(&line.place, keyword, why));
    }

    /// Says it in one way, or in the other where the language does not take the first.
    pub fn say_or(&mut self, place: &Place, text: String, instead: String) {
        let instead = Some(instead).filter(|instead| *instead != text);
        self.add(Line { place: place.clone(), text, instead });
    }

    pub fn remark(&mut self, remark: Remark) {
        self.remarks.push(remark);
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.opening);
        for line in &self.lines {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "\t{}", line.text);
        }
        text
    }

    /// Takes out what the language does not take, until nothing of that is left. `None` where no service is left.
    fn judge(&mut self, names: &AnyName) -> Option<ServiceKey> {
        loop {
            let problems = match config::parse_file(self.text().as_bytes(), names) {
                Ok(config) if config.warnings.is_empty() => return Some(config.services.first()?.service.key),
                Ok(config) => config.warnings,
                Err(problems) => problems,
            };
            if !self.take_out(&problems) {
                return None;
            }
        }
    }

    /// Whether the section can go on without the lines that these problems are about.
    fn take_out(&mut self, problems: &[Problem]) -> bool {
        let mut refused = BTreeSet::new();
        for Problem { origin, text } in problems {
            let line = match origin {
                Origin::Line(number) => number.checked_sub(2).and_then(|index| Some((index, self.lines.get(index)?))),
                Origin::Parameter(_) => None,
            };
            let (place, subject) = line.map_or((&self.place, &self.opening), |(_, line)| (&line.place, &line.text));
            let keyword = subject.split('=').next().unwrap_or_default();
            let why = text.strip_prefix(keyword).map_or(text.as_str(), |rest| rest.trim_start_matches([':', ' ']));
            self.remarks.push(Remark::left_out(place, keyword, why));
            let Some((index, _)) = line else { return false };
            refused.insert(index);
        }
        let lines = std::mem::take(&mut self.lines).into_iter().enumerate();
        self.lines = lines
            .filter_map(|(index, line)| match (refused.contains(&index), line.instead) {
                (false, instead) => Some(Line { instead, ..line }),
                (true, Some(text)) => Some(Line { text, instead: None, ..line }),
                (true, None) => None,
            })
            .collect();
        true
    }
}

/// Collects sections into a file.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    remarks: Vec<Remark>,
    seen: BTreeMap<ServiceKey, Place>,
    /// Names are looked up by the node that reads the result. All sections have them in common: virtual services that
    /// differ only in a name are told apart by it.
    names: AnyName,
}

impl Writer {
    /// Adds the section, or the reason why it cannot be one.
    pub fn add(&mut self, mut draft: Draft) {
        let mut key = draft.judge(&self.names);
        if let Some(first) = key.and_then(|key| self.seen.get(&key)) {
            let why = format!("the virtual service is already defined at {first}");
            draft.remarks.push(Remark::left_out(&draft.place, &draft.opening, why));
            key = None;
        }
        self.text.push('\n');
        draft.remarks.sort();
        draft.remarks.dedup();
        write_remarks(&mut self.text, &draft.remarks);
        if let Some(key) = key {
            self.seen.insert(key, draft.place.clone());
            self.text.push_str(&draft.text());
        }
        self.remarks.append(&mut draft.remarks);
    }

    /// `head` is the first line's comment; `general` concerns no single section.
    pub fn finish(self, head: &str, mut general: Vec<Remark>) -> Conversion {
        general.sort();
        general.dedup();
        let mut text = format!("# {}\n", one_line(head));
        write_remarks(&mut text, &general);
        text.push_str(&self.text);
        let mut remarks = [general, self.remarks].concat();
        remarks.sort();
        Conversion { text, remarks }
    }
}

fn write_remarks(text: &mut String, remarks: &[Remark]) {
    for remark in remarks {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# {remark}");
    }
}
