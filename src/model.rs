//! Plain values that everything else speaks in. No I/O, no clock, no environment.
//!
//! Identity ([`ServiceKey`], [`RealServerKey`]) is separate from configuration ([`VirtualService`], [`RealServer`]): a
//! changed weight is an edit of the same real server, while a changed port makes another one.
//!
//! ```
//! use lvs_agents::model::{RealServerKey, ServiceKey};
//!
//! let service: ServiceKey = "tcp 198.51.100.1:80".parse().unwrap();
//! let marked: ServiceKey = "fwmark 7 ipv6".parse().unwrap();
//! assert_ne!(service.family(), marked.family());
//! assert!("192.0.2.1".parse::<RealServerKey>().is_err(), "a real server has a port");
//! ```

mod address;
mod advice;
mod change;
mod check;
mod dns;
mod order;
mod parse;
mod quorum;
mod real_server;
mod scheduler;
mod sync;
mod sysctl;
mod table;
mod virtual_service;

pub use address::{AddressChange, AddressOptions, Family, InterfaceAddress};
pub use advice::Advice;
pub use change::Change;
pub use check::{Between, Check, Field, PathCheck, Question, Secret, Standing};
pub use dns::{DnsMember, DnsName, DnsRecord};
pub use order::{ORDER_PREFIX, Order, OrderKind, OrderSubject, healthy_weight_name};
pub use parse::InvalidValue;
pub use quorum::{Amount, Quorum, QuorumAction};
pub use real_server::{ForwardingMethod, RealServer, RealServerKey, TunnelChecksum};
pub use scheduler::Scheduler;
pub use sync::{SyncChannel, SyncDaemon};
pub use sysctl::Sysctl;
pub use table::{ServiceEntry, Table, apply_change};
pub use virtual_service::{Persistence, PersistenceEngine, Protocol, ServiceFlags, ServiceKey, VirtualService};
