//! The health monitor: one process whose loop (`core`) decides, and a thread for everything that may block.
//!
//! A check ends (`checker`) → its result goes into the pools (`services`) → the pools say what the table shall be → the
//! difference is written (`kernel`). The configuration comes from `loader`; `control` answers who asks.

mod checker;
mod configuration;
pub mod control;
mod core;
mod declaring;
pub mod event;
mod journal;
mod kernel;
mod loader;
mod log;
mod pid_file;
mod presence;
pub mod protocol;
mod readiness;
mod record;
mod services;
mod signals;
mod source;
mod status;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};

use self::checker::{Checker, Pulse};
use self::configuration::Configuration;
use self::core::{Core, Hands, Message};
use self::event::Sinks;
use self::journal::Journal;
use self::kernel::Kernel;
use self::loader::Loader;
use self::log::Log;
use self::pid_file::PidFile;
use self::presence::Presence;
use self::source::Source;
use self::view::View;
use crate::config::{Config, LogTarget};
use crate::system::{Lock, RunDir, descriptors, memory};
pub use readiness::{ANSWER_READY, Readiness};

/// Messages that wait for the loop. A thread that delivers more than the loop can take waits: checks stretch, and nothing
/// piles up.
const INBOX: usize = 256;

/// What a health monitor is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the pacemaker resource, or `ldirectord` when started by hand.
    pub instance: String,
    /// A ldirectord.cf; without it, what the `lvs` agents of this node declare is looked after.
    pub configfile: Option<PathBuf>,
    /// Where to log when the configuration does not say.
    pub logfile: Option<LogTarget>,
    /// Holds the process number as long as the monitor lives.
    pub pid_file: Option<PathBuf>,
    /// By then the start is over, even when checks with a longer timeout have not ended: the agent that waits for the
    /// start has a time limit too.
    pub ready_within: Duration,
    pub run_dir: RunDir,
}

impl Options {
    /// A monitor of this name that follows the declarations.
    pub fn new(instance: &str, run_dir: RunDir) -> Self {
        /// As long as pacemaker's start may usually take.
        const READY_WITHIN: Duration = Duration::from_secs(60);
        Self {
            instance: instance.to_owned(),
            configfile: None,
            logfile: None,
            pid_file: None,
            ready_within: READY_WITHIN,
            run_dir,
        }
    }
}

/// Runs until it is told to stop. `readiness` is told once, when clients can be served as well as is known.
///
/// # Errors
/// Another monitor of this instance runs, the configuration is wrong, the kernel has no IPVS or takes nothing of the
/// configuration; at the end, what could not be removed.
pub fn run(options: Options, readiness: &mut Readiness) -> anyhow::Result<()> {
    memory::share_one_heap();
    descriptors::raise_limit();
    options.run_dir.create()?;
    let path = options.run_dir.lock(&options.instance);
    let Some(lock) = Lock::try_acquire(&path)? else {
        bail!("{}: lock: a health monitor of this name runs already", path.display());
    };
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    let (inbox, messages) = sync_channel(INBOX);
    // First of all: threads inherit which signals they leave to the one that waits for them.
    signals::listen(deliver(&inbox, |message| message)).context("signals: wait for them")?;
    let source = match &options.configfile {
        Some(path) => Source::File(path.clone()),
        None => Source::Declarations(options.run_dir.clone()),
    };
    let log =
        Log::start(log_target(&options, &Config::default()), &options.instance).context("log: start its thread")?;
    let checker = Arc::new(
        Checker::start(Box::new({
            let deliver = deliver(&inbox, Message::Results);
            move |finished| {
                deliver(finished);
            }
        }))
        .context("checks: start their thread")?,
    );
    // The loop ends the checks by dropping them, however many peers of the control socket are being served then.
    let pulse = Arc::downgrade(&checker);
    let view = View::new(move || pulse.upgrade().map_or_else(Pulse::steady, |checker| checker.pulse()));
    let kernel = Kernel::start({
        let deliver = deliver(&inbox, Message::Kernel);
        move |answer| {
            deliver(answer);
        }
    })
    .context("kernel: start its thread")?;
    let presence = Presence::new(
        options.run_dir.clone(),
        options.instance.clone(),
        lock,
        view.clone(),
        deliver(&inbox, Message::Call),
    )?;
    let name = source.name();
    let report = deliver(&inbox, Message::Configuration);
    let loader = Loader::start(source, options.run_dir.clone(), options.instance.clone(), report)
        .context("configuration: start its thread")?;
    let mut sinks = Sinks::default();
    sinks.add(Journal::new(log.clone()));
    let hands = Hands { checker, kernel, log };
    // Its only other owners are the threads: when all of them are gone, the loop hears of it.
    drop(inbox);
    Core::new(options, readiness, hands, Configuration::new(loader, name), presence, view, sinks).run(&messages)
}

/// What puts something into the loop's inbox; false when the loop has ended.
fn deliver<T>(
    inbox: &SyncSender<Message>,
    wrap: impl Fn(T) -> Message + Clone + Send + 'static,
) -> impl Fn(T) -> bool + Clone + Send + 'static {
    let inbox = inbox.clone();
    move |thing| inbox.send(wrap(thing)).is_ok()
}

/// A standard stream that the administrator watches, else the configuration's `logfile`, else the resource's, else ldirectord's default.
fn log_target(options: &Options, config: &Config) -> LogTarget {
    let own = options.logfile.clone();
    match own {
        Some(stream @ (LogTarget::Output | LogTarget::Errors)) => stream,
        own => config.global.logfile.clone().or(own).unwrap_or_default(),
    }
}
