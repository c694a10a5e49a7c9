//! Starts the threads around the loop: those that take its orders, and the sinks that take its events.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use anyhow::Context;

use super::attributes::NodeAttributes;
use super::checker::Checker;
use super::core::{LoopMessage, LoopThreads};
use super::event::{Event, LogLevel, Sinks};
use super::events::Events;
use super::executes::Executes;
use super::fallback_command::FallbackCommands;
use super::journal::Journal;
use super::kernel::KernelThread;
use super::log::Log;
use super::mail::MailAlerts;
use super::maintenance::MaintenanceWatch;
use super::metrics::Metrics;
use super::monitor_file::MonitorFiles;
use super::observe::Observe;
use super::opinion::Opinions;
use super::sync::SyncThread;
use super::view::LivenessView;
use super::{HealthMonitorOptions, LOG_LEVEL, deliver, log_target};
use crate::config::Config;

/// Starts the threads that take the loop's orders.
///
/// # Errors
/// Says which one could not be started.
pub fn start(options: &HealthMonitorOptions, inbox: &SyncSender<LoopMessage>) -> anyhow::Result<LoopThreads> {
    let target = log_target(options, &Config::default());
    let tell = deliver(inbox, LoopMessage::Sink);
    Ok(LoopThreads {
        log: Log::start(target, &options.instance).context("log: start its thread")?,
        checker: Arc::new(
            Checker::start(Box::new(ignoring_the_end(deliver(inbox, LoopMessage::Results))))
                .context("checks: start their thread")?,
        ),
        kernel: KernelThread::start(ignoring_the_end(deliver(inbox, LoopMessage::Kernel)))
            .context("kernel: start its thread")?,
        maintenance: MaintenanceWatch::start(deliver(inbox, LoopMessage::Maintenance))
            .context("maintenancedir: start its thread")?,
        sync: SyncThread::start(options.run_dir.clone(), deliver(inbox, LoopMessage::Sync))
            .context("connection synchronisation: start its thread")?,
        attributes: NodeAttributes::start(&options.run_dir, &options.instance, options.attribute_dampening, tell)
            .context("node attributes: start their thread")?,
        opinions: Opinions::start(deliver(inbox, LoopMessage::Opinion)).context("secondopinion: start its thread")?,
    })
}

/// Makes a delivery of one for a thread that ends when it is dropped, and need not know whether the loop has ended.
fn ignoring_the_end<T>(deliver: impl Fn(T) -> bool) -> impl Fn(T) {
    move |thing| {
        deliver(thing);
    }
}

/// Starts the sinks, in the order in which they get each event.
///
/// # Errors
/// Says which one could not be started.
pub fn start_sinks(
    options: &HealthMonitorOptions,
    inbox: &SyncSender<LoopMessage>,
    threads: &LoopThreads,
    view: &LivenessView,
) -> anyhow::Result<Sinks> {
    let tell = || Box::new(deliver(inbox, LoopMessage::Sink));
    let forward = || deliver(inbox, LoopMessage::Call);
    let mut sinks = Sinks::default();
    let (level, doubt) = log_level(std::env::var(LOG_LEVEL).ok().as_deref());
    sinks.add(Journal::new(threads.log.clone(), level));
    let observed = options.run_dir.observed(&options.instance);
    sinks.add(Events::start(observed.clone(), &options.instance, tell()).context("events: start their thread")?);
    let group = options.observe_group.as_deref();
    sinks.add(Observe::start(group, observed, view.clone(), forward(), tell()).context("observe_group")?);
    sinks.add(MonitorFiles::start(tell()).context("monitorfile: start its thread")?);
    sinks.add(FallbackCommands::start(tell()).context("fallbackcommand: start its thread")?);
    sinks.add(Metrics::start(options.metrics, forward(), tell()).context("metrics")?);
    sinks.add(threads.opinions.clone());
    sinks.add(MailAlerts::new(tell()));
    if let Some(file) = options.configfile.as_ref().filter(|_| options.executes) {
        sinks.add(Executes::new(file, deliver(inbox, LoopMessage::Sink)));
    }
    if let Some(cause) = doubt {
        sinks.emit(Event::Fault { cause: &cause });
    }
    Ok(sinks)
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
