//! The conversation with a relay, up to where it takes mails. Every failure has its step and its cause.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio_rustls::rustls::{self, CertificateError};

use crate::config::{Relay, Resolver, SmtpTls};
use crate::director::SystemResolver;
use crate::model::Family;

/// Connects and logs in. The relay's certificate has to be one for its name, of an authority that this machine trusts.
///
/// # Errors
/// Says at which step it failed, and why.
pub fn connect(relay: &Relay, host: &str, patience: Duration) -> Result<SmtpConnection, String> {
    let address = address_of(&relay.host).map_err(|cause| format!("look up its name: {cause}"))?;
    let address = SocketAddr::new(address, relay.port);
    let name = ClientId::Domain(host.to_owned());
    let tls = match relay.tls {
        SmtpTls::No => None,
        SmtpTls::Starttls | SmtpTls::Yes => {
            let bare = relay.host.trim_matches(['[', ']']).to_owned();
            Some(TlsParameters::new_rustls(bare).map_err(|error| failed("tls", &error, patience))?)
        }
    };
    let at_once = tls.as_ref().filter(|_| relay.tls == SmtpTls::Yes);
    let mut connection = SmtpConnection::connect(address, Some(patience), &name, at_once, None)
        .map_err(|error| failed(first_step(&error, at_once.is_some()), &error, patience))?;
    if let Some(tls) = tls.as_ref().filter(|_| relay.tls == SmtpTls::Starttls) {
        connection.starttls(tls, &name).map_err(|error| {
            let step = if tls_error(&error).is_some() { "tls handshake" } else { "STARTTLS" };
            failed(step, &error, patience)
        })?;
    }
    if !relay.login.is_empty() {
        let credentials = Credentials::new(relay.login.to_string(), relay.passwd.reveal().to_owned());
        let step = format!("login as \"{}\"", relay.login);
        connection.auth(DEFAULT_MECHANISMS, &credentials).map_err(|error| failed(&step, &error, patience))?;
    }
    Ok(connection)
}

/// Says what a step has failed with, in one line: the answer of the relay may have several, and any bytes.
pub fn failed(step: &str, error: &Error, patience: Duration) -> String {
    let cause = match (error.status(), error.source()) {
        (Some(code), Some(answer)) => format!("{code} {answer}"),
        (_, Some(_)) if io_error(error).is_some_and(is_timeout) => format!("no answer within {patience:?}"),
        (_, Some(source)) => match tls_error(error) {
            // A CA of the same name, with another key, is another CA.
            Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => "certificate not trusted: no CA in this machine's trust store has signed it: install its CA there"
                .into(),
            _ => source.to_string(),
        },
        (_, None) => error.to_string(),
    };
    format!("{step}: {}", cause.trim_end().replace(char::is_control, " "))
}

/// The library connects, shakes hands and waits for the greeting in one call.
fn first_step(error: &Error, has_tls: bool) -> &'static str {
    let kind = io_error(error).map(io::Error::kind);
    let is_open = matches!(
        kind,
        None | Some(
            ErrorKind::WouldBlock | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
        )
    );
    match (tls_error(error), is_open) {
        (Some(_), _) => "tls handshake",
        (None, true) if has_tls && error.status().is_none() => "tls handshake or greeting",
        (None, true) => "greeting",
        (None, false) => "connect",
    }
}

fn io_error(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

fn tls_error(error: &Error) -> Option<&rustls::Error> {
    io_error(error)?.get_ref()?.downcast_ref()
}

/// A connection that is not made in time has the one kind, and an answer that does not come the other.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn address_of(host: &str) -> Result<IpAddr, String> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Ok(address);
    }
    let resolver = SystemResolver::new();
    resolver.host(host, Family::Ipv4).or_else(|_| resolver.host(host, Family::Ipv6))
}
