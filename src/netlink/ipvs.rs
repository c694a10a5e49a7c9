//! The kernel's IPVS table, through the generic netlink family "IPVS" (include/uapi/linux/ip_vs.h).
//!
//! The table is read as plain values of [`crate::model`] and changed by [`Change`]s that the caller has decided. It is
//! never flushed, and no module is loaded except by [`Ipvs::open_loading`].
//!
//! The family announces no changes and its lists have no generation number: a list that is read while another program
//! changes the table may lack an entry or hold it twice. A caller that compares must bear that, and each change does:
//! an addition of what exists is an edit, and a deletion of what is gone succeeds.

mod apply;
mod compare;
mod connections;
mod constants;
mod decode;
mod encode;
mod family;
mod proc_connections;
mod proc_table;
mod sync_daemons;
mod usage;

use std::collections::BTreeMap;

use neli::consts::nl::NlmF;
use neli::consts::socket::NlFamily;
use nix::errno::Errno;

pub use apply::ChangeFailure;
pub use compare::{ComparisonDepth, Held, ONE_BY_ONE};
pub use connections::{Connections, RealServerInUse, Traffic};
pub use proc_connections::{count_connections, each_connection};
pub use sync_daemons::SyncDaemons;
pub use usage::{TableUsage, Usage};

use super::message::NetlinkRequest;
use super::module::load_module;
use super::socket::Socket;
use super::{Error, Result};
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table, VirtualService};
use constants::IpvsCommand;

/// The version of the kernel's IPVS code, as `1.2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
    /// The third number.
    pub patch: u8,
}

/// The seconds without a packet after which the kernel forgets a connection (`ipvsadm -L --timeout`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// An established TCP connection.
    pub tcp: u32,
    /// A TCP connection after a FIN.
    pub tcp_fin: u32,
    /// A UDP flow.
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
    /// Opens IPVS; `None` when the kernel has none at this moment. This only asks: a module that is not loaded stays
    /// so, except that a kernel may itself load it on this question.
    ///
    /// # Errors
    /// Fails when there is no netlink, or no answer.
    pub fn open() -> Result<Option<Self>> {
        let mut socket = Socket::open(NlFamily::Generic).map_err(|error| error.during("ipvs: open a socket"))?;
        let family = family::find(&mut socket)?;
        Ok(family.map(|family| Self { socket, family }))
    }

    /// Opens IPVS like [`Ipvs::open`], but nothing makes the kernel load the module: for callers that only want to
    /// know.
    ///
    /// # Errors
    /// Fails when there is no netlink, or no answer.
    pub fn open_loaded() -> Result<Option<Self>> {
        if std::path::Path::new("/proc/net/ip_vs").exists() { Self::open() } else { Ok(None) }
    }

    /// Runs `modprobe ip_vs` once where the kernel has no IPVS.
    ///
    /// # Errors
    /// Fails with [`Error::Unavailable`] when IPVS is not there even then, with what modprobe said.
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

    /// Reads every virtual service with its real servers. A service that vanished while the table was read is left out,
    /// and so are services of protocols other than TCP, UDP and SCTP, which this program never owns.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the table.
    pub fn table(&mut self) -> Result<Table> {
        let during = |error: Error| error.during("ipvs: read the table");
        let mut table = Table::new();
        for service in self.services()? {
            let real_servers = self.real_servers(&service.key).map_err(during)?;
            table.insert(service.key, ServiceEntry { service, real_servers });
        }
        Ok(table)
    }

    /// Reads the virtual services of [`Ipvs::table`] alone: one question, however many there are.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn services(&mut self) -> Result<Vec<VirtualService>> {
        let during = |error: Error| error.during("ipvs: read the table");
        let payloads = self.dump(IpvsCommand::GetService, Vec::new()).map_err(during)?;
        payloads.iter().filter_map(|payload| decode::service(payload).map_err(during).transpose()).collect()
    }

    /// Reads one service; `None` when the kernel has none of this key. The service is asked for by itself first: the
    /// list of real servers of a service that does not exist is empty and no error.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn service(&mut self, key: &ServiceKey) -> Result<Option<ServiceEntry>> {
        let during = |error: Error| error.during(format_args!("virtual service {key}: read"));
        let Some(service) = self.service_alone(key).map_err(during)? else {
            return Ok(None);
        };
        let real_servers = self.real_servers(key).map_err(during)?;
        Ok(Some(ServiceEntry { service, real_servers }))
    }

    /// Executes the changes in order, and goes on after a failure. Each is idempotent: an addition of what exists edits
    /// it, an edit of what is gone adds it, and a deletion of what is gone succeeds. They are sent in batches, with one
    /// result for each; nothing is rolled back.
    pub fn apply(&mut self, changes: &[Change]) -> Vec<ChangeFailure> {
        apply::run(changes, |batch| self.send_changes(batch))
    }

    /// Counts the connections by real server: a drain waits for them. The map is empty also when the service does not
    /// exist.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn connections(&mut self, key: &ServiceKey) -> Result<BTreeMap<RealServerKey, Connections>> {
        let read = self.real_servers_in_use(key)?;
        Ok(read.into_iter().map(|one| (one.real_server.key, one.connections)).collect())
    }

    /// Reads the real servers of a service with what the kernel counts for them. The list is empty also when the
    /// service does not exist.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn real_servers_in_use(&mut self, key: &ServiceKey) -> Result<Vec<RealServerInUse>> {
        let during = |error: Error| error.during(format_args!("virtual service {key}: count connections"));
        self.destinations(key).map_err(during)
    }

    /// Reads the version of the kernel's IPVS code.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn version(&mut self) -> Result<Version> {
        let during = |error: Error| error.during("ipvs: read the version");
        decode::version(&self.ask_one(IpvsCommand::GetInfo).map_err(during)?).map_err(during)
    }

    /// Reads the timeouts of connections.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        let during = |error: Error| error.during("ipvs: read the timeouts");
        decode::timeouts(&self.ask_one(IpvsCommand::GetConfig).map_err(during)?).map_err(during)
    }

    fn service_alone(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>> {
        let request = self.request(IpvsCommand::GetService, encode::identity(key)?);
        match self.socket.ask(&request) {
            Err(error) if error.is(Errno::ESRCH) => Ok(None),
            Err(error) => Err(error),
            Ok(payloads) => payloads.first().map_or(Ok(None), |payload| decode::service(payload)),
        }
    }

    fn real_servers(&mut self, key: &ServiceKey) -> Result<BTreeMap<RealServerKey, RealServer>> {
        Ok(self.destinations(key)?.into_iter().map(|one| (one.real_server.key, one.real_server)).collect())
    }

    fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<RealServerInUse>> {
        let payloads = self.dump(IpvsCommand::GetDest, encode::identity(key)?)?;
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

    fn ask_one(&mut self, command: IpvsCommand) -> Result<Vec<u8>> {
        let request = self.request(command, Vec::new());
        self.socket.ask(&request)?.into_iter().next().ok_or_else(|| Error::malformed("an empty answer"))
    }

    fn dump(&mut self, command: IpvsCommand, attributes: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let request = self.request(command, attributes);
        self.socket.dump(&request)
    }

    fn request(&self, command: IpvsCommand, attributes: Vec<u8>) -> NetlinkRequest {
        NetlinkRequest { kind: self.family, flags: NlmF::empty(), payload: encode::generic(command, &attributes) }
    }
}

#[cfg(test)]
#[path = "../../fuzz/ipvs.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
