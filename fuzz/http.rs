//! What an HTTP server answers, and where it sends us.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::exchange::{Answer, BODY_LIMIT};
use super::redirect::{self, Hop, Origin};
use super::{Client, HttpQuestion, Named};
use crate::check::attempt::{Attempt, Subject};
use crate::check::failure::{CheckFailure, FailureKind};
use crate::seeds::Seeds;

/// Long enough for every input; none makes the client wait for anything but the end of the input.
const PATIENT: Duration = Duration::from_secs(60);

fn question() -> HttpQuestion {
    let (request, host) = ("/app/start?x=1".to_owned(), Some("www.example.com".to_owned()));
    HttpQuestion {
        tls: false,
        method: Method::GET,
        request,
        virtual_host: host,
        site: None,
        receive: Some("^OK$".to_owned()),
        weight_header: Some(HeaderName::from_static("x-weight")),
        drains_on_404: true,
    }
}

fn named(question: &HttpQuestion) -> Named<'_> {
    Named { target: SocketAddr::from(([192, 0, 2, 1], 8080)), question }
}

fn client<'a>(named: &'a Named<'a>) -> (Client<'a>, Hop) {
    let Named { target, question } = *named;
    let attempt = Attempt::about(Subject::Other(named), PATIENT);
    let hop = Hop { tls: false, port: target.port(), site: None, request: question.request.clone() };
    (Client { target, question, attempt, trust: None }, hop)
}

#[test]
fn http_answers() {
    let seeds = Seeds::of("http_answers");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let question = question();
    let answered = |bytes: &[u8]| judge(&question, runtime.block_on(ask(&question, bytes)));
    let answered = std::panic::AssertUnwindSafe(answered);
    bolero::check!(name = "http_answers").for_each(|bytes: &[u8]| seeds.each(bytes, *answered));
}

/// Sends the bytes as the answer to the question, and closes.
async fn ask(question: &HttpQuestion, bytes: &[u8]) -> Result<Answer, CheckFailure> {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let named = named(question);
    let (client, hop) = client(&named);
    let server = async {
        let _ = theirs.read(&mut [0; 1024]).await;
        // It breaks off where the client has seen enough.
        let _ = theirs.write_all(bytes).await;
        let _ = theirs.shutdown().await;
    };
    tokio::join!(client.ask(&hop, ours), server).0
}

/// Bytes of a server are never this node's fault, and no more of them is kept than the limit.
fn judge(question: &HttpQuestion, answer: Result<Answer, CheckFailure>) {
    let named = named(question);
    let (client, hop) = client(&named);
    let verdict = match answer {
        Ok(answer) => {
            assert!(answer.body.len() <= BODY_LIMIT, "{} bytes", answer.body.len());
            match answer.location.as_deref() {
                Some(location) => {
                    client.follow(&Origin::new(client.target.ip(), None), &hop, &answer, location).map(drop)
                }
                None => client.judge(&hop, &answer).map(drop),
            }
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = verdict {
        assert_ne!(failure.kind(), FailureKind::Internal, "{failure}");
    }
}

#[test]
fn http_redirects() {
    let seeds = Seeds::of("http_redirects");
    let question = question();
    bolero::check!(name = "http_redirects")
        .for_each(|bytes: &[u8]| seeds.each(bytes, |bytes| follow(&question, bytes)));
}

/// A redirect that is followed leads to a request that can be sent.
fn follow(question: &HttpQuestion, bytes: &[u8]) {
    let named = named(question);
    let (client, hop) = client(&named);
    let origin = Origin::new(client.target.ip(), question.virtual_host.as_deref());
    if let Ok(next) = redirect::resolve(&origin, &hop, &String::from_utf8_lossy(bytes)) {
        assert!(client.request(&next).is_ok(), "{next:?}");
    }
}
