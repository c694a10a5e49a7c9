//! The log's sentences: ldirectord's, so that scripts that read its log go on working, each followed by the reason that
//! ldirectord left out.

mod drift;

use std::time::Duration;

use jiff::Timestamp;

use super::event::{DaemonPhase, Event, LogLevel, Repair, Sink, SinkNews};
use super::log::Log;
use super::reasons::{condition_cause, is_fallback, reason, repair_reason, told_reason};
use crate::health::{Condition, Health, Outcome, Pool, Transition};
use crate::model::{Change, Family, RealServer, RealServerKey, ServiceEntry, ServiceKey};

/// Writes a line for each event that an administrator wants to read about, each with its level.
pub struct Journal {
    log: Log,
    /// The level of the start, to which the end of the debug level leads back.
    ordinary: LogLevel,
    level: LogLevel,
    lines: Vec<(Timestamp, String)>,
    phase: DaemonPhase,
}

impl Journal {
    pub fn new(log: Log, level: LogLevel) -> Self {
        Self { log, ordinary: level, level, lines: Vec::new(), phase: DaemonPhase::Starting }
    }

    fn toggle_debug(&mut self) {
        self.level = match self.level {
            LogLevel::Debug => self.ordinary.min(LogLevel::Info),
            LogLevel::Error | LogLevel::Info => LogLevel::Debug,
        };
        let state = if self.level == LogLevel::Debug { "on" } else { "off" };
        self.lines.push((Timestamp::now(), format!("Debug messages are {state}")));
    }

    /// The lines of the event, none below the level of the log. Ten thousand results a second cost no more than this
    /// question while the level leaves them out.
    fn lines_of(&self, event: &Event<'_>) -> Vec<String> {
        if event.level() > self.level { Vec::new() } else { sentences(event, self.phase) }
    }
}

impl Sink for Journal {
    fn receive(&mut self, event: &Event<'_>) {
        if matches!(event, Event::DebugToggled) {
            self.toggle_debug();
        }
        if let Event::Phase(phase) = event {
            self.phase = *phase;
        }
        let lines = self.lines_of(event);
        self.lines.extend(lines.into_iter().map(|line| (Timestamp::now(), line)));
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        if !self.lines.is_empty() {
            self.log.lines(std::mem::take(&mut self.lines));
        }
        None
    }
}

fn sentences(event: &Event<'_>, phase: DaemonPhase) -> Vec<String> {
    match event {
        // These are left to the changes of the table, which tell what the fallback and the last server do.
        Event::FallbackIn { .. }
        | Event::FallbackOut { .. }
        | Event::Ending
        | Event::Phase(_)
        | Event::DebugToggled => Vec::new(),
        Event::Result { service, real, outcome, timing } => vec![result_sentence(service, real, outcome, timing.late)],
        Event::Transition { pool, real, transition } => {
            transition_sentence(pool, real, *transition).into_iter().collect()
        }
        Event::NobodyServes { service } => {
            vec![format!("WARNING: {}: neither a real server nor a fallback serves", name(service))]
        }
        Event::ConditionBegan { pool, condition: Condition::BackupsServe } => {
            vec![format!("{}: backup real servers serve", name(&pool.key()))]
        }
        Event::ConditionBegan { pool, condition } => {
            vec![format!("WARNING: {}: {}", name(&pool.key()), condition_cause(pool, *condition))]
        }
        Event::ConditionEnded { service, condition } => vec![format!("{}: {}", name(service), ended(*condition))],
        Event::OthersAsked { pool } => vec![format!("DEBUG: {}: asks the other directors", name(&pool.key()))],
        Event::QuorumStillLost { pool } => {
            vec![format!("{}: as before: {}", name(&pool.key()), condition_cause(pool, Condition::QuorumLost))]
        }
        Event::ServedAgain { service } => vec![format!("{}: is served again", name(service))],
        Event::Drained { service, real } => vec![format!("Drained real server: {real} ({})", name(service))],
        Event::Changed { repair: Some(Repair { is_again: true, .. }), .. } => Vec::new(),
        Event::Changed { change, held, pool, repair } => change_sentences(*pool, change, *held, phase)
            .into_iter()
            .map(|(sentence, reason)| {
                let reason = match repair {
                    Some(repair) => repair_reason(*pool, repair),
                    None => reason,
                };
                if reason.is_empty() { sentence } else { format!("{sentence}: {reason}") }
            })
            .collect(),
        Event::Drift { service, difference, on_drift } => {
            vec![drift::began_sentence(&entry_name(service, difference.real_server()), difference, *on_drift)]
        }
        Event::DriftEnded { service, real } => vec![drift::ended_sentence(&entry_name(service, real.as_ref()))],
        Event::RepairedAgain { service, real, times } => {
            vec![drift::again_sentence(&entry_name(service, real.as_ref()), *times)]
        }
        Event::WriteRefused { cause, .. } | Event::TableFailed { cause } | Event::Fault { cause } => {
            vec![format!("ERROR: {cause}")]
        }
        Event::WriteAccepted { service } => vec![format!("{}: the kernel holds it as configured again", name(service))],
        Event::TableRecovered => vec!["The kernel's table can be read and written again".into()],
        Event::CheckNotMade { cause } => {
            vec![format!("ERROR: a check could not be made, real servers keep their state for now: {cause}")]
        }
        Event::ConfigurationChanged { source, followed } => {
            let changed = format!("Configuration file '{source}' has changed on disk");
            let ignored = (!followed).then(|| " - ignore new configuration: autoreload=no".to_owned());
            [changed].into_iter().chain(ignored).collect()
        }
        Event::ConfigurationApplied { warnings, first, .. } => {
            let taken = (!first).then(|| " - reread new configuration".to_owned());
            taken.into_iter().chain(warnings.iter().map(|warning| format!("WARNING: {warning}"))).collect()
        }
        Event::ConfigurationRefused { cause } => vec![format!(" - ignore new configuration: {cause}")],
        Event::ConfigurationIncomplete { cause } => vec![format!("ERROR: a declaration is not followed: {cause}")],
        Event::Sync(event) if event.is_fault() => vec![format!("ERROR: {event}")],
        Event::Sync(event) => vec![event.to_string()],
        Event::Life { sentence } => vec![(*sentence).to_owned()],
    }
}

