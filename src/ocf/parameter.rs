//! A parameter of an agent, declared once: the environment is read, values are checked and the meta-data is written
//! from this.

use std::time::Duration;

/// What a value may be. The parser of a kind accepts surrounding white space, except for [`ParameterKind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text; [`Agent::validate`](super::Agent::validate) says what it must look like.
    Text,
    /// A whole decimal number within these bounds, both included.
    Integer {
        /// The least number.
        min: i64,
        /// The greatest number.
        max: i64,
    },
    /// `yes true 1 ja on` or `no false 0 nein off`, in any case (ocf_is_true of the shell agents; they take anything
    /// else for false, which turns a typing error into a decision).
    Boolean,
    /// A span of time: a whole number of seconds, or a number with a unit `us ms s sec m min h hr` as in the cluster's
    /// own operations.
    Time,
    /// One word of a list. Case matters.
    Select(&'static [&'static str]),
}

/// Whether users should still set the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterSupport {
    /// The parameter is supported.
    Current,
    /// An older name of another parameter, whose value it becomes.
    AliasOf(&'static str),
    /// The parameter is accepted so that old configurations still load, and has no effect.
    Obsolete,
    /// The parameter belongs to an agent that this one replaces, and to go on without it would not do what its user
    /// wants. Setting it is a problem, explained by this reason, which says what to use instead.
    Refused(&'static str),
}

/// The description of one parameter (`OCF_RESKEY_<name>`). Build it with [`Parameter::new`] and the methods that
/// follow.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name has letters, digits and underscores only: anything else does not survive as an environment variable.
    pub name: &'static str,
    /// What a value may be.
    pub kind: ParameterKind,
    /// The value when the user sets none; it must be a value of `kind`.
    pub default: Option<&'static str>,
    /// Whether the user has to set it.
    pub required: bool,
    /// Whether no two resources may have the same value. Both `unique` and `unique-group` are written, as crmsh looks
    /// only at the one and pcs only at the other.
    pub unique: bool,
    /// Whether `reload-agent` applies a change, without stop and start.
    pub reloadable: bool,
    /// Whether the value is never shown in log, trace or messages.
    pub secret: bool,
    /// Whether users should still set it.
    pub support: ParameterSupport,
    /// A few words, for lists.
    pub short: &'static str,
    /// The whole description, in ASCII.
    pub long: &'static str,
}

impl Parameter {
    /// Returns a parameter that is optional, has no default and is supported.
    pub const fn new(name: &'static str, kind: ParameterKind, short: &'static str, long: &'static str) -> Self {
        Self {
            name,
            kind,
            default: None,
            required: false,
            unique: false,
            reloadable: false,
            secret: false,
            support: ParameterSupport::Current,
            short,
            long,
        }
    }

    /// Sets the default.
    pub const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    /// Makes the parameter required.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Makes the value unique among the resources of the agent.
    pub const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// Lets `reload-agent` apply a change.
    pub const fn reloadable(self) -> Self {
        Self { reloadable: true, ..self }
    }

    /// Hides the value.
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Makes the parameter an older name of another one.
    pub const fn alias_of(self, name: &'static str) -> Self {
        Self { support: ParameterSupport::AliasOf(name), ..self }
    }

    /// Makes the parameter one without effect.
    pub const fn obsolete(self) -> Self {
        Self { support: ParameterSupport::Obsolete, ..self }
    }

    /// Makes the parameter one that is refused for `reason`.
    pub const fn refused(self, reason: &'static str) -> Self {
        Self { support: ParameterSupport::Refused(reason), ..self }
    }

    /// Returns the environment variable that carries it.
    pub fn variable(&self) -> String {
        format!("OCF_RESKEY_{}", self.name)
    }

    /// Returns `name "value"`, or the name alone where the value is a secret: messages begin with it.
    pub fn quoted(&self, value: &str) -> String {
        if self.secret { self.name.to_owned() } else { format!("{} \"{value}\"", self.name) }
    }
}

impl ParameterKind {
    /// Checks a value. `Err` says what was expected instead.
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

    /// Returns what a value has to be, to follow the word "expected".
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

/// Reads a whole decimal number.
pub(super) fn integer(value: &str) -> Option<i64> {
    value.trim().parse().ok()
}

/// Reads an OCF boolean, see [`ParameterKind::Boolean`].
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "ja" | "on" => Some(true),
        "no" | "false" | "0" | "nein" | "off" => Some(false),
        _ => None,
    }
}

/// Reads a span of time, see [`ParameterKind::Time`].
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
    use crate::testing::check_rows;

    #[test]
    fn the_booleans_of_the_shell_agents_are_read_in_any_case() {
        check_rows(["yes", "true", "1", "YES", "TRUE", "True", "ja", "on", "ON", " on "], |word| {
            assert_eq!(boolean(word), Some(true), "{word}");
        });
        check_rows(["no", "False", "0", "off", "nein"], |word| {
            assert_eq!(boolean(word), Some(false), "{word}");
        });
        check_rows(["", "maybe", "10", "tru"], |word| {
            assert_eq!(boolean(word), None, "{word}");
        });
    }

    #[test]
    fn a_time_is_read_with_and_without_a_unit() {
        check_rows(
            [
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
            ],
            |(text, expected)| {
                assert_eq!(time(text), expected, "{text}");
            },
        );
    }

    #[test]
    fn a_refusal_says_what_was_expected() {
        let cases = [
            (ParameterKind::Integer { min: 0, max: 128 }, "129", "a whole number from 0 to 128"),
            (ParameterKind::Integer { min: 0, max: 128 }, "-1", "a whole number from 0 to 128"),
            (ParameterKind::Integer { min: 1, max: i64::MAX }, "0x10", "a whole number from 1 on"),
            (ParameterKind::Boolean, "perhaps", "yes or no"),
            (ParameterKind::Select(&["rr", "wlc"]), "RR", "one of rr, wlc"),
        ];
        check_rows(cases, |(kind, value, expected)| {
            assert_eq!(kind.check(value), Err(expected.to_owned()), "{value}");
        });
        assert_eq!(ParameterKind::Integer { min: 0, max: 128 }.check(" 128 "), Ok(()));
        assert_eq!(ParameterKind::Select(&["rr", "wlc"]).check("wlc"), Ok(()));
        assert_eq!(ParameterKind::Text.check("anything\n"), Ok(()));
    }

    #[test]
    fn a_secret_is_named_but_not_shown() {
        let password = Parameter::new("passwd", ParameterKind::Text, "", "");
        assert_eq!(password.quoted("hunter2"), "passwd \"hunter2\"");
        assert_eq!(password.secret().quoted("hunter2"), "passwd");
    }
}
