//! What happens in the health monitor, as values, and the sinks that take them. The log is the first sink.
//!
//! The parts that decide emit an event and know no sink; a sink knows no other sink and decides nothing. Events borrow
//! what they speak of, so an event that no sink wants costs nothing but the call.

use std::time::Duration;

use crate::health::{Outcome, Pool, Transition};
use crate::model::{Change, RealServerKey, ServiceEntry, ServiceKey};

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A check of a real server ended, well or not, which began `late` after it was due. By far the most frequent event.
    Result {
        service: &'a ServiceKey,
        real: &'a RealServerKey,
        outcome: &'a Outcome,
        late: Duration,
    },
    /// The health of a real server changed, or came nearer to a change.
    Transition {
        pool: &'a Pool,
        real: RealServerKey,
        transition: Transition,
    },
    /// The fallback takes the place of the real servers, none of which serves.
    FallbackIn {
        service: ServiceKey,
    },
    FallbackOut {
        service: ServiceKey,
    },
    /// Neither a real server nor the fallback serves: clients of this service are refused.
    NobodyServes {
        service: ServiceKey,
    },
    ServedAgain {
        service: ServiceKey,
    },
    /// The kernel has executed a change. `held`: its entry before; `pool`: `None` for a service that leaves.
    Changed {
        change: &'a Change,
        held: Option<&'a ServiceEntry>,
        pool: Option<&'a Pool>,
    },
    /// Another program has changed the kernel's entry of a service. `differences` say what is otherwise than it shall be.
    Drift {
        service: ServiceKey,
        differences: &'a [String],
    },
    /// The kernel has refused an entry of a service, for the first time or with another cause than before.
    WriteRefused {
        service: ServiceKey,
        cause: &'a str,
    },
    /// The kernel holds the service as it shall be, which it had refused before.
    WriteAccepted {
        service: ServiceKey,
    },
    /// The table as a whole cannot be read or written.
    TableFailed {
        cause: &'a str,
    },
    TableRecovered,
    /// A check could not be made, for the first time or with another cause than before.
    CheckNotMade {
        cause: &'a str,
    },
    /// The source has changed and may be read now.
    ConfigurationChanged {
        source: &'a str,
    },
    ConfigurationApplied {
        warnings: &'a [String],
        first: bool,
    },
    /// The configuration that was read is not put in force; the one before stays.
    ConfigurationRefused {
        cause: &'a str,
    },
    /// Part of what the source holds could not be read; what was known of that part stays in force.
    ConfigurationIncomplete {
        cause: &'a str,
    },
    /// A fault of the monitor's own files or threads.
    Fault {
        cause: &'a str,
    },
    /// The monitor's own life, in a sentence.
    Life {
        sentence: &'a str,
    },
}

/// Takes every event. Called in the core's thread: a sink that may block hands over to a thread of its own.
pub trait Sink {
    fn receive(&mut self, event: &Event<'_>);

    /// The loop has done its turn: what was gathered since the last one may be passed on together.
    fn end_turn(&mut self) {}
}

/// All sinks of this monitor.
#[derive(Default)]
pub struct Sinks(Vec<Box<dyn Sink>>);

impl Sinks {
    pub fn add(&mut self, sink: impl Sink + 'static) {
        self.0.push(Box::new(sink));
    }

    pub fn end_turn(&mut self) {
        self.0.iter_mut().for_each(|sink| sink.end_turn());
    }

    pub fn emit(&mut self, event: Event<'_>) {
        for sink in &mut self.0 {
            sink.receive(&event);
        }
    }
}
