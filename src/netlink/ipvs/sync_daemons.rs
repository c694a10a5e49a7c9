//! The kernel's sync daemons: the part of [`Ipvs`] that reads, starts and ends them.

use nix::errno::Errno;

use super::constants::IpvsCommand;
use super::{Error, Ipvs, Result, decode, encode};
use crate::model::{SyncChannel, SyncDaemon};

/// The sync daemons that run, each with its channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncDaemons {
    /// The daemon that sends this director's connections to others.
    pub master: Option<SyncChannel>,
    /// The daemon that receives the connections of another director.
    pub backup: Option<SyncChannel>,
}

impl SyncDaemons {
    /// Returns the channel of a daemon that runs.
    pub fn channel(&self, daemon: SyncDaemon) -> Option<&SyncChannel> {
        match daemon {
            SyncDaemon::Master => self.master.as_ref(),
            SyncDaemon::Backup => self.backup.as_ref(),
        }
    }
}

impl Ipvs {
    /// Reads which sync daemons run.
    ///
    /// # Errors
    /// Fails on any failure.
    pub fn sync_daemons(&mut self) -> Result<SyncDaemons> {
        let during = |error: Error| error.during("ipvs: read the sync daemons");
        let mut daemons = SyncDaemons::default();
        for payload in self.dump(IpvsCommand::GetDaemon, Vec::new()).map_err(during)? {
            match decode::sync_daemon(&payload).map_err(during)? {
                Some((SyncDaemon::Master, channel)) => daemons.master = Some(channel),
                Some((SyncDaemon::Backup, channel)) => daemons.backup = Some(channel),
                None => {}
            }
        }
        Ok(daemons)
    }

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// Fails with EEXIST when it runs already, on whatever channel, and with EINVAL also while the table has a real server of
    /// another family than its service.
    pub fn start_sync_daemon(&mut self, daemon: SyncDaemon, channel: &SyncChannel) -> Result<()> {
        let payload = encode::sync_daemon(daemon, channel)?;
        self.order(IpvsCommand::NewDaemon, payload).map_err(|error| {
            let error = error.during(format_args!("sync daemon {daemon} on {}: start", channel.interface));
            match error.is(Errno::EINVAL) {
                true => error.hinting(
                    "a tunnel to a real server of the other family and connection synchronisation exclude each other",
                ),
                false => error,
            }
        })
    }

    /// Ends a sync daemon. It succeeds when none runs.
    ///
    /// # Errors
    /// Fails on any other failure.
    pub fn stop_sync_daemon(&mut self, daemon: SyncDaemon) -> Result<()> {
        match self.order(IpvsCommand::DelDaemon, encode::sync_daemon_state(daemon)?) {
            Err(error) if error.is(Errno::ESRCH) => Ok(()),
            result => result.map_err(|error| error.during(format_args!("sync daemon {daemon}: stop"))),
        }
    }

    fn order(&mut self, command: IpvsCommand, attributes: Vec<u8>) -> Result<()> {
        let request = self.request(command, attributes);
        self.socket.batch(&[request]).pop().unwrap_or_else(|| Err(Error::malformed("no result")))
    }
}
