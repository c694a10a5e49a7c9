//! `execute`: other configurations that are started, reloaded and stopped with this one.
//!
//! Each gets a health monitor of its own, by the command line `ldirectord FILE start|reload|stop` that ldirectord runs for
//! it: with its own lock, log and file of its process number, so that it can be asked and stopped by itself. One that is
//! broken is a fault that is told, and touches neither this one nor the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::event::{Event, Sink, SinkNews};
use crate::system::{descriptors, own_program};

/// The name by which this program is the original's command line.
const COMMAND_LINE: &str = "/usr/sbin/ldirectord";
/// Its exit status for a configuration that is wrong: then nothing was started.
const MISCONFIGURED: i32 = 2;
/// The lines of a failure that are told. All of them are in the answer of `check-config`.
const TOLD: usize = 5;

/// What shall be done with an executed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Start,
    /// A reload, or a start where none runs.
    Reload,
    Stop,
}

/// Starts and stops what the lines `execute` of a file name.
pub struct Executes<T> {
    file: PathBuf,
    tell: T,
    /// Each file has a thread of its own, which does one thing after the other: one that hangs holds up no other.
    threads: BTreeMap<Box<str>, Sender<Order>>,
    /// A copy of the sender is in each thread: when all are gone, all threads have ended.
    alive: (Sender<()>, Receiver<()>),
    /// Threads that could not be started.
    failed: Vec<SinkNews>,
}

impl<T: Fn(SinkNews) -> bool + Clone + Send + 'static> Executes<T> {
    /// `file` is the one whose lines they are.
    pub fn new(file: &Path, tell: T) -> Self {
        Self { file: file.into(), tell, threads: BTreeMap::new(), alive: channel(), failed: Vec::new() }
    }

    /// Gives the orders that lead from what runs to these names.
    fn follow(&mut self, names: &BTreeSet<&str>) {
        self.threads.retain(|name, orders| {
            let stays = names.contains(&**name);
            // A thread ends with its sender only.
            let _ = orders.send(if stays { Order::Reload } else { Order::Stop });
            stays
        });
        for name in names {
            if self.threads.contains_key(*name) {
                continue;
            }
            match self.begin(name) {
                Ok(orders) => drop(self.threads.insert((*name).into(), orders)),
                Err(cause) => self.failed.push(news(name, Err(format!("start its thread: {cause}")))),
            }
        }
    }

    fn begin(&self, name: &str) -> std::io::Result<Sender<Order>> {
        let (orders, received) = channel();
        let (file, name, tell, alive) = (self.file.clone(), name.to_owned(), self.tell.clone(), self.alive.0.clone());
        std::thread::Builder::new().name("execute".into()).spawn(move || {
            look_after(&received, |action| run(&file, &name, action), |done| tell(news(&name, done)));
            drop(alive);
        })?;
        let _ = orders.send(Order::Start);
        Ok(orders)
    }
}

impl<T: Fn(SinkNews) -> bool + Clone + Send + 'static> Sink for Executes<T> {
    fn receive(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => {
                self.follow(&config.global.executed.iter().map(|file| &*file.name).collect());
            }
            Event::Ending => self.follow(&BTreeSet::new()),
            _ => {}
        }
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        self.failed.pop()
    }

    /// Waits until what was ordered is done. What is not done by then goes on without this process.
    fn end(&mut self, deadline: Instant) {
        self.threads.clear();
        let (alive, ended) = std::mem::replace(&mut self.alive, channel());
        drop(alive);
        let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// A run of the command line that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failed {
    status: Option<i32>,
    said: String,
}

/// Does what is ordered. What was never started by this file is not stopped by it: it may be another's.
fn look_after(
    orders: &Receiver<Order>,
    run: impl Fn(&str) -> Result<(), Failed>,
    tell: impl Fn(Result<(), String>) -> bool,
) {
    let mut is_ours = false;
    for order in orders {
        let runs = order == Order::Reload && run("status").is_ok();
        let action = match order {
            Order::Stop if !is_ours => continue,
            Order::Stop => "stop",
            Order::Reload if runs => "reload",
            Order::Start | Order::Reload => "start",
        };
        let done = run(action);
        is_ours |= done.as_ref().map_or_else(|failed| failed.status != Some(MISCONFIGURED), |()| true);
        tell(done.map_err(|failed| format!("{action}: {}", failed.said)));
    }
}

/// Runs the command line in the folder of `file`, which is where it looks last for the file that is named.
fn run(file: &Path, name: &str, action: &str) -> Result<(), Failed> {
    let mut command = own_program(COMMAND_LINE);
    command.arg("--executed-by").arg(file).args(["--", name, action]);
    command.current_dir(file.parent().unwrap_or(Path::new("/"))).stdin(Stdio::null());
    descriptors::lower_limit_of(&mut command);
    let output = command.output().map_err(|cause| Failed { status: None, said: cause.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().take(TOLD).collect();
    let said = if lines.is_empty() { output.status.to_string() } else { lines.join("; ") };
    Err(Failed { status: output.status.code(), said })
}

fn news(name: &str, done: Result<(), String>) -> SinkNews {
    SinkNews::until_configured(format!("execute {name}"), done.err())
}

#[cfg(test)]
mod tests;
