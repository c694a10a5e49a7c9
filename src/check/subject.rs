//! What a check's messages begin with.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::model::{HttpCheck, HttpMethod};

/// One question to one server. It becomes text only when there is something to say: most checks are good, and there may
/// be ten thousand of them in a second.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Connect(SocketAddr),
    Ping(IpAddr),
    External(&'a Path),
    Http(SocketAddr, &'a HttpCheck),
    Mysql(SocketAddr),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(target) => write!(f, "connect {target}"),
            Self::Ping(target) => write!(f, "ping {target}"),
            Self::External(command) => write!(f, "external {}", command.display()),
            Self::Mysql(target) => write!(f, "mysql {target}"),
            Self::Http(target, question) => {
                let scheme = if question.tls { "https" } else { "http" };
                let method = method_name(question.method);
                write!(f, "{scheme} {method} {scheme}://{target}{}", question.request)
            }
        }
    }
}

pub(super) fn method_name(method: HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Head => "HEAD",
    }
}
