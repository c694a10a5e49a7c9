//! Watches the source and reads it, in a thread of its own: a name server that is silent, a file system that hangs and a
//! module that is loaded slowly hold up neither a check nor the loop.
//!
//! What it reads is complete: names are looked up, the kernel has been asked what it would refuse, and what it holds of
//! services that are new is there. The loop only has to put it in force.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::source::{self, Reading, Remembered, Source, Stamp};
use crate::config::{Config, NameMissing, Problem};
use crate::director;
use crate::model::{ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::ownership::{self, MonitorRecord, Owner, Registry};
use crate::plan::Role;
use crate::system::{Lock, RunDir, descriptors};

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
    /// Something else that went wrong, and is tried again.
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
        let mut watch = Watch::new(source, run_dir, instance, Box::new(deliver));
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

struct Watch {
    source: Source,
    run_dir: RunDir,
    instance: String,
    deliver: Box<dyn Fn(Report) -> bool + Send>,
    ordered: u64,
    /// Held by the one monitor of this node that follows the declarations: two would undo each other's work.
    following: Option<Lock>,
    /// Why it cannot be told whether another one does.
    following_error: Option<String>,
    /// Of the last attempt to read.
    stamp: Stamp,
    /// A stamp that is new: what it stands for may still be half-written.
    fresh: Option<Stamp>,
    retry: Option<Retry>,
    remembered: Remembered,
    /// The last configuration that was handed over, as far as it is needed here.
    keys: BTreeSet<ServiceKey>,
    autoreload: bool,
    callback: Option<PathBuf>,
    loaded: bool,
    /// What the kernel refuses of the configuration in force: no reason to refuse the next one too.
    refused: HashSet<String>,
}

impl Watch {
    fn new(source: Source, run_dir: RunDir, instance: String, deliver: Box<dyn Fn(Report) -> bool + Send>) -> Self {
        Self {
            source,
            run_dir,
            instance,
            deliver,
            ordered: 0,
            following: None,
            following_error: None,
            stamp: Stamp::default(),
            fresh: None,
            retry: None,
            remembered: Remembered::new(),
            keys: BTreeSet::new(),
            autoreload: false,
            callback: None,
            loaded: false,
            refused: HashSet::new(),
        }
    }

    fn work(&mut self, orders: &Receiver<()>) {
        let poll = if self.source.owns_services() { FILE_POLL } else { FOLDER_POLL };
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

    /// Without knowing whether another monitor follows the declarations there is no start.
    fn begin(&mut self) -> bool {
        match self.follow() {
            Ok(()) => self.load(),
            Err(error) => self.tell(News::Refused(error)),
        }
    }

    fn tell(&self, news: News) -> bool {
        (self.deliver)(Report { news, answered: self.ordered })
    }

    fn look(&mut self) -> bool {
        let stood_by = self.stands_by();
        let error = self.follow().err();
        let is_news = error.is_some() && error != self.following_error;
        self.following_error = error.clone();
        if let Some(error) = error {
            return !is_news || self.tell(News::Fault(error));
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
        let due = self.retry.as_ref().filter(|retry| Instant::now() >= retry.at && retry.stamp == self.source.stamp());
        due.is_none() || self.load()
    }

    /// Becomes the one that follows the declarations, unless another monitor of this node does.
    fn follow(&mut self) -> Result<(), String> {
        if self.source.owns_services() || self.following.as_ref().is_some_and(Lock::is_in_place) {
            return Ok(());
        }
        let acquired = self.run_dir.following_lock().and_then(|path| Lock::try_acquire(&path));
        self.following = acquired.map_err(|error| error.to_string())?;
        Ok(())
    }

    fn stands_by(&self) -> bool {
        !self.source.owns_services() && self.following.is_none()
    }

    /// A file has to be the same for a whole poll: an editor that writes in place has finished then. A declaration
    /// comes as a whole, and every moment with the one before it is a moment too many.
    fn has_changed(&mut self) -> bool {
        let stamp = self.source.stamp();
        if stamp == self.stamp {
            return false;
        }
        let settled = !self.source.owns_services() || self.fresh == Some(stamp);
        self.fresh = Some(stamp);
        settled
    }

    /// What the `lvs` agents declare is always followed; a file only with `autoreload=yes`. The callback of a file is
    /// run either way, as ldirectord does.
    fn follow_change(&mut self) -> bool {
        self.stamp = self.source.stamp();
        let mut goes_on = self.tell(News::Changed);
        if !self.source.owns_services() || self.autoreload {
            goes_on = goes_on && self.load();
        }
        if let (Some(program), Source::File(path)) = (&self.callback, &self.source)
            && let Err(cause) = run_callback(program, path)
        {
            goes_on = goes_on && self.tell(News::Fault(format!("callback {}: start: {cause}", program.display())));
        }
        goes_on
    }

    fn load(&mut self) -> bool {
        let stamp = self.source.stamp();
        self.stamp = stamp;
        match self.read() {
            Ok(loaded) => {
                self.stamp = loaded.stamp;
                self.keys = ownership::keys(&loaded.config).into_iter().collect();
                self.autoreload = loaded.config.global.autoreload;
                self.callback = loaded.config.global.callback.clone();
                self.retry = (!loaded.troubles.is_empty()).then(|| self.next_retry(loaded.stamp));
                self.loaded = true;
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
        let longest = if self.source.owns_services() { longest } else { RETRY_DECLARATIONS };
        let pause = before.map_or(first, |retry| (retry.pause * 2).min(longest));
        Retry { at: Instant::now() + pause, pause, stamp }
    }

    fn read(&mut self) -> anyhow::Result<Loaded> {
        if self.stands_by() {
            return Ok(self.nothing());
        }
        let _declarations = match &self.source {
            Source::File(_) => None,
            Source::Declarations(run_dir) => source::hold_declarations(run_dir),
        };
        let Reading { config, stamp, troubles } = self.source.read(&mut self.remembered)?;
        let known = Registry::read_monitors(&self.run_dir);
        let mut preparations = Vec::new();
        if self.source.owns_services() {
            self.refuse_conflicts(&config)?;
            // Opening the table loads ip_vs, and with it come its settings.
            Ipvs::open_loading()?;
            self.refuse_what_the_kernel_refuses(&config)?;
            director::prepare(&config, |text| preparations.push(text))?;
        }
        let role = if self.source.owns_services() { Role::OwnsServices } else { Role::MovesRealServers };
        let observed = self.observe(&config)?;
        let orphans = if self.loaded { Vec::new() } else { self.orphans() };
        Ok(Loaded { config, role, stamp, observed, known, orphans, troubles, preparations })
    }

    /// What a monitor that stands by looks after.
    fn nothing(&self) -> Loaded {
        Loaded {
            config: Config::default(),
            role: Role::Observes,
            stamp: self.source.stamp(),
            observed: Table::new(),
            known: Registry::default(),
            orphans: Vec::new(),
            troubles: Vec::new(),
            preparations: Vec::new(),
        }
    }

    /// What a monitor of this name that was killed has not removed.
    fn orphans(&self) -> Vec<ServiceKey> {
        let record: Option<MonitorRecord> = self.run_dir.monitors().read_json(&self.instance);
        let removed = record.filter(|_| self.source.owns_services()).map(|record| record.removed_at_stop);
        removed.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
    }

    /// Two owners of one virtual service would undo each other's work for ever.
    fn refuse_conflicts(&self, config: &Config) -> anyhow::Result<()> {
        let me = Owner::Ldirectord(self.instance.clone());
        let conflicts = Registry::read(&self.run_dir).conflicts(&me, &ownership::keys(config));
        if conflicts.is_empty() { Ok(()) } else { bail!("{}", conflicts.join("; ")) }
    }

    /// A monitor that has a configuration keeps it rather than taking one of which another part would not serve. One that
    /// starts has none to keep: there, what the kernel refuses is a fault of its service.
    fn refuse_what_the_kernel_refuses(&mut self, config: &Config) -> anyhow::Result<()> {
        let refusals = director::refusals(config);
        let new: Vec<&Problem> = refusals.iter().filter(|problem| !self.refused.contains(&problem.text)).collect();
        if self.loaded && !new.is_empty() {
            let name = self.source.name();
            let lines: Vec<String> = new.iter().map(|problem| format!("{name}: {problem}")).collect();
            bail!("{}", lines.join("; "));
        }
        self.refused = refusals.into_iter().map(|problem| problem.text).collect();
        Ok(())
    }

    /// What the kernel holds of the services that are new.
    fn observe(&self, config: &Config) -> anyhow::Result<Table> {
        /// Above this many services, one reading of everything is cheaper than a question for each.
        const ONE_BY_ONE: usize = 8;
        let new: Vec<ServiceKey> = ownership::keys(config).into_iter().filter(|key| !self.keys.contains(key)).collect();
        let mut ipvs = match Ipvs::open()? {
            Some(ipvs) if !new.is_empty() => ipvs,
            _ => return Ok(Table::new()),
        };
        if new.len() > ONE_BY_ONE {
            return Ok(ipvs.table()?);
        }
        let mut observed = Table::new();
        for key in new {
            let entry = ipvs.service(&key).context("read what the kernel holds")?;
            observed.extend(entry.map(|entry| (key, entry)));
        }
        Ok(observed)
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
