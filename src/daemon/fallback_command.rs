//! `fallbackcommand`: a program that is told when a service has no real server any more and when it has one again.
//!
//! It is run as `COMMAND start|stop VIP:VPORT PROTOCOL`, through the shell as ldirectord does, and in the background. What
//! has to be said is decided at the end of a turn, from what the turn's events say together.

mod runner;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use super::event::{Event, Sink, SinkNews, TellLoop};
use crate::config::Config;
use crate::health::{Condition, Pool};
use crate::model::{QuorumAction, ServiceKey};
use runner::{Order, Run};

/// How long a command may take until it is killed.
const LIMIT: Duration = Duration::from_secs(30);
/// The commands that may wait for the thread: more than a turn can have.
const WAITING: usize = 1024;

/// What a command was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Start,
    Stop,
}

/// What is known of one service.
#[derive(Debug, Clone, Default)]
struct Watched {
    command: Option<Arc<str>>,
    fallback_serves: bool,
    nobody_serves: bool,
    /// The quorum is lost, and `quorumaction=command` wants that to be told.
    quorum_lost: bool,
    /// Whether the first two above are known. They are not before the first events of the service.
    is_known: bool,
    told: Option<Told>,
}

impl Watched {
    /// Returns what the command has to be told, and takes it as told.
    fn due(&mut self) -> Option<Told> {
        let is_out = self.fallback_serves || self.nobody_serves || self.quorum_lost;
        let now = if is_out { Told::Start } else { Told::Stop };
        (self.is_known && self.command.is_some() && self.told.replace(now) != Some(now)).then_some(now)
    }

    fn note(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.is_known = true;
    }

    /// Takes over from the health monitor before this one, which has told the command what is so.
    fn go_on(&mut self, pool: &Pool) {
        self.fallback_serves = pool.fallback_serves();
        // What ends it is the next event, whatever orders have done to the weights meanwhile.
        self.nobody_serves = pool.has_told_that_nobody_serves();
        self.quorum_lost = is_told(pool);
        if self.command.is_some() && (self.fallback_serves || self.nobody_serves || self.quorum_lost) {
            self.told = Some(Told::Start);
        }
    }
}

/// Whether the command of this service is told when the quorum is lost, whatever serves.
fn is_told(pool: &Pool) -> bool {
    pool.settings().policy.quorum.action == QuorumAction::Command
}

/// Decides what each command has to be told. Pure.
#[derive(Debug, Default)]
struct FallbackStates {
    services: BTreeMap<ServiceKey, Watched>,
    /// What services that have left, or the end of the health monitor, still have to say.
    last_words: Vec<Run>,
}

