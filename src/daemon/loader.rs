//! Watches the source and reads it, in a thread of its own: a name server that is silent, a file system that hangs and a
//! module that is loaded slowly hold up neither a check nor the loop.
//!
//! What it reads is complete: names are looked up, the kernel has been asked what it would refuse, and what it holds of
//! services that are new is there. The loop only has to put it in force.

mod reader;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::declaring::Overdue;
use super::source::{Source, Stamp};
use crate::config::Config;
use crate::director::NameMissing;
use crate::model::{ServiceKey, Table};
use crate::ownership::Registry;
use crate::plan::Role;
use crate::system::{Lock, RunDir, descriptors};
use reader::Reader;

/// How often a file is looked at.
const FILE_POLL: Duration = Duration::from_secs(1);
/// How often the folder of declarations is: one question to a file system in memory, and until the answer the monitor
/// checks what `lvs` has just replaced.
const FOLDER_POLL: Duration = Duration::from_millis(50);
/// A reading that failed is tried again after the first pause, then after twice as long each time, up to the last.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// Of declarations at the latest after this time: until they are read nothing is written for any of them.
const RETRY_DECLARATIONS: Duration = Duration::from_secs(2);

/// A configuration that may be put in force.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub role: Role,
    pub stamp: Stamp,
    /// What the kernel holds of the services that were not in the configuration before.
    pub observed: Table,
    /// What the monitors before this one knew.
    pub known: Registry,
    /// Services that a monitor of this name has created and, killed, not removed.
    pub orphans: Vec<ServiceKey>,
    /// What could not be read; what was known of it before is in `config`.
    pub troubles: Vec<String>,
    /// What was done to make this node fit to direct, in sentences.
    pub preparations: Vec<String>,
}

/// What the loader has found out.
#[derive(Debug)]
pub enum News {
    /// The source has changed. The configuration follows, unless it is a file without `autoreload`.
    Changed,
    /// The monitor that followed the declarations has ended, and this one follows them now.
    TookOver,
    /// Another monitor follows the declarations.
    StandsBy,
    Loaded(Box<Loaded>),
    /// Why nothing could be loaded. It is tried again.
    Refused(String),
    /// What keeps the declarations from being followed as they are made, from now on; `None`: nothing any more.
    Trouble(Option<String>),
    /// Something else that went wrong.
    Fault(String),
}

/// News, and how many orders to read again they answer.
#[derive(Debug)]
pub struct Report {
    pub news: News,
    pub answered: u64,
}

/// The loop's end.
#[derive(Debug)]
pub struct Loader {
    orders: Sender<()>,
    ordered: u64,
}

impl Loader {
    /// Reads at once, and whenever the source changes or [`Loader::reload`] is called. `deliver` returns false when
    /// the loop has ended.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        source: Source,
        run_dir: RunDir,
        instance: String,
        deliver: impl Fn(Report) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let mut watch = Watch::new(Reader::new(source, run_dir.clone(), instance), run_dir, Box::new(deliver));
        std::thread::Builder::new().name("loader".into()).spawn(move || watch.work(&received))?;
        Ok(Self { orders, ordered: 0 })
    }

    /// Reads the source again whatever its stamp says. The report that answers it counts at least so many orders.
    pub fn reload(&mut self) -> u64 {
        self.ordered += 1;
        // A loader that has panicked answers nobody; the caller's time limit ends the wait.
        let _ = self.orders.send(());
        self.ordered
    }
}

struct Retry {
    at: Instant,
    pause: Duration,
    stamp: Stamp,
}

/// When what is read.
struct Watch {
    reader: Reader,
    run_dir: RunDir,
    deliver: Box<dyn Fn(Report) -> bool + Send>,
    ordered: u64,
    /// Held by the one monitor of this node that follows the declarations: two would undo each other's work.
    following: Option<Lock>,
    overdue: Overdue,
    trouble: Option<String>,
    /// Of the last attempt to read.
    stamp: Stamp,
    /// A stamp that is new: what it stands for may still be half-written.
    fresh: Option<Stamp>,
    retry: Option<Retry>,
    autoreload: bool,
    callback: Option<PathBuf>,
}

impl Watch {
    fn new(reader: Reader, run_dir: RunDir, deliver: Box<dyn Fn(Report) -> bool + Send>) -> Self {
        Self {
            reader,
            run_dir,
            deliver,
            ordered: 0,
            following: None,
            overdue: Overdue::default(),
            trouble: None,
            stamp: Stamp::default(),
            fresh: None,
            retry: None,
            autoreload: false,
            callback: None,
        }
    }

    fn source(&self) -> &Source {
        self.reader.source()
    }

