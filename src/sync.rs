//! What makes a standby warm that joins late: the director tells it of every connection, in the messages of the kernel's
//! own sync daemon. Pure: time is an argument.
//!
//! The kernel sends a connection only when one of its packets passes, so an idle one never reaches a director that joins
//! later. The record of the kernel's table ([`Connection`]) becomes a record of its sync protocol ([`SyncRecord`]) by the rules
//! of [`Selection`], and a [`MessageWriter`] puts it into datagrams.

mod connection;
mod message;
mod selection;

pub use connection::{Connection, ConnectionState, TcpState};
pub use message::{Endpoints, Malformed, MessageWriter, SyncMessage, SyncRecord};
pub use selection::{Selection, Unsent};

#[cfg(test)]
#[path = "../fuzz/sync.rs"]
mod fuzz;
