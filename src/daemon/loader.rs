//! Watches the source and reads it, in a thread of its own: a silent name server, a file system that hangs and a module
//! that is loaded slowly hold up neither a check nor the loop.
//!
//! What the loader delivers is complete: names are looked up, the kernel has been asked what it would refuse, and what
//! it holds of new services is there. The loop only has to put it in force.

mod addresses;
pub mod dns;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use super::HealthMonitorOptions;
use super::declaring::Overdue;
use super::event::SinkNews;
use super::maintenance::KnownMaintenance;
use super::source::{ServiceSource, Stamp};
use crate::config::Config;
use crate::director::NameMissing;
use crate::model::{ServiceKey, Table};
use crate::ownership::Registry;
use crate::plan::TableRole;
use crate::system::{Lock, RunDir, descriptors};
use addresses::VirtualIpWatch;
use reader::SourceReader;

/// How often a file is looked at.
const FILE_POLL: Duration = Duration::from_secs(1);
/// How often the folder of declarations is looked at. A look is one question to a file system in memory, and until the
/// next one the health monitor checks what `lvs` has just replaced.
const FOLDER_POLL: Duration = Duration::from_millis(50);
/// The first and the longest pause after a reading that failed; each pause is twice as long as the one before.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// The longest pause where declarations are read: until they are read nothing is written for any of them.
const RETRY_DECLARATIONS: Duration = Duration::from_secs(2);

/// A configuration that may be put in force.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub role: TableRole,
    pub stamp: Stamp,
    /// What the kernel holds of the services that were not in the configuration before.
    pub observed: Table,
    /// What the health monitors before this one knew.
    pub known: Registry,
    /// A start, a reload or an edit has ordered it; else only the records of names in DNS have changed.
    pub is_ordered: bool,
    /// Services that a killed health monitor of this name has created and not removed.
    pub orphans: Vec<ServiceKey>,
    /// Which real servers are under maintenance.
    pub maintenance: KnownMaintenance,
    /// What could not be read; what was known of it before is in `config`.
    pub troubles: Vec<String>,
    /// What the log shall say of the reading: what was done to make this node fit to direct, and a lock that could not
    /// be had.
    pub sentences: Vec<String>,
}

/// What the loader has found out.
#[derive(Debug)]
pub enum LoaderNews {
    /// The source has changed. The configuration follows, unless it is a file without `autoreload`.
    Changed {
        /// Whether it is.
        followed: bool,
    },
    /// The health monitor that followed the declarations has ended, and this one follows them now.
    TookOver,
    /// Another health monitor follows the declarations.
    StandsBy,
    Loaded(Box<Loaded>),
    /// Why nothing could be loaded. The loader tries again.
    Refused(String),
    /// What keeps the declarations from being followed as they are made, from now on; `None` means that nothing does
    /// any more.
    Trouble(Option<String>),
    /// A name in DNS that cannot be followed, or can be again.
    Name(SinkNews),
    /// A name in DNS that could not be followed and that the configuration does not have any more.
    NameLeft(String),
    /// The virtual IPs of this node are these, whichever resource has them.
    VirtualIps(BTreeSet<IpAddr>),
    /// Something else that went wrong.
    Fault(String),
}

/// Some news, and the number of orders to read again that it answers.
#[derive(Debug)]
pub struct LoaderReport {
    pub news: LoaderNews,
    pub answered: u64,
}

/// The loop's end of the thread.
#[derive(Debug)]
pub struct Loader {
    orders: Sender<()>,
    ordered: u64,
}

impl Loader {
    /// Starts the thread, which reads at once, and again whenever the source changes or [`Loader::reload`] is called.
    /// `deliver` returns false when the loop has ended.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(
        source: ServiceSource,
        options: &HealthMonitorOptions,
        deliver: impl Fn(LoaderReport) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let reader = SourceReader::new(source, options);
        let mut watch = SourceWatch::new(reader, options.run_dir.clone(), Box::new(deliver));
        std::thread::Builder::new().name("loader".into()).spawn(move || watch.work(&received))?;
        Ok(Self { orders, ordered: 0 })
    }

    /// Orders the source to be read again whatever its stamp says. The report that answers the order counts at least as
    /// many orders as this returns.
    pub fn reload(&mut self) -> u64 {
        self.ordered += 1;
        // A loader that has panicked answers no order; the caller's time limit ends the wait.
        let _ = self.orders.send(());
        self.ordered
    }
}

struct Retry {
    at: Instant,
    pause: Duration,
    stamp: Stamp,
}