    fn work(&mut self, orders: &Receiver<()>) {
        let poll = if self.source().owns_services() { FILE_POLL } else { FOLDER_POLL };
        let mut goes_on = self.begin();
        while goes_on {
            goes_on = match orders.recv_timeout(poll) {
                Ok(()) => {
                    self.ordered += 1 + orders.try_iter().count() as u64;
                    self.begin()
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => false,
            };
        }
    }

    /// Without knowing whether another monitor follows the declarations there is no start, and no reading.
    fn begin(&mut self) -> bool {
        match self.follow() {
            Ok(()) => self.load(),
            Err(error) => {
                self.retry = Some(self.next_retry(self.stamp));
                self.tell(News::Refused(error))
            }
        }
    }

    fn tell(&self, news: News) -> bool {
        (self.deliver)(Report { news, answered: self.ordered })
    }

    /// Told when it begins, when it becomes another one, and when it ends; false when the loop has ended.
    fn note_trouble(&mut self, trouble: Option<String>) -> bool {
        if trouble == self.trouble {
            return true;
        }
        self.trouble.clone_from(&trouble);
        self.tell(News::Trouble(trouble))
    }

    fn look(&mut self) -> bool {
        let stood_by = self.stands_by();
        let trouble = self.follow().err();
        let is_stuck = trouble.is_some();
        let trouble = trouble.or_else(|| self.overdue());
        if !self.note_trouble(trouble) {
            return false;
        }
        if is_stuck {
            return true;
        }
        if stood_by != self.stands_by() {
            return self.tell(if stood_by { News::TookOver } else { News::StandsBy }) && self.load();
        }
        if self.stands_by() {
            return true;
        }
        if self.has_changed() {
            return self.follow_change();
        }
        // A file that was edited since is not read before it is told to be.
        let due =
            self.retry.as_ref().filter(|retry| Instant::now() >= retry.at && retry.stamp == self.source().stamp());
        due.is_none() || self.load()
    }

    /// Becomes the one that follows the declarations, unless another monitor of this node does.
    fn follow(&mut self) -> Result<(), String> {
        if self.source().owns_services() || self.following.as_ref().is_some_and(Lock::is_in_place) {
            return Ok(());
        }
        let acquired = self.run_dir.following_lock().and_then(|path| Lock::try_acquire(&path));
        self.following = acquired.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// An `lvs` that hangs while it declares or programs. One monitor of the node looks for it.
    fn overdue(&mut self) -> Option<String> {
        let follows = !self.source().owns_services() && !self.stands_by();
        follows.then(|| self.overdue.look(&self.run_dir, Instant::now())).flatten()
    }

    fn stands_by(&self) -> bool {
        !self.source().owns_services() && self.following.is_none()
    }

    /// A file has to be the same for a whole poll: an editor that writes in place has finished then. A declaration
    /// comes as a whole, and every moment with the one before it is a moment too many.
    fn has_changed(&mut self) -> bool {
        let stamp = self.source().stamp();
        if stamp == self.stamp {
            return false;
        }
        let settled = !self.source().owns_services() || self.fresh == Some(stamp);
        self.fresh = Some(stamp);
        settled
    }

    /// What the `lvs` agents declare is always followed; a file only with `autoreload=yes`. The callback of a file is
    /// run either way, as ldirectord does.
    fn follow_change(&mut self) -> bool {
        self.stamp = self.source().stamp();
        let mut goes_on = self.tell(News::Changed);
        if !self.source().owns_services() || self.autoreload {
            goes_on = goes_on && self.load();
        }
        if let (Some(program), Source::File(path)) = (&self.callback, self.source())
            && let Err(cause) = run_callback(program, path)
        {
            goes_on = goes_on && self.tell(News::Fault(format!("callback {}: start: {cause}", program.display())));
        }
        goes_on
    }

    fn load(&mut self) -> bool {
        let stamp = self.source().stamp();
        self.stamp = stamp;
        match self.reader.read(self.stands_by()) {
            Ok(loaded) => {
                self.stamp = loaded.stamp;
                self.autoreload = loaded.config.global.autoreload;
                self.callback = loaded.config.global.callback.clone();
                self.retry = (!loaded.troubles.is_empty()).then(|| self.next_retry(loaded.stamp));
                self.tell(News::Loaded(Box::new(loaded)))
            }
            Err(error) => {
                self.retry = Some(self.next_retry(stamp));
                let hint = if error.is::<NameMissing>() { " (it is tried again)" } else { "" };
                self.tell(News::Refused(format!("{error:#}{hint}")))
            }
        }
    }

    fn next_retry(&self, stamp: Stamp) -> Retry {
        let [first, longest] = RETRY;
        let before = self.retry.as_ref().filter(|retry| retry.stamp == stamp);
        let longest = if self.source().owns_services() { longest } else { RETRY_DECLARATIONS };
        let pause = before.map_or(first, |retry| (retry.pause * 2).min(longest));
        Retry { at: Instant::now() + pause, pause, stamp }
    }
}

/// Not waited for: whatever the program does, the configuration is followed. A thread reaps it.
fn run_callback(program: &Path, configfile: &Path) -> std::io::Result<()> {
    let mut command = Command::new(program);
    command.arg(configfile).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    descriptors::lower_limit_of(&mut command);
    let mut child = command.spawn()?;
    std::thread::Builder::new().name("callback".into()).spawn(move || drop(child.wait()))?;
    Ok(())
}
