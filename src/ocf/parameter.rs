//! A parameter of an agent, declared once: the environment is read, values are checked and the meta-data is written
//! from this.

use std::time::Duration;

/// What a value may be. The parser of a kind accepts surrounding white space, except for [`Kind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text; what it must look like is for [`Agent::validate`](super::Agent::validate) to say.
    Text,
    /// A whole decimal number within these bounds, both included.
    Integer { min: i64, max: i64 },
    /// `yes true 1 ja on` or `no false 0 nein off`, in any case (ocf_is_true of the shell agents; they take anything
    /// else for false, which turns a typing error into a decision).
    Boolean,
    /// A span of time: a whole number of seconds, or with a unit `us ms s sec m min h hr` as in the cluster's own
    /// operations.
    Time,
    /// One word of a list, case matters.
    Select(&'static [&'static str]),
}

/// Whether the parameter is still the right one to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// An older name of another parameter: its value is read as that one's.
    AliasOf(&'static str),
    /// Accepted so that old configurations still load; has no effect.
    Obsolete,
    /// Of an agent that this one replaces: to go on without it would not do what its user wants. Setting it is a
    /// problem, explained by this reason and what to use instead.
    Refused(&'static str),
}

/// Declaration of one parameter (`OCF_RESKEY_<name>`). Build it with [`Parameter::new`] and the methods that follow.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Letters, digits and underscores: anything else does not survive as an environment variable.
    pub name: &'static str,
    pub kind: Kind,
    /// Used when the user sets nothing; must be a value of `kind`.
    pub default: Option<&'static str>,
    pub required: bool,
    /// No two resources may have the same value. Both `unique` and `unique-group` are written, as crmsh looks only at
    /// the one and pcs only at the other.
    pub unique: bool,
    /// A change is applied by `reload-agent`, without stop and start.
    pub reloadable: bool,
    /// Never shown in log, trace or messages.
    pub secret: bool,
    pub standing: Standing,
    /// A few words, for lists.
    pub short: &'static str,
    /// The whole truth, ASCII.
    pub long: &'static str,
}

impl Parameter {
    pub const fn new(name: &'static str, kind: Kind, short: &'static str, long: &'static str) -> Self {
        Self {
            name,
            kind,
            default: None,
            required: false,
            unique: false,
            reloadable: false,
            secret: false,
            standing: Standing::Current,
            short,
            long,
        }
    }

    pub const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    pub const fn reloadable(self) -> Self {
        Self { reloadable: true, ..self }
    }

    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub const fn alias_of(self, name: &'static str) -> Self {
        Self { standing: Standing::AliasOf(name), ..self }
    }

    pub const fn obsolete(self) -> Self {
        Self { standing: Standing::Obsolete, ..self }
    }

    pub const fn refused(self, reason: &'static str) -> Self {
        Self { standing: Standing::Refused(reason), ..self }
    }

    /// The environment variable that carries it.
    pub fn variable(&self) -> String {
        format!("OCF_RESKEY_{}", self.name)
    }

    /// `name "value"`, or the name alone where the value is a secret: how messages begin.
    pub fn quoted(&self, value: &str) -> String {
        if self.secret { self.name.to_owned() } else { format!("{} \"{value}\"", self.name) }
    }
}

impl Kind {
    /// `Err` says what was expected instead.
    pub fn check(self, value: &str) -> Result<(), String> {
        let accepted = match self {
            Self::Text => true,
            Self::Integer { min, max } => integer(value).is_some_and(|number| (min..=max).contains(&number)),
            Self::Boolean => boolean(value).is_some(),
            Self::Time => time(value).is_some(),
            Self::Select(options) => options.contains(&value.trim()),
        };
        if accepted { Ok(()) } else { Err(self.expected()) }
    }

    /// What a value has to be, to follow the word "expected".
    pub(super) fn expected(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min} on"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Boolean => "yes or no".to_owned(),
            Self::Time => "a time such as 10 (seconds), 500ms or 2min".to_owned(),
            Self::Select(options) => format!("one of {}", options.join(", ")),
        }
    }
}

/// A whole decimal number.
pub(super) fn integer(value: &str) -> Option<i64> {
    value.trim().parse().ok()
}

/// An OCF boolean, see [`Kind::Boolean`].
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "ja" | "on" => Some(true),
        "no" | "false" | "0" | "nein" | "off" => Some(false),
        _ => None,
    }
}

/// A span of time, see [`Kind::Time`].
pub(super) fn time(value: &str) -> Option<Duration> {
    let value = value.trim();
    let (digits, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let number: u64 = digits.parse().ok()?;
    match unit.trim_start().to_ascii_lowercase().as_str() {
        "us" | "usec" => Some(Duration::from_micros(number)),
        "ms" | "msec" => Some(Duration::from_millis(number)),
        "" | "s" | "sec" => Some(Duration::from_secs(number)),
        "m" | "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" | "hr" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_of_the_shell_agents_in_any_case() {
        for word in ["yes", "true", "1", "YES", "TRUE", "True", "ja", "on", "ON", " on "] {
            assert_eq!(boolean(word), Some(true), "{word}");
        }
        for word in ["no", "False", "0", "off", "nein"] {
            assert_eq!(boolean(word), Some(false), "{word}");
        }
        for word in ["", "maybe", "10", "tru"] {
            assert_eq!(boolean(word), None, "{word}");
        }
    }

    #[test]
    fn times_with_and_without_unit() {
        for (text, expected) in [
            ("10", Some(Duration::from_secs(10))),
            ("0", Some(Duration::ZERO)),
            ("500ms", Some(Duration::from_millis(500))),
            ("7us", Some(Duration::from_micros(7))),
            ("20 s", Some(Duration::from_secs(20))),
            ("2min", Some(Duration::from_secs(120))),
            ("1H", Some(Duration::from_secs(3600))),
            ("", None),
            ("s", None),
            ("-1", None),
            ("1.5", None),
            ("10 parsec", None),
            ("18446744073709551615h", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_expected() {
        let cases = [
            (Kind::Integer { min: 0, max: 128 }, "129", "a whole number from 0 to 128"),
            (Kind::Integer { min: 0, max: 128 }, "-1", "a whole number from 0 to 128"),
            (Kind::Integer { min: 1, max: i64::MAX }, "0x10", "a whole number from 1 on"),
            (Kind::Boolean, "perhaps", "yes or no"),
            (Kind::Select(&["rr", "wlc"]), "RR", "one of rr, wlc"),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(kind.check(value), Err(expected.to_owned()), "{value}");
        }
        assert_eq!(Kind::Integer { min: 0, max: 128 }.check(" 128 "), Ok(()));
        assert_eq!(Kind::Select(&["rr", "wlc"]).check("wlc"), Ok(()));
        assert_eq!(Kind::Text.check("anything\n"), Ok(()));
    }

    #[test]
    fn a_secret_is_named_but_not_shown() {
        let password = Parameter::new("passwd", Kind::Text, "", "");
        assert_eq!(password.quoted("hunter2"), "passwd \"hunter2\"");
        assert_eq!(password.secret().quoted("hunter2"), "passwd");
    }
}
