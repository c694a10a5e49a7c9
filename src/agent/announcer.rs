//! Tells the neighbours where an address is now: the first time at once, then a few times by a helper process, so that
//! `start` need not wait and a lost frame does no harm.

use std::net::IpAddr;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use crate::model::{InterfaceAddress, InvalidValue};
use crate::netlink::{self, Route};
use crate::ocf::{Call, Failure};

/// An address on an interface (by index), as the helper's command line has it: `192.0.2.1@2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    address: IpAddr,
    interface: u32,
}

impl std::fmt::Display for Announcement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.address, self.interface)
    }
}

impl FromStr for Announcement {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let parts = text.split_once('@');
        let parsed = parts.and_then(|(address, interface)| {
            Some(Self { address: address.parse().ok()?, interface: interface.parse().ok()? })
        });
        parsed.ok_or_else(|| InvalidValue::new(text, "ADDRESS@INTERFACE-INDEX"))
    }
}

/// Announces every place once, and leaves the rest of `arp_count` to a process of its own session: pacemaker kills the
/// group of an action that takes too long, and whoever reads the action's output waits for its pipes to close.
pub fn start<'a>(call: &Call, places: impl Iterator<Item = &'a InterfaceAddress>) -> Result<(), Failure> {
    let count: u32 = call.number("arp_count").unwrap_or(0);
    let announcements: Vec<Announcement> =
        places.map(|place| Announcement { address: place.address, interface: place.interface }).collect();
    if count == 0 || announcements.is_empty() {
        return Ok(());
    }
    send(&announcements, &mut Route::open()?)?;
    if count == 1 {
        return Ok(());
    }
    let interval: u32 = call.number("arp_interval").unwrap_or(200);
    let mut command = super::own_program("lvs-agents: announce");
    command.args(["announce", "--count", &(count - 1).to_string(), "--interval", &interval.to_string()]);
    command.args(announcements.iter().map(ToString::to_string));
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(_) => Ok(()),
        Err(error) => {
            call.log().warning(format!("announcements: start the helper: {error}; only the first was sent"));
            Ok(())
        }
    }
}

/// The helper: `count` rounds, each `interval` after the one before. An address that has left its interface in the
/// meantime is announced no more: a late frame would pull clients away from its new owner.
pub fn announce(mut left: Vec<Announcement>, count: u32, interval: Duration) -> Result<(), netlink::Error> {
    super::settle_in();
    // Fails only for the leader of a group, who needs no session of its own to survive the group's end.
    let _ = nix::unistd::setsid();
    let mut route = Route::open()?;
    for _ in 0..count {
        std::thread::sleep(interval);
        let held = route.addresses()?;
        left.retain(|announcement| {
            let is_held = |address: &InterfaceAddress| {
                address.address == announcement.address && address.interface == announcement.interface
            };
            held.iter().any(|held| is_held(&held.address))
        });
        if left.is_empty() {
            return Ok(());
        }
        send(&left, &mut route)?;
    }
    Ok(())
}

/// Loopbacks and tunnels have no neighbours to tell.
fn send(announcements: &[Announcement], route: &mut Route) -> Result<(), netlink::Error> {
    let links = route.links()?;
    for Announcement { address, interface } in announcements {
        let link = links.iter().find(|link| link.index == *interface && link.up && !link.loopback && !link.no_arp);
        if let Some(mac) = link.and_then(|link| link.mac) {
            netlink::announce::send_once(*interface, mac, *address)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_back_from_its_own_text() {
        for text in ["192.0.2.1@2", "2001:db8::1@17"] {
            assert_eq!(text.parse::<Announcement>().map(|parsed| parsed.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "192.0.2.1", "192.0.2.1@eth0", "@2"] {
            assert!(text.parse::<Announcement>().is_err(), "{text:?}");
        }
    }
}
