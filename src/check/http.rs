//! An HTTP/1.1 answer of status 2xx whose body matches.
//!
//! We always talk to the real server's own address, whatever `Host` or a redirect says. ldirectord followed redirects
//! anywhere, so that a dead server counted as up as long as the place it once pointed to lived.

mod exchange;
mod redirect;
mod url;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::HeaderName;
use hyper::{Method, StatusCode};

use super::attempt::{Attempt, Subject};
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port};
use super::pattern::{self, Unmatched};
use super::said::{self, Said};
use super::tls::Trust;
use crate::model::{Advice, Check, Field, Question};
use exchange::Answer;
use redirect::{Hop, Origin};
use url::Url;

/// As LWP and browsers of old: more is a loop.
const MOST_REDIRECTS: usize = 7;

pub(super) const HTTP: CheckKind = CheckKind {
    name: "http",
    port: Port::Usual(80),
    fields: &[
        (Field::Request, Need::Default("/")),
        (Field::Receive, Need::Optional),
        (Field::Virtualhost, Need::Optional),
        (Field::Httpmethod, Need::Default("GET")),
        (Field::Weightheader, Need::Optional),
        (Field::Drainon404, Need::Optional),
    ],
    validate,
    ask: Some(Ask::Advice(|check| {
        Box::pin(async {
            let (target, question) = HttpQuestion::of(check);
            ask(target, &question, check.timeout).await
        })
    })),
    ..PLAIN
};

pub(super) const HTTPS: CheckKind = CheckKind { name: "https", port: Port::Usual(443), ..HTTP };

/// The real server is a proxy that is asked for the URL. ldirectord did not ask it for any but those of plain http.
pub(super) const HTTP_PROXY: CheckKind = CheckKind {
    name: "http_proxy",
    port: Port::Usual(3128),
    fields: &[
        (Field::Request, Need::Required),
        (Field::Receive, Need::Optional),
        (Field::Httpmethod, Need::Default("GET")),
    ],
    validate: validate_of_proxy,
    ..HTTP
};

fn validate(question: &Question) -> Result<(), Invalid> {
    let scheme = if question.kind == HTTPS.name { "https" } else { "http" };
    Url::parse(&question.request, scheme).map_err(|expected| Invalid { field: Field::Request, expected })?;
    pattern::validate_receive(question)
}

fn validate_of_proxy(question: &Question) -> Result<(), Invalid> {
    let expected = match Url::parse(&question.request, "http") {
        Ok(Some(_)) => return pattern::validate_receive(question),
        Ok(None) => "expected a whole URL, for which the proxy is asked: http://www.example.com/path".into(),
        Err(expected) => expected,
    };
    Err(Invalid { field: Field::Request, expected })
}

/// What is asked, as HTTP has it.
struct HttpQuestion {
    tls: bool,
    method: Method,
    /// Path and query with a leading slash, otherwise as written: what a request line cannot hold is escaped later.
    request: String,
    /// `Host:` header and TLS server name; `None`: the address of the target.
    virtual_host: Option<String>,
    /// The site that a proxy is asked for; `None`: the target is no proxy.
    site: Option<String>,
    /// Perl regular expression that the body must match somewhere.
    receive: Option<String>,
    /// In whose words the server says what it wants of its weight.
    weight_header: Option<HeaderName>,
    /// Whether the status 404 drains the server.
    drains_on_404: bool,
}

impl HttpQuestion {
    /// The question, and whom it is put to.
    fn of(check: &Check) -> (SocketAddr, Self) {
        let question = &*check.question;
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let slash = if question.request.starts_with('/') { "" } else { "/" };
        let tls = question.kind == HTTPS.name;
        let path = Self {
            tls,
            method: if question.httpmethod == "HEAD" { Method::HEAD } else { Method::GET },
            request: format!("{slash}{}", question.request),
            virtual_host: given(&question.virtualhost),
            site: None,
            receive: given(&question.receive),
            weight_header: question.weightheader.parse().ok(),
            drains_on_404: question.drainon404 == "yes",
        };
        let (scheme, usual_port) = if tls { ("https", 443) } else { ("http", 80) };
        // One that is wrong was refused when the configuration was read.
        let Ok(Some(url)) = Url::parse(&question.request, scheme) else { return (check.target, path) };
        if question.kind == HTTP_PROXY.name {
            return (check.target, Self { request: url.request, site: Some(url.authority), ..path });
        }
        let named = url.virtual_host(check.target).map(str::to_owned);
        let virtual_host = path.virtual_host.clone().or(named);
        (url.target(check.target, usual_port), Self { request: url.request, virtual_host, ..path })
    }
}

/// The question as messages name it: `http GET http://10.0.0.1:80/`.
struct Named<'a> {
    target: SocketAddr,
    question: &'a HttpQuestion,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpQuestion { tls, method, request, site, .. } = self.question;
        if let Some(site) = site {
            return write!(f, "http_proxy {} {method} http://{site}{request}", self.target);
        }
        let scheme = if *tls { "https" } else { "http" };
        write!(f, "{scheme} {method} {scheme}://{}{request}", self.target)
    }
}

