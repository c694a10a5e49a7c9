//! What is wrong with a configuration, and where.

use std::fmt;

use super::value;

/// Where a word of the user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Line of a file, counted from 1.
    Line(usize),
    /// Name of a resource parameter.
    Parameter(&'static str),
}

impl Origin {
    /// `fork: text` for a line, `text` for a parameter of that name.
    pub(super) fn say(self, directive: &str, text: &str) -> String {
        match self {
            Self::Parameter(name) if name == directive.trim_end_matches('6') => text.to_string(),
            _ => format!("{directive}: {text}"),
        }
    }

    /// `checkport "x"` for a line, `"x"` for a parameter, whose display already names the directive.
    pub(super) fn name_value(self, directive: &str, value: &str) -> String {
        let value = value::bare(value);
        match self {
            Self::Parameter(name) if name == directive.trim_end_matches('6') => format!("\"{value}\""),
            _ => format!("{directive} \"{value}\""),
        }
    }
}

/// `line 7` or `parameter real`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
        }
    }
}

/// An error or a warning: `line 7: checkinterval "-5": expected ...`. Never contains a password.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong with it, and what was expected.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

impl std::error::Error for Problem {}

/// Collects problems, so that one run tells the user about all of them.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// What [`Report::warn_once`] has said.
    said: Vec<&'static str>,
}

impl Report {
    pub fn error(&mut self, origin: Origin, text: impl Into<String>) {
        self.errors.push(Problem { origin, text: text.into() });
    }

    pub fn warn(&mut self, origin: Origin, text: impl Into<String>) {
        self.warnings.push(Problem { origin, text: text.into() });
    }

    /// Tolerates what ldirectord takes by accident: a file has a history, and is read with a warning that says what counts.
    /// A parameter is new, and the same is a slip there, which is refused.
    pub fn tolerate(&mut self, origin: Origin, objection: &str, what_counts: &str) {
        match origin {
            Origin::Line(_) => self.warn(origin, format!("{objection}: {what_counts}")),
            Origin::Parameter(_) => self.error(origin, objection),
        }
    }

    /// For habits of a whole file, such as its line ends: the first place is enough.
    pub fn warn_once(&mut self, origin: Origin, text: &'static str) {
        if !self.said.contains(&text) {
            self.said.push(text);
            self.warn(origin, text);
        }
    }

    /// `value`, or the error reported and `None`.
    pub fn keep<T>(&mut self, origin: Origin, result: Result<T, String>) -> Option<T> {
        result.map_err(|text| self.error(origin, text)).ok()
    }
}
