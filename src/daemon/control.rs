//! The control socket: the monitor's end, and the end of those who ask.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Reply, Request};

/// A request has to fit into this many bytes, so that no peer can fill our memory.
const LONGEST_REQUEST: u64 = 4096;
/// A peer that does not finish its line, or does not read its answer, is dropped after this time.
const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// A request on its way to the loop, with the way back.
pub struct Call {
    pub request: Request,
    pub reply: oneshot::Sender<Reply>,
}

/// Serves the socket until the receiver of `calls` is dropped. A socket file left by a killed predecessor is replaced:
/// the caller holds the instance's lock.
pub fn listen(path: &Path, calls: mpsc::Sender<Call>) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| format!("{}: listen", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("{}: set mode 0600", path.display()))?;
    tokio::spawn(async move {
        while !calls.is_closed() {
            match listener.accept().await {
                Ok((peer, _)) => drop(tokio::spawn(serve(peer, calls.clone()))),
                // Out of descriptors: without a pause this loop would take the whole processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Ok(())
}

/// One request of one peer. Whatever goes wrong is the peer's loss only.
async fn serve(peer: UnixStream, calls: mpsc::Sender<Call>) {
    let (reader, mut writer) = peer.into_split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(LONGEST_REQUEST));
    if !matches!(tokio::time::timeout(PEER_TIMEOUT, reader.read_line(&mut line)).await, Ok(Ok(_))) {
        return;
    }
    let reply = match serde_json::from_str(&line) {
        Ok(request) => forward(request, &calls).await,
        Err(cause) => Reply::Failed(format!("request \"{}\": {cause}", line.trim_end())),
    };
    if let Ok(mut text) = serde_json::to_string(&reply) {
        text.push('\n');
        let _ = tokio::time::timeout(PEER_TIMEOUT, writer.write_all(text.as_bytes())).await;
    }
}

async fn forward(request: Request, calls: &mpsc::Sender<Call>) -> Reply {
    let (reply, answer) = oneshot::channel();
    let ended = || Reply::Failed("the monitor is ending".into());
    if calls.send(Call { request, reply }).await.is_err() {
        return ended();
    }
    answer.await.unwrap_or_else(|_| ended())
}

/// Asks the monitor behind `path`. Errors: nobody listens, no answer within `timeout`, or the answer makes no sense.
pub fn ask(path: &Path, request: Request, timeout: Duration) -> anyhow::Result<Reply> {
    let name = path.display();
    let stream = BlockingStream::connect(path).with_context(|| format!("{name}: connect"))?;
    stream.set_read_timeout(Some(timeout)).with_context(|| format!("{name}: set timeout"))?;
    stream.set_write_timeout(Some(timeout)).with_context(|| format!("{name}: set timeout"))?;
    let mut text = serde_json::to_string(&request).context("request: encode")?;
    text.push('\n');
    (&stream).write_all(text.as_bytes()).with_context(|| format!("{name}: ask"))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).with_context(|| format!("{name}: wait {timeout:?} for an answer"))?;
    if line.is_empty() {
        bail!("{name}: closed without an answer");
    }
    serde_json::from_str(&line).with_context(|| format!("{name}: understand the answer"))
}