/// Decides when the source is read.
struct SourceWatch {
    reader: SourceReader,
    run_dir: RunDir,
    deliver: Box<dyn Fn(LoaderReport) -> bool + Send>,
    ordered: u64,
    /// Held by the one health monitor of this node that follows the declarations: two would undo each other's work.
    following: Option<Lock>,
    overdue: Overdue,
    virtual_ips: VirtualIpWatch,
    /// Whether a path check needs to know them.
    asks_paths: bool,
    trouble: Option<String>,
    /// The source's stamp at the last attempt to read.
    stamp: Stamp,
    /// The stamp of the source's place when it was last found to hold what was read.
    looked: Option<Stamp>,
    /// A new stamp, whose file may still be half-written.
    fresh: Option<Stamp>,
    retry: Option<Retry>,
    /// When the configuration in force is made anew, after that has failed.
    retry_names: Option<Retry>,
    /// Why the text of the source, as it was read last, is not in force.
    refused: Option<String>,
    autoreload: bool,
    callback: Option<PathBuf>,
}

impl SourceWatch {
    fn new(reader: SourceReader, run_dir: RunDir, deliver: Box<dyn Fn(LoaderReport) -> bool + Send>) -> Self {
        Self {
            reader,
            virtual_ips: VirtualIpWatch::new(run_dir.clone()),
            asks_paths: false,
            run_dir,
            deliver,
            ordered: 0,
            following: None,
            overdue: Overdue::default(),
            trouble: None,
            stamp: Stamp::default(),
            looked: None,
            fresh: None,
            retry: None,
            retry_names: None,
            refused: None,
            autoreload: false,
            callback: None,
        }
    }

    fn source(&self) -> &ServiceSource {
        self.reader.source()
    }

    fn work(&mut self, orders: &Receiver<()>) {
        let poll = if self.source().owns_services() { FILE_POLL } else { FOLDER_POLL };
        let mut goes_on = self.begin() && self.look_for_virtual_ips();
        while goes_on {
            goes_on = match orders.recv_timeout(poll) {
                Ok(()) => {
                    self.ordered += 1 + orders.try_iter().count() as u64;
                    self.read_again()
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => false,
            };
            goes_on = goes_on && self.look_for_virtual_ips();
        }
    }

    /// Reads the source, unless it is unknown whether another health monitor follows the declarations.
    fn begin(&mut self) -> bool {
        match self.follow() {
            Ok(()) => self.load(),
            Err(error) => {
                self.retry = Some(self.next_retry(self.retry.as_ref(), self.stamp));
                self.report(LoaderNews::Refused(error))
            }
        }
    }

    /// Obeys an order. What was edited right before it is a change of the file too, which no look sees any more.
    fn read_again(&mut self) -> bool {
        let known = self.stamp;
        self.begin() && (self.stamp == known || self.call_back())
    }

    fn report(&self, news: LoaderNews) -> bool {
        (self.deliver)(LoaderReport { news, answered: self.ordered })
    }

    /// Reports a trouble when it begins, when it becomes another one, and when it ends; false when the loop has ended.
    fn note_trouble(&mut self, trouble: Option<String>) -> bool {
        if trouble == self.trouble {
            return true;
        }
        self.trouble.clone_from(&trouble);
        self.report(LoaderNews::Trouble(trouble))
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
            return self.report(if stood_by { LoaderNews::TookOver } else { LoaderNews::StandsBy }) && self.load();
        }
        if self.stands_by() {
            return true;
        }
        if self.has_changed() {
            return self.follow_change();
        }
        // A file that was edited since is read only on an order.
        let due =
            self.retry.as_ref().filter(|retry| Instant::now() >= retry.at && retry.stamp == self.source().stamp());
        if due.is_some() { self.load() } else { self.follow_names() }
    }

    /// Reports what has become known of the names in DNS, and follows them where other real servers follow from it. An edited
    /// file waits for its order all the same.
    fn follow_names(&mut self) -> bool {
        let told = self.reader.news_of_names().into_iter().all(|news| self.report(news));
        let waits = self.retry_names.as_ref().is_some_and(|retry| Instant::now() < retry.at);
        if !told || waits || !self.reader.names_have_changed() {
            return told;
        }
        match self.reader.read_names() {
            Ok(None) => true,
            Ok(Some(mut loaded)) => {
                self.retry_names = None;
                // A newer text that was refused goes on being wrong, and being tried.
                loaded.troubles.extend(self.refused.clone());
                self.report(LoaderNews::Loaded(Box::new(loaded)))
            }
            Err(error) => {
                // Not `retry`, at which the file is read: it may have been edited, and wait for its order.
                self.retry_names = Some(self.next_retry(self.retry_names.as_ref(), self.stamp));
                self.report(LoaderNews::Refused(format!("{error:#}")))
            }
        }
    }

