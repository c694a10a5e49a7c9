//! What a server says of itself, in the words of HAProxy's agent check (configuration manual, `agent-check`). Pure.
//!
//! Each answer stands for itself: HAProxy keeps a word until another one takes it back, so that what counts depends on answers
//! that were lost. An agent that says all that it means each time is understood alike by both.

use crate::model::Advice;

/// The longest text that is shown of what a server says.
const SHOWN: usize = 120;

/// What the words come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The server is well, and wants so much of its weight; `None` means all of it, without a word about it.
    Well(Option<Advice>),
    /// The server says that it must not serve, in these words.
    Down(String),
}

/// Reads one line of words, which spaces, tabs and commas part. A number with `%` is a share of the configured weight; `up` and
/// `ready` say that all is well; `drain` and `maint` want no new clients; `down`, `failed` and `stopped` want none at all. What
/// follows a `#` is a description. `maxconn:N` counts for nothing, since IPVS has thresholds for it.
///
/// # Errors
/// Names the first word that is none of these, or says that there is none at all.
pub fn read(line: &str) -> Result<Said, String> {
    let (words, description) = line.split_once('#').unwrap_or((line, ""));
    let mut percent = None;
    let (mut drains, mut down, mut known) = (None, None, 0_u32);
    for word in words.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "up" | "ready" => {}
            lower @ ("drain" | "maint") => drains = Some(lower.to_owned()),
            lower @ ("down" | "failed" | "fail" | "stopped") => down = Some(lower.to_owned()),
            lower if lower.starts_with("maxconn:") => {}
            lower => percent = Some(share(lower).ok_or_else(|| unknown(word))?),
        }
        known += 1;
    }
    if known == 0 {
        return Err("says nothing (expected a word such as up, drain, down or 50%)".into());
    }
    let description = shown(description.trim());
    let told = |word: &str| match description.as_str() {
        "" => format!("the server says {word}"),
        text => format!("the server says {word}: {text}"),
    };
    if let Some(word) = down {
        return Ok(Said::Down(told(&word)));
    }
    let (percent, word) = match (drains, percent) {
        (Some(word), _) => (0, word),
        (None, Some(Advice::FULL)) | (None, None) => return Ok(Said::Well(None)),
        (None, Some(percent)) => (percent, format!("{percent}%")),
    };
    Ok(Said::Well(Some(Advice { percent, lets_in: true, reason: told(&word) })))
}

/// HAProxy lets a server ask for more than its weight. Here the configured weight is the most.
fn share(word: &str) -> Option<u8> {
    let number: u32 = word.strip_suffix('%')?.parse().ok()?;
    Some(u8::try_from(number).unwrap_or(Advice::FULL).min(Advice::FULL))
}

fn unknown(word: &str) -> String {
    format!("says \"{}\" (expected words such as up, drain, down or 50%)", shown(word))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn well(percent: u8, reason: &str) -> Said {
        Said::Well(Some(Advice { percent, lets_in: true, reason: reason.into() }))
    }

    #[test]
    fn each_word_means_what_it_means_to_haproxy() {
        let down = |reason: &str| Said::Down(reason.into());
        let rows = [
            ("up", Said::Well(None)),
            ("ready", Said::Well(None)),
            ("up 100%", Said::Well(None)),
            ("250%", Said::Well(None)),
            ("99%", well(99, "the server says 99%")),
            ("1%", well(1, "the server says 1%")),
            ("0%", well(0, "the server says 0%")),
            ("ready,up\t75%", well(75, "the server says 75%")),
            ("drain", well(0, "the server says drain")),
            ("UP Drain 75%", well(0, "the server says drain")),
            ("maint # new disk", well(0, "the server says maint: new disk")),
            ("maxconn:30 50%", well(50, "the server says 50%")),
            ("maxconn:30", Said::Well(None)),
            ("down", down("the server says down")),
            ("up failed", down("the server says failed")),
            ("50% stopped#backup, until 4", down("the server says stopped: backup, until 4")),
        ];
        for (line, said) in rows {
            assert_eq!(read(line), Ok(said), "{line}");
        }
    }

    #[test]
    fn what_is_no_word_is_named() {
        for line in ["", " ,\t", "# well"] {
            assert!(read(line).unwrap_err().starts_with("says nothing"), "{line}");
        }
        for (line, word) in [("50", "50"), ("up -1%", "-1%"), ("x%", "x%"), ("HTTP/1.1 400", "HTTP/1.1")] {
            assert!(read(line).unwrap_err().starts_with(&format!("says \"{word}\"")), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange_and_no_share_too_large(line in "[ ,#%a-z0-9:.\u{e9}]{0,300}") {
            match read(&line) {
                Ok(Said::Well(Some(advice))) => prop_assert!(advice.percent < Advice::FULL && advice.reason.len() < 1_000),
                Ok(Said::Down(reason)) | Err(reason) => prop_assert!(!reason.is_empty() && reason.len() < 1_000),
                Ok(Said::Well(None)) => {}
            }
        }
    }
}
