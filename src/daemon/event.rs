//! What happens in the health monitor, as values, and the sinks that take them. The log is the first sink.
//!
//! The parts that decide emit an event and know no sink; a sink knows no other sink and decides nothing. Events borrow
//! what they speak of, so an event that no sink wants costs nothing but the call.

use std::str::FromStr;
use std::time::Instant;

use super::checker::Timing;
use crate::config::{Config, OnDrift};
use crate::health::{Condition, Outcome, Pool, Transition};
use crate::model::{Change, InvalidValue, RealServerKey, ServiceEntry, ServiceKey};
use crate::plan::{Difference, Place};
use crate::sync::SyncEvent;

/// How much of what happens is wanted to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Faults and warnings alone.
    Error,
    /// What changes, too: the default.
    Info,
    /// The result of every single check, too.
    Debug,
}

impl FromStr for LogLevel {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "error" => Ok(Self::Error),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => Err(InvalidValue::new(word, "a log level: error, info or debug")),
        }
    }
}

/// What the health monitor does as a whole, in ldirectord's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonPhase {
    /// It has not answered its start yet.
    Starting,
    /// It does what its configuration says.
    Running,
    /// It leaves the table as it promised.
    Stopping,
    /// A new configuration is in force and the kernel does not hold all of it yet.
    Reloading,
}

impl DaemonPhase {
    /// Returns the word of `emailalertstatus`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Reloading => "reloading",
        }
    }
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A check of a real server ended, well or not. This is by far the most frequent event.
    Result {
        /// The virtual service.
        service: &'a ServiceKey,
        /// The real server that was asked.
        real: &'a RealServerKey,
        /// What came of the check.
        outcome: &'a Outcome,
        /// When it was made.
        timing: Timing,
    },
    /// The health of a real server changed, or came nearer to a change.
    Transition {
        /// The pool after the change.
        pool: &'a Pool,
        /// The real server whose health changed.
        real: RealServerKey,
        /// The change.
        transition: Transition,
    },
    /// The fallback takes the place of the real servers, none of which serves.
    FallbackIn {
        /// The virtual service.
        service: ServiceKey,
    },
    /// A real server serves again, and the fallback leaves.
    FallbackOut {
        /// The virtual service.
        service: ServiceKey,
    },
    /// Neither a real server nor the fallback serves: clients of this service are refused.
    NobodyServes {
        /// The virtual service.
        service: ServiceKey,
    },
    /// A real server or the fallback serves after [`Event::NobodyServes`].
    ServedAgain {
        /// The virtual service.
        service: ServiceKey,
    },
    /// A state of the service as a whole begins.
    ConditionBegan {
        /// The pool after the change.
        pool: &'a Pool,
        /// The state.
        condition: Condition,
    },
    /// It has ended.
    ConditionEnded {
        /// The virtual service.
        service: ServiceKey,
        /// The state.
        condition: Condition,
    },
    /// The other directors are to be asked whether they reach a real server that has failed with the last one. The question
    /// is repeated while none is well here.
    OthersAsked {
        /// The pool after the failure.
        pool: &'a Pool,
    },
    /// The health monitor before this one knew the quorum of this service to be lost, which goes on.
    QuorumStillLost {
        /// The pool as it begins.
        pool: &'a Pool,
    },
    /// A real server that has left the configuration has no connection any more, or has had its time.
    Drained {
        /// The virtual service.
        service: ServiceKey,
        /// The real server.
        real: RealServerKey,
    },
    /// The kernel has executed a change.
    Changed {
        /// The change.
        change: &'a Change,
        /// The service's entry before the change; `None` when there was none.
        held: Option<&'a ServiceEntry>,
        /// The service's pool; `None` for a service that leaves.
        pool: Option<&'a Pool>,
        /// What another program had made of the entry, if that was the cause.
        repair: Option<Repair<'a>>,
    },
    /// Another program has changed an entry of a service, and it stays so.
    Drift {
        /// The virtual service.
        service: ServiceKey,
        /// The entry, and what differs from the wanted one.
        difference: &'a Difference,
        /// What the configuration says of such changes: [`OnDrift::Repair`] where another program of ours repairs it.
        on_drift: OnDrift,
    },
    /// The entry is as it is wanted again.
    DriftEnded {
        /// The virtual service.
        service: ServiceKey,
        /// The real server; `None` stands for the virtual service itself.
        real: Place,
    },
    /// Another program changes an entry again and again, each time after it was repaired.
    RepairedAgain {
        /// The virtual service.
        service: ServiceKey,
        /// The real server; `None` stands for the virtual service itself.
        real: Place,
        /// How often it was repaired in the last minute without a [`Repair`] that is told.
        times: u32,
    },
    /// The kernel has refused an entry of a service, for the first time or with another cause than before.
    WriteRefused {
        /// The virtual service.
        service: ServiceKey,
        /// Each refused entry with the kernel's reason.
        cause: &'a str,
    },
    /// The kernel holds a service as wanted, after it had refused it.
    WriteAccepted {
        /// The virtual service.
        service: ServiceKey,
    },
    /// The table as a whole cannot be read or written.
    TableFailed {
        /// What was tried, and the kernel's reason.
        cause: &'a str,
    },
    /// The table can be read and written again.
    TableRecovered,
    /// A check could not be made, for the first time or with another cause than before.
    CheckNotMade {
        /// Why this node could not ask.
        cause: &'a str,
    },
    /// The source of the configuration has changed.
    ConfigurationChanged {
        /// The file, or the folder of declarations.
        source: &'a str,
        /// Whether it is read now: a file without `autoreload` is not.
        followed: bool,
    },
    /// A configuration is being put in force.
    ConfigurationApplied {
        /// The configuration, whose services the following events speak of.
        config: &'a Config,
        /// What is doubtful in it, with its place.
        warnings: &'a [String],
        /// Whether it is the first one of this health monitor.
        first: bool,
    },
    /// The configuration that was read is not put in force; the one before stays.
    ConfigurationRefused {
        /// What is wrong with it.
        cause: &'a str,
    },
    /// A part of the source could not be read; what was known of that part stays in force.
    ConfigurationIncomplete {
        /// Which part, and why.
        cause: &'a str,
    },
    /// A fault of the health monitor's own files or threads.
    Fault {
        /// What was tried, and why it failed.
        cause: &'a str,
    },
    /// Something happened between the directors that synchronise their connections.
    Sync(&'a SyncEvent),
    /// The health monitor begins to leave the table as it promised, and ends.
    Ending,
    /// The health monitor goes over into another phase.
    Phase(DaemonPhase),
    /// An administrator switches the debug level on or off (SIGUSR2).
    DebugToggled,
    /// Something in the health monitor's own life.
    Life {
        /// What happened, as the log shows it.
        sentence: &'a str,
    },
}

