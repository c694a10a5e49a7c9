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
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};

use self::attributes::NodeAttributes;
use self::checker::{Checker, Pulse};
use self::configuration::Configuration;
use self::core::{Core, LoopMessage, LoopThreads};
use self::event::{Event, LogLevel, Sinks};
use self::events::Events;
use self::executes::Executes;
use self::fallback_command::FallbackCommands;
use self::journal::Journal;
use self::kernel::KernelThread;
use self::loader::Loader;
use self::log::Log;
use self::mail::MailAlerts;
use self::maintenance::MaintenanceWatch;
use self::metrics::Metrics;
use self::monitor_file::MonitorFiles;
use self::observe::Observe;
use self::opinion::Opinions;
use self::pid_file::PidFile;
use self::presence::InstancePresence;
use self::source::ServiceSource;
use self::sync::SyncThread;
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
    let source = match &options.configfile {
        Some(path) => ServiceSource::File(path.clone()),
        None => ServiceSource::Declarations(options.run_dir.clone()),
    };
    let log =
        Log::start(log_target(&options, &Config::default()), &options.instance).context("log: start its thread")?;
    let checker = Arc::new(
        Checker::start(Box::new({
            let deliver = deliver(&inbox, LoopMessage::Results);
            move |finished| {
                deliver(finished);
            }
        }))
        .context("checks: start their thread")?,
    );
    // The loop ends the checks by dropping them, however many peers of the control socket are being served then.
    let pulse = Arc::downgrade(&checker);
    let view = LivenessView::new(move || pulse.upgrade().map_or_else(Pulse::steady, |checker| checker.pulse()));
    let kernel = KernelThread::start({
        let deliver = deliver(&inbox, LoopMessage::Kernel);
        move |answer| {
            deliver(answer);
        }
    })
    .context("kernel: start its thread")?;
    let maintenance = MaintenanceWatch::start(deliver(&inbox, LoopMessage::Maintenance))
        .context("maintenancedir: start its thread")?;
    let sync = SyncThread::start(options.run_dir.clone(), deliver(&inbox, LoopMessage::Sync))
        .context("connection synchronisation: start its thread")?;
    let tell = deliver(&inbox, LoopMessage::Sink);
    let attributes = NodeAttributes::start(&options.run_dir, &options.instance, options.attribute_dampening, tell)
        .context("node attributes: start their thread")?;
    let opinions = Opinions::start(deliver(&inbox, LoopMessage::Opinion)).context("secondopinion: start its thread")?;
    let presence = InstancePresence::new(
        options.run_dir.clone(),
        options.instance.clone(),
        lock,
        view.clone(),
        deliver(&inbox, LoopMessage::Call),
    )?;
    // Before the loader: the loop knows the orders when it gets its first configuration, and writes no weight without them.
    orders::watch(&options.run_dir, deliver(&inbox, LoopMessage::Orders))
        .context("operators' orders: start their thread")?;
    let name = source.name();
    let report = deliver(&inbox, LoopMessage::Configuration);
    let loader = Loader::start(source, &options, report).context("configuration: start its thread")?;
    let mut sinks = Sinks::default();
    let (level, doubt) = log_level(std::env::var(LOG_LEVEL).ok().as_deref());
    sinks.add(Journal::new(log.clone(), level));
    let observed = options.run_dir.observed(&options.instance);
    let tell = Box::new(deliver(&inbox, LoopMessage::Sink));
    sinks.add(Events::start(observed.clone(), &options.instance, tell).context("events: start their thread")?);
    let (forward, tell) = (deliver(&inbox, LoopMessage::Call), Box::new(deliver(&inbox, LoopMessage::Sink)));
    let group = options.observe_group.as_deref();
    sinks.add(Observe::start(group, observed, view.clone(), forward, tell).context("observe_group")?);
    sinks.add(
        MonitorFiles::start(Box::new(deliver(&inbox, LoopMessage::Sink))).context("monitorfile: start its thread")?,
    );
    sinks.add(
        FallbackCommands::start(Box::new(deliver(&inbox, LoopMessage::Sink)))
            .context("fallbackcommand: start its thread")?,
    );
    let (forward, tell) = (deliver(&inbox, LoopMessage::Call), Box::new(deliver(&inbox, LoopMessage::Sink)));
    sinks.add(Metrics::start(options.metrics, forward, tell).context("metrics")?);
    sinks.add(opinions.clone());
    sinks.add(MailAlerts::new(Box::new(deliver(&inbox, LoopMessage::Sink))));
    if let Some(file) = options.configfile.as_ref().filter(|_| options.executes) {
        sinks.add(Executes::new(file, deliver(&inbox, LoopMessage::Sink)));
    }
    if let Some(cause) = doubt {
        sinks.emit(Event::Fault { cause: &cause });
    }
    let threads = LoopThreads { checker, kernel, maintenance, sync, attributes, opinions, log };
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

/// The level of the log, and what is wrong with the variable: a mistake in it must not keep services from being served.
fn log_level(word: Option<&str>) -> (LogLevel, Option<String>) {
    // Service files leave a variable empty that they do not set.
    match word.filter(|word| !word.is_empty()).map(str::parse) {
        None => (LogLevel::Info, None),
        Some(Ok(level)) => (level, None),
        Some(Err(error)) => (LogLevel::Info, Some(format!("{LOG_LEVEL} {error}"))),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_log_level_is_the_ordinary_one_and_is_said() {
        assert_eq!(log_level(None), (LogLevel::Info, None));
        assert_eq!(log_level(Some("")), (LogLevel::Info, None));
        assert_eq!(log_level(Some("debug")), (LogLevel::Debug, None));
        let expected = "LVS_AGENTS_LOG \"loud\": expected a log level: error, info or debug";
        assert_eq!(log_level(Some("loud")), (LogLevel::Info, Some(expected.to_owned())));
    }
}
