//! What is wrong with one virtual service, and since when.

use std::time::Instant;

use crate::daemon::event::{Event, Sinks};
use crate::model::ServiceKey;

/// The kernel does not hold the service as it shall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingFault {
    /// The cause in full: each refused entry with the kernel's reason.
    pub cause: String,
    pub since: Instant,
}

/// Takes what is wrong now. A fault that goes on keeps its beginning, and is reported again only with another cause.
pub fn update(
    fault: &mut Option<LastingFault>,
    service: &ServiceKey,
    cause: Option<String>,
    now: Instant,
    sinks: &mut Sinks,
) {
    match (fault.as_mut(), cause) {
        (None, None) => {}
        (Some(known), Some(cause)) if known.cause == cause => {}
        (Some(known), Some(cause)) => {
            sinks.emit(Event::WriteRefused { service: *service, cause: &cause });
            known.cause = cause;
        }
        (None, Some(cause)) => {
            sinks.emit(Event::WriteRefused { service: *service, cause: &cause });
            *fault = Some(LastingFault { cause, since: now });
        }
        (Some(_), None) => {
            sinks.emit(Event::WriteAccepted { service: *service });
            *fault = None;
        }
    }
}
