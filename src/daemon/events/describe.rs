//! What an event is in the file of events. Pure.

use std::borrow::Cow;

use crate::daemon::event::{DaemonPhase, Event, Repair};
use crate::daemon::reasons::{advice, condition_cause, drift_outcome, is_fallback, reason, repair_reason, told_reason};
use crate::health::{Condition, Pool, Transition};
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey};
use crate::sync::SyncEvent;

/// The longest text of a field in characters: the kernel may refuse a thousand entries of a service at once.
const LONGEST: usize = 1000;

/// Every kind, as docs/events.md lists them.
pub const KINDS: &[&str] = &[
    "up",
    "down",
    "failing",
    "recovered",
    "rising",
    "maintenance-began",
    "maintenance-ended",
    "order-began",
    "order-ended",
    "swallowing",
    "swallowing-ended",
    "drained",
    "real-server-added",
    "real-server-changed",
    "weight",
    "real-server-removed",
    "fallback-on",
    "fallback-off",
    "unserved",
    "served",
    "backup-on",
    "backup-off",
    "quorum-lost",
    "quorum-met",
    "cap-reached",
    "cap-left",
    "several-up",
    "one-up",
    "others-reach",
    "others-reach-ended",
    "decided-alone",
    "decided-alone-ended",
    "service-added",
    "service-changed",
    "service-removed",
    "service-watched",
    "service-left",
    "refused",
    "accepted",
    "drift",
    "drift-ended",
    "drift-again",
    "table-failed",
    "table-recovered",
    "check-not-made",
    "configuration-changed",
    "configuration-taken",
    "configuration-doubtful",
    "configuration-refused",
    "configuration-incomplete",
    "promoted",
    "demoted",
    "synchronisation",
    "fault",
    "health-monitor",
];

/// A line but for what all lines have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    pub kind: &'static str,
    pub service: Option<ServiceKey>,
    pub real_server: Option<RealServerKey>,
    pub weight: Option<u32>,
    pub weight_before: Option<u32>,
    pub what: Cow<'static, str>,
    pub reason: String,
}

impl Described {
    fn new(kind: &'static str, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, what: what.into(), ..Self::default() }
    }

    fn of(service: ServiceKey, kind: &'static str, what: impl Into<Cow<'static, str>>) -> Self {
        Self { service: Some(service), ..Self::new(kind, what) }
    }

    fn real(self, real: RealServerKey) -> Self {
        Self { real_server: Some(real), ..self }
    }

    fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }
}

