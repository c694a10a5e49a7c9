//! The health monitor's log, in ldirectord's format: `[Mon Nov 23 07:26:51 2026|db-health|4711] text`.
//!
//! A thread writes it: a log on a file system that hangs must hold up neither a check nor an answer.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use jiff::Zoned;

use crate::config::LogTarget;
use crate::system::syslog;

/// Lines that wait for the writer. More than ten thousand real servers cause at once; beyond that, lines are counted
/// and dropped, since a log that hangs must not fill the memory.
const WAITING: usize = 32_768;
/// Lines that are written in one go.
const BATCH: usize = 1024;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

enum Order {
    Line(Zoned, String),
    Retarget(LogTarget),
    /// Answered when everything before it is written.
    Flush(Sender<()>),
}

/// The writer's end that the rest of the monitor holds. Its calls never block and never fail.
#[derive(Debug, Clone)]
pub struct Log {
    orders: SyncSender<Order>,
    lost: u64,
}

impl Log {
    /// Starts the writer.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(target: LogTarget, instance: &str) -> std::io::Result<Self> {
        let (orders, received) = sync_channel(WAITING);
        let writer = Writer { target, instance: instance.into() };
        std::thread::Builder::new().name("log".into()).spawn(move || writer.work(&received))?;
        Ok(Self { orders, lost: 0 })
    }

    pub fn retarget(&mut self, target: LogTarget) {
        self.send(Order::Retarget(target));
    }

    /// One line, with the time of this call.
    pub fn line(&mut self, text: impl Into<String>) {
        if self.lost > 0 {
            let lost = format!("ERROR: {} lines are not in this log: it could not be written fast enough", self.lost);
            if self.orders.try_send(Order::Line(Zoned::now(), lost)).is_ok() {
                self.lost = 0;
            }
        }
        self.send(Order::Line(Zoned::now(), text.into()));
    }

    /// Waits until the lines so far are written, at most half a second.
    pub fn flush(&mut self) {
        let (written, answer) = channel();
        self.send(Order::Flush(written));
        // A writer that hangs is no reason to hang as well.
        let _ = answer.recv_timeout(LAST_LINES);
    }

    fn send(&mut self, order: Order) {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(order) {
            self.lost += 1;
        }
    }
}

struct Writer {
    target: LogTarget,
    instance: String,
}

impl Writer {
    fn work(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            // The file is opened anew for what has gathered, so that log rotation needs no signal.
            let mut lines = Vec::new();
            for order in std::iter::once(first).chain(orders.try_iter().take(BATCH)) {
                match order {
                    Order::Line(time, text) => lines.push((time, text.replace('\n', " "))),
                    Order::Retarget(target) => {
                        self.write(&std::mem::take(&mut lines));
                        self.target = target;
                    }
                    Order::Flush(written) => {
                        self.write(&std::mem::take(&mut lines));
                        // The caller may have stopped waiting.
                        let _ = written.send(());
                    }
                }
            }
            self.write(&lines);
        }
    }

    fn write(&self, lines: &[(Zoned, String)]) {
        if lines.is_empty() {
            return;
        }
        match &self.target {
            LogTarget::File(path) if self.to_file(path, lines).is_ok() => {}
            // A full disk is no reason to say nothing at all.
            LogTarget::File(_) => self.to_syslog("daemon", lines),
            LogTarget::Syslog(facility) => self.to_syslog(facility, lines),
        }
    }

    fn to_file(&self, path: &Path, lines: &[(Zoned, String)]) -> std::io::Result<()> {
        let pid = std::process::id();
        let line = |(time, text): &(Zoned, String)| {
            format!("[{}|{}|{pid}] {text}\n", time.strftime("%a %b %e %H:%M:%S %Y"), self.instance)
        };
        let text: String = lines.iter().map(line).collect();
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(text.as_bytes())
    }

    fn to_syslog(&self, facility: &str, lines: &[(Zoned, String)]) {
        /// Informational.
        const SEVERITY: u8 = 6;
        let Some(facility) = syslog::facility_number(facility) else { return };
        for (_, text) in lines {
            let line = format!("ldirectord({})[{}]: {text}", self.instance, std::process::id());
            // Without a syslog daemon there is no place left to say so.
            let _ = syslog::send(Path::new(syslog::SOCKET), facility, SEVERITY, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn lines_come_in_order_and_each_into_the_target_of_its_time() {
        let scratch = Scratch::new("log");
        let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
        let mut log = Log::start(LogTarget::File(one.clone()), "db").expect("start");
        (0..1000).for_each(|number| log.line(format!("line {number}\nend")));
        log.retarget(LogTarget::File(two.clone()));
        log.line("last");
        log.flush();
        let read = |path| std::fs::read_to_string(path).expect("written");
        let first = read(&one);
        assert_eq!(first.lines().count(), 1000);
        assert!(first.lines().enumerate().all(|(number, line)| line.ends_with(&format!("] line {number} end"))));
        assert!(read(&two).contains(&format!("|db|{}] last\n", std::process::id())));
    }

    #[test]
    fn a_writer_that_hangs_holds_nobody_up() {
        let scratch = Scratch::new("log-hangs");
        let pipe = scratch.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe that nobody reads");
        let mut log = Log::start(LogTarget::File(pipe), "db").expect("start");
        (0..WAITING + 2 * BATCH).for_each(|number| log.line(number.to_string()));
        assert!(log.lost > 0, "more than can wait");
        log.flush();
    }
}