/// Asks, follows redirects on the same host, and judges the final answer.
///
/// Without `receive` any 2xx is good. With it, the pattern must match somewhere in the first
/// [`exchange::BODY_LIMIT`] bytes of the body; with `HEAD` there is no body, and only a pattern that matches nothing
/// (`^$`) can succeed, as with ldirectord.
async fn ask(target: SocketAddr, question: &HttpQuestion, timeout: Duration) -> Result<Option<Advice>, CheckFailure> {
    let subject = Named { target, question };
    let attempt = Attempt::about(Subject::Other(&subject), timeout);
    Client { target, question, attempt, trust: None }.run().await
}

struct Client<'a> {
    target: SocketAddr,
    question: &'a HttpQuestion,
    attempt: Attempt<'a>,
    /// `None`: the trust store of this machine.
    trust: Option<&'a Trust>,
}

impl Client<'_> {
    async fn run(&self) -> Result<Option<Advice>, CheckFailure> {
        let origin = Origin::new(self.target.ip(), self.question.virtual_host.as_deref());
        let HttpQuestion { tls, request, site, .. } = self.question;
        let mut hop = Hop { tls: *tls, port: self.target.port(), site: site.clone(), request: request.clone() };
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.exchange(&hop).await?;
            match answer.location.as_deref() {
                Some(location) => hop = self.follow(&origin, &hop, &answer, location)?,
                None => return self.judge(&hop, &answer),
            }
        }
        let cause = format!("more than {MOST_REDIRECTS} redirects, the last to {hop}");
        Err(self.attempt.failure(FailureKind::Answer, cause))
    }

    fn follow(&self, origin: &Origin, from: &Hop, answer: &Answer, location: &str) -> Result<Hop, CheckFailure> {
        redirect::resolve(origin, from, location).map_err(|refusal| {
            let cause = format!("status {}: redirect to \"{location}\": {refusal}", answer.status.as_u16());
            self.attempt.failure(FailureKind::Answer, cause)
        })
    }

    fn judge(&self, hop: &Hop, answer: &Answer) -> Result<Option<Advice>, CheckFailure> {
        let HttpQuestion { tls, request, site, .. } = self.question;
        let is_first = hop.request == *request && hop.tls == *tls && hop.site == *site;
        let place = if is_first { String::new() } else { format!("redirected to {hop}: ") };
        let failure = |(kind, cause): (FailureKind, String)| self.attempt.failure(kind, format_args!("{place}{cause}"));
        if answer.status == StatusCode::NOT_FOUND && self.question.drains_on_404 {
            return Ok(Some(Advice { percent: 0, lets_in: true, reason: describe_status(answer.status) }));
        }
        if !answer.status.is_success() {
            return Err(failure((FailureKind::Answer, describe_status(answer.status))));
        }
        self.match_body(&answer.body).and_then(|()| self.wish(answer)).map_err(failure)
    }

    fn match_body(&self, body: &[u8]) -> Result<(), (FailureKind, String)> {
        let Some(receive) = self.question.receive.as_deref() else { return Ok(()) };
        match pattern::matches(receive, body) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let size = body.len();
                let first = if size == exchange::BODY_LIMIT { "first " } else { "" };
                let cause = format!("the {first}{size} bytes of the body do not match receive=\"{receive}\"");
                Err((FailureKind::Answer, cause))
            }
            Err(Unmatched::Pattern(cause)) => Err((FailureKind::Internal, format!("receive=\"{receive}\": {cause}"))),
            // The body decides how many steps a pattern takes, and the same pattern was good enough for a good body.
            Err(Unmatched::Body(cause)) => {
                let cause = format!("the {} bytes of the body against receive=\"{receive}\": {cause}", body.len());
                Err((FailureKind::Answer, cause))
            }
        }
    }

    /// Returns what the server wants of its weight, as the header says, else the body. Without either it wants all of it.
    fn wish(&self, answer: &Answer) -> Result<Option<Advice>, (FailureKind, String)> {
        let Some(name) = &self.question.weight_header else { return Ok(None) };
        let Some(words) = answer.wish.clone().or_else(|| line_of(name.as_str(), &answer.body)) else { return Ok(None) };
        match said::read(&words) {
            Ok(Said::Well(advice)) => Ok(advice),
            Ok(Said::Down(reason)) => Err((FailureKind::Answer, format!("{name}: {reason}"))),
            Err(cause) => Err((FailureKind::Answer, format!("{name}: the server {cause}"))),
        }
    }
}

/// Returns what follows the name and a colon at the beginning of a line of the body.
fn line_of(name: &str, body: &[u8]) -> Option<String> {
    let mut lines = body.split(|byte| *byte == b'\n');
    let words = lines.find_map(|line| {
        let (before, after) = (line.get(..name.len())?, line.get(name.len()..)?);
        after.strip_prefix(b":").filter(|_| before.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    Some(String::from_utf8_lossy(words).trim().to_owned())
}

fn describe_status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("status {} ({reason})", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    }
}

#[cfg(test)]
#[path = "../../fuzz/http.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
