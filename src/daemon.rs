//! The health monitor: one process, one thread, one loop where time, sockets and signals meet the pure parts.
//!
//! A check ends (`jobs`) → its result goes into the pools (`monitor`) → the pools say what the table shall be →
//! the difference to the kernel's table is written. The same happens, without a result, at every beat: whatever
//! changed the table or the configuration in between is seen and brought right.

pub mod control;
mod jobs;
mod journal;
mod kernel;
mod log;
mod monitor;
pub mod protocol;
mod readiness;
pub mod source;
mod status;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::config::{Config, LogTarget};
use crate::director;
use crate::ownership::{self, MonitorRecord, Owner};
use crate::plan::Scope;
use crate::system::{Lock, RunDir};
use control::Call;
use jobs::{Finished, Jobs};
use log::Log;
use monitor::Monitor;
use protocol::{Liveness, MonitorStatus, Reply, Request};
pub use readiness::{ANSWER_READY, Readiness};
use source::{Source, Stamp};

/// How often the source is looked at and the kernel's table compared.
const BEAT: Duration = Duration::from_secs(1);
/// A comparison of the whole table takes at most one part in this many of the loop's time: a table of thousands of
/// services is compared less often than one of ten, and no check waits for it.
const COMPARISON_SHARE: u32 = 50;
/// Results that are taken in one go: one write to the kernel for all of them.
const BATCH: usize = 1024;
/// How long a start waits for first results beyond the longest timeout.
const START_GRACE: Duration = Duration::from_millis(500);

/// What a health monitor is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the pacemaker resource, or `ldirectord` when started by hand.
    pub instance: String,
    /// A ldirectord.cf; without it, what the `lvs` agents of this node declare is looked after.
    pub configfile: Option<PathBuf>,
    /// Where to log when the configuration does not say.
    pub logfile: Option<PathBuf>,
    /// By then the start is over, even when checks with a longer timeout have not ended: whoever waits for the start
    /// has a time limit too.
    pub ready_within: Duration,
    pub run_dir: RunDir,
}

