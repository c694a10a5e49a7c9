//! A queue and a thread for each relay: one that is slow, or silent, holds up the mails of no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::time::Instant;

use super::message::Mail;
use super::sender::{self, Order, Patience};
use crate::config::Relay;
use crate::daemon::event::{SinkNews, TellLoop};

/// The mails that wait for the thread of one relay. A relay that takes none must not fill the memory.
const WAITING: usize = 1024;

/// The queues of all relays that a mail was for. Relays are few, so that the thread of one that has left the configuration may
/// stay: it tries what waits, and sleeps then.
pub struct Queues {
    tell: Arc<TellLoop>,
    host: String,
    patience: Patience,
    relays: BTreeMap<Relay, RelayQueue>,
}

#[derive(Default)]
struct RelayQueue {
    /// `None` while the thread could not be started.
    sender: Option<SyncSender<Order>>,
    /// Why the last mail was lost, if it was, and whether the loop knows.
    trouble: Option<String>,
    is_news: bool,
}

impl Queues {
    pub fn new(tell: TellLoop, host: String, patience: Patience) -> Self {
        Self { tell: Arc::new(tell), host, patience, relays: BTreeMap::new() }
    }

    /// Puts a mail into the queue of its relay.
    pub fn add(&mut self, mail: Mail) {
        let relay = &mail.settings.relay;
        if !self.relays.contains_key(relay) {
            self.relays.insert(relay.clone(), RelayQueue::default());
        }
        let Some(queue) = self.relays.get_mut(relay) else { return };
        if queue.sender.is_none() {
            match start(relay.clone(), self.tell.clone(), self.host.clone(), self.patience) {
                Ok(sender) => queue.sender = Some(sender),
                Err(error) => return queue.note(Some(format!("send: mails are lost: start a thread: {error}"))),
            }
        }
        let sent = queue.sender.as_ref().map(|sender| sender.try_send(Order::Mail(mail)));
        let is_lost = matches!(sent, Some(Err(TrySendError::Full(_))));
        queue.note(is_lost.then(|| "send: mails are lost: the relay does not take them fast enough".into()));
    }

    /// Returns what the loop does not know yet of one of the queues.
    pub fn news(&mut self) -> Option<SinkNews> {
        let (relay, queue) = self.relays.iter_mut().find(|(_, queue)| queue.is_news)?;
        queue.is_news = false;
        let object = format!("mails over {}:{}", relay.host, relay.port);
        Some(SinkNews::until_configured(object, queue.trouble.clone()))
    }

    /// Has every relay tried once more, all at the same time, until the deadline.
    pub fn end(&mut self, deadline: Instant) {
        let (ended, end) = channel();
        for sender in self.relays.values().filter_map(|queue| queue.sender.as_ref()) {
            let _full = sender.try_send(Order::End { by: deadline, ended: ended.clone() });
        }
        drop(ended);
        // Nothing is ever sent: the channel is closed when the last thread has ended.
        let _ = end.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl RelayQueue {
    fn note(&mut self, trouble: Option<String>) {
        self.is_news |= trouble != self.trouble;
        self.trouble = trouble;
    }
}

fn start(relay: Relay, tell: Arc<TellLoop>, host: String, patience: Patience) -> std::io::Result<SyncSender<Order>> {
    let (sender, orders) = sync_channel(WAITING);
    let work = move || sender::work(&orders, relay, &tell, &host, patience);
    std::thread::Builder::new().name("mail".into()).spawn(work)?;
    Ok(sender)
}