/// Returns the lines of an event: mostly one, and none for what only programs want.
pub fn describe(event: &Event<'_>) -> Vec<Described> {
    let described = match event {
        Event::Result { .. } | Event::OthersAsked { .. } | Event::Ending | Event::DebugToggled => return Vec::new(),
        // It is counted, and told by `RepairedAgain`.
        Event::Changed { repair: Some(Repair { is_again: true, .. }), .. } => return Vec::new(),
        Event::ConfigurationApplied { config, warnings, .. } => {
            let count = config.services.len();
            let taken =
                Described::new("configuration-taken", format!("configuration taken: virtual services: {count}"));
            let doubts = warnings.iter().map(|doubt| Described::new("configuration-doubtful", doubt.clone()));
            return [taken].into_iter().chain(doubts).collect();
        }
        Event::Transition { pool, real, transition } => {
            return self::transition(pool, *real, *transition).into_iter().collect();
        }
        Event::Changed { change, held, pool, repair } => {
            let described = self::change(change, *held, *pool);
            let reason = repair.as_ref().map(|repair| repair_reason(*pool, repair));
            Described { reason: reason.unwrap_or(described.reason.clone()), ..described }
        }
        Event::FallbackIn { service } => {
            Described::of(*service, "fallback-on", "fallback serves").because("no real server serves")
        }
        Event::FallbackOut { service } => {
            Described::of(*service, "fallback-off", "fallback leaves").because("a real server serves")
        }
        Event::NobodyServes { service } => {
            let why = "neither a real server nor a fallback serves";
            Described::of(*service, "unserved", "not served").because(why)
        }
        Event::ServedAgain { service } => Described::of(*service, "served", "served again"),
        Event::ConditionBegan { pool, condition } => {
            let (kind, what) = began(*condition);
            Described::of(pool.key(), kind, what).because(condition_cause(pool, *condition))
        }
        Event::ConditionEnded { service, condition } => {
            let (kind, what) = ended(*condition);
            Described::of(*service, kind, what)
        }
        Event::QuorumStillLost { pool } => Described::of(pool.key(), "quorum-lost", "the quorum is lost, as before")
            .because(condition_cause(pool, Condition::QuorumLost)),
        Event::Drained { service, real } => Described::of(*service, "drained", "drained")
            .real(*real)
            .because("it has no connection any more, or its time is over"),
        Event::Drift { service, difference, on_drift } => {
            let what = format!("drift: the kernel has {}, configured is {}", difference.held(), difference.wanted());
            let why = format!("another program has changed it: {}{}", drift_outcome(*on_drift), advice(difference));
            let real_server = difference.real_server().copied();
            Described { real_server, ..Described::of(*service, "drift", what).because(why) }
        }
        Event::DriftEnded { service, real } => {
            Described { real_server: *real, ..Described::of(*service, "drift-ended", "drift has ended") }
        }
        Event::RepairedAgain { service, real, times } => {
            let why = format!("another program changes it again and again: repaired {times} times in a minute");
            let what = Described::of(*service, "drift-again", "drift again and again");
            Described { real_server: *real, ..what.because(why) }
        }
        Event::WriteRefused { service, cause } => {
            Described::of(*service, "refused", "the kernel refuses it").because(*cause)
        }
        Event::WriteAccepted { service } => {
            Described::of(*service, "accepted", "the kernel holds it as configured again")
        }
        Event::TableFailed { cause } => {
            Described::new("table-failed", "the kernel's table cannot be read or written").because(*cause)
        }
        Event::TableRecovered => Described::new("table-recovered", "the kernel's table can be read and written again"),
        Event::CheckNotMade { cause } => {
            let what = "a check could not be made: real servers keep their state for now";
            Described::new("check-not-made", what).because(*cause)
        }
        Event::ConfigurationChanged { source, followed } => {
            let why = if *followed { "" } else { "not read: autoreload=no" };
            Described::new("configuration-changed", format!("{source}: has changed")).because(why)
        }
        Event::ConfigurationRefused { cause } => {
            Described::new("configuration-refused", "new configuration refused: the one before stays").because(*cause)
        }
        Event::ConfigurationIncomplete { cause } => {
            Described::new("configuration-incomplete", "a declaration is not followed").because(*cause)
        }
        Event::Fault { cause } => Described::new("fault", (*cause).to_owned()),
        Event::Sync(event) => {
            let kind = match event {
                SyncEvent::Promoted { .. } => "promoted",
                SyncEvent::Demoted { .. } => "demoted",
                _ => "synchronisation",
            };
            Described::new(kind, event.to_string())
        }
        Event::Phase(phase) => Described::new("health-monitor", phase_words(*phase)),
        Event::Life { sentence } => Described::new("health-monitor", (*sentence).to_owned()),
    };
    vec![described]
}

fn began(condition: Condition) -> (&'static str, &'static str) {
    match condition {
        Condition::BackupsServe => ("backup-on", "backup real servers serve"),
        Condition::QuorumLost => ("quorum-lost", "the quorum is lost"),
        Condition::CapReached => ("cap-reached", "failed real servers stay in"),
        Condition::SeveralUp => ("several-up", "several real servers are up where only one may serve"),
        Condition::OthersReach => ("others-reach", "failed real servers stay in: another director reaches one"),
        Condition::DecidedAlone => ("decided-alone", "decided without the other directors"),
    }
}

fn ended(condition: Condition) -> (&'static str, &'static str) {
    match condition {
        Condition::BackupsServe => ("backup-off", "backup real servers are not needed any more"),
        Condition::QuorumLost => ("quorum-met", "the quorum is met again"),
        Condition::CapReached => ("cap-left", "failed real servers leave again"),
        Condition::SeveralUp => ("one-up", "no second real server is up any more"),
        Condition::OthersReach => ("others-reach-ended", "nothing stays in for the word of another director any more"),
        Condition::DecidedAlone => ("decided-alone-ended", "this node decides alone no longer"),
    }
}

