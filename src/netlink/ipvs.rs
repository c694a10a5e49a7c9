//! The kernel's IPVS table, through the generic netlink family "IPVS" (include/uapi/linux/ip_vs.h).
//!
//! Read as plain values of [`crate::model`], changed by [`Change`]s that somebody else decided. Never flushes, and
//! never loads a module unless [`Ipvs::open_loading`] is asked to.
//!
//! The family announces no changes and its lists have no generation number: a list that is read while another program
//! changes the table may lack an entry or hold it twice. Whoever compares must bear that, and does: adding what exists
//! is an edit, and deleting what is gone is done.

mod apply;
mod compare;
mod connections;
mod constants;
mod decode;
mod encode;
mod family;
mod proc_table;

use std::collections::BTreeMap;

use neli::consts::nl::NlmF;
use neli::consts::socket::NlFamily;
use nix::errno::Errno;

pub use apply::Failure;
pub use compare::{Depth, Held};
pub use connections::Connections;

use super::message::Request;
use super::module::load_module;
use super::socket::Socket;
use super::{Error, Result};
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table, VirtualService};
use constants::{Command, DAEMON_BACKUP, DAEMON_MASTER};

/// Which sync daemons run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncDaemons {
    /// Sends this director's connections to others.
    pub master: bool,
    /// Receives those of another one.
    pub backup: bool,
}

/// Version of the kernel's IPVS code, as `1.2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
    pub patch: u8,
}

/// Seconds without a packet after which the kernel forgets a connection (`ipvsadm -L --timeout`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub tcp: u32,
    pub tcp_fin: u32,
    pub udp: u32,
}

/// An open connection to the kernel's IPVS code, of the network namespace in which it was opened.
///
/// The kernel numbers the family anew when `ip_vs` is unloaded and loaded again; an `Ipvs` from before then answers
/// ENOENT to everything that reads, and has to be opened again.
#[derive(Debug)]
pub struct Ipvs {
    socket: Socket,
    family: u16,
}

impl Ipvs {
    /// `None` when the kernel has no IPVS at this moment. Asks only: what is not loaded stays so, except that a kernel
    /// may itself load the module on this question.
    ///
    /// # Errors
    /// When there is no netlink, or no answer.
    pub fn open() -> Result<Option<Self>> {
        let mut socket = Socket::open(NlFamily::Generic).map_err(|error| error.during("ipvs: open a socket"))?;
        let family = family::find(&mut socket)?;
        Ok(family.map(|family| Self { socket, family }))
    }

    /// As [`Ipvs::open`], but nothing makes the kernel load the module: for whoever only wonders.
    ///
    /// # Errors
    /// When there is no netlink, or no answer.
    pub fn open_loaded() -> Result<Option<Self>> {
        if std::path::Path::new("/proc/net/ip_vs").exists() { Self::open() } else { Ok(None) }
    }

    /// Runs `modprobe ip_vs` once where the kernel has no IPVS.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not there even then, saying what modprobe said.
    pub fn open_loading() -> Result<Self> {
        if let Some(ipvs) = Self::open()? {
            return Ok(ipvs);
        }
        let loaded = load_module("ip_vs");
        // The first question after loading may still be answered "not there" (seen by others with older kernels).
        for _ in 0..2 {
            if let Some(ipvs) = Self::open()? {
                return Ok(ipvs);
            }
        }
        Err(Error::Unavailable { reason: loaded.err().unwrap_or_else(|| "modprobe ip_vs changed nothing".into()) })
    }

    /// Every virtual service with its real servers. A service that vanished while the table was read is left out, and
    /// so are services of protocols other than TCP and UDP: nothing here ever owns those.
    ///
    /// # Errors
    /// On any failure: never a part of the table.
    pub fn table(&mut self) -> Result<Table> {
        let during = |error: Error| error.during("ipvs: read the table");
        let mut table = Table::new();
        for service in self.services()? {
            let real_servers = self.real_servers(&service.key).map_err(during)?;
            table.insert(service.key, ServiceEntry { service, real_servers });
        }
        Ok(table)
    }

    /// The virtual services of [`Ipvs::table`] alone: one question, however many there are.
    ///
    /// # Errors
    /// On any failure: never a part of the list.
    pub fn services(&mut self) -> Result<Vec<VirtualService>> {
        let during = |error: Error| error.during("ipvs: read the table");
        let payloads = self.dump(Command::GetService, Vec::new()).map_err(during)?;
        payloads.iter().filter_map(|payload| decode::service(payload).map_err(during).transpose()).collect()
    }