fn ended(condition: Condition) -> &'static str {
    match condition {
        Condition::BackupsServe => "backup real servers are not needed any more",
        Condition::QuorumLost => "the quorum is met again",
        Condition::CapReached => "no more real servers fail than may leave (maxejected)",
        Condition::OthersReach => "nothing stays in for the word of another director any more",
        Condition::DecidedAlone => "this node decides alone no longer",
        Condition::SeveralUp => "no second real server is up any more where only one may serve",
    }
}

/// The result of one check; a start that came late by more than a millisecond is said.
fn result_sentence(service: &ServiceKey, real: &RealServerKey, outcome: &Outcome, late: Duration) -> String {
    let result = match outcome {
        Outcome::Good | Outcome::Alive => "good",
        Outcome::Advised(advice) => &advice.reason,
        Outcome::Bad(cause) | Outcome::NotAsked(cause) => cause,
    };
    let kind = if matches!(outcome, Outcome::NotAsked(_)) { "not made: " } else { "" };
    let late = match late.as_millis() {
        0 => String::new(),
        milliseconds => format!(" ({milliseconds} ms late)"),
    };
    format!("DEBUG: check of real server: {real} ({}): {kind}{result}{late}", name(service))
}

/// Writes a line for health that changes nothing in the table.
fn transition_sentence(pool: &Pool, real: &RealServerKey, transition: Transition) -> Option<String> {
    let service = id(&pool.key());
    match transition {
        Transition::SoftFailure { failures } => Some(format!(
            "Soft failure real server: {real} ({service}) failure {failures}/{}: {}",
            pool.settings().limits.failurecount,
            reason(pool, real)
        )),
        Transition::SoftSuccess { successes } => Some(format!(
            "Soft success real server: {real} ({service}) success {successes}/{}",
            pool.settings().limits.rise
        )),
        Transition::Recovered => Some(format!("Resetting soft failure count: {real} ({service})")),
        Transition::MaintenanceBegan => {
            Some(format!("Server maintenance begins: {real} ({service}): {}", reason(pool, real)))
        }
        Transition::OrderBegan => Some(format!("Order begins: {real} ({service}): {}", reason(pool, real))),
        Transition::OrderEnded => Some(format!("Order ends: {real} ({service})")),
        Transition::SuspicionBegan => Some(format!("WARNING: real server: {real} ({service}): {}", reason(pool, real))),
        Transition::SuspicionEnded => Some(format!("Suspicion ends: {real} ({service})")),
        Transition::MaintenanceEnded => Some(format!("Server maintenance ends: {real} ({service})")),
        // The changes of the table and the line of the unmade check say it already.
        Transition::CameUp
        | Transition::WentDown
        | Transition::Unasked { .. }
        | Transition::AskedAgain
        | Transition::AdviceChanged => None,
    }
}

