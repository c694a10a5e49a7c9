//! The loop takes what the other threads deliver, lets the pure parts decide, and gives the next orders.
//!
//! It never waits for anything but its inbox: checks, the kernel, the configuration, the control socket and the log
//! have threads of their own. Results only mark services dirty; the kernel is written at most once in a tick.
//!
//! This file has the loop itself and what each message does. `core/news.rs` has what the threads beside the
//! checks tell, `core/turn.rs` what each turn does when its time has come, `core/start.rs` when the start is over,
//! `core/end.rs` the end, and `core/report.rs` what others are told.

mod end;
mod news;
mod report;
mod start;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::bail;

use super::attributes::NodeAttributes;
use super::checker::{Checker, Finished};
use super::configuration::{Configuration, InForce};
use super::control::ControlCall;
use super::event::{DaemonPhase, Event, SinkNews, Sinks, TroubleEnd};
use super::health_record::HealthRecordFile;
use super::kernel::{KernelAnswer, KernelThread};
use super::loader::{Loaded, LoaderNews, LoaderReport};
use super::log::Log;
use super::maintenance::{MaintenanceNews, MaintenanceWatch};
use super::opinion::{Consultations, OpinionNews, Opinions};
use super::orders::OrderNews;
use super::presence::InstancePresence;
use super::protocol::{ControlReply, ControlRequest, SyncStatus};
use super::services::{Arrival, LastingFault, Moment, Services};
use super::sync::{SyncNews, SyncThread};
use super::view::LivenessView;
use super::{HealthMonitorOptions, Readiness, log_target};
use crate::plan::TableRole;
pub use report::{seconds, wall_clock};
use start::StartDeadline;
use turn::Clock;

/// The most messages that one turn handles: a flood of results must not keep the kernel from being written.
const BATCH: usize = 4096;

/// How long commands and mails that are under way may hold up the end.
pub const SINKS_END: Duration = Duration::from_secs(3);

/// What the other threads deliver.
#[derive(Debug)]
pub enum LoopMessage {
    Results(Vec<Finished>),
    Kernel(KernelAnswer),
    Configuration(LoaderReport),
    Call(ControlCall),
    Reload,
    ToggleDebug,
    Sink(SinkNews),
    Maintenance(MaintenanceNews),
    Orders(OrderNews),
    Sync(SyncNews),
    Opinion(OpinionNews),
    Terminate(&'static str),
}

/// Why the loop ends.
enum LoopEnd {
    /// The loop was stopped and left the table as promised, unless the text says what could not be removed.
    Stopped(Option<String>),
    Superseded,
}

/// The threads that take the loop's orders.
pub struct LoopThreads {
    pub checker: Arc<Checker>,
    pub kernel: KernelThread,
    pub maintenance: MaintenanceWatch,
    pub sync: SyncThread,
    pub attributes: NodeAttributes,
    pub opinions: Opinions,
    pub log: Log,
}

/// What keeps a sink from doing its work.
struct SinkTrouble {
    cause: String,
    end: TroubleEnd,
}

/// The loop's state.
pub struct Core<'a> {
    options: HealthMonitorOptions,
    readiness: &'a mut Readiness,
    threads: LoopThreads,
    configuration: Configuration,
    services: Services,
    /// Set while the table as a whole cannot be read or written.
    table_fault: Option<LastingFault>,
    presence: InstancePresence,
    presence_error: Option<String>,
    record: HealthRecordFile,
    record_error: Option<String>,
    /// What keeps a sink from doing its work, by what it works on.
    sink_troubles: BTreeMap<String, SinkTrouble>,
    sync: Option<SyncStatus>,
    /// Questions of other directors that wait for checks.
    consultations: Consultations,
    view: LivenessView,
    sinks: Sinks,
    clock: Clock,
    start: StartDeadline,
    phase: DaemonPhase,
}

impl<'a> Core<'a> {
    pub fn new(
        options: HealthMonitorOptions,
        readiness: &'a mut Readiness,
        threads: LoopThreads,
        configuration: Configuration,
        presence: InstancePresence,
        view: LivenessView,
        sinks: Sinks,
    ) -> Self {
        let record = HealthRecordFile::new(options.run_dir.clone(), options.instance.clone());
        let now = Instant::now();
        let start = StartDeadline::new(now, Duration::ZERO, options.ready_within);
        Self {
            options,
            readiness,
            threads,
            configuration,
            services: Services::new(),
            table_fault: None,
            presence,
            presence_error: None,
            record,
            record_error: None,
            sink_troubles: BTreeMap::new(),
            sync: None,
            consultations: Consultations::default(),
            view,
            sinks,
            clock: Clock::new(now),
            start,
            phase: DaemonPhase::Starting,
        }
    }