/// Runs until it is told to stop. `readiness` is told once, when every real server has been asked and the table is
/// written. Errors: another monitor of this instance runs, the configuration is wrong, the kernel has no IPVS.
pub fn run(options: Options, readiness: &mut Readiness) -> anyhow::Result<()> {
    options.run_dir.create()?;
    let lock = options.run_dir.lock(&options.instance);
    let Some(lock) = Lock::try_acquire(&lock)? else {
        bail!("{}: lock: a health monitor of this name runs already", lock.display());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("event loop: start")?;
    runtime.block_on(async {
        let mut daemon = Daemon::start(options, lock)?;
        daemon.serve(readiness).await
    })
}

/// The loop's state.
struct Daemon {
    options: Options,
    lock: Lock,
    source: Source,
    stamp: Stamp,
    config: Config,
    configuration_error: Option<String>,
    monitor: Monitor,
    jobs: Jobs,
    results: mpsc::UnboundedReceiver<Finished>,
    calls: mpsc::Receiver<Call>,
    signals: Signals,
    ready_by: Instant,
    compare_at: Instant,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What woke the loop.
enum Event {
    Results(Vec<Finished>),
    Call(Call),
    Beat,
    Reload,
    Terminate(&'static str),
    FirstResultsAreLate,
}

impl Daemon {
    fn start(options: Options, lock: Lock) -> anyhow::Result<Self> {
        let source = match &options.configfile {
            Some(path) => Source::File(path.clone()),
            None => Source::Declarations(options.run_dir.clone()),
        };
        let stamp = source.stamp();
        let config = source.load()?;
        let scope = if source.owns_services() { Scope::Services } else { Scope::RealServersOnly };
        let log = Log::new(log_target(&options, &config), &options.instance);
        let (sender, results) = mpsc::unbounded_channel();
        let (calls_sender, calls) = mpsc::channel(16);
        control::listen(&options.run_dir.socket(&options.instance), calls_sender)?;
        let signals = Signals {
            terminate: signal(SignalKind::terminate()).context("SIGTERM: catch")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT: catch")?,
            hangup: signal(SignalKind::hangup()).context("SIGHUP: catch")?,
        };
        let mut daemon = Self {
            options,
            lock,
            source,
            stamp,
            config: Config::default(),
            configuration_error: None,
            monitor: Monitor::new(scope, log),
            jobs: Jobs::new(sender),
            results,
            calls,
            signals,
            ready_by: Instant::now(),
            compare_at: Instant::now(),
        };
        daemon.log(&format!("Starting health monitor lvs-agents {} as daemon", env!("CARGO_PKG_VERSION")));
        daemon.refuse_conflicts(&config)?;
        daemon.take(config)?;
        let first_results = daemon.jobs.longest_timeout() + START_GRACE;
        daemon.ready_by = Instant::now() + first_results.min(daemon.options.ready_within);
        Ok(daemon)
    }

    async fn serve(&mut self, readiness: &mut Readiness) -> anyhow::Result<()> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !readiness.is_told() && (self.jobs.all_asked() || Instant::now() >= self.ready_by) {
                readiness.tell_ready();
            }
            match self.next_event(&mut beat, !readiness.is_told()).await {
                Event::Results(finished) => self.record(finished),
                Event::Beat if !self.lock.is_in_place() => {
                    self.log("ERROR: the lock file has vanished: a second health monitor may run by now, ending");
                    bail!("{}: watch: vanished", self.lock.path().display());
                }
                Event::Beat => self.beat(),
                Event::Reload => drop(self.reload()),
                Event::FirstResultsAreLate => {}
                Event::Terminate(signal) => {
                    self.log(&format!("Health monitor terminated on signal: {signal}"));
                    return self.stop().map_or(Ok(()), |failure| bail!(failure));
                }
                Event::Call(Call { request: Request::Stop, reply }) => {
                    self.log("Health monitor stops on request");
                    let failure = self.stop();
                    let _ = reply.send(failure.map_or(Reply::Done, Reply::Failed));
                    // The answer leaves through another task of this thread, which runs only while we wait.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Ok(());
                }
                Event::Call(Call { request, reply }) => drop(reply.send(self.answer(request))),
            }
        }
    }

    async fn next_event(&mut self, beat: &mut tokio::time::Interval, starting: bool) -> Event {
        let mut finished = Vec::new();
        tokio::select! {
            // In this order: ending comes before answering, and both before a flood of results.
            biased;
            _ = self.signals.terminate.recv() => Event::Terminate("TERM"),
            _ = self.signals.interrupt.recv() => Event::Terminate("INT"),
            _ = self.signals.hangup.recv() => Event::Reload,
            Some(call) = self.calls.recv() => Event::Call(call),
            _ = beat.tick() => Event::Beat,
            () = sleep_until(self.ready_by), if starting => Event::FirstResultsAreLate,
            _ = self.results.recv_many(&mut finished, BATCH) => Event::Results(finished),
        }
    }

    fn record(&mut self, finished: Vec<Finished>) {
        let now = Instant::now();
        for result in &finished {
            self.jobs.note(&result.job, now);
        }
        self.monitor.record(finished, SystemTime::now());
    }

    fn beat(&mut self) {
        let stamp = self.source.stamp();
        if stamp != self.stamp {
            self.stamp = stamp;
            self.follow_change();
        }
        let started = Instant::now();
        if started >= self.compare_at {
            self.monitor.reconcile();
            self.compare_at = started + started.elapsed() * COMPARISON_SHARE;
        }
    }

    /// What the `lvs` agents declare is always followed; a file only with `autoreload=yes`. The callback of a file is
    /// run either way, as ldirectord does.
    fn follow_change(&mut self) {
        self.log(&format!("Configuration '{}' has changed", self.source.name()));
        if !self.source.owns_services() || self.config.global.autoreload {
            let _ = self.reload();
        }
        let callback = self.config.global.callback.clone().zip(self.options.configfile.clone());
        if let Some((program, configfile)) = callback
            && let Err(cause) = run_callback(&program, &configfile)
        {
            self.log(&format!("ERROR: callback {}: start: {cause}", program.display()));
        }
    }

    /// A configuration that is wrong changes nothing: the old one stays in force and is still followed.
    fn reload(&mut self) -> Result<(), String> {
        self.stamp = self.source.stamp();
        let outcome = self.source.load().and_then(|config| {
            self.refuse_conflicts(&config)?;
            self.take(config)
        });
        let error = outcome.err().map(|error| format!("{error:#}"));
        match &error {
            None => self.log("Reread new configuration"),
            Some(text) => self.log(&format!("Ignore new configuration: {text}")),
        }
        self.configuration_error = error.clone();
        error.map_or(Ok(()), Err)
    }

    /// Two owners of one virtual service would undo each other's work for ever.
    fn refuse_conflicts(&self, config: &Config) -> anyhow::Result<()> {
        if !self.source.owns_services() {
            return Ok(());
        }
        let me = Owner::Ldirectord(self.options.instance.clone());
        let conflicts = ownership::conflicts(&self.options.run_dir, &me, &ownership::keys(config));
        if conflicts.is_empty() { Ok(()) } else { bail!("{}", conflicts.join("; ")) }
    }

    /// Puts a configuration in force. The record comes first: killed in between, the next stop knows what to remove.
    fn take(&mut self, config: Config) -> anyhow::Result<()> {
        for warning in &config.warnings {
            self.log(&format!("WARNING: {}: {warning}", self.source.name()));
        }
        self.write_record(&config)?;
        if self.source.owns_services() {
            // Opening the table loads ip_vs, and with it come its settings.
            self.monitor.open_table()?;
            director::prepare(&config, |text| self.monitor.log().line(&text))?;
        }
        self.monitor.reconfigure(&config.services, SystemTime::now())?;
        self.monitor.log().retarget(log_target(&self.options, &config));
        self.jobs.replace(self.monitor.jobs());
        self.config = config;
        Ok(())
    }

    fn write_record(&self, config: &Config) -> anyhow::Result<()> {
        let names = |wanted: &dyn Fn(&crate::config::Service) -> bool| {
            let services = config.services.iter().filter(|service| wanted(service));
            services.map(|service| service.service.key.to_string()).collect()
        };
        let owns_services = self.source.owns_services();
        let record = MonitorRecord {
            owns_services,
            services: names(&|_| true),
            removed_at_stop: names(&|service| owns_services && service.cleanstop),
        };
        Ok(self.options.run_dir.monitors().write_json(&self.options.instance, &record)?)
    }

    /// Leaves the table as promised: our own services are gone (`cleanstop=yes`) or as they are (`no`); those of the
    /// `lvs` agents keep their last known state, since clients may still use them. What could not be removed, in words.
    fn stop(&mut self) -> Option<String> {
        self.jobs.replace(Default::default());
        if !self.source.owns_services() {
            return None;
        }
        let ours = self.config.services.iter().filter(|service| service.cleanstop);
        let failure = self.monitor.remove(&ours.map(|service| service.service.key).collect::<Vec<_>>());
        if failure.is_some() {
            return failure;
        }
        self.options.run_dir.monitors().remove(&self.options.instance).err().map(|error| error.to_string())
    }

    fn answer(&mut self, request: Request) -> Reply {
        match request {
            Request::Alive => Reply::Alive(self.liveness()),
            Request::Status => Reply::Status(Box::new(self.status())),
            Request::Reload => self.reload().map_or_else(Reply::Failed, |()| Reply::Done),
            Request::Stop => Reply::Failed("stop is not answered here".into()),
        }
    }

    fn liveness(&self) -> Liveness {
        Liveness {
            late_seconds: self.jobs.lateness(Instant::now()).as_secs_f64(),
            kernel_error: self.monitor.kernel_error().cloned(),
            configuration_error: self.configuration_error.clone(),
        }
    }

    fn status(&self) -> MonitorStatus {
        MonitorStatus {
            instance: self.options.instance.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            source: self.source.name(),
            liveness: self.liveness(),
            services: self.monitor.pools().map(status::service).collect(),
        }
    }

    fn log(&mut self, text: &str) {
        self.monitor.log().line(text);
    }
}

/// Not waited for: whatever the program does, the checks go on. The runtime reaps it.
fn run_callback(program: &Path, configfile: &Path) -> std::io::Result<()> {
    let mut command = tokio::process::Command::new(program);
    command.arg(configfile).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(|_| ())
}

/// The configuration's `logfile`, else the resource's, else ldirectord's default.
fn log_target(options: &Options, config: &Config) -> LogTarget {
    let chosen = config.global.logfile.clone();
    chosen.or_else(|| options.logfile.clone().map(LogTarget::File)).unwrap_or_default()
}
