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
    /// The question could not be asked from here, or its answer not be noticed: a permission, a missing program, a bad
    /// pattern, no file descriptors, a machine that is too busy.
    Internal,
}

/// Why a real server is not healthy: `connect 10.0.0.1:80: connection refused`.
///
/// One line without control characters, whatever the server sent; never a password. The user's own words stand in it as they are: an
/// escaped backslash would make another pattern of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    kind: FailureKind,
    message: String,
}

impl CheckFailure {
    pub(crate) fn new(kind: FailureKind, subject: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self { kind, message: one_line(&format!("{subject}: {cause}")) }
    }

    /// Returns what sort of failure it was.
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
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// Kind and wording of an I/O error on a connection to a real server.
///
/// Only a short list is this machine's own fault. Every other error, one that we have never heard of too, is a failure
/// of the server: a server that cannot be reached must not go on serving because the reason is a rare one.
pub(super) fn describe_io(error: &io::Error) -> (FailureKind, String) {
    use io::ErrorKind as Io;
    let (kind, text) = match error.kind() {
        Io::ConnectionRefused => (FailureKind::Refused, "connection refused"),
        Io::ConnectionReset | Io::ConnectionAborted => (FailureKind::Refused, "connection reset by the server"),
        Io::BrokenPipe | Io::UnexpectedEof => (FailureKind::Refused, "connection closed by the server"),
        Io::HostUnreachable => (FailureKind::Unreachable, "no route to host"),
        Io::NetworkUnreachable => (FailureKind::Unreachable, "network is unreachable"),
        Io::TimedOut => (FailureKind::Timeout, "connection timed out"),
        _ => return describe_number(error),
    };
    (kind, text.to_owned())
}

/// The errors for which the standard library has no kind of its own, or one that holds several of them.
fn describe_number(error: &io::Error) -> (FailureKind, String) {
    let Some(number) = error.raw_os_error().map(Errno::from_raw) else {
        return (FailureKind::Answer, system_text(error));
    };
    match number {
        // A router's ICMP "administratively prohibited", or a `prohibit` route of this machine.
        Errno::EACCES => (FailureKind::Unreachable, "administratively prohibited (by a router or a route)".to_owned()),
        // The only cause of it on a socket that we have opened and addressed rightly.
        Errno::EINVAL => (FailureKind::Unreachable, "the route is a black hole".to_owned()),
        number if is_local(number) => (FailureKind::Internal, system_text(error)),
        _ => (FailureKind::Unreachable, system_text(error)),
    }
}

/// Errors of connect(2), send(2) and recv(2) that come from this machine alone: no descriptors (of the process, of the
/// machine), no memory, no free port or no address of our own to speak from, a local firewall's verdict.
fn is_local(number: Errno) -> bool {
    use Errno as E;
    matches!(number, E::EMFILE | E::ENFILE | E::ENOBUFS | E::ENOMEM | E::EADDRNOTAVAIL | E::EPERM)
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
    fn only_a_fault_of_this_machine_is_none_of_the_server() {
        use Errno as E;
        for number in [E::EMFILE, E::ENFILE, E::ENOBUFS, E::ENOMEM, E::EADDRNOTAVAIL, E::EPERM] {
            let (kind, text) = describe_io(&io::Error::from(number));
            assert_eq!(kind, FailureKind::Internal, "{number}: {text}");
        }
        for number in 1..=200 {
            let (number, error) = (Errno::from_raw(number), io::Error::from_raw_os_error(number));
            assert_eq!(describe_io(&error).0 == FailureKind::Internal, is_local(number), "{number}");
        }
        let without_number = io::Error::other("the library's own words");
        assert_eq!(describe_io(&without_number), (FailureKind::Answer, "the library's own words".into()));
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