    /// Runs until a request or a signal stops the health monitor.
    ///
    /// # Errors
    /// Fails when no configuration could be put in force at the start, or the table could not be left as promised at
    /// the end.
    pub fn run(&mut self, inbox: &Receiver<LoopMessage>) -> anyhow::Result<()> {
        let result = match self.serve(inbox) {
            Ok(LoopEnd::Superseded) => {
                // The table belongs to the other health monitor now.
                self.say("Another health monitor has taken the place of this one, which ends");
                Ok(())
            }
            Ok(LoopEnd::Stopped(failure)) => {
                self.threads.attributes.end(Instant::now() + SINKS_END);
                failure.map_or(Ok(()), |failure| bail!(failure))
            }
            Err(error) => Err(error),
        };
        self.sinks.end_turn();
        self.sinks.end(Instant::now() + SINKS_END);
        // What the sinks have told meanwhile is for the log.
        for message in inbox.try_iter() {
            if let LoopMessage::Sink(news) = message {
                self.note_sink_news(news);
            }
        }
        self.sinks.end_turn();
        self.threads.log.flush();
        result
    }

    fn serve(&mut self, inbox: &Receiver<LoopMessage>) -> anyhow::Result<LoopEnd> {
        loop {
            let now = Instant::now();
            self.view.note_turn(now);
            let first = match inbox.recv_timeout(self.clock.wait(now, self.kernel_is_free())) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => bail!("every thread of the health monitor has ended"),
            };
            let messages = first.into_iter().chain(inbox.try_iter().take(BATCH));
            if let Some(end) = self.handle_messages(messages, inbox)? {
                return Ok(end);
            }
            if let Some(end) = self.turn(Instant::now(), inbox)? {
                return Ok(end);
            }
            for news in self.sinks.end_turn() {
                self.note_sink_news(news);
            }
        }
    }

    fn handle_messages(
        &mut self,
        messages: impl Iterator<Item = LoopMessage>,
        inbox: &Receiver<LoopMessage>,
    ) -> anyhow::Result<Option<LoopEnd>> {
        for message in messages {
            match message {
                LoopMessage::Results(finished) => self.handle_results(&finished),
                LoopMessage::Kernel(answer) => self.handle_kernel_answer(answer),
                LoopMessage::Configuration(report) => self.handle_report(report)?,
                LoopMessage::Reload => {
                    self.say("Reloading Linux Director Daemon config on signal");
                    self.configuration.reload(None);
                }
                LoopMessage::Sink(news) => self.note_sink_news(news),
                LoopMessage::Maintenance(news) => self.handle_maintenance(news),
                LoopMessage::Orders(news) => self.handle_orders(news),
                LoopMessage::Sync(news) => self.handle_sync(news),
                LoopMessage::Opinion(news) => self.handle_opinion(news),
                LoopMessage::ToggleDebug => self.sinks.emit(Event::DebugToggled),
                LoopMessage::Terminate(signal) => {
                    self.say(&format!("Linux Director Daemon terminated on signal: {signal}"));
                    return Ok(Some(LoopEnd::Stopped(self.stop(inbox))));
                }
                LoopMessage::Call(call) => {
                    if let Some(end) = self.handle_call(call, inbox) {
                        return Ok(Some(end));
                    }
                }
            }
        }
        Ok(None)
    }

    fn handle_results(&mut self, finished: &[Finished]) {
        let now = Instant::now();
        for finished in finished {
            if self.services.note(finished, now, &mut self.sinks) {
                self.record.outdate();
            }
            self.answer(|consultations| consultations.note(finished, now));
        }
        self.clock.something_happened();
    }

    fn handle_call(&mut self, call: ControlCall, inbox: &Receiver<LoopMessage>) -> Option<LoopEnd> {
        match call.request {
            ControlRequest::Stop => {
                self.say("Health monitor stops on request");
                let failure = self.stop(inbox);
                call.answer_and_wait(failure.map_or(ControlReply::Done, ControlReply::Failed));
                // The caller has the failure; the process itself ends well.
                return Some(LoopEnd::Stopped(None));
            }
            ControlRequest::Reload => self.configuration.reload(Some(call.reply)),
            ControlRequest::Alive => self.reply(&call, ControlReply::Alive(self.view.liveness(Instant::now()).into())),
            ControlRequest::Status => self.reply(&call, ControlReply::Status(Box::new(self.status()))),
            ControlRequest::DeclarationsInForce => {
                self.reply(&call, ControlReply::DeclarationsInForce(self.declarations_are_in_force()));
            }
            ControlRequest::SendLatest => self.threads.sync.send_latest(call.reply),
        }
        None
    }

    fn reply(&self, call: &ControlCall, reply: ControlReply) {
        // A peer that went away wants no answer.
        let _ = call.reply.send(reply);
    }

    /// Whether the newest declarations are in force and checked, and the kernel holds what follows from them.
    fn declarations_are_in_force(&self) -> bool {
        let current = self.configuration.in_force.stamp.is_current(&self.options.run_dir);
        current && !self.configuration.stands_by() && self.is_ready(Instant::now())
    }

    fn handle_report(&mut self, report: LoaderReport) -> anyhow::Result<()> {
        let now = Instant::now();
        match report.news {
            LoaderNews::Changed { followed } => {
                self.sinks.emit(Event::ConfigurationChanged { source: &self.configuration.source, followed });
            }
            LoaderNews::TookOver => {
                self.say("The health monitor that followed the declarations has ended: taking over");
            }
            LoaderNews::StandsBy => self.say("Another health monitor follows the declarations: standing by"),
            LoaderNews::Trouble(trouble) => self.note_following_trouble(trouble),
            LoaderNews::Name(news) => self.note_sink_news(news),
            LoaderNews::NameLeft(object) => drop(self.sink_troubles.remove(&object)),
            LoaderNews::VirtualIps(virtual_ips) => {
                self.services.note_virtual_ips(virtual_ips);
                self.threads.checker.know_virtual_ips(self.services.virtual_ips());
            }
            LoaderNews::Fault(cause) => self.sinks.emit(Event::Fault { cause: &cause }),
            LoaderNews::Refused(cause) if self.configuration.is_first() => bail!(cause),
            LoaderNews::Refused(cause) => {
                self.refuse(cause);
                self.configuration.answer(report.answered);
            }
            LoaderNews::Loaded(loaded) => {
                self.put_in_force(loaded, now)?;
                self.configuration.answer(report.answered);
            }
        }
        self.clock.something_happened();
        Ok(())
    }

    fn note_following_trouble(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(cause) => self.sinks.emit(Event::Fault { cause }),
            None => self.say("The declarations are followed again"),
        }
        self.configuration.trouble = trouble;
    }

    /// Keeps the configuration in force. Each cause is logged once: the loader tries again and again.
    fn refuse(&mut self, cause: String) {
        if self.configuration.error.as_ref() != Some(&cause) {
            self.sinks.emit(Event::ConfigurationRefused { cause: &cause });
        }
        self.configuration.error = Some(cause);
    }

    /// Puts a configuration in force. The record is written first, with the services of the old configuration too:
    /// after a kill in between, the next stop knows all that may have to be removed. A configuration whose record
    /// cannot be written is tried again.
    fn put_in_force(&mut self, loaded: Box<Loaded>, now: Instant) -> anyhow::Result<()> {
        let next = InForce::new(&loaded.config, loaded.role, loaded.stamp);
        self.services.inherit(loaded.orphans.iter().copied());
        let written = self.record.write(&next, Some(&self.configuration.in_force), &self.services, now);
        if let Err(error) = written {
            // Only a health monitor that creates services needs the record for them.
            if loaded.role == TableRole::OwnsServices {
                if self.configuration.is_first() {
                    bail!(error);
                }
                self.refuse(error.to_string());
                self.configuration.pending = Some(loaded);
                return Ok(());
            }
            self.note_record_error(Some(error.to_string()));
        }
        self.apply_configuration(*loaded, next, now);
        Ok(())
    }

    fn apply_configuration(&mut self, loaded: Loaded, next: InForce, now: Instant) {
        let Loaded { config, role, observed, known, is_ordered, maintenance, troubles, sentences, .. } = loaded;
        let first = self.configuration.is_first();
        self.sink_troubles.retain(|_, trouble| trouble.end == TroubleEnd::Word);
        self.threads.log.retarget(log_target(&self.options, &config));
        if first {
            self.say(&format!("Starting Linux Director lvs-agents v{} as daemon", env!("CARGO_PKG_VERSION")));
        }
        sentences.iter().for_each(|sentence| self.sinks.emit(Event::Life { sentence }));
        let source = &self.configuration.source;
        let warnings: Vec<String> = config.warnings.iter().map(|warning| format!("{source}: {warning}")).collect();
        if !first {
            self.begin_phase(DaemonPhase::Reloading);
        }
        // The sinks know the services before the first event speaks of one.
        self.sinks.emit(Event::ConfigurationApplied { config: &config, warnings: &warnings, first });
        self.services.expect_maintenance(maintenance);
        self.threads.maintenance.follow(&config);
        self.threads.sync.follow(role == TableRole::MovesRealServers);
        let arrival = Arrival { observed, known: &known, is_ordered };
        self.services.configure(&config.services, role, arrival, Moment::of(now), &mut self.sinks);
        self.threads.checker.know_virtual_ips(self.services.virtual_ips());
        self.threads.checker.replace(self.services.jobs());
        if first {
            let longest = config.services.iter().flat_map(|service| {
                service.real_servers.iter().map(|real| real.check.timeout).chain(service.checkpath)
            });
            self.start = StartDeadline::new(now, longest.max().unwrap_or_default(), self.options.ready_within);
        }
        self.configuration.in_force = next;
        self.configuration.pending = None;
        self.configuration.is_fresh = true;
        self.note_reading_troubles(troubles);
        self.record.outdate();
        self.clock.compare_soon(now);
    }

    fn note_reading_troubles(&mut self, troubles: Vec<String>) {
        let error = (!troubles.is_empty()).then(|| troubles.join("; "));
        if let Some(cause) = error.as_ref().filter(|_| self.configuration.error != error) {
            self.sinks.emit(Event::ConfigurationIncomplete { cause });
        }
        self.configuration.error = error;
    }

    fn handle_kernel_answer(&mut self, answer: KernelAnswer) {
        let now = Instant::now();
        let took = self.threads.kernel.answered(now);
        match answer {
            KernelAnswer::Written { changes, failures } => {
                self.note_table_fault(None, now);
                if !failures.is_empty() {
                    self.clock.retry_failures(now);
                }
                self.services.written(&changes, failures, now, &mut self.sinks);
                self.clock.nothing_waits();
                self.record.outdate();
            }
            KernelAnswer::Postponed(changes) => {
                self.services.not_written(&changes);
                self.clock.postpone_writing(now);
            }
            KernelAnswer::Compared { desired, found, in_use, samples } => {
                self.note_table_fault(None, now);
                let has_drifted = self.services.compared(desired, found, Moment::of(now), &mut self.sinks);
                if self.services.note_evidence(&in_use, samples.as_ref(), now, &mut self.sinks) || has_drifted {
                    self.record.outdate();
                }
                self.services.counted(in_use, now, &mut self.sinks);
                self.clock.compared(now, took);
                // A suspicion that has just come up.
                if samples.is_none() && !self.services.services_to_sample(now).is_empty() {
                    self.clock.compare_soon(now);
                }
            }
            KernelAnswer::Failed { changes, error } => {
                self.services.not_written(&changes);
                self.note_table_fault(Some(error.to_string()), now);
                self.clock.retry_kernel(now);
            }
        }
        self.clock.something_happened();
    }

    fn note_table_fault(&mut self, cause: Option<String>, now: Instant) {
        match (&mut self.table_fault, cause) {
            (None, None) => {}
            (Some(known), Some(cause)) if known.cause == cause => {}
            (known, Some(cause)) => {
                self.sinks.emit(Event::TableFailed { cause: &cause });
                let since = known.as_ref().map_or(now, |known| known.since);
                self.table_fault = Some(LastingFault { cause, since });
            }
            (Some(_), None) => {
                self.sinks.emit(Event::TableRecovered);
                self.table_fault = None;
            }
        }
    }

    fn note_record_error(&mut self, error: Option<String>) {
        if let Some(cause) = error.as_ref().filter(|_| self.record_error != error) {
            self.sinks.emit(Event::Fault { cause });
        }
        self.record_error = error;
    }

    fn begin_phase(&mut self, phase: DaemonPhase) {
        self.phase = phase;
        self.sinks.emit(Event::Phase(phase));
    }

    fn say(&mut self, sentence: &str) {
        self.sinks.emit(Event::Life { sentence });
    }
}
