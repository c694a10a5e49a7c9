//! Runs commands, those of one service one after the other, and kills what takes too long.

use std::collections::VecDeque;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::daemon::event::{SinkNews, TellLoop};
use crate::model::ServiceKey;
use crate::system::descriptors;

/// How often a command that runs is looked at.
pub const POLL: Duration = Duration::from_millis(20);
/// The commands that run at once.
const AT_ONCE: usize = 16;

/// A command line for the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub service: ServiceKey,
    pub line: String,
}

/// An order to the thread.
#[derive(Debug)]
pub enum Order {
    Run(Run),
    /// Nothing follows. `ended` is dropped when everything is done, or killed at that time.
    End {
        by: Instant,
        ended: Sender<()>,
    },
}

struct Running {
    run: Run,
    child: Child,
    until: Instant,
}

struct Runner<'a> {
    tell: &'a TellLoop,
    limit: Duration,
    waiting: VecDeque<Run>,
    running: Vec<Running>,
    /// The end of the health monitor, and who waits for it.
    end: Option<(Instant, Sender<()>)>,
}

/// Runs what is ordered, each for at most `limit`.
pub fn work(orders: &Receiver<Order>, tell: &TellLoop, limit: Duration) {
    let mut runner = Runner { tell, limit, waiting: VecDeque::new(), running: Vec::new(), end: None };
    loop {
        let order = match runner.is_idle() {
            true => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => orders.recv_timeout(POLL),
        };
        match order {
            Ok(Order::Run(run)) => runner.waiting.push_back(run),
            Ok(Order::End { by, ended }) => runner.end = Some((by, ended)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if runner.is_idle() => return,
            // No order wakes the thread any more.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(POLL),
        }
        runner.look();
        if runner.is_idle() && runner.end.is_some() {
            return;
        }
    }
}

impl Runner<'_> {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Takes the results of what has ended, kills what is late, and starts what may run.
    fn look(&mut self) {
        let now = Instant::now();
        let end = self.end.as_ref().map(|(by, _)| *by);
        for mut one in std::mem::take(&mut self.running) {
            let until = end.map_or(one.until, |end| end.min(one.until));
            match one.child.try_wait() {
                Ok(Some(status)) => self.report(&one.run, failure(status)),
                Ok(None) if now < until => self.running.push(one),
                Ok(None) => {
                    kill(&mut one.child);
                    self.report(&one.run, Some("killed: it took too long".into()));
                }
                Err(cause) => self.report(&one.run, Some(format!("wait for its end: {cause}"))),
            }
        }
        for run in std::mem::take(&mut self.waiting) {
            let mut ahead = self.running.iter().map(|one| &one.run).chain(&self.waiting);
            let waits = ahead.any(|other| other.service == run.service) || self.running.len() >= AT_ONCE;
            match waits {
                true if end.is_none_or(|end| now < end) => self.waiting.push_back(run),
                true => self.report(&run, Some("not run: the health monitor has ended".into())),
                false => self.start(run, now),
            }
        }
    }

    fn start(&mut self, run: Run, now: Instant) {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&run.line).current_dir("/");
        // A group of its own: what the shell has started ends with it.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        descriptors::lower_limit_of(&mut command);
        match command.spawn() {
            Ok(child) => self.running.push(Running { run, child, until: now + self.limit }),
            Err(cause) => self.report(&run, Some(format!("start: {cause}"))),
        }
    }

    fn report(&self, run: &Run, failure: Option<String>) {
        let object = format!("fallbackcommand of {}", run.service);
        let trouble = failure.map(|cause| format!("{}: {cause}", run.line));
        (self.tell)(SinkNews::until_configured(object, trouble));
    }
}

fn failure(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| status.to_string())
}

fn kill(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        // It may have ended in this moment.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}
