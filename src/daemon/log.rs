//! The health monitor's log, in ldirectord's format: `[Mon Nov 23 07:26:51 2026|db-health|4711] text`. The journal
//! decides which lines it gets.
//!
//! A thread writes the log: a file system that hangs must hold up neither a check nor an answer.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::LogTarget;
use crate::system::syslog;

/// The most lines that wait for the writer: more than ten thousand real servers cause at once. Beyond that, lines are
/// counted and dropped, since a log that hangs must not fill the memory.
const WAITING: usize = 32_768;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

enum LogOrder {
    Lines(Vec<(Timestamp, String)>),
    Retarget(LogTarget),
    /// The writer answers this when everything before it is written.
    Flush(Sender<()>),
}

/// The end of the log that the rest of the health monitor holds. Its calls never block and never fail.
#[derive(Debug, Clone)]
pub struct Log {
    orders: Sender<LogOrder>,
    waiting: Arc<AtomicUsize>,
    lost: usize,
}

impl Log {
    /// Starts the writer.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(target: LogTarget, instance: &str) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = LogWriter { target, instance: instance.into(), waiting: Arc::clone(&waiting) };
        std::thread::Builder::new().name("log".into()).spawn(move || writer.work(&received))?;
        Ok(Self { orders, waiting, lost: 0 })
    }

    pub fn retarget(&mut self, target: LogTarget) {
        self.send(LogOrder::Retarget(target));
    }

    /// Writes lines with their times. They come together, since each call wakes the writer.
    pub fn lines(&mut self, mut lines: Vec<(Timestamp, String)>) {
        let room = WAITING.saturating_sub(self.waiting.load(Ordering::Relaxed));
        let lost = lines.len().saturating_sub(room);
        lines.truncate(room);
        if self.lost > 0 && !lines.is_empty() {
            let text = format!("ERROR: {} lines are not in this log: it could not be written fast enough", self.lost);
            lines.insert(0, (Timestamp::now(), text));
            self.lost = 0;
        }
        self.lost += lost;
        if lines.is_empty() {
            return;
        }
        self.waiting.fetch_add(lines.len(), Ordering::Relaxed);
        self.send(LogOrder::Lines(lines));
    }

    /// Waits at most half a second until the lines so far are written.
    pub fn flush(&mut self) {
        let (written, answer) = channel();
        self.send(LogOrder::Flush(written));
        // The loop goes on even when the writer hangs.
        let _ = answer.recv_timeout(LAST_LINES);
    }

    fn send(&mut self, order: LogOrder) {
        // A writer that has panicked writes nothing any more; there is no other place to say so.
        let _ = self.orders.send(order);
    }
}

struct LogWriter {
    target: LogTarget,
    instance: String,
    waiting: Arc<AtomicUsize>,
}

impl LogWriter {
    fn work(mut self, orders: &Receiver<LogOrder>) {
        while let Ok(order) = orders.recv() {
            match order {
                LogOrder::Lines(lines) => {
                    self.write(&lines);
                    self.waiting.fetch_sub(lines.len(), Ordering::Relaxed);
                }
                LogOrder::Retarget(target) => self.target = target,
                // The caller may have stopped waiting.
                LogOrder::Flush(written) => drop(written.send(())),
            }
        }
    }

    fn write(&self, lines: &[(Timestamp, String)]) {
        match &self.target {
            LogTarget::File(path) if self.to_file(path, lines).is_ok() => {}
            // A full disk must not silence the log.
            LogTarget::File(_) => self.to_syslog("daemon", lines),
            LogTarget::Syslog(facility) => self.to_syslog(facility, lines),
            LogTarget::Output => to_stream(&mut std::io::stdout(), lines),
            LogTarget::Errors => to_stream(&mut std::io::stderr(), lines),
        }
    }

    /// Appends the lines to the file, which is opened anew each time, so that log rotation needs no signal.
    fn to_file(&self, path: &Path, lines: &[(Timestamp, String)]) -> std::io::Result<()> {
        let (pid, zone) = (std::process::id(), TimeZone::system());
        let line = |(time, text): &(Timestamp, String)| {
            let time = time.to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y");
            format!("[{time}|{}|{pid}] {}\n", self.instance, text.replace('\n', " "))
        };
        let text: String = lines.iter().map(line).collect();
        OpenOptions::new().create(true).append(true).mode(0o644).open(path)?.write_all(text.as_bytes())
    }

    fn to_syslog(&self, facility: &str, lines: &[(Timestamp, String)]) {
        /// The severity "informational".
        const SEVERITY: u8 = 6;
        let Some(facility) = syslog::facility_number(facility) else { return };
        for (_, text) in lines {
            // Without a syslog daemon there is no place left to say so.
            let _ = syslog::send(Path::new(syslog::SOCKET), facility, SEVERITY, &tagged(text));
        }
    }
}

/// With the tag that filters of the original's messages look for.
fn tagged(text: &str) -> String {
    format!("ldirectord[{}]: {text}", std::process::id())
}

/// As the original writes it for a supervisor: without the names that the file's lines have.
fn to_stream(out: &mut impl Write, lines: &[(Timestamp, String)]) {
    let zone = TimeZone::system();
    for (time, text) in lines {
        let time = time.to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y");
        // A reader that went away is no reason to end.
        let _ = writeln!(out, "[{time}] {text}");
    }
}

/// Returns the time of the day by the clock of this place, as people read it in a log.
pub fn time_of_day(time: SystemTime) -> String {
    let zoned = Timestamp::try_from(time).map(|time| time.to_zoned(TimeZone::system()));
    zoned.map_or_else(|_| "an unknown time".into(), |zoned| zoned.strftime("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn line(text: impl Into<String>) -> Vec<(Timestamp, String)> {
        vec![(Timestamp::now(), text.into())]
    }

    #[test]
    fn lines_come_in_order_and_each_into_the_target_of_its_time() {
        let scratch = Scratch::new("log");
        let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
        let mut log = Log::start(LogTarget::File(one.clone()), "db").expect("start");
        (0..1000).for_each(|number| log.lines(line(format!("line {number}\nend"))));
        log.retarget(LogTarget::File(two.clone()));
        log.lines(line("last"));
        log.flush();
        let read = |path| std::fs::read_to_string(path).expect("written");
        let first = read(&one);
        assert_eq!(first.lines().count(), 1000);
        assert!(first.lines().enumerate().all(|(number, line)| line.ends_with(&format!("] line {number} end"))));
        assert_eq!(tagged("x"), format!("ldirectord[{}]: x", std::process::id()));
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&two).expect("there"));
        assert_eq!(mode & 0o644, 0o644, "whoever read the original's log reads this one");
        assert!(read(&two).contains(&format!("|db|{}] last\n", std::process::id())));
    }

    #[test]
    fn a_writer_that_hangs_holds_no_caller_up_and_fills_no_memory() {
        let scratch = Scratch::new("log-hangs");
        let pipe = scratch.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe without a reader");
        let mut log = Log::start(LogTarget::File(pipe), "db").expect("start");
        (0..WAITING + 7).for_each(|number| log.lines(line(number.to_string())));
        assert_eq!(log.lost, 7, "more than can wait");
        log.flush();
    }
}
