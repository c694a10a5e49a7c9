//! Listens and answers: `GET /metrics` and `GET /`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::snapshot::{Snapshot, SnapshotSource};
use super::{OBJECT, exposition, page};
use crate::daemon::event::{SinkNews, TellLoop};

/// The pause after an address could not be had: it may come with an interface.
const RETRY: Duration = Duration::from_secs(5);
/// The pause after a peer could not be accepted: the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// A peer that has neither asked nor read its answer by then is dropped.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);
/// The most peers that are served at once; more wait.
const PEERS: usize = 16;

/// Listens where `wanted` says, as long as the loop lives.
pub async fn serve(mut wanted: watch::Receiver<Option<SocketAddr>>, source: Arc<SnapshotSource>, tell: TellLoop) {
    let mut told: Option<(SocketAddr, String)> = None;
    loop {
        let address = *wanted.borrow_and_update();
        let bound = match address {
            Some(address) => Some((address, TcpListener::bind(address).await)),
            None => None,
        };
        let trouble = match &bound {
            Some((address, Err(error))) => Some((*address, format!("listen: {error}"))),
            Some((_, Ok(_))) | None => None,
        };
        if trouble != told {
            let news = told.iter().map(|(address, _)| (*address, None));
            let news = news.chain(trouble.iter().map(|(address, cause)| (*address, Some(cause.clone()))));
            for (address, trouble) in news.collect::<Vec<_>>() {
                if !tell(SinkNews::until_told(format!("{OBJECT} {address}"), trouble)) {
                    return;
                }
            }
            told = trouble;
        }
        let changed = match bound {
            Some((_, Ok(listener))) => tokio::select! {
                changed = wanted.changed() => changed,
                () = accept(&listener, &source) => return,
            },
            Some((_, Err(_))) => tokio::select! {
                changed = wanted.changed() => changed,
                () = sleep(RETRY) => Ok(()),
            },
            None => wanted.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Accepts peers without end.
async fn accept(listener: &TcpListener, source: &Arc<SnapshotSource>) {
    let places = Arc::new(Semaphore::new(PEERS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((peer, _)) => {
                let source = Arc::clone(source);
                tokio::spawn(async move {
                    // The loss of a peer is the peer's.
                    let _ = timeout(PEER_TIMEOUT, converse(peer, source)).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn converse(peer: TcpStream, source: Arc<SnapshotSource>) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let source = Arc::clone(&source);
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), source).await) }
    });
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(peer), answer).await
}

/// Takes a text out of a snapshot.
type TextOf = fn(&Snapshot) -> &Bytes;

/// Returns the kind of what stands at a path, and the text of a snapshot, which is made once for all peers.
fn text_at(path: &str) -> Option<(&'static str, TextOf)> {
    match path {
        "/metrics" => Some((exposition::CONTENT_TYPE, |known| {
            known.texts.exposition.get_or_init(|| exposition::render(known).into())
        })),
        "/" => Some((page::CONTENT_TYPE, |known| known.texts.page.get_or_init(|| page::render(known).into()))),
        _ => None,
    }
}

async fn answer(method: &Method, path: &str, source: Arc<SnapshotSource>) -> Response<Full<Bytes>> {
    let Some((kind, text)) = text_at(path) else {
        return plain(StatusCode::NOT_FOUND, "There are /metrics and /.\n");
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "This can be read only.\n");
    }
    // The loop and the kernel may take their time; other peers do not wait for them in this thread.
    match tokio::task::spawn_blocking(move || text(&source.snapshot()).clone()).await {
        Ok(text) => with_type(StatusCode::OK, kind, text),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be made.\n"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", text.to_owned().into())
}

fn with_type(status: StatusCode, kind: &str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_peers_of_a_second_get_one_text() {
        for path in ["/metrics", "/"] {
            let (known, (_, text)) = (Snapshot::default(), text_at(path).expect("a text"));
            let first = text(&known).clone();
            assert!(!first.is_empty());
            assert_eq!(text(&known).as_ptr(), first.as_ptr(), "{path}");
        }
        assert!(text_at("/etc/passwd").is_none());
    }
}