/// Returns what ldirectord says of a change that the kernel has executed, in one sentence or several, each with the reason
/// that it leaves out. `held` is the kernel's entry before.
pub fn change_sentences(
    pool: Option<&Pool>,
    change: &Change,
    held: Option<&ServiceEntry>,
    phase: DaemonPhase,
) -> Vec<(String, String)> {
    let key = change.service();
    let tag = if phase == DaemonPhase::Stopping { "stop" } else { "start" };
    let said = |sentence: String| (sentence, String::new());
    let weighted = |verb: &str, real: &RealServer| {
        let (kind, service) = (kind(pool, &real.key), name(key));
        let sentence = format!("{verb} {kind} server: {} ({service}) (Weight set to {})", real.key, real.weight);
        (sentence, told_reason(pool, &real.key))
    };
    vec![match change {
        Change::AddService(_) => said(format!("Added virtual server: {}", name(key))),
        Change::EditService(_) => said(format!("Changed virtual server: {}", name(key))),
        Change::DeleteService(_) => {
            let held = held.into_iter().flat_map(|held| held.real_servers.values());
            let served = held.filter(|real| real.weight > 0 && kind(pool, &real.key) == "real");
            let reals = served.map(|real| said(format!("Purged real server ({tag}): {} ({})", real.key, name(key))));
            let service = said(format!("Purged virtual server ({tag}): {}", name(key)));
            return reals.chain([service]).collect();
        }
        Change::AddRealServer(_, real) if real.weight == 0 && was_there(pool, &real.key) => {
            weighted("Readd Quiescent", real)
        }
        Change::AddRealServer(_, real) => weighted("Added", real),
        Change::EditRealServer(_, real) if real.weight == 0 => weighted("Quiescent", real),
        Change::EditRealServer(_, real) => {
            let before = held.and_then(|entry| entry.real_servers.get(&real.key));
            let verb = if before.is_some_and(|before| before.weight == 0) { "Restored" } else { "Changed" };
            weighted(verb, real)
        }
        Change::DeleteRealServer(_, real) if is_strange(pool, real) => {
            said(format!("Purged real server ({tag}): {real} ({})", name(key)))
        }
        Change::DeleteRealServer(_, real) => {
            let sentence = format!("Deleted {} server: {real} ({})", kind(pool, real), name(key));
            (sentence, told_reason(pool, real))
        }
    }]
}

/// Whether the real server is none of this service's: another program has added it, or it has left the configuration.
fn is_strange(pool: Option<&Pool>, real: &RealServerKey) -> bool {
    pool.is_some_and(|pool| pool.serving_state(real).is_none()) && kind(pool, real) == "real"
}

/// Whether the real server failed while it was looked after, so that its entry at weight 0 was deleted by another program.
fn was_there(pool: Option<&Pool>, real: &RealServerKey) -> bool {
    let member = pool.and_then(|pool| pool.members().find(|(known, _, _)| known.key == *real));
    member.is_some_and(|(_, member, state)| !state.serves && member.health() == Health::Down)
}

/// Returns the service as ldirectord names it: `IP:PORT` or the mark.
pub fn name(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { address, port, .. } => std::net::SocketAddr::new(*address, *port).to_string(),
        ServiceKey::Fwmark { mark, .. } => mark.to_string(),
    }
}

/// Returns the entry as ldirectord names it.
fn entry_name(service: &ServiceKey, real: Option<&RealServerKey>) -> String {
    match real {
        Some(real) => format!("real server: {real} ({})", name(service)),
        None => format!("virtual server: {}", name(service)),
    }
}

/// Returns the service as ldirectord tells services apart: `tcp:IP:PORT`, `fwm:MARK` or `fwm6:MARK`.
fn id(key: &ServiceKey) -> String {
    let protocol = match key {
        ServiceKey::Address { protocol, .. } => protocol.to_string(),
        ServiceKey::Fwmark { family: Family::Ipv4, .. } => "fwm".into(),
        ServiceKey::Fwmark { family: Family::Ipv6, .. } => "fwm6".into(),
    };
    format!("{protocol}:{}", name(key))
}

