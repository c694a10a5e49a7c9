//! Plain values that everything else speaks in. No I/O, no clock, no environment.
//!
//! Identity ([`ServiceKey`], [`RealServerKey`]) is separate from configuration ([`VirtualService`], [`RealServer`]):
//! a changed weight is an edit of the same real server, a changed port is another one.

mod address;
mod change;
mod check;
mod parse;
mod real_server;
mod scheduler;
mod sysctl;
mod table;
mod virtual_service;

pub use address::{AddressChange, AddressOptions, Family, InterfaceAddress};
pub use change::Change;
pub use check::{Between, Check, Field, Question, Secret};
pub use parse::InvalidValue;
pub use real_server::{ForwardingMethod, RealServer, RealServerKey};
pub use scheduler::Scheduler;
pub use sysctl::Sysctl;
pub use table::{ServiceEntry, Table, apply_change};
pub use virtual_service::{Persistence, Protocol, ServiceFlags, ServiceKey, VirtualService};
