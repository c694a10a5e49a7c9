//! What went wrong, in words. Pure.

use std::error::Error as _;
use std::fmt::Display;
use std::io;

use mysql::{DriverError, Error, MySqlError};

use crate::check::failure::{FailureKind, describe_io, lower_first};
use crate::check::tls;

/// All that the library says of a connection that ends in the middle of a packet.
const END_IN_PACKET: &str = "bytes remaining on stream";

/// Why a conversation with the server ended without a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Connected, then nothing within the time of one read.
    Silence,
    /// Connected, then what was sent was not even acknowledged: the host is gone.
    Gone,
    /// Not even connected.
    ConnectSilence,
    NoConnection {
        kind: FailureKind,
        text: String,
    },
    Other {
        kind: FailureKind,
        text: String,
    },
    /// The server is there and has no connection left.
    Overload(String),
}

impl Cause {
    pub fn answer(text: impl Into<String>) -> Self {
        Self::Other { kind: FailureKind::Answer, text: text.into() }
    }
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        match error {
            Error::MySqlError(error) => server_error(&error),
            Error::IoError(error) => io_error(&error),
            Error::CodecError(error) => match error.source().and_then(|cause| cause.downcast_ref()) {
                Some(error) => io_error(error),
                None => not_mysql(&error),
            },
            Error::DriverError(error) => driver_error(error),
            other => Self::answer(lower_first(&other.to_string())),
        }
    }
}

fn io_error(error: &io::Error) -> Cause {
    if let Some(cause) = tls::explain(error) {
        return Cause::answer(cause);
    }
    match error.kind() {
        io::ErrorKind::Other if error.to_string() == END_IN_PACKET => io_error(&io::ErrorKind::UnexpectedEof.into()),
        // What a read time-out of a blocking socket looks like.
        io::ErrorKind::WouldBlock => Cause::Silence,
        io::ErrorKind::TimedOut => Cause::Gone,
        // The library's word for a packet that makes no sense.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => not_mysql(error),
        _ => {
            let (kind, text) = describe_io(error);
            Cause::Other { kind, text }
        }
    }
}

fn not_mysql(error: &impl Display) -> Cause {
    Cause::answer(format!("not a MySQL answer ({})", lower_first(&error.to_string())))
}

fn driver_error(error: DriverError) -> Cause {
    match error {
        DriverError::ConnectTimeout => Cause::ConnectSilence,
        DriverError::CouldNotConnect(Some((_, text, kind))) => {
            let (kind, text) = describe_io(&system_error(&text).unwrap_or_else(|| kind.into()));
            Cause::NoConnection { kind, text }
        }
        DriverError::UnknownAuthPlugin(plugin) => Cause::answer(format!(
            "login method {plugin:?} is not supported (let this user log in with mysql_native_password or \
             caching_sha2_password)"
        )),
        DriverError::OldMysqlPasswordDisabled | DriverError::CleartextPluginDisabled => Cause::answer(format!(
            "{} (let this user log in with mysql_native_password or caching_sha2_password)",
            lower_first(&error.to_string())
        )),
        other => not_mysql(&other),
    }
}

/// The library keeps the text of a system error and its kind. The kind does not tell "too many open files" from any
/// other error, and a router's refusal not from a local firewall's; the number that the text ends with does.
fn system_error(text: &str) -> Option<io::Error> {
    let (_, number) = text.strip_suffix(')')?.rsplit_once(" (os error ")?;
    number.parse().ok().map(io::Error::from_raw_os_error)
}

