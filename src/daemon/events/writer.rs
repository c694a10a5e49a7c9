//! The thread that writes the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use super::{EventRecord, OBJECT};
use crate::daemon::event::{SinkNews, TellLoop};
use crate::system::ObservedFolder;

/// The events that are written by one call: a fraction of the file's limit, since each has a few thousand bytes at most.
const AT_ONCE: usize = 256;

pub enum Order {
    Write(Vec<EventRecord>),
    /// The thread answers this when everything before it is written.
    Flush(Sender<()>),
}

pub struct Writer {
    folder: ObservedFolder,
    waiting: Arc<AtomicUsize>,
    tell: TellLoop,
    /// What the loop was told last.
    trouble: Option<String>,
}

impl Writer {
    pub fn new(folder: ObservedFolder, waiting: Arc<AtomicUsize>, tell: TellLoop) -> Self {
        Self { folder, waiting, tell, trouble: None }
    }

    /// Works until the loop has ended. What cannot be written is dropped: it is in the log.
    pub fn work(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Write(records) => {
                    for records in records.chunks(AT_ONCE) {
                        let trouble = self.write(records).err();
                        self.waiting.fetch_sub(records.len(), Ordering::Relaxed);
                        if !self.note(trouble) {
                            return;
                        }
                    }
                }
                // The caller may have stopped waiting.
                Order::Flush(written) => drop(written.send(())),
            }
        }
    }

    fn write(&self, records: &[EventRecord]) -> Result<(), String> {
        let mut lines = String::new();
        for record in records {
            lines.push_str(&serde_json::to_string(record).map_err(|cause| format!("encode: {cause}"))?);
            lines.push('\n');
        }
        self.folder.append_events(&lines).map_err(|error| error.to_string())
    }

    /// Tells the loop what is new to it, and returns false when the loop has ended.
    fn note(&mut self, trouble: Option<String>) -> bool {
        if trouble == self.trouble {
            return true;
        }
        self.trouble.clone_from(&trouble);
        (self.tell)(SinkNews::until_told(OBJECT, trouble))
    }
}
