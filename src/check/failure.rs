//! Why a check failed, in words for the log and the status.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Longest message kept, in characters. Parts of it come from the real server.
const LONGEST: usize = 400;

/// What sort of failure it was. All of them mean that the check did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The server refused, reset or closed the connection.
    Refused,
    /// The network has no way to the server.
    Unreachable,
    /// No complete answer before the deadline.
    Timeout,
    /// The server answered, but not what was wanted.
    Answer,
    /// The question could not be asked from here: a permission, a missing program, a bad pattern, no file descriptors.
    Internal,
}

/// Why a real server is not healthy: `connect 10.0.0.1:80: connection refused`.
///
/// One line without control characters, whatever the server sent; never a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    kind: FailureKind,
    message: String,
}

impl CheckFailure {
    pub(super) fn new(kind: FailureKind, subject: &str, cause: impl fmt::Display) -> Self {
        Self { kind, message: one_line(&format!("{subject}: {cause}")) }
    }

    pub fn kind(&self) -> FailureKind {
        self.kind
    }
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CheckFailure {}

/// A real server chooses parts of the text (a `Location`, an SQL error): without this it could forge lines of our log.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// Kind and wording of an I/O error on a connection to a real server.
pub(super) fn describe_io(error: &io::Error) -> (FailureKind, String) {
    use io::ErrorKind as Io;
    let (kind, text) = match error.kind() {
        Io::ConnectionRefused => (FailureKind::Refused, "connection refused"),
        Io::ConnectionReset | Io::ConnectionAborted => (FailureKind::Refused, "connection reset by the server"),
        Io::BrokenPipe | Io::UnexpectedEof => (FailureKind::Refused, "connection closed by the server"),
        Io::HostUnreachable => (FailureKind::Unreachable, "no route to host"),
        Io::NetworkUnreachable => (FailureKind::Unreachable, "network is unreachable"),
        Io::TimedOut => (FailureKind::Timeout, "connection timed out"),
        _ => return (FailureKind::Internal, system_text(error)),
    };
    (kind, text.to_owned())
}

/// The system's own text, in lower case and without the number that `io::Error` appends.
pub(super) fn system_text(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => lower_first(Errno::from_raw(number).desc()),
        None => lower_first(&error.to_string()),
    }
}

/// Only the first letter: `TLS` and names inside stay as they are.
pub(super) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_forge_log_lines() {
        let failure = CheckFailure::new(FailureKind::Answer, "http", "status 302\nreal server up\u{1b}[2J");
        assert_eq!(failure.to_string(), "http: status 302 real server up [2J");
        let failure = CheckFailure::new(FailureKind::Answer, "http", "x".repeat(10_000));
        assert_eq!(failure.to_string().chars().count(), LONGEST + 1);
    }

    #[test]
    fn system_errors_read_like_our_own() {
        let refused = io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32);
        assert_eq!(describe_io(&refused), (FailureKind::Refused, "connection refused".into()));
        let full = io::Error::from_raw_os_error(Errno::EMFILE as i32);
        assert_eq!(describe_io(&full), (FailureKind::Internal, "too many open files".into()));
        assert_eq!(lower_first("TLS is old"), "TLS is old");
    }
}
