//! Waits for the kernel's notifications instead of asking again and again.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use neli::consts::socket::NlFamily;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

use crate::netlink::socket::connect;
use crate::netlink::{Error, Result};

/// The longest wait for a notification. A lost one (a full receive buffer) costs this much.
const PATIENCE: Duration = Duration::from_millis(200);

/// Changes of interfaces and of IPv6 addresses, from the moment of subscription on.
#[derive(Debug)]
pub struct Events(OwnedFd);

impl Events {
    /// Subscribes to the changes.
    ///
    /// # Errors
    /// Fails when there is no netlink.
    pub fn subscribe() -> Result<Self> {
        let socket = connect(NlFamily::Route, &[libc::RTNLGRP_LINK, libc::RTNLGRP_IPV6_IFADDR]);
        socket.map(Self).map_err(|error| error.during("changes of interfaces: subscribe"))
    }

    /// Returns when something has changed, at `deadline`, or after a while: the caller then asks for the present state.
    ///
    /// # Errors
    /// Fails when the kernel refuses to wait.
    pub fn wait(&self, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::from(errno).during("changes of interfaces: wait")),
        }
        let mut buffer = [0; 4096];
        // One look at the kernel answers all notifications, whatever they say; a message that is cut off is no loss.
        while recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok() {}
        Ok(())
    }
}
