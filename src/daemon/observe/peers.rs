//! Those that ask, each within its limits.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use crate::daemon::control::{self, ControlCall, LONGEST_REQUEST};
use crate::daemon::protocol::{ControlReply, ControlRequest, ObserveRequest};
use crate::daemon::view::LivenessView;

/// A peer that has neither asked nor read its answer by then is dropped.
const PEER_TIMEOUT: Duration = Duration::from_secs(10);
/// The most peers that are served at once, of one user and of all.
const PEERS_OF_USER: usize = 8;
const PEERS: usize = 64;
/// The pause after a peer that got no place: those that ask without end must not take the processor from the checks. It is
/// also the pause when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(1);
/// How old the answer to `status` may be.
const AGE: Duration = Duration::from_secs(1);
/// How long the loop may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

type Forward = Box<dyn Fn(ControlCall) -> bool + Send + Sync>;

/// The answers, and the way to the loop.
pub struct Answers {
    view: LivenessView,
    forward: Arc<Forward>,
    /// The last status, as it goes to each peer that asks within a second: one text for all.
    status: tokio::sync::Mutex<Option<(Instant, Bytes)>>,
    places: Arc<Mutex<HashMap<u32, usize>>>,
}

/// A place for a peer of a user, free again when it is dropped.
struct Place {
    user: u32,
    places: Arc<Mutex<HashMap<u32, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = places.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.user);
            }
        }
    }
}

impl Answers {
    pub fn new(view: LivenessView, forward: Forward) -> Self {
        Self { view, forward: Arc::new(forward), status: Default::default(), places: Arc::default() }
    }

    fn place(&self, user: u32) -> Option<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (places.values().sum::<usize>(), places.get(&user).copied().unwrap_or(0));
        if all >= PEERS || own >= PEERS_OF_USER {
            return None;
        }
        places.insert(user, own + 1);
        Some(Place { user, places: Arc::clone(&self.places) })
    }

    async fn answer(&self, line: &[u8]) -> Bytes {
        match serde_json::from_slice(line) {
            Ok(ObserveRequest::Alive) => encoded(&ControlReply::Alive(self.view.liveness(Instant::now()).into())),
            Ok(ObserveRequest::Status) => self.status().await,
            Err(cause) => {
                let request = String::from_utf8_lossy(line);
                let request = request.trim_end();
                encoded(&ControlReply::Failed(format!("request \"{request}\": {cause}")))
            }
        }
    }

    /// Returns the status as a line. Those that ask at the same time wait for one answer.
    async fn status(&self) -> Bytes {
        let mut last = self.status.lock().await;
        if let Some((_, known)) = last.as_ref().filter(|(at, _)| at.elapsed() < AGE) {
            return known.clone();
        }
        let forward = Arc::clone(&self.forward);
        let asked = tokio::task::spawn_blocking(move || {
            let (_sending, sent) = channel();
            encoded(&control::ask_loop(ControlRequest::Status, sent, PATIENCE, &*forward))
        });
        let known = asked.await.unwrap_or_else(|_| encoded(&ControlReply::Failed("no answer could be made".into())));
        *last = Some((Instant::now(), known.clone()));
        known
    }
}

fn encoded(reply: &ControlReply) -> Bytes {
    serde_json::to_string(reply).map_or_else(|_| Bytes::new(), |text| Bytes::from(text + "\n"))
}

/// Accepts peers without end.
pub async fn accept(listener: &UnixListener, answers: &Arc<Answers>) {
    loop {
        let Ok((peer, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let user = peer.peer_cred().map_or(u32::MAX, |peer| peer.uid());
        let Some(place) = answers.place(user) else {
            // It fits into an empty buffer, and a peer that is gone wants no answer.
            let busy = encoded(&ControlReply::Failed("too many observers at once: ask again".into()));
            let _ = peer.try_write(&busy);
            drop(peer);
            sleep(PAUSE).await;
            continue;
        };
        let answers = Arc::clone(answers);
        tokio::spawn(async move {
            // The loss of a peer is the peer's.
            let _ = timeout(PEER_TIMEOUT, converse(peer, &answers)).await;
            drop(place);
        });
    }
}

/// Answers one line.
async fn converse(mut peer: UnixStream, answers: &Answers) -> std::io::Result<()> {
    let (reader, mut writer) = peer.split();
    let mut line = Vec::new();
    BufReader::new(reader.take(LONGEST_REQUEST)).read_until(b'\n', &mut line).await?;
    writer.write_all(&answers.answer(&line).await).await
}