    /// `None` when the kernel has no such service. Asked for by itself first: the list of real servers of a service
    /// that does not exist is empty, not an error.
    ///
    /// # Errors
    /// On any failure.
    pub fn service(&mut self, key: &ServiceKey) -> Result<Option<ServiceEntry>> {
        let during = |error: Error| error.during(format_args!("virtual service {key}: read"));
        let Some(service) = self.service_alone(key).map_err(during)? else {
            return Ok(None);
        };
        let real_servers = self.real_servers(key).map_err(during)?;
        Ok(Some(ServiceEntry { service, real_servers }))
    }

    /// Executes the changes in order, and goes on after a failure. Each is idempotent: adding what exists edits it,
    /// editing what is gone adds it, deleting what is gone is done. Sent in batches, with one result for each; nothing
    /// is rolled back.
    pub fn apply(&mut self, changes: &[Change]) -> Vec<Failure> {
        apply::run(changes, |batch| self.send_changes(batch))
    }

    /// Connections by real server: what a drain waits for. Empty also when the service does not exist.
    ///
    /// # Errors
    /// On any failure.
    pub fn connections(&mut self, key: &ServiceKey) -> Result<BTreeMap<RealServerKey, Connections>> {
        let during = |error: Error| error.during(format_args!("virtual service {key}: count connections"));
        let read = self.destinations(key).map_err(during)?;
        Ok(read.into_iter().map(|(real, connections)| (real.key, connections)).collect())
    }

    /// The sync daemons that run.
    ///
    /// # Errors
    /// On any failure.
    pub fn sync_daemons(&mut self) -> Result<SyncDaemons> {
        let during = |error: Error| error.during("ipvs: read the sync daemons");
        let payloads = self.dump(Command::GetDaemon, Vec::new()).map_err(during)?;
        let states: Result<Vec<u32>> = payloads.iter().map(|payload| decode::sync_state(payload)).collect();
        let states = states.map_err(during)?;
        Ok(SyncDaemons { master: states.contains(&DAEMON_MASTER), backup: states.contains(&DAEMON_BACKUP) })
    }

    /// # Errors
    /// On any failure.
    pub fn version(&mut self) -> Result<Version> {
        let during = |error: Error| error.during("ipvs: read the version");
        decode::version(&self.ask_one(Command::GetInfo).map_err(during)?).map_err(during)
    }

    /// # Errors
    /// On any failure.
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        let during = |error: Error| error.during("ipvs: read the timeouts");
        decode::timeouts(&self.ask_one(Command::GetConfig).map_err(during)?).map_err(during)
    }

    fn service_alone(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>> {
        let request = self.request(Command::GetService, encode::identity(key)?);
        match self.socket.ask(&request) {
            Err(error) if error.is(Errno::ESRCH) => Ok(None),
            Err(error) => Err(error),
            Ok(payloads) => payloads.first().map_or(Ok(None), |payload| decode::service(payload)),
        }
    }

    fn real_servers(&mut self, key: &ServiceKey) -> Result<BTreeMap<RealServerKey, RealServer>> {
        Ok(self.destinations(key)?.into_iter().map(|(real, _)| (real.key, real)).collect())
    }

    fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<(RealServer, Connections)>> {
        let payloads = self.dump(Command::GetDest, encode::identity(key)?)?;
        payloads.iter().map(|payload| decode::destination(payload, key.family())).collect()
    }

    fn send_changes(&mut self, changes: &[&Change]) -> Vec<Result<()>> {
        let mut results = Vec::with_capacity(changes.len());
        let mut requests = Vec::with_capacity(changes.len());
        for change in changes {
            match encode::change(change) {
                Ok((command, payload)) => {
                    requests.push(self.request(command, payload));
                    results.push(None);
                }
                Err(error) => results.push(Some(Err(error))),
            }
        }
        let mut answers = self.socket.batch(&requests).into_iter();
        let unanswered = || Err(Error::malformed("no result"));
        results.into_iter().map(|result| result.or_else(|| answers.next()).unwrap_or_else(unanswered)).collect()
    }

    fn ask_one(&mut self, command: Command) -> Result<Vec<u8>> {
        let request = self.request(command, Vec::new());
        self.socket.ask(&request)?.into_iter().next().ok_or_else(|| Error::malformed("an empty answer"))
    }

    fn dump(&mut self, command: Command, attributes: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let request = self.request(command, attributes);
        self.socket.dump(&request)
    }

    fn request(&self, command: Command, attributes: Vec<u8>) -> Request {
        Request { kind: self.family, flags: NlmF::empty(), payload: encode::generic(command, &attributes) }
    }
}

#[cfg(test)]
#[path = "../../fuzz/ipvs.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