/// A change of ours that has repaired what another program had made of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Repair<'a> {
    /// What was found.
    pub difference: &'a Difference,
    /// The same entry was repaired a short while ago: this repair is only counted, for [`Event::RepairedAgain`].
    pub is_again: bool,
}

impl Event<'_> {
    /// The lowest level at which the event is worth reading.
    pub fn level(&self) -> LogLevel {
        match self {
            Self::Result { .. } | Self::OthersAsked { .. } => LogLevel::Debug,
            Self::ConditionBegan { condition, .. } if condition.is_alarm() => LogLevel::Error,
            Self::Transition { transition: Transition::SuspicionBegan, .. } => LogLevel::Error,
            Self::NobodyServes { .. }
            | Self::Drift { .. }
            | Self::RepairedAgain { .. }
            | Self::Changed { repair: Some(_), .. }
            | Self::WriteRefused { .. }
            | Self::TableFailed { .. }
            | Self::CheckNotMade { .. }
            | Self::ConfigurationRefused { .. }
            | Self::ConfigurationIncomplete { .. }
            | Self::Fault { .. } => LogLevel::Error,
            Self::Sync(event) if event.is_fault() => LogLevel::Error,
            Self::Transition { .. }
            | Self::FallbackIn { .. }
            | Self::FallbackOut { .. }
            | Self::ServedAgain { .. }
            | Self::ConditionBegan { .. }
            | Self::ConditionEnded { .. }
            | Self::QuorumStillLost { .. }
            | Self::Drained { .. }
            | Self::Changed { .. }
            | Self::DriftEnded { .. }
            | Self::WriteAccepted { .. }
            | Self::TableRecovered
            | Self::ConfigurationChanged { .. }
            | Self::ConfigurationApplied { .. }
            | Self::Sync(_)
            | Self::Ending
            | Self::Phase(_)
            | Self::DebugToggled
            | Self::Life { .. } => LogLevel::Info,
        }
    }
}

/// A receiver of every event. The loop's thread calls it: a sink that may block hands over to a thread of its own.
pub trait Sink {
    /// Takes one event.
    fn receive(&mut self, event: &Event<'_>);

    /// Marks the end of the loop's turn, at least once a second: a sink may pass on together what it gathered since the
    /// last one. Returns what has kept it from that, or keeps it no longer.
    fn end_turn(&mut self) -> Option<SinkNews> {
        None
    }

    /// The health monitor ends: what is under way may take until the deadline.
    fn end(&mut self, _deadline: Instant) {}
}

/// What the thread of a sink has to say to the loop.
#[derive(Debug)]
pub struct SinkNews {
    /// What the sink works on, such as `monitorfile /var/log/checks`.
    pub object: String,
    /// What was tried, and why it failed; `None` when it works (again).
    pub trouble: Option<String>,
    /// What ends the trouble, if it does not end by itself before.
    pub end: TroubleEnd,
}

/// After what a trouble counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleEnd {
    /// After the next configuration: the sink tells anew what still goes wrong.
    Configuration,
    /// After the word of the thread that has told it, whatever is configured meanwhile.
    Word,
}

impl SinkNews {
    /// News of a sink that begins anew with each configuration.
    pub fn until_configured(object: impl Into<String>, trouble: Option<String>) -> Self {
        Self { object: object.into(), trouble, end: TroubleEnd::Configuration }
    }

    /// News of a thread that says the end of its troubles itself.
    pub fn until_told(object: impl Into<String>, trouble: Option<String>) -> Self {
        Self { object: object.into(), trouble, end: TroubleEnd::Word }
    }
}

/// Tells the loop; the answer is false when the loop has ended.
pub type TellLoop = Box<dyn Fn(SinkNews) -> bool + Send + Sync>;

/// All sinks of this health monitor.
#[derive(Default)]
pub struct Sinks(Vec<Box<dyn Sink>>);

impl Sinks {
    /// Adds a sink that gets every later event.
    pub fn add(&mut self, sink: impl Sink + 'static) {
        self.0.push(Box::new(sink));
    }

    /// Marks the end of the loop's turn for every sink, and returns what they have to say.
    pub fn end_turn(&mut self) -> Vec<SinkNews> {
        self.0.iter_mut().filter_map(|sink| sink.end_turn()).collect()
    }

    /// Gives every sink the time until the deadline to end, one after the other.
    pub fn end(&mut self, deadline: Instant) {
        self.0.iter_mut().for_each(|sink| sink.end(deadline));
    }

    /// Gives an event to every sink.
    pub fn emit(&mut self, event: Event<'_>) {
        for sink in &mut self.0 {
            sink.receive(&event);
        }
    }
}