    /// Reports the virtual IPs of this node where they have changed and are asked for; false when the loop has ended.
    fn look_for_virtual_ips(&mut self) -> bool {
        let changed = if self.asks_paths { self.virtual_ips.look() } else { None };
        changed.is_none_or(|virtual_ips| self.report(LoaderNews::VirtualIps(virtual_ips)))
    }

    /// Becomes the health monitor that follows the declarations, unless another one of this node does.
    fn follow(&mut self) -> Result<(), String> {
        if self.source().owns_services() || self.following.as_ref().is_some_and(Lock::is_in_place) {
            return Ok(());
        }
        let acquired = self.run_dir.following_lock().and_then(|path| Lock::try_acquire(&path));
        self.following = acquired.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Reports an `lvs` that hangs while it declares or programs. Only the health monitor that follows the declarations
    /// looks for it.
    fn overdue(&mut self) -> Option<String> {
        let follows = !self.source().owns_services() && !self.stands_by();
        follows.then(|| self.overdue.look(&self.run_dir, Instant::now())).flatten()
    }

    fn stands_by(&self) -> bool {
        !self.source().owns_services() && self.following.is_none()
    }

    /// Whether the source has changed and is whole. A file has to stay the same for a whole poll: an editor that writes
    /// in place has finished then. A declaration comes as a whole, and every moment with the one before it is a moment
    /// too many.
    fn has_changed(&mut self) -> bool {
        let place = self.source().stamp_of_place();
        if self.looked == Some(place) {
            return false;
        }
        let stamp = self.source().stamp();
        if stamp == self.stamp {
            let is_certain = place.doubtful_for(SystemTime::now()) == Duration::ZERO;
            self.looked = Some(place).filter(|_| is_certain);
            return false;
        }
        let is_whole = !self.source().owns_services() || self.fresh == Some(stamp);
        self.fresh = Some(stamp);
        is_whole
    }

    /// Follows a change of the source. What the `lvs` agents declare is always followed, a file only with
    /// `autoreload=yes`. The callback of a file is run either way, as ldirectord does.
    fn follow_change(&mut self) -> bool {
        (self.stamp, self.looked) = (self.source().stamp(), None);
        let followed = !self.source().owns_services() || self.autoreload;
        self.report(LoaderNews::Changed { followed }) && (!followed || self.load()) && self.call_back()
    }

    fn call_back(&self) -> bool {
        let (Some(program), ServiceSource::File(path)) = (&self.callback, self.source()) else { return true };
        let Err(cause) = run_callback(program, path) else { return true };
        self.report(LoaderNews::Fault(format!("callback {}: start: {cause}", program.display())))
    }

    fn load(&mut self) -> bool {
        let stamp = self.source().stamp();
        (self.stamp, self.looked) = (stamp, None);
        match self.reader.read(self.stands_by()) {
            Ok(loaded) => {
                self.stamp = loaded.stamp;
                self.autoreload = loaded.config.global.autoreload;
                self.callback = loaded.config.global.callback.clone();
                self.asks_paths = loaded.config.services.iter().any(|service| service.checkpath.is_some());
                self.virtual_ips.forget();
                self.retry = (!loaded.troubles.is_empty()).then(|| self.next_retry(self.retry.as_ref(), loaded.stamp));
                self.retry_names = None;
                self.refused = None;
                // Before the first question of a path leaves: none may come from one of them.
                self.look_for_virtual_ips() && self.report(LoaderNews::Loaded(Box::new(loaded)))
            }
            Err(error) => {
                self.retry = Some(self.next_retry(self.retry.as_ref(), stamp));
                let hint = if error.is::<NameMissing>() { " (it is tried again)" } else { "" };
                let cause = format!("{error:#}{hint}");
                self.refused = Some(cause.clone());
                self.report(LoaderNews::Refused(cause))
            }
        }
    }

    fn next_retry(&self, before: Option<&Retry>, stamp: Stamp) -> Retry {
        let [first, longest] = RETRY;
        let before = before.filter(|retry| retry.stamp == stamp);
        let longest = if self.source().owns_services() { longest } else { RETRY_DECLARATIONS };
        let pause = before.map_or(first, |retry| (retry.pause * 2).min(longest));
        Retry { at: Instant::now() + pause, pause, stamp }
    }
}

/// Starts the callback and does not wait for it: whatever the program does, the configuration is followed. A thread
/// reaps it.
fn run_callback(program: &Path, configfile: &Path) -> std::io::Result<()> {
    let mut command = Command::new(program);
    command.arg(configfile).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    descriptors::lower_limit_of(&mut command);
    let mut child = command.spawn()?;
    std::thread::Builder::new().name("callback".into()).spawn(move || drop(child.wait()))?;
    Ok(())
}
