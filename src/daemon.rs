//! The health monitor: one process whose loop (`core`) decides, and a thread for everything that may block.
//!
//! The result of a check (`checker`) goes into the pools (`services`), the pools say what the table shall be, and the
//! difference is written (`kernel`). The configuration comes from `loader`; `control` answers the requests of other
//! processes.

mod attributes;
mod checker;
mod configuration;
pub mod control;
mod core;
mod declaring;
mod drift;
pub mod event;
pub mod events;
mod executes;
mod fallback_command;
mod health_record;
mod journal;
mod kernel;
mod loader;
mod log;
mod mail;
mod maintenance;
mod metrics;
mod monitor_file;
mod observe;
mod opinion;
mod orders;
mod pid_file;
mod presence;
pub mod protocol;
mod readiness;
mod reasons;
mod services;
mod signals;
mod source;
mod status;
mod sync;
mod threads;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};

use self::checker::Pulse;
use self::configuration::Configuration;
use self::core::{Core, LoopMessage};
use self::loader::Loader;
use self::pid_file::PidFile;
use self::presence::InstancePresence;
use self::source::ServiceSource;
use self::view::LivenessView;
use crate::config::{Config, LogTarget};
use crate::system::{Lock, RunDir, descriptors, memory};
pub use core::SINKS_END;
pub use readiness::{ANSWER_READY, Readiness, Starter};
pub use services::pool_settings;
pub use sync::{GroupSocket, SENDING_PATIENCE};

/// The most messages that wait for the loop. A thread that delivers more than the loop can handle waits: checks
/// stretch, and nothing piles up.
const INBOX: usize = 256;

/// The environment variable that says how much the log has: `error`, `info` (the default) or `debug`. SIGUSR2 switches
/// the debug level on and off while the health monitor runs.
pub const LOG_LEVEL: &str = "LVS_AGENTS_LOG";

/// What a health monitor is started with.
#[derive(Debug, Clone)]
pub struct HealthMonitorOptions {
    /// Name of the pacemaker resource, or `ldirectord` when started by hand.
    pub instance: String,
    /// A ldirectord.cf. Without it, the health monitor looks after what the `lvs` agents of this node declare.
    pub configfile: Option<PathBuf>,
    /// The log's place when the configuration names none.
    pub logfile: Option<LogTarget>,
    /// Where metrics can be read when the configuration names no place.
    pub metrics: Option<SocketAddr>,
    /// The group that may observe it when the configuration names none.
    pub observe_group: Option<String>,
    /// How long the weights of healthy real servers have to last until the cluster hears of them, as attributes of this node;
    /// `None` where it does not.
    pub attribute_dampening: Option<Duration>,
    /// The file that holds the process number as long as the health monitor lives.
    pub pid_file: Option<PathBuf>,
    /// Whether the files are started and stopped that `execute` names, as by the original's command line. A resource
    /// refuses them.
    pub executes: bool,
    /// The start is over by then, even when checks with a longer timeout have not ended: the agent that waits for the
    /// start has a time limit too.
    pub ready_within: Duration,
    /// The folder of locks, sockets and records.
    pub run_dir: RunDir,
}

impl HealthMonitorOptions {
    /// Returns the options of a health monitor of this name that follows the declarations.
    pub fn new(instance: &str, run_dir: RunDir) -> Self {
        /// This is as long as pacemaker's start may usually take.
        const READY_WITHIN: Duration = Duration::from_secs(60);
        Self {
            instance: instance.to_owned(),
            configfile: None,
            logfile: None,
            metrics: None,
            observe_group: None,
            attribute_dampening: None,
            pid_file: None,
            executes: false,
            ready_within: READY_WITHIN,
            run_dir,
        }
    }
}

/// Runs the health monitor until a request or a signal stops it. `readiness` reports once, when clients can be served
/// as well as is known.
///
/// # Errors
/// Fails when another health monitor of this instance runs, the configuration is wrong, the kernel has no IPVS or takes
/// nothing of the configuration; at the end, when something could not be removed.
pub fn run(options: HealthMonitorOptions, readiness: &mut Readiness) -> anyhow::Result<()> {
    memory::share_one_heap();
    memory::return_large_pieces();
    descriptors::raise_limit();
    options.run_dir.create()?;
    let path = options.run_dir.lock(&options.instance);
    let Some(lock) = Lock::try_acquire(&path)? else {
        bail!("{}: lock: a health monitor of this name runs already", path.display());
    };
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    let (inbox, messages) = sync_channel(INBOX);
    // This comes before every other thread: threads inherit which signals they leave to the one that waits for them.
    signals::listen(deliver(&inbox, |message| message)).context("signals: wait for them")?;
    let threads = threads::start(&options, &inbox)?;
    // The loop ends the checks by dropping them, however many peers of the control socket are being served then.
    let pulse = Arc::downgrade(&threads.checker);
    let view = LivenessView::new(move || pulse.upgrade().map_or_else(Pulse::steady, |checker| checker.pulse()));
    let calls = deliver(&inbox, LoopMessage::Call);
    let presence = InstancePresence::new(options.run_dir.clone(), options.instance.clone(), lock, view.clone(), calls)?;
    // Before the loader: the loop knows the orders when it gets its first configuration, and writes no weight without them.
    orders::watch(&options.run_dir, deliver(&inbox, LoopMessage::Orders))
        .context("operators' orders: start their thread")?;
    let source = match &options.configfile {
        Some(path) => ServiceSource::File(path.clone()),
        None => ServiceSource::Declarations(options.run_dir.clone()),
    };
    let name = source.name();
    let report = deliver(&inbox, LoopMessage::Configuration);
    let loader = Loader::start(source, &options, report).context("configuration: start its thread")?;
    let sinks = threads::start_sinks(&options, &inbox, &threads, &view)?;
    // The threads are the only other owners: when all of them are gone, the loop notices it.
    drop(inbox);
    Core::new(options, readiness, threads, Configuration::new(loader, name), presence, view, sinks).run(&messages)
}

/// Returns a function that puts a value into the loop's inbox and answers false when the loop has ended.
fn deliver<T>(
    inbox: &SyncSender<LoopMessage>,
    wrap: impl Fn(T) -> LoopMessage + Clone + Send + Sync + 'static,
) -> impl Fn(T) -> bool + Clone + Send + Sync + 'static {
    let inbox = inbox.clone();
    move |thing| inbox.send(wrap(thing)).is_ok()
}

/// The target is a standard stream that the administrator watches, else the configuration's `logfile`, else the
/// resource's, else ldirectord's default.
fn log_target(options: &HealthMonitorOptions, config: &Config) -> LogTarget {
    let own = options.logfile.clone();
    match own {
        Some(stream @ (LogTarget::Output | LogTarget::Errors)) => stream,
        own => config.global.logfile.clone().or(own).unwrap_or_default(),
    }
}
