//! An HTTP/1.1 answer of status 2xx whose body matches.
//!
//! We always talk to the real server's own address, whatever `Host` or a redirect says. ldirectord followed redirects
//! anywhere, so that a dead server counted as up as long as the place it once pointed to lived.

mod exchange;
mod redirect;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};

use super::attempt::{Attempt, Subject};
use super::failure::{CheckFailure, FailureKind};
use super::kind::{CheckKind, Invalid, Need, PLAIN, Port};
use super::pattern::{self, Unmatched};
use super::tls::Trust;
use crate::model::{Field, Question};
use exchange::Answer;
use redirect::{Hop, Origin};

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
    ],
    validate,
    ask: Some(|check| Box::pin(async { ask(check.target, &HttpQuestion::of(&check.question), check.timeout).await })),
    ..PLAIN
};

pub(super) const HTTPS: CheckKind = CheckKind { name: "https", port: Port::Usual(443), ..HTTP };

fn validate(question: &Question) -> Result<(), Invalid> {
    if question.request.contains("http://") || question.request.contains("https://") {
        let expected = "a whole URL: not supported yet: expected the path, and the host name in virtualhost".into();
        return Err(Invalid { field: Field::Request, expected });
    }
    if question.receive.is_empty() {
        return Ok(());
    }
    pattern::validate(&question.receive).map_err(|cause| {
        let expected = format!("expected a regular expression: {cause}");
        Invalid { field: Field::Receive, expected }
    })
}

/// What is asked, as HTTP has it.
struct HttpQuestion {
    tls: bool,
    method: Method,
    /// Path and query with a leading slash, otherwise as written: what a request line cannot hold is escaped later.
    request: String,
    /// `Host:` header and TLS server name; `None`: the address of the target.
    virtual_host: Option<String>,
    /// Perl regular expression that the body must match somewhere.
    receive: Option<String>,
}

impl HttpQuestion {
    fn of(question: &Question) -> Self {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let slash = if question.request.starts_with('/') { "" } else { "/" };
        Self {
            tls: question.kind == HTTPS.name,
            method: if question.httpmethod == "HEAD" { Method::HEAD } else { Method::GET },
            request: format!("{slash}{}", question.request),
            virtual_host: given(&question.virtualhost),
            receive: given(&question.receive),
        }
    }
}

/// The question as messages name it: `http GET http://10.0.0.1:80/`.
struct Named<'a> {
    target: SocketAddr,
    question: &'a HttpQuestion,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpQuestion { tls, method, request, .. } = self.question;
        let scheme = if *tls { "https" } else { "http" };
        write!(f, "{scheme} {method} {scheme}://{}{request}", self.target)
    }
}

/// Asks, follows redirects on the same host, and judges the final answer.
///
/// Without `receive` any 2xx is good. With it, the pattern must match somewhere in the first
/// [`exchange::BODY_LIMIT`] bytes of the body; with `HEAD` there is no body, and only a pattern that matches nothing
/// (`^$`) can succeed, as with ldirectord.
async fn ask(target: SocketAddr, question: &HttpQuestion, timeout: Duration) -> Result<(), CheckFailure> {
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
    async fn run(&self) -> Result<(), CheckFailure> {
        let origin = Origin::new(self.target.ip(), self.question.virtual_host.as_deref());
        let mut hop = Hop { tls: self.question.tls, port: self.target.port(), request: self.question.request.clone() };
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.exchange(&hop).await?;
            match answer.location.as_deref() {
                Some(location) => hop = self.follow(&origin, &hop, &answer, location)?,
                None => return self.judge(&hop, &answer),
            }
        }
        let cause = format!("more than {MOST_REDIRECTS} redirects, the last to {}", hop.request);
        Err(self.attempt.failure(FailureKind::Answer, cause))
    }

    fn follow(&self, origin: &Origin, from: &Hop, answer: &Answer, location: &str) -> Result<Hop, CheckFailure> {
        redirect::resolve(origin, from, location).map_err(|refusal| {
            let cause = format!("status {}: redirect to {location:?}: {refusal}", answer.status.as_u16());
            self.attempt.failure(FailureKind::Answer, cause)
        })
    }

    fn judge(&self, hop: &Hop, answer: &Answer) -> Result<(), CheckFailure> {
        let place = if hop.request == self.question.request && hop.tls == self.question.tls {
            String::new()
        } else {
            format!("redirected to {}: ", hop.request)
        };
        let failure = |kind, cause: String| Err(self.attempt.failure(kind, format_args!("{place}{cause}")));
        if !answer.status.is_success() {
            return failure(FailureKind::Answer, describe_status(answer.status));
        }
        let Some(receive) = self.question.receive.as_deref() else { return Ok(()) };
        match pattern::matches(receive, &answer.body) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let size = answer.body.len();
                let first = if size == exchange::BODY_LIMIT { "first " } else { "" };
                failure(
                    FailureKind::Answer,
                    format!("the {first}{size} bytes of the body do not match receive={receive:?}"),
                )
            }
            Err(Unmatched::Pattern(cause)) => failure(FailureKind::Internal, format!("receive={receive:?}: {cause}")),
            // The body decides how many steps a pattern takes, and the same pattern was good enough for a good body.
            Err(Unmatched::Body(cause)) => failure(
                FailureKind::Answer,
                format!("the {} bytes of the body against receive={receive:?}: {cause}", answer.body.len()),
            ),
        }
    }
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
