//! What makes a standby warm that joins late: the director tells it of every connection, in the messages of the kernel's
//! own sync daemon. Pure: time is an argument.
//!
//! The kernel sends a connection only when one of its packets passes, so an idle one never reaches a director that joins
//! later. The record of the kernel's table ([`Connection`]) becomes a record of its sync protocol ([`SyncRecord`]) by the rules
//! of [`Selection`], and a [`MessageWriter`] puts it into datagrams. When that is done, and who tells whom how many connections
//! it has, decide [`Director`] and [`Standby`], which speak by [`Notice`]s. [`Speakers`] notices that two nodes send.

mod connection;
mod director;
mod event;
mod message;
mod notice;
mod selection;
mod speakers;
mod standby;

pub use connection::{Connection, ConnectionState, TcpState};
pub use director::{Director, DirectorStep, Sending};
pub use event::{Coverage, SyncEvent};
pub use message::{Endpoints, Malformed, MessageWriter, SyncMessage, SyncRecord};
pub use notice::{NOTICE_LENGTH, Notice};
pub use selection::{Selection, Unsent, latest_first};
pub use speakers::Speakers;
pub use standby::Standby;

#[cfg(test)]
#[path = "../fuzz/sync.rs"]
mod fuzz;
