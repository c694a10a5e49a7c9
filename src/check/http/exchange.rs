//! One request and its answer on a connection of its own.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::pki_types::ServerName;

use super::Client;
use super::redirect::Hop;
use crate::check::failure::{CheckFailure, FailureKind, lower_first};
use crate::check::tls;

/// Bytes of a body that are read and looked at; the rest is left unread. A server that sends a large file is healthy, but
/// thousands of checks must not hold thousands of large files.
pub const BODY_LIMIT: usize = 1 << 20;

const AGENT: &str = concat!("lvs-agents/", env!("CARGO_PKG_VERSION"));

pub struct Answer {
    pub status: StatusCode,
    /// Only of a redirect: where to.
    pub location: Option<String>,
    /// The header in which the server says what it wants of its weight, where it is asked for and there.
    pub wish: Option<String>,
    /// Only of a success: the first [`BODY_LIMIT`] bytes.
    pub body: Vec<u8>,
}

impl Client<'_> {
    pub(super) async fn exchange(&self, hop: &Hop) -> Result<Answer, CheckFailure> {
        let address = SocketAddr::new(self.target.ip(), hop.port);
        // After a redirect to the other scheme the port is another: then say which.
        let step = if hop.port == self.target.port() { "connect".to_owned() } else { format!("connect {address}") };
        let stream = self.attempt.connect(&step, address).await?;
        // Boxed: a server that does not even accept the connection, of which there may be thousands, costs little.
        match hop.tls {
            true => {
                Box::pin(async {
                    let stream = tls::handshake(&self.attempt, self.trust, stream, self.server_name()).await?;
                    self.ask(hop, stream).await
                })
                .await
            }
            false => Box::pin(self.ask(hop, stream)).await,
        }
    }

    pub(super) async fn ask<S>(&self, hop: &Hop, stream: S) -> Result<Answer, CheckFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let request = self.request(hop)?;
        let mut builder = http1::Builder::new();
        // Clients of the real users take these; an old application is not dead because of a blank before a colon.
        builder
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        let handshake = builder.handshake(TokioIo::new(stream));
        let (mut sender, connection) =
            self.attempt.step("request", handshake).await?.map_err(|error| self.http_failure("request", &error))?;
        let answer = async {
            let response = self
                .attempt
                .step("response", sender.send_request(request))
                .await?
                .map_err(|error| self.http_failure("response", &error))?;
            self.read(response).await
        };
        let (mut connection, mut answer) = (pin!(connection), pin!(answer));
        // The connection moves the bytes, so both must be polled. It may end first, with the answer still in hand.
        tokio::select! {
            result = &mut answer => result,
            closed = &mut connection => {
                let result = answer.await;
                // hyper tells the cause to one of the two only; the other learns that the operation was cancelled.
                match closed {
                    Err(error) if result.is_err() => Err(self.http_failure("response", &error)),
                    _ => result,
                }
            }
        }
    }

    pub(super) fn request(&self, hop: &Hop) -> Result<Request<Empty<Bytes>>, CheckFailure> {
        Request::builder()
            .method(self.question.method.clone())
            .uri(uri(hop))
            .header(HOST, hop.site.clone().unwrap_or_else(|| self.host()))
            .header(USER_AGENT, AGENT)
            .header(CONNECTION, "close")
            .body(Empty::new())
            .map_err(|error| {
                let cause = format!("request \"{}\": {}", hop.request, lower_first(&error.to_string()));
                self.attempt.failure(FailureKind::Internal, cause)
            })
    }

    /// The virtual host, else the bare address without port, as ldirectord.
    fn host(&self) -> String {
        match (&self.question.virtual_host, self.target.ip()) {
            (Some(name), _) => name.clone(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        }
    }

    /// The name for SNI. ldirectord sends none and gets the wrong certificate from servers with several.
    fn server_name(&self) -> ServerName<'static> {
        let name = self.question.virtual_host.as_deref().map(|name| name.split(':').next().unwrap_or(name));
        name.and_then(|name| ServerName::try_from(name.to_owned()).ok())
            .unwrap_or_else(|| ServerName::from(self.target.ip()))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, CheckFailure> {
        let status = response.status();
        let location = match status.as_u16() {
            301 | 302 | 303 | 307 | 308 => response.headers().get(LOCATION),
            _ => None,
        };
        let wish = self.question.weight_header.as_ref().and_then(|name| response.headers().get(name));
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let (location, wish) = (location.map(text), wish.map(text));
        let mut body = Vec::new();
        if status.is_success() {
            let ends_with_connection =
                !response.headers().contains_key(CONTENT_LENGTH) && !response.headers().contains_key(TRANSFER_ENCODING);
            let result = self.attempt.step("body", read_body(response.into_body(), &mut body)).await?;
            match result {
                // Many servers close a TLS connection without saying so. Where the length was not announced, the end
                // of the connection is the end of the body, and nothing is missing.
                Err(error) if ends_with_connection && is_unexpected_end(&error) => {}
                other => other.map_err(|error| self.http_failure("body", &error))?,
            }
        }
        Ok(Answer { status, location, wish, body })
    }

    fn http_failure(&self, step: &str, error: &hyper::Error) -> CheckFailure {
        // A server that speaks before it is asked: the request is cancelled, the cause lies beneath.
        if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref()).filter(|_| error.is_canceled()) {
            return self.http_failure(step, cause);
        }
        if let Some(error) = io_cause(error) {
            return tls::io_failure(&self.attempt, step, error);
        }
        if error.is_incomplete_message() {
            return self.attempt.failure_at(FailureKind::Refused, step, "connection closed by the server");
        }
        let text = lower_first(&error.to_string());
        let cause = if error.is_parse() { format!("not an HTTP answer ({text})") } else { text };
        self.attempt.failure_at(FailureKind::Answer, step, cause)
    }
}

async fn read_body(mut incoming: Incoming, body: &mut Vec<u8>) -> Result<(), hyper::Error> {
    while body.len() < BODY_LIMIT {
        let Some(frame) = incoming.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            let room = BODY_LIMIT - body.len();
            body.extend(data.iter().take(room));
        }
    }
    Ok(())
}

fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(deeper) = cause {
        if let Some(error) = deeper.downcast_ref::<io::Error>() {
            return Some(error);
        }
        cause = deeper.source();
    }
    None
}

fn is_unexpected_end(error: &hyper::Error) -> bool {
    io_cause(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// What the request line names: a proxy is told the whole URL (RFC 9112 section 3.2.2).
fn uri(hop: &Hop) -> String {
    let path = encode(&hop.request);
    hop.site.as_ref().map_or_else(|| path.clone(), |site| format!("http://{site}{path}"))
}

/// Escapes what cannot stand in a request line (RFC 3986 section 2.1), as LWP does, so that `request="a b"` works.
/// Escapes of the user stay.
fn encode(request: &str) -> String {
    let request = request.split('#').next().unwrap_or_default();
    let mut encoded = String::with_capacity(request.len() + 1);
    if !request.starts_with('/') {
        encoded.push('/');
    }
    for byte in request.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => encoded += &format!("%{byte:02X}"),
            0x21..=0x7e => encoded.push(char::from(byte)),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_holds_only_what_it_may() {
        assert_eq!(encode("/a b?q=\"x\"&y=%20#top"), "/a%20b?q=%22x%22&y=%20");
        assert_eq!(encode("index.html"), "/index.html");
        assert_eq!(encode("/größe\r\nX: y"), "/gr%C3%B6%C3%9Fe%0D%0AX:%20y");
        assert_eq!(encode(""), "/");
    }
}
