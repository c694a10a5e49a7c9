//! `receive=`: Perl regular expressions on the bytes of an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fancy_regex::{Error, Regex, RegexBuilder};

use super::attempt::Attempt;
use super::{CheckFailure, FailureKind, Invalid};
use crate::model::{Field, Question};

/// Backtracking steps of one match. It runs in the daemon's only thread, so a pattern such as `(a|a)*\1b` must give up
/// within a fraction of a second.
const STEPS: usize = 1_000_000;

/// Compiled patterns kept. A configuration has few; the limit is for a daemon that is reloaded for years.
const CACHE: usize = 1024;

/// Why it cannot be said whether a body matches.
#[derive(Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// The pattern cannot be used, whatever the server says.
    Pattern(String),
    /// The pattern can be used, but needs too many steps or too much memory for this body.
    Body(String),
}

impl Unmatched {
    /// Whose fault it is, and why. The body decides how many steps a pattern takes, and the same pattern was good enough for
    /// a good body.
    pub fn into_parts(self) -> (FailureKind, String) {
        match self {
            Self::Pattern(cause) => (FailureKind::Internal, cause),
            Self::Body(cause) => (FailureKind::Answer, cause),
        }
    }
}

/// Whether `pattern` matches somewhere in `body`. Bytes that are not UTF-8 count as U+FFFD.
pub fn matches(pattern: &str, body: &[u8]) -> Result<bool, Unmatched> {
    let regex = compiled(pattern).map_err(Unmatched::Pattern)?;
    regex.is_match(String::from_utf8_lossy(body).as_ref()).map_err(|error| match error {
        Error::RuntimeError(_) => Unmatched::Body(format!("no result within {STEPS} steps")),
        other => Unmatched::Pattern(other.to_string()),
    })
}

/// The same in a check. What cannot be said is a failure.
pub(super) fn judge(attempt: &Attempt<'_>, receive: &str, answer: &[u8]) -> Result<bool, CheckFailure> {
    matches(receive, answer).map_err(|unmatched| {
        let (kind, cause) = unmatched.into_parts();
        attempt.failure(kind, format_args!("receive={receive:?}: {cause}"))
    })
}

/// The same for the `receive` of a question, which need not have one.
pub fn validate_receive(question: &Question) -> Result<(), Invalid> {
    if question.receive.is_empty() {
        return Ok(());
    }
    validate(&question.receive).map_err(|cause| {
        let expected = format!("expected a regular expression: {cause}");
        Invalid { field: Field::Receive, expected }
    })
}

/// Whether a `receive=` of the configuration can be used.
///
/// # Errors
/// What is wrong with the pattern, without the pattern itself.
pub fn validate(pattern: &str) -> Result<(), String> {
    compiled(pattern).map(drop)
}

fn compiled(pattern: &str) -> Result<Arc<Regex>, String> {
    static KNOWN: Mutex<Option<HashMap<String, Arc<Regex>>>> = Mutex::new(None);
    let mut guard = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = guard.get_or_insert_default();
    if let Some(regex) = known.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let regex = Arc::new(compile(pattern)?);
    if known.len() >= CACHE {
        known.clear();
    }
    known.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        .backtrack_limit(STEPS)
        .build()
        .map_err(|error| format!("not a regular expression: {error}"))
}

/// Perl to fancy-regex, where they differ: `$` and `\Z` match before one final newline too, and `\Q…\E` quotes.
///
/// A pattern with an inline `m` flag keeps its `$`, which then means the same in both.
fn translate(pattern: &str) -> String {
    let multi_line = has_multi_line_flag(pattern);
    let mut output = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('Q') => {
                    let (quoted, after) = rest.as_str().split_once("\\E").unwrap_or((rest.as_str(), ""));
                    output += &fancy_regex::escape(quoted);
                    rest = after.chars();
                }
                Some('E') => {}
                Some('Z') if !in_class => output += FINAL_NEWLINE,
                Some(escaped) => output.extend(['\\', escaped]),
                None => output.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                output.push(c);
                // `[]a]` and `[^]a]`: a bracket that comes first is a member.
                let negation = rest.as_str().strip_prefix('^');
                if negation.is_some() {
                    output.extend(rest.next());
                }
                if rest.as_str().starts_with(']') {
                    output += "\\]";
                    rest.next();
                }
            }
            ']' => {
                in_class = false;
                output.push(c);
            }
            '$' if !in_class && !multi_line => output += FINAL_NEWLINE,
            _ => output.push(c),
        }
    }
    output
}

const FINAL_NEWLINE: &str = r"(?=\n?\z)";

fn has_multi_line_flag(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|group| {
        let flags: String = group.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '^').collect();
        flags.contains('m') && group.get(flags.len()..).is_some_and(|rest| rest.starts_with([')', ':', '-']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row was run through perl 5.36: `perl -e 'print "body" =~ /pattern/'`.
    #[test]
    fn it_matches_what_perl_matches() {
        for (pattern, body, wanted) in [
            ("^OK$", "OK\n", true),
            ("^OK$", "OK", true),
            ("^OK$", "OK\n\n", false),
            ("^OK$", "OK\r\n", false),
            ("^OK$", "x\nOK", false),
            ("(?m)^OK$", "x\nOK\ny", true),
            ("(?mi)^ok$", "x\nOK\ny", true),
            ("^OK\\Z", "OK\n", true),
            ("^OK\\Z", "OK\n\n", false),
            ("^OK\\z", "OK\n", false),
            ("^(up|ok)$|never", "ok\n", true),
            ("a\\$", "a$b", true),
            ("a[$]", "a$b", true),
            ("a[]$]b", "a$b", true),
            ("a[^]]b", "a]b", false),
            ("OK$\\n", "OK\n", true),
            ("OK$x", "OKx", false),
            ("\\Qa.b*\\E$", "xa.b*\n", true),
            ("\\Qa.b*\\E$", "xaxb", false),
            ("(?<!not )ready", "not ready", false),
            ("(\\w)\\1", "book", true),
            ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, body.as_bytes()), Ok(wanted), "{pattern:?} on {body:?}");
        }
    }

    #[test]
    fn bytes_need_not_be_text() {
        assert_eq!(matches("^a.b$", b"a\xffb\n"), Ok(true));
    }

    #[test]
    fn a_bad_or_endless_pattern_is_an_error() {
        assert!(validate("a(").expect_err("unbalanced").starts_with("not a regular expression: "));
        assert!(validate("^OK$").is_ok());
        let started = std::time::Instant::now();
        let endless = matches("^(?:(a|a)*)*\\1b$", "a".repeat(50).as_bytes()).expect_err("endless");
        assert_eq!(endless, Unmatched::Body("no result within 1000000 steps".into()));
        assert!(matches!(matches("a(", b"a"), Err(Unmatched::Pattern(_))));
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}
