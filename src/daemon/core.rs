//! The loop: takes what the other threads deliver, lets the pure parts decide, and gives the next orders.
//!
//! It never waits for anything but its inbox: checks, the kernel, the configuration, the control socket and the log have
//! threads of their own. Results only mark services dirty; the kernel is written at most once in a tick.

mod end;
mod report;
mod start;
mod turn;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::bail;

use super::checker::{Checker, Finished};
use super::configuration::{Configuration, InForce};
use super::control::Call;
use super::event::{Event, Sinks};
use super::kernel::{Answer, Kernel};
use super::loader::{Loaded, News, Report};
use super::log::Log;
use super::presence::Presence;
use super::protocol::{Reply, Request};
use super::record::Record;
use super::services::{Fault, Services};
use super::view::View;
use super::{Options, Readiness, log_target};
use crate::plan::Role;
pub use report::{seconds, wall_clock};
use start::Start;
use turn::Clock;

/// Messages that are taken in one turn: a flood of results must not keep the kernel from being written.
const BATCH: usize = 4096;

/// What the other threads deliver.
#[derive(Debug)]
pub enum Message {
    Results(Vec<Finished>),
    Kernel(Answer),
    Configuration(Report),
    Call(Call),
    Reload,
    Terminate(&'static str),
}

/// Why the loop ends.
enum End {
    /// The table was left as promised, unless the text says what could not be removed.
    Stopped(Option<String>),
    Superseded,
}

/// The threads that take orders.
pub struct Hands {
    pub checker: Arc<Checker>,
    pub kernel: Kernel,
    pub log: Log,
}

/// The loop's state.
pub struct Core<'a> {
    options: Options,
    readiness: &'a mut Readiness,
    hands: Hands,
    configuration: Configuration,
    services: Services,
    /// The table as a whole cannot be read or written.
    table_fault: Option<Fault>,
    presence: Presence,
    presence_error: Option<String>,
    record: Record,
    record_error: Option<String>,
    view: View,
    sinks: Sinks,
    clock: Clock,
    start: Start,
}

impl<'a> Core<'a> {
    pub fn new(
        options: Options,
        readiness: &'a mut Readiness,
        hands: Hands,
        configuration: Configuration,
        presence: Presence,
        view: View,
        sinks: Sinks,
    ) -> Self {
        let record = Record::new(options.run_dir.clone(), options.instance.clone());
        let now = Instant::now();
        let start = Start::new(now, Duration::ZERO, options.ready_within);
        Self {
            options,
            readiness,
            hands,
            configuration,
            services: Services::new(),
            table_fault: None,
            presence,
            presence_error: None,
            record,
            record_error: None,
            view,
            sinks,
            clock: Clock::new(now),
            start,
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// No configuration could be put in force at the start, or the table could not be left as promised at the end.
    pub fn run(&mut self, inbox: &Receiver<Message>) -> anyhow::Result<()> {
        let result = match self.serve(inbox) {
            Ok(End::Superseded) => {
                // The table is the other's now.
                self.say("Another health monitor has taken the place of this one, which ends");
                Ok(())
            }
            Ok(End::Stopped(failure)) => failure.map_or(Ok(()), |failure| bail!(failure)),
            Err(error) => Err(error),
        };
        self.sinks.end_turn();
        self.hands.log.flush();
        result
    }

    fn serve(&mut self, inbox: &Receiver<Message>) -> anyhow::Result<End> {
        loop {
            let now = Instant::now();
            self.view.take_turn(now);
            let first = match inbox.recv_timeout(self.clock.wait(now, self.kernel_is_free())) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => bail!("every thread of the monitor has ended"),
            };
            let messages = first.into_iter().chain(inbox.try_iter().take(BATCH));
            if let Some(end) = self.take_all(messages, inbox)? {
                return Ok(end);
            }
            if let Some(end) = self.turn(Instant::now(), inbox)? {
                return Ok(end);
            }
            self.sinks.end_turn();
        }
    }

    fn take_all(
        &mut self,
        messages: impl Iterator<Item = Message>,
        inbox: &Receiver<Message>,
    ) -> anyhow::Result<Option<End>> {
        for message in messages {
            match message {
                Message::Results(finished) => self.take_results(&finished),
                Message::Kernel(answer) => self.take_answer(answer),
                Message::Configuration(report) => self.take_report(report)?,
                Message::Reload => self.configuration.reload(None),
                Message::Terminate(signal) => {
                    self.say(&format!("Health monitor terminated on signal: {signal}"));
                    return Ok(Some(End::Stopped(self.stop(inbox))));
                }
                Message::Call(call) => {
                    if let Some(end) = self.take_call(call, inbox) {
                        return Ok(Some(end));
                    }
                }
            }
        }
        Ok(None)
    }

    fn take_results(&mut self, finished: &[Finished]) {
        let now = Instant::now();
        for finished in finished {
            if self.services.note(finished, now, &mut self.sinks) {
                self.record.outdate();
            }
        }
        self.clock.something_happened();
    }

    fn take_call(&mut self, call: Call, inbox: &Receiver<Message>) -> Option<End> {
        match call.request {
            Request::Stop => {
                self.say("Health monitor stops on request");
                let failure = self.stop(inbox);
                call.answer_and_wait(failure.map_or(Reply::Done, Reply::Failed));
                // The caller knows; nobody else has to.
                return Some(End::Stopped(None));
            }
            Request::Reload => self.configuration.reload(Some(call.reply)),
            Request::Alive => self.reply(&call, Reply::Alive(self.view.liveness(Instant::now()))),
            Request::Status => self.reply(&call, Reply::Status(Box::new(self.status()))),
            Request::Settled => self.reply(&call, Reply::Settled(self.is_settled())),
        }
        None
    }

    fn reply(&self, call: &Call, reply: Reply) {
        // A peer that went away wants no answer.
        let _ = call.reply.send(reply);
    }

    /// The newest declarations are in force and checked, and the kernel has been told.
    fn is_settled(&self) -> bool {
        let current = self.configuration.in_force.stamp.is_current(&self.options.run_dir);
        current && !self.configuration.stands_by() && self.is_ready(Instant::now())
    }

    fn take_report(&mut self, report: Report) -> anyhow::Result<()> {
        let now = Instant::now();
        match report.news {
            News::Changed => self.sinks.emit(Event::ConfigurationChanged { source: &self.configuration.source }),
            News::TookOver => {
                self.say("The health monitor that followed the declarations has ended: taking over");
            }
            News::StandsBy => self.say("Another health monitor follows the declarations: standing by"),
            News::Trouble(trouble) => self.take_trouble(trouble),
            News::Fault(cause) => self.sinks.emit(Event::Fault { cause: &cause }),
            News::Refused(cause) if self.configuration.is_first() => bail!(cause),
            News::Refused(cause) => {
                self.refuse(cause);
                self.configuration.answer(report.answered);
            }
            News::Loaded(loaded) => {
                self.configure(loaded, now)?;
                self.configuration.answer(report.answered);
            }
        }
        self.clock.something_happened();
        Ok(())
    }

    fn take_trouble(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(cause) => self.sinks.emit(Event::Fault { cause }),
            None => self.say("The declarations are followed again"),
        }
        self.configuration.trouble = trouble;
    }