fn phase_words(phase: DaemonPhase) -> &'static str {
    match phase {
        DaemonPhase::Starting => "the health monitor starts",
        DaemonPhase::Running => "the health monitor runs: clients are served as is known",
        DaemonPhase::Stopping => "the health monitor stops",
        DaemonPhase::Reloading => "the health monitor puts a new configuration into the kernel",
    }
}

/// A service that the configuration has, and the one before had not.
pub fn watched(service: ServiceKey) -> Described {
    Described::of(service, "service-watched", "looked after from now on").because("the new configuration has it")
}

/// A service that the configuration has no more.
pub fn left(service: ServiceKey) -> Described {
    Described::of(service, "service-left", "no longer looked after").because("the new configuration does not have it")
}

fn transition(pool: &Pool, real: RealServerKey, transition: Transition) -> Option<Described> {
    let with_reason =
        |kind, what: &'static str| Some(Described::of(pool.key(), kind, what).real(real).because(reason(pool, &real)));
    let plain = |kind, what: &'static str| Some(Described::of(pool.key(), kind, what).real(real));
    match transition {
        Transition::CameUp => {
            Some(Described::of(pool.key(), "up", "up").real(real).because(told_reason(Some(pool), &real)))
        }
        Transition::WentDown => with_reason("down", "down"),
        Transition::SoftFailure { .. } => with_reason("failing", "failing"),
        Transition::Recovered => plain("recovered", "well again"),
        Transition::SoftSuccess { successes } => {
            let why = format!("{successes} of {} good checks in a row", pool.settings().limits.rise);
            Some(Described::of(pool.key(), "rising", "rising").real(real).because(why))
        }
        Transition::MaintenanceBegan => with_reason("maintenance-began", "maintenance begins"),
        Transition::MaintenanceEnded => plain("maintenance-ended", "maintenance ends"),
        Transition::OrderBegan => with_reason("order-began", "order begins"),
        Transition::OrderEnded => plain("order-ended", "order ends"),
        Transition::SuspicionBegan => with_reason("swallowing", "swallows connections"),
        Transition::SuspicionEnded => plain("swallowing-ended", "no longer suspected to swallow connections"),
        // The unmade check has a line of its own, and so has the new weight.
        Transition::Unasked { .. } | Transition::AskedAgain | Transition::AdviceChanged => None,
    }
}

fn change(change: &Change, held: Option<&ServiceEntry>, pool: Option<&Pool>) -> Described {
    let key = *change.service();
    let noun = |real: &RealServerKey| if is_fallback(pool, real) { "fallback: " } else { "" };
    let of_real = |kind, real: &RealServerKey, what: String| {
        let what = format!("{}{what}", noun(real));
        Described::of(key, kind, what).real(*real).because(told_reason(pool, real))
    };
    match change {
        Change::AddService(_) => Described::of(key, "service-added", "virtual service added"),
        Change::EditService(_) => Described::of(key, "service-changed", "virtual service changed"),
        Change::DeleteService(_) => Described::of(key, "service-removed", "virtual service removed"),
        Change::AddRealServer(_, real) => Described {
            weight: Some(real.weight),
            ..of_real("real-server-added", &real.key, format!("added with weight {}", real.weight))
        },
        Change::EditRealServer(_, real) => {
            let before = held.and_then(|entry| entry.real_servers.get(&real.key)).map(|before| before.weight);
            let (kind, what) = edit(real, before);
            Described { weight: Some(real.weight), weight_before: before, ..of_real(kind, &real.key, what) }
        }
        Change::DeleteRealServer(_, real) => of_real("real-server-removed", real, "removed".to_owned()),
    }
}

fn edit(real: &RealServer, before: Option<u32>) -> (&'static str, String) {
    match before {
        Some(before) if before == real.weight => ("real-server-changed", format!("changed, weight {before} as before")),
        Some(before) => ("weight", format!("weight {}, was {before}", real.weight)),
        None => ("weight", format!("weight {}", real.weight)),
    }
}

/// Returns the text as one line of bounded length: no text of others may make two lines of one, or speak to a terminal.
pub fn one_line(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text;
    }
    let line: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(LONGEST).collect();
    let is_cut = text.chars().nth(LONGEST).is_some();
    Cow::Owned(if is_cut { line + "..." } else { line })
}
