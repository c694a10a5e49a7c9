//! A real server that can die and come back: it accepts connections and answers whatever it is asked with HTTP 200.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Host;

const POLL: Duration = Duration::from_millis(5);

/// A server that listens until it is dropped; afterwards the port refuses connections.
pub struct Server {
    ended: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(host: &Host, address: &str) -> Self {
        let address: SocketAddr = address.parse().expect(address);
        let listener = host.enter(move || TcpListener::bind(address)).expect("listen");
        listener.set_nonblocking(true).expect("nonblocking");
        let (ended, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (end, count) = (ended.clone(), accepted.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((peer, _)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        answer(peer);
                    }
                    Err(_) => std::thread::sleep(POLL),
                }
            }
        });
        Self { ended, accepted, thread: Some(thread) }
    }

    /// Returns the number of connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

fn answer(mut peer: std::net::TcpStream) {
    // A connect check sends nothing, and must not keep us from the next one.
    let _ = peer.set_nonblocking(false);
    let _ = peer.set_read_timeout(Some(Duration::from_millis(200)));
    let mut request = [0; 1024];
    if matches!(peer.read(&mut request), Ok(length) if length > 0) {
        let _ = peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nalive");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
