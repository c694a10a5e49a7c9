//! The kernel's side of everything: IPVS table, addresses, links, routes, and the announcement of an address.
//!
//! It uses blocking sockets, no thread and no runtime: an agent action asks a few questions and ends, and the health
//! monitor's questions are answered in microseconds. Every receive has a time limit. What the kernel answers is decoded
//! with checks and never trusted; an interrupted list is read again and never handed out in part, so that no caller
//! deletes on the strength of half an answer.
//!
//! Messages are typed with neli. Its sockets are used only to open one: `NlRouter` starts a thread, waits without limit
//! and loses the kernel's explanation of an error, and `NlSocketHandle` computes lengths that it read without checking
//! them.

pub mod announce;
mod attribute;
pub mod conflict;
mod ear;
mod error;
#[cfg(test)]
#[path = "../fuzz/netlink.rs"]
mod fuzz;
pub mod ipvs;
mod message;
mod module;
pub mod route;
mod socket;
pub mod syn;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{Error, Result};
pub use ipvs::Ipvs;
pub use module::load_module;
pub use route::Route;
