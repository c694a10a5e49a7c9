//! lvs-agents: a Linux Virtual Server load balancer under corosync and pacemaker.
//!
//! Read it in this order. [`model`] says what a virtual service is. [`config`] reads the one language in which users
//! write them. [`plan`], [`health`], [`dns`] and [`sync`] decide, without I/O and with time as an argument. [`check`] asks real servers,
//! [`netlink`] and [`system`] ask and change the kernel. [`daemon`] and [`agent`] are where these meet: a long-lived
//! loop and short-lived OCF actions, which [`ownership`] keeps out of each other's way. [`director`] makes the node fit to
//! direct. [`ocf`] is the frame that turns an agent into exit codes and meta-data. [`convert`] reads what other load balancers are
//! configured with, and writes the commands that make a pair. [`doctor`] says what is wrong with a node, its network and its
//! configuration.
//!
//! Dependencies point one way: `cli` → `agent`, `daemon` → `plan`, `health`, `check`, `netlink`, `config` → `model`.
// A reader of the documentation learns units, ranges and errors from it, not from the code.
#![warn(missing_docs)]

pub mod agent;
pub mod check;
pub mod cli;
pub mod config;
pub mod convert;
pub mod daemon;
pub mod director;
pub mod dns;
pub mod doctor;
pub mod health;
pub mod model;
pub mod netlink;
pub mod ocf;
pub mod orders;
pub mod ownership;
pub mod plan;
pub mod sync;
pub mod system;

#[cfg(test)]
#[path = "../fuzz/seeds.rs"]
mod seeds;
#[cfg(test)]
mod testing;
