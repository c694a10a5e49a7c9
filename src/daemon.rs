//! The health monitor: one process, one thread, one loop where time, sockets and signals meet the pure parts.
//!
//! A check ends (`jobs`) → its result goes into the pools (`monitor`) → the pools say what the table shall be →
//! the difference to the kernel's table is written. The same happens, without a result, at every beat: whatever
//! changed the table or the configuration in between is seen and brought right.

#[allow(dead_code)]
mod checker;
mod configuration;
pub mod control;
mod jobs;
mod journal;
mod kernel;
mod log;
mod monitor;
pub mod protocol;
mod readiness;
mod record;
mod run_files;
pub mod source;
mod status;

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::config::{Config, LogTarget};
use crate::ownership::MonitorRecord;
use crate::plan::Role;
use crate::system::{Lock, RunDir, descriptors};
use control::Call;
use jobs::{Finished, Jobs};
use log::Log;
use monitor::Monitor;
use protocol::{Liveness, MonitorStatus, Reply, Request};
pub use readiness::{ANSWER_READY, Readiness};
use run_files::Presence;
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
    pub logfile: Option<LogTarget>,
    /// By then the start is over, even when checks with a longer timeout have not ended: whoever waits for the start
    /// has a time limit too.
    pub ready_within: Duration,
    pub run_dir: RunDir,
}

/// Runs until it is told to stop. `readiness` is told once, when every real server has been asked and the table is
/// written. Errors: another monitor of this instance runs, the configuration is wrong, the kernel has no IPVS.
pub fn run(options: Options, readiness: &mut Readiness) -> anyhow::Result<()> {
    // A check holds a descriptor or more while it runs: the usual soft limit of 1024 would let few run at once.
    descriptors::raise_limit();
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
    /// Never unlocked by us but by the kernel, with the end of the process: whoever sees it free knows that we are gone.
    lock: ManuallyDrop<Lock>,
    /// Held by the one monitor of this node that follows the declarations: two would undo each other's work. The others
    /// stand by, and take over when it ends.
    following: Option<Lock>,
    run_files_error: Option<String>,
    source: Source,
    stamp: Stamp,
    /// A stamp that has changed: what it stands for may still be half-written.
    fresh_stamp: Option<Stamp>,
    config: Config,
    configuration_error: Option<String>,
    monitor: Monitor,
    jobs: Jobs,
    results: mpsc::UnboundedReceiver<Finished>,
    calls: mpsc::Receiver<Call>,
    calls_sender: mpsc::Sender<Call>,
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
        let scope = if source.owns_services() { Role::OwnsServices } else { Role::MovesRealServers };
        let log = Log::new(log_target(&options, &Config::default()), &options.instance);
        let (sender, results) = mpsc::unbounded_channel();
        let (calls_sender, calls) = mpsc::channel(16);
        control::listen(&options.run_dir.socket(&options.instance), calls_sender.clone())?;
        let signals = Signals {
            terminate: signal(SignalKind::terminate()).context("SIGTERM: catch")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT: catch")?,
            hangup: signal(SignalKind::hangup()).context("SIGHUP: catch")?,
        };
        let mut daemon = Self {
            options,
            lock: ManuallyDrop::new(lock),
            following: None,
            run_files_error: None,
            source,
            stamp,
            fresh_stamp: None,
            config: Config::default(),
            configuration_error: None,
            monitor: Monitor::new(scope, log),
            jobs: Jobs::new(sender),
            results,
            calls,
            calls_sender,
            signals,
            ready_by: Instant::now(),
            compare_at: Instant::now(),
        };
        daemon.follow_if_nobody_does()?;
        let config = daemon.load()?;
        daemon.monitor.log().retarget(log_target(&daemon.options, &config));
        daemon.log(&format!("Starting health monitor lvs-agents {} as daemon", env!("CARGO_PKG_VERSION")));
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
                self.finish_start()?;
                readiness.tell_ready();
            }
            match self.next_event(&mut beat, !readiness.is_told()).await {
                Event::Results(finished) => self.record(finished),
                Event::Beat => {
                    if self.keep_run_files() == Presence::Superseded {
                        // The table is the other's now.
                        self.log("Another health monitor has taken the place of this one, which ends");
                        return Ok(());
                    }
                    self.beat();
                }
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

    /// A table that the kernel refuses is no start: the reason reaches the cluster instead of the log alone.
    fn finish_start(&mut self) -> anyhow::Result<()> {
        self.monitor.reconcile(std::time::Instant::now());
        let Some(error) = self.monitor.kernel_error().cloned() else { return Ok(()) };
        let failure = self.stop().map(|failure| format!("; {failure}")).unwrap_or_default();
        bail!("{error}{failure}");
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
        if self.monitor.record(finished, std::time::Instant::now()) {
            self.remember();
        }
    }

    fn beat(&mut self) {
        if let Err(error) = self.take_over() {
            self.log(&format!("ERROR: {error:#}"));
        }
        if self.source_has_settled() {
            self.follow_change();
        }
        let started = Instant::now();
        if started >= self.compare_at {
            self.monitor.reconcile(std::time::Instant::now());
            self.compare_at = started + started.elapsed() * COMPARISON_SHARE;
        }
    }

    /// Leaves the table as promised: our own services are gone (`cleanstop=yes`) or as they are (`no`); those of the
    /// `lvs` agents keep their last known state, since clients may still use them. What could not be removed, in words.
    fn stop(&mut self) -> Option<String> {
        self.jobs.replace(Default::default());
        if !self.source.owns_services() {
            // Whoever comes next comes to a table that nobody has watched in between.
            let record = MonitorRecord { known_up: Default::default(), ..self.record_of(&self.config) };
            return self.write_record(record).err().map(|error| format!("{error:#}"));
        }
        let ours = self.config.services.iter().filter(|service| service.cleanstop);
        let ours = ours.map(|service| service.service.key).chain(self.monitor.leaving().iter().copied());
        let failure = self.monitor.remove(&ours.collect::<Vec<_>>());
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
            check_error: self.monitor.check_error().cloned(),
            configuration_error: self.configuration_error.clone(),
        }
    }

    fn status(&self) -> MonitorStatus {
        MonitorStatus {
            instance: self.options.instance.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            source: match self.stands_by() {
                true => "standing by: another health monitor of this node follows the declarations".into(),
                false => self.source.name(),
            },
            liveness: self.liveness(),
            services: self.monitor.pools().map(status::service).collect(),
        }
    }

    fn log(&mut self, text: &str) {
        self.monitor.log().line(text);
    }
}

/// The configuration's `logfile`, else the resource's, else ldirectord's default.
fn log_target(options: &Options, config: &Config) -> LogTarget {
    let chosen = config.global.logfile.clone();
    chosen.or_else(|| options.logfile.clone()).unwrap_or_default()
}
