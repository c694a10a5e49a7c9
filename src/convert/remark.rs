//! What cannot be said in the other language, and what is said there in another way.

use std::fmt;
use std::sync::Arc;

/// The most characters of a word of the user that a remark repeats.
const SHOWN: usize = 60;

/// Where something stands in the text that is converted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of the file as the user or an `include` gives it.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

/// `keepalived.conf:12`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", shown(&self.file), self.line)
    }
}

/// What becomes of something that has no word of its own in the other language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is lost.
    LeftOut,
    /// It happens in another way, or by another part of the cluster.
    Otherwise,
}

/// One thing that the reader of the result has to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// Where it stands.
    pub place: Place,
    /// What stands there, in the user's own words.
    pub subject: String,
    /// Whether it is lost.
    pub verdict: Verdict,
    /// Why, or what does it instead.
    pub text: String,
}

impl Remark {
    /// Something that is lost.
    pub(super) fn left_out(place: &Place, subject: &str, why: impl Into<String>) -> Self {
        Self::new(place, subject, Verdict::LeftOut, why.into())
    }

    /// Something that happens in another way.
    pub(super) fn otherwise(place: &Place, subject: &str, how: impl Into<String>) -> Self {
        Self::new(place, subject, Verdict::Otherwise, how.into())
    }

    fn new(place: &Place, subject: &str, verdict: Verdict, text: String) -> Self {
        Self { place: place.clone(), subject: shown(subject), verdict, text: one_line(&text) }
    }
}

/// `keepalived.conf:12: ha_suspend: left out: REASON`, in one line.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verdict == Verdict::LeftOut { "left out: " } else { "" };
        write!(f, "{}: {}: {verdict}{}", self.place, self.subject, self.text)
    }
}

/// The beginning of a text of somebody else, in one line.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => one_line(text.get(..end).unwrap_or(text)) + "…",
        None => one_line(text),
    }
}

/// A remark becomes a comment of a file, which a line break would end.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
