//! The error of every `FromStr` of the model: the user's word and what was expected instead.

use std::fmt;

/// A word of the user that is not a value of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// The user's word.
    pub value: String,
    /// What would be right, such as `a protocol: tcp or udp`.
    pub expected: String,
}

impl InvalidValue {
    /// Creates the error for a word.
    pub fn new(value: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { value: value.into(), expected: expected.into() }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": expected {}", self.value, self.expected)
    }
}

impl std::error::Error for InvalidValue {}