    /// The configuration in force stays. It is told once for each cause: the loader tries again and again.
    fn refuse(&mut self, cause: String) {
        if self.configuration.error.as_ref() != Some(&cause) {
            self.sinks.emit(Event::ConfigurationRefused { cause: &cause });
        }
        self.configuration.error = Some(cause);
    }

    /// Puts a configuration in force. The record comes first, with the services of the old one too: killed in between,
    /// the next stop knows all that may have to be removed. One that cannot be written down is tried again.
    fn configure(&mut self, loaded: Box<Loaded>, now: Instant) -> anyhow::Result<()> {
        let next = InForce::new(&loaded.config, loaded.role, loaded.stamp);
        self.services.inherit(loaded.orphans.iter().copied());
        let written = self.record.write(&next, Some(&self.configuration.in_force), &self.services, now);
        if let Err(error) = written {
            // Only one that creates services needs the record for them.
            if loaded.role == Role::OwnsServices {
                if self.configuration.is_first() {
                    bail!(error);
                }
                self.refuse(error.to_string());
                self.configuration.pending = Some(loaded);
                return Ok(());
            }
            self.note_record_error(Some(error.to_string()));
        }
        self.apply(*loaded, next, now);
        Ok(())
    }

    fn apply(&mut self, loaded: Loaded, next: InForce, now: Instant) {
        let Loaded { config, role, observed, known, troubles, preparations, .. } = loaded;
        let first = self.configuration.is_first();
        self.hands.log.retarget(log_target(&self.options, &config));
        if first {
            self.say(&format!("Starting health monitor lvs-agents {} as daemon", env!("CARGO_PKG_VERSION")));
        }
        preparations.iter().for_each(|sentence| self.sinks.emit(Event::Life { sentence }));
        self.services.configure(&config.services, role, observed, &known, now, &mut self.sinks);
        self.hands.checker.replace(self.services.jobs());
        if first {
            let longest =
                config.services.iter().flat_map(|service| &service.real_servers).map(|real| real.check.timeout);
            self.start = Start::new(now, longest.max().unwrap_or_default(), self.options.ready_within);
        }
        let source = &self.configuration.source;
        let warnings: Vec<String> = config.warnings.iter().map(|warning| format!("{source}: {warning}")).collect();
        self.sinks.emit(Event::ConfigurationTaken { warnings: &warnings, first });
        self.configuration.in_force = next;
        self.configuration.pending = None;
        self.configuration.is_fresh = true;
        self.take_troubles(troubles);
        self.record.outdate();
        self.clock.compare_soon(now);
    }

    fn take_troubles(&mut self, troubles: Vec<String>) {
        let error = (!troubles.is_empty()).then(|| troubles.join("; "));
        if let Some(cause) = error.as_ref().filter(|_| self.configuration.error != error) {
            self.sinks.emit(Event::ConfigurationIncomplete { cause });
        }
        self.configuration.error = error;
    }

    fn take_answer(&mut self, answer: Answer) {
        let now = Instant::now();
        let took = self.hands.kernel.answered(now);
        match answer {
            Answer::Written { changes, failures } => {
                self.note_table_fault(None, now);
                if !failures.is_empty() {
                    self.clock.retry_failures(now);
                }
                self.services.written(&changes, failures, now, &mut self.sinks);
                self.clock.nothing_waits();
                self.record.outdate();
            }
            Answer::Postponed(changes) => {
                self.services.not_written(&changes);
                self.clock.postpone_writing(now);
            }
            Answer::Compared { desired, found } => {
                self.note_table_fault(None, now);
                self.services.compared(desired, found, now, &mut self.sinks);
                self.clock.compared(now, took);
            }
            Answer::Failed { changes, error } => {
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
                self.table_fault = Some(Fault { cause, since });
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

    fn say(&mut self, sentence: &str) {
        self.sinks.emit(Event::Life { sentence });
    }
}