impl FallbackStates {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => self.configure(config),
            Event::FallbackIn { service } => self.change(service, |watched| watched.fallback_serves = true),
            Event::FallbackOut { service } => self.change(service, |watched| watched.fallback_serves = false),
            Event::NobodyServes { service } => self.change(service, |watched| watched.nobody_serves = true),
            Event::ServedAgain { service } => self.change(service, |watched| watched.nobody_serves = false),
            Event::ConditionBegan { pool, condition: Condition::QuorumLost } => {
                self.change(&pool.key(), |watched| watched.quorum_lost = is_told(pool));
            }
            Event::QuorumStillLost { pool } => self.change(&pool.key(), |watched| watched.go_on(pool)),
            Event::ConditionEnded { service, condition: Condition::QuorumLost } => {
                self.change(service, |watched| watched.quorum_lost = false);
            }
            Event::Transition { pool, .. } => self.begin(pool),
            Event::Ending => self.end(),
            _ => {}
        }
    }

    fn change(&mut self, service: &ServiceKey, change: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.services.get_mut(service) {
            watched.note(change);
        }
    }

    /// A service that the health monitor found with a server, or with its fallback, has no event of its own.
    fn begin(&mut self, pool: &Pool) {
        let Some(watched) = self.services.get_mut(&pool.key()).filter(|watched| !watched.is_known) else { return };
        if pool.fallback_serves() || !pool.nobody_serves() {
            watched.note(|watched| watched.fallback_serves = pool.fallback_serves());
        }
    }

    fn configure(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.services);
        for service in &config.services {
            let mut watched = before.remove(&service.service.key).unwrap_or_default();
            let command = service.notices.fallbackcommand.as_deref();
            if command != watched.command.as_deref() {
                self.last_words.extend(farewell(&service.service.key, &watched));
                watched.told = None;
            }
            watched.command = command.map(Arc::from);
            self.services.insert(service.service.key, watched);
        }
        let gone = before.iter().filter_map(|(key, watched)| farewell(key, watched));
        self.last_words.extend(gone);
    }

    fn end(&mut self) {
        let last = self.services.iter().filter_map(|(key, watched)| farewell(key, watched));
        self.last_words.extend(last);
        self.services.clear();
    }

    /// The command could not be told after all: what it has to know then is due in the next turn.
    fn forget(&mut self, service: &ServiceKey) {
        if let Some(watched) = self.services.get_mut(service) {
            watched.told = None;
        }
    }

    /// Returns the commands that are due at the end of the turn.
    fn due(&mut self) -> Vec<Run> {
        let mut runs = std::mem::take(&mut self.last_words);
        for (key, watched) in &mut self.services {
            let Some(told) = watched.due() else { continue };
            runs.extend(watched.command.as_deref().map(|command| run(key, command, told)));
        }
        runs
    }
}

/// A command that was told of a start is told of the stop, whatever ends it.
fn farewell(key: &ServiceKey, watched: &Watched) -> Option<Run> {
    let command = watched.command.as_deref().filter(|_| watched.told == Some(Told::Start))?;
    Some(run(key, command, Told::Stop))
}

/// A firewall mark has `MARK:0`, where ldirectord writes nothing before and behind the colon.
fn run(key: &ServiceKey, command: &str, told: Told) -> Run {
    let word = match told {
        Told::Start => "start",
        Told::Stop => "stop",
    };
    let line = match key {
        ServiceKey::Address { protocol, address, port } => {
            format!("{command} {word} {} {protocol}", SocketAddr::new(*address, *port))
        }
        ServiceKey::Fwmark { mark, .. } => format!("{command} {word} {mark}:0 fwm"),
    };
    Run { service: *key, line }
}

/// Runs the `fallbackcommand` of each service.
pub struct FallbackCommands {
    states: FallbackStates,
    runner: SyncSender<Order>,
    /// Whether anything has happened in this turn.
    is_due: bool,
}

impl FallbackCommands {
    /// Starts the thread that runs commands.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(tell: TellLoop) -> std::io::Result<Self> {
        let (runner, orders) = sync_channel(WAITING);
        std::thread::Builder::new().name("commands".into()).spawn(move || runner::work(&orders, &tell, LIMIT))?;
        Ok(Self { states: FallbackStates::default(), runner, is_due: false })
    }
}

impl Sink for FallbackCommands {
    fn receive(&mut self, event: &Event<'_>) {
        if !matches!(event, Event::Result { .. }) {
            self.states.note(event);
            self.is_due = true;
        }
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let mut lost = None;
        for run in self.states.due() {
            let service = run.service;
            if let Err(TrySendError::Full(_)) = self.runner.try_send(Order::Run(run)) {
                self.states.forget(&service);
                self.is_due = true;
                let trouble = Some("run: too many commands wait for others to end; it is tried again".into());
                lost = Some(SinkNews::until_configured(format!("fallbackcommand of {service}"), trouble));
            }
        }
        lost
    }

    /// Waits for the commands that are under way; those that are not done at the deadline are killed.
    fn end(&mut self, deadline: Instant) {
        let (ended, end) = channel();
        if self.runner.try_send(Order::End { by: deadline, ended }).is_ok() {
            let _ = end.recv_timeout(deadline.saturating_duration_since(Instant::now()) + runner::POLL * 4);
        }
    }
}

#[cfg(test)]
mod tests;
