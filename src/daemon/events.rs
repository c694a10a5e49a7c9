//! What happens, for `lvs-agents events`: a line of JSON for each event in a file of the health monitor's own.
//!
//! It is a file, and neither a ring in memory nor a stream of the socket, since what happened before a `kill -9` is what is
//! wanted most, and since a reader of a file holds up nothing: whatever it does, the health monitor does not know of it.
//! The file is bounded (`system/observed.rs`), and lost with a reboot as the rest of the run directory; the log is what
//! lasts. `describe.rs` says what a line has, `writer.rs` has the thread that writes: a file system that hangs must hold up
//! neither a check nor the loop.
//!
//! The events are those of the log and of mails: this is one more [`Sink`].

mod describe;
mod writer;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, Sink, SinkNews, TellLoop};
use crate::config::Config;
use crate::model::ServiceKey;
use crate::system::ObservedFolder;
use describe::Described;
use writer::{Order, Writer};

/// Version of the lines: it rises when a field gets another meaning or is gone. A new field or kind leaves it as it is.
pub const VERSION: u32 = 1;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "events";

/// The most events that wait for the thread: more than ten thousand real servers cause at once. Beyond that they are dropped,
/// since a file system that hangs must not fill the memory.
const WAITING: usize = 65_536;

/// One line of the file, as docs/events.md describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// [`VERSION`] of the health monitor that wrote it.
    pub version: u32,
    /// When it happened.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// The health monitor: the name of its pacemaker resource, or `ldirectord`.
    pub instance: Cow<'static, str>,
    /// What kind of event it is: one of [`EventRecord::KINDS`], or one of a later version.
    pub kind: Cow<'static, str>,
    /// Whether it is a fault or a warning.
    #[serde(default)]
    pub fault: bool,
    /// The virtual service: `tcp 10.0.0.1:80` or `fwmark 7 ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The real server: `10.0.0.2:80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_server: Option<String>,
    /// The weight that the kernel has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The weight that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_before: Option<u32>,
    /// What happened, for people.
    pub what: Cow<'static, str>,
    /// Why; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl EventRecord {
    /// Every kind that this version writes.
    pub const KINDS: &'static [&'static str] = describe::KINDS;
}

/// Times as `2026-11-27T10:52:26.123Z`: in UTC, so that the clock change of a summer doubles none.
mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{time:.3}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Hands every event to the thread that writes the file. Its calls never block.
pub struct Events {
    instance: Cow<'static, str>,
    /// The services of the configuration in force.
    services: BTreeSet<ServiceKey>,
    records: Vec<EventRecord>,
    orders: Sender<Order>,
    /// The events that the thread has not written yet.
    waiting: Arc<AtomicUsize>,
    /// Whether the last ones found no room.
    loses: bool,
}

impl Events {
    /// Starts the thread. `tell` tells the loop what keeps it from writing.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(folder: ObservedFolder, instance: &str, tell: TellLoop) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Writer::new(folder, Arc::clone(&waiting), tell);
        std::thread::Builder::new().name(OBJECT.into()).spawn(move || writer.work(&received))?;
        let instance = Cow::Owned(instance.to_owned());
        Ok(Self { instance, services: BTreeSet::new(), records: Vec::new(), orders, waiting, loses: false })
    }

    /// Notes which services have come and gone with the configuration, and not what a start finds.
    fn note_services(&mut self, config: &Config, first: bool) -> Vec<Described> {
        let services: BTreeSet<ServiceKey> = config.services.iter().map(|service| service.service.key).collect();
        let before = std::mem::replace(&mut self.services, services);
        let come = self.services.difference(&before).filter(|_| !first).map(|key| describe::watched(*key));
        come.chain(before.difference(&self.services).map(|key| describe::left(*key))).collect()
    }

    fn record(&mut self, fault: bool, described: Described) {
        let Described { kind, service, real_server, weight, weight_before, what, reason } = described;
        self.records.push(EventRecord {
            version: VERSION,
            time: Timestamp::now(),
            instance: self.instance.clone(),
            kind: Cow::Borrowed(kind),
            fault,
            service: service.map(|key| key.to_string()),
            real_server: real_server.map(|key| key.to_string()),
            weight,
            weight_before,
            what: describe::one_line(what),
            reason: describe::one_line(Cow::Owned(reason)).into_owned(),
        });
    }
}

impl Sink for Events {
    fn receive(&mut self, event: &Event<'_>) {
        // By far the most frequent event is none for people.
        if matches!(event, Event::Result { .. }) {
            return;
        }
        let fault = event.level() == super::event::LogLevel::Error;
        describe::describe(event).into_iter().for_each(|described| self.record(fault, described));
        if let Event::ConfigurationApplied { config, first, .. } = event {
            self.note_services(config, *first).into_iter().for_each(|described| self.record(false, described));
        }
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        if self.records.is_empty() {
            return None;
        }
        let mut records = std::mem::take(&mut self.records);
        let room = WAITING.saturating_sub(self.waiting.load(Ordering::Relaxed));
        let loses = records.len() > room;
        records.truncate(room);
        self.waiting.fetch_add(records.len(), Ordering::Relaxed);
        // A thread that has panicked writes nothing any more.
        let _ = self.orders.send(Order::Write(records));
        let is_news = loses != std::mem::replace(&mut self.loses, loses);
        let trouble = loses.then(|| "write: events are lost: the file system does not take them fast enough".into());
        is_news.then(|| SinkNews::until_told(format!("{OBJECT}: queue"), trouble))
    }

    fn end(&mut self, deadline: Instant) {
        let (written, answer) = channel();
        let _ = self.orders.send(Order::Flush(written));
        // The health monitor ends even when the thread hangs.
        let _ = answer.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