fn kind(pool: Option<&Pool>, real: &RealServerKey) -> &'static str {
    if is_fallback(pool, real) { "fallback" } else { "real" }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::LogTarget;
    use crate::daemon::checker::Timing;
    use crate::health::{Limits, PoolSettings};
    use crate::testing::{pool, real_server as real, virtual_service};

    #[test]
    fn sentences_are_ldirectords_with_the_reason_behind() {
        let (mut pool, now) = (pool(), Instant::now());
        let key = pool.key();
        pool.note(real(2, 3).key, &Outcome::Bad("refused".into()), now);
        let mut held = pool.entry(now);
        held.real_servers.insert(real(2, 0).key, real(2, 0));
        let say = |pool: &Pool, change| {
            let event = Event::Changed { change: &change, held: Some(&held), pool: Some(pool), repair: None };
            sentences(&event, DaemonPhase::Stopping).join("\n")
        };
        assert_eq!(
            say(&pool, Change::EditRealServer(key, real(2, 0))),
            "Quiescent real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 0): check failed 1 of 1: refused"
        );
        assert_eq!(
            say(&pool, Change::AddRealServer(key, real(9, 1))),
            "Added fallback server: 192.0.2.9:80 (192.0.2.1:80) (Weight set to 1)"
        );
        pool.note(real(2, 3).key, &Outcome::Good, now);
        assert_eq!(
            say(&pool, Change::EditRealServer(key, real(2, 3))),
            "Restored real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 3)"
        );
        let gone = real(9, 1).key;
        assert_eq!(
            say(&pool, Change::DeleteRealServer(key, gone)),
            "Deleted fallback server: 192.0.2.9:80 (192.0.2.1:80)"
        );
        let purged =
            "Purged real server (stop): 192.0.2.3:80 (192.0.2.1:80)\nPurged virtual server (stop): 192.0.2.1:80";
        held.real_servers.insert(real(3, 1).key, real(3, 1));
        let event =
            Event::Changed { change: &Change::DeleteService(key), held: Some(&held), pool: Some(&pool), repair: None };
        assert_eq!(sentences(&event, DaemonPhase::Stopping).join("\n"), purged);
        let strange = Change::DeleteRealServer(key, real(7, 1).key);
        let event = Event::Changed { change: &strange, held: None, pool: Some(&pool), repair: None };
        assert_eq!(
            sentences(&event, DaemonPhase::Running),
            ["Purged real server (start): 192.0.2.7:80 (192.0.2.1:80)"]
        );
        pool.note(real(2, 3).key, &Outcome::Bad("refused".into()), now);
        let again = Change::AddRealServer(key, real(2, 0));
        let event = Event::Changed { change: &again, held: None, pool: Some(&pool), repair: None };
        assert_eq!(
            sentences(&event, DaemonPhase::Running),
            [
                "Readd Quiescent real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 0): check failed 1 of 1: refused"
            ]
        );
    }

    #[test]
    fn a_repair_is_one_line_with_the_reason_what_was_found_and_the_command_for_it() {
        let (mut pool, now) = (pool(), Instant::now());
        let key = pool.key();
        let mut say = |outcome: &Outcome, wanted: RealServer, held: RealServer, is_again| {
            pool.note(wanted.key, outcome, now);
            let entry = |real: &RealServer| ServiceEntry {
                service: virtual_service("tcp 192.0.2.1:80"),
                real_servers: [(real.key, real.clone())].into(),
            };
            let found = crate::plan::entry_differences(&entry(&wanted), Some(&entry(&held)));
            let [difference] = found.as_slice() else { panic!("{found:?}") };
            let change = Change::EditRealServer(key, wanted);
            let repair = Some(Repair { difference, is_again });
            let event = Event::Changed { change: &change, held: Some(&entry(&held)), pool: Some(&pool), repair };
            assert_eq!(event.level(), LogLevel::Error);
            sentences(&event, DaemonPhase::Running)
        };
        let words = "repaired: another program had changed it: the kernel had weight";
        let command = "; the command for this is: lvs-agents";
        assert_eq!(
            say(&Outcome::Good, real(2, 3), real(2, 0), false),
            [format!(
                "Restored real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 3): configured; {words} 0, must have \
                 3{command} drain 192.0.2.2:80"
            )]
        );
        assert_eq!(say(&Outcome::Good, real(2, 3), real(2, 0), true), [""; 0]);
        assert_eq!(
            say(&Outcome::Bad("refused".into()), real(2, 0), real(2, 7), false),
            [format!(
                "Quiescent real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 0): check failed 1 of 1: refused; \
                 {words} 7, must have 0{command} weight 192.0.2.2:80 7"
            )]
        );
    }

    #[test]
    fn what_becomes_of_a_configuration_is_said_in_ldirectords_words() {
        let config = crate::config::Config::default();
        let applied = |first| Event::ConfigurationApplied { config: &config, warnings: &[], first };
        let changed = |followed| Event::ConfigurationChanged { source: "/a.cf", followed };
        let said = "Configuration file '/a.cf' has changed on disk";
        crate::testing::check_rows(
            [
                (changed(true), said.to_owned()),
                (changed(false), format!("{said}\n - ignore new configuration: autoreload=no")),
                (applied(true), String::new()),
                (applied(false), " - reread new configuration".to_owned()),
                (Event::ConfigurationRefused { cause: "line 3" }, " - ignore new configuration: line 3".to_owned()),
            ],
            |(event, expected)| assert_eq!(sentences(&event, DaemonPhase::Running).join("\n"), expected),
        );
    }

    #[test]
    fn soft_failures_name_the_service_with_its_protocol() {
        let (mut pool, now) = (pool(), Instant::now());
        let strict = PoolSettings { limits: Limits { failurecount: 3, rise: 2 }, ..pool.settings().clone() };
        pool.reconfigure(strict, now);
        pool.note(real(2, 3).key, &Outcome::Good, now);
        let mut say = |outcome: Outcome| {
            let events = pool.note(real(2, 3).key, &outcome, now);
            let lines = events.into_iter().filter_map(|event| match event {
                crate::health::PoolEvent::Member { real, transition } => transition_sentence(&pool, &real, transition),
                _ => None,
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            say(Outcome::Bad("refused".into())),
            "Soft failure real server: 192.0.2.2:80 (tcp:192.0.2.1:80) failure 1/3: check failed 1 of 3: refused"
        );
        assert_eq!(say(Outcome::Good), "Resetting soft failure count: 192.0.2.2:80 (tcp:192.0.2.1:80)");
        (0..3).for_each(|_| drop(say(Outcome::Bad("refused".into()))));
        assert_eq!(say(Outcome::Good), "Soft success real server: 192.0.2.2:80 (tcp:192.0.2.1:80) success 1/2");
    }

    fn journal(level: LogLevel) -> Journal {
        Journal::new(Log::start(LogTarget::Syslog("none".into()), "db").expect("start"), level)
    }

    #[test]
    fn each_level_adds_its_events_and_the_results_of_checks_belong_to_debug() {
        let (service, real) = (pool().key(), real(2, 3).key);
        let (good, bad) = (Outcome::Good, Outcome::Bad("refused".into()));
        let result = |outcome| Event::Result {
            service: &service,
            real: &real,
            outcome,
            timing: Timing { late: Duration::from_millis(7), ..Timing::default() },
        };
        let events =
            [Event::Fault { cause: "full" }, Event::Life { sentence: "Starting" }, result(&good), result(&bad)];
        let all = [
            "ERROR: full",
            "Starting",
            "DEBUG: check of real server: 192.0.2.2:80 (192.0.2.1:80): good (7 ms late)",
            "DEBUG: check of real server: 192.0.2.2:80 (192.0.2.1:80): refused (7 ms late)",
        ];
        crate::testing::check_rows(
            [(LogLevel::Error, 1), (LogLevel::Info, 2), (LogLevel::Debug, 4)],
            |(level, expected)| {
                let journal = journal(level);
                let lines: Vec<String> = events.iter().flat_map(|event| journal.lines_of(event)).collect();
                assert_eq!(lines, all[..expected], "{level:?}");
            },
        );
    }

    #[test]
    fn the_debug_level_is_switched_on_and_back_to_the_level_of_the_start() {
        crate::testing::check_rows(
            [(LogLevel::Error, LogLevel::Error), (LogLevel::Info, LogLevel::Info), (LogLevel::Debug, LogLevel::Info)],
            |(ordinary, back)| {
                let mut journal = journal(ordinary);
                let levels = [(); 2].map(|()| {
                    journal.receive(&Event::DebugToggled);
                    journal.level
                });
                let expected = match ordinary {
                    LogLevel::Debug => [back, LogLevel::Debug],
                    LogLevel::Error | LogLevel::Info => [LogLevel::Debug, back],
                };
                assert_eq!(levels, expected, "{ordinary:?}");
                assert_eq!(journal.lines.len(), 2, "each change is said");
            },
        );
    }

    #[test]
    fn a_log_level_is_one_of_three_words() {
        let words = ["error", "info", "debug"].map(|word| word.parse::<LogLevel>());
        assert_eq!(words, [Ok(LogLevel::Error), Ok(LogLevel::Info), Ok(LogLevel::Debug)]);
        let error = "verbose".parse::<LogLevel>().expect_err("no level").to_string();
        assert_eq!(error, "\"verbose\": expected a log level: error, info or debug");
    }
}
