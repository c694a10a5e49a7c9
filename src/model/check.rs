//! What is asked of a real server, and how long it may take. Executed by [`crate::check`].

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A password. Its `Debug` and `Display` hide it, so that no log, status or error can show it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the wire and for files of mode 0600 only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A health check of one real server. Equal checks ask the same question of the same host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// Shared by all real servers that are asked the same: thousands of them have one question.
    pub method: Arc<CheckMethod>,
    /// Address and port that are contacted (`checkport`, else the real server's port, else the service's default).
    /// The port means nothing to [`CheckMethod::Ping`], `On` and `Off`.
    pub target: SocketAddr,
    /// For the whole check, from the first packet to the last.
    pub timeout: Duration,
}

/// The question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CheckMethod {
    /// `checktype=on`, and `negotiate` with service `none`: up without asking.
    On,
    /// `checktype=off`: neither real servers nor the fallback are activated.
    Off,
    /// A TCP connection is accepted.
    Connect,
    /// An ICMP (v6) echo is answered.
    Ping,
    /// A program exits with status 0.
    External { command: PathBuf, arguments: Vec<String> },
    /// An HTTP answer of status 2xx whose body matches.
    Http(HttpCheck),
    /// A query returns at least one row.
    Mysql(MysqlCheck),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    Get,
    Head,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpCheck {
    pub tls: bool,
    pub method: HttpMethod,
    /// Path and query, starting with `/`.
    pub request: String,
    /// `Host:` header and TLS server name; `None`: the target's address.
    pub virtual_host: Option<String>,
    /// Perl regular expression that the body must match somewhere.
    pub receive: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MysqlCheck {
    pub login: String,
    pub password: Secret,
    /// `None`: connect without choosing a database.
    pub database: Option<String>,
    /// SQL that must return at least one row.
    pub request: String,
}