/// Numbers from the error reference of MySQL 8.0 and MariaDB, which share them.
fn server_error(error: &MySqlError) -> Cause {
    let meaning = match error.code {
        // `ER_CON_COUNT_ERROR`
        1040 => return Cause::Overload("too many connections (error 1040)".into()),
        // Earlier checks of this node were cut off: it says nothing of the server.
        1129 => {
            let text =
                "host blocked after too many connection errors (run FLUSH HOSTS on the server) (error 1129)".into();
            return Cause::Other { kind: FailureKind::Internal, text };
        }
        1203 => "too many connections of this user",
        1044 => "access to the database denied",
        1045 | 1698 => "access denied",
        // Also the answer to an unknown command, which we never send.
        1047 => "WSREP not ready: the node is not part of the Galera primary component",
        1049 => "unknown database",
        1053 => "the server is shutting down",
        1130 => "this host is not allowed to connect (create the user for its address)",
        1142 | 1143 => "permission denied (grant SELECT to the user)",
        1146 => "no such table",
        _ => return Cause::answer(format!("{} (error {})", lower_first(&error.message), error.code)),
    };
    Cause::answer(format!("{meaning} (error {})", error.code))
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use tokio_rustls::rustls;

    use super::*;

    fn text_of(code: u16, message: &str) -> String {
        let error = MySqlError { state: "HY000".into(), message: message.into(), code };
        match Cause::from(Error::MySqlError(error)) {
            Cause::Other { text, .. } | Cause::Overload(text) => text,
            other => panic!("{code}: {other:?}"),
        }
    }

    #[test]
    fn known_errors_say_what_they_mean_and_others_what_the_server_said() {
        for (code, wanted) in [
            (1040, "too many connections (error 1040)"),
            (1045, "access denied (error 1045)"),
            (1049, "unknown database (error 1049)"),
            (1146, "no such table (error 1146)"),
        ] {
            assert_eq!(text_of(code, "the server's words"), wanted);
        }
        assert!(text_of(1047, "WSREP has not yet prepared node for application use").starts_with("WSREP not ready"));
        assert!(text_of(1129, "Host 'x' is blocked").starts_with("host blocked"));
        let blocked = MySqlError { state: "HY000".into(), message: String::new(), code: 1129 };
        let blocked = Cause::from(Error::MySqlError(blocked));
        assert!(matches!(blocked, Cause::Other { kind: FailureKind::Internal, .. }), "this node's own fault");
        assert_eq!(
            text_of(1064, "You have an error in your SQL syntax"),
            "you have an error in your SQL syntax (error 1064)"
        );
    }

    #[test]
    fn a_fault_of_this_machine_is_told_from_one_of_the_server() {
        for (number, wanted) in [
            (Errno::EMFILE, FailureKind::Internal),
            (Errno::EPERM, FailureKind::Internal),
            (Errno::EADDRNOTAVAIL, FailureKind::Internal),
            (Errno::EACCES, FailureKind::Unreachable),
            (Errno::EHOSTUNREACH, FailureKind::Unreachable),
        ] {
            let error = io::Error::from(number);
            let error = DriverError::CouldNotConnect(Some(("a".into(), error.to_string(), error.kind())));
            match Cause::from(Error::DriverError(error)) {
                Cause::NoConnection { kind, .. } => assert_eq!(kind, wanted, "{number}"),
                other => panic!("{number}: {other:?}"),
            }
        }
    }

    #[test]
    fn broken_tls_is_named() {
        let broken = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let error = io::Error::new(io::ErrorKind::InvalidData, broken);
        let wanted = Cause::answer("the answer is not TLS (is this a port without TLS?)");
        assert_eq!(Cause::from(Error::IoError(error)), wanted);
    }

    #[test]
    fn the_steps_of_a_connection_are_told_apart() {
        let refused = DriverError::CouldNotConnect(Some(("a".into(), "b".into(), io::ErrorKind::ConnectionRefused)));
        let wanted = Cause::NoConnection { kind: FailureKind::Refused, text: "connection refused".into() };
        assert_eq!(Cause::from(Error::DriverError(refused)), wanted);
        assert_eq!(Cause::from(Error::DriverError(DriverError::ConnectTimeout)), Cause::ConnectSilence);
        for (number, wanted) in [(Errno::EAGAIN, Cause::Silence), (Errno::ETIMEDOUT, Cause::Gone)] {
            assert_eq!(Cause::from(Error::IoError(number.into())), wanted, "{number}");
        }
    }
}
