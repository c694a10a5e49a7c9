//! Announces to the neighbours where addresses are now. The first announcement is sent at once, the others by a helper
//! process, so that `start` need not wait and a lost frame does no harm.

mod helper;
mod series;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::InterfaceAddress;
use crate::netlink::announce::Announcer;
use crate::netlink::route::{Gateway, Link};
use crate::netlink::{self, Route};
use crate::ocf::{Call, Failure};
use crate::system::{Pace, RunDir, sysctl};

pub use helper::{cancel, work};
pub use series::Series;

/// The least time from one address to the next, whichever resource of this node has them: at 4000 addresses, 8000
/// frames leave in a second. Neighbours with a slow processor would drop more.
const GAP: Duration = Duration::from_micros(250);

/// Returns the pace of questions to all neighbours. It is the same, but each question is one frame and not two.
pub fn pace_of_questions() -> Pace {
    // The first start after a boot asks before it writes anything down. Without the folder, the process has a pace of
    // its own.
    let _ = RunDir::system().create();
    Pace::new(&RunDir::system().announcement_pace(), GAP / 2)
}

/// What is to be announced, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementOrders {
    addresses: Vec<Announcement>,
    ask_gateways: bool,
    series: Series,
}

impl AnnouncementOrders {
    /// Orders to announce `places` as often as `series` says. With `ask_gateways`, each gateway of the interface is
    /// asked for its own address in the name of the announced one.
    pub fn new<'a>(places: impl Iterator<Item = &'a InterfaceAddress>, series: Series, ask_gateways: bool) -> Self {
        Self { addresses: places.map(Announcement::from).collect(), ask_gateways, series }
    }
}

/// An address on an interface (by index).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Announcement {
    address: IpAddr,
    interface: u32,
}

impl From<&InterfaceAddress> for Announcement {
    fn from(place: &InterfaceAddress) -> Self {
        Self { address: place.address, interface: place.interface }
    }
}

/// Announces the addresses unless a helper still repeats earlier announcements: then there is nothing to refresh.
///
/// # Errors
/// It fails when no frame can be sent at all.
pub fn refresh(call: &Call, orders: &AnnouncementOrders) -> Result<(), Failure> {
    if orders.series.count == 0 || helper::is_at_work(call) {
        return Ok(());
    }
    announce(call, orders)
}

/// Announces every address once, and leaves the rest of the series to a helper. A single announcement needs none.
///
/// # Errors
/// It fails when no frame can be sent at all.
pub fn announce(call: &Call, orders: &AnnouncementOrders) -> Result<(), Failure> {
    if orders.series.count == 0 || orders.addresses.is_empty() {
        return Ok(());
    }
    // A resource has one helper: this one sends what the one before had left to send.
    cancel(call);
    let mut round = Round::prepare(&mut Route::open()?, orders)?;
    for link in without_ethernet(&round.links, &orders.addresses) {
        call.log().warning(format!("nic {}: announce: only on Ethernet and what looks like it; not done", link.name));
    }
    round.send(&orders.addresses, Duration::ZERO, |what| call.log().warning(what));
    if orders.series.offsets().is_empty() {
        return Ok(());
    }
    // The helper inherits the socket: its last close takes 10 ms and more, for which the action need not wait.
    round.announcer.bequeath()?;
    if let Err(error) = helper::spawn(call, orders) {
        call.log().warning(format!("announcements: start the helper: {error}; only the first ones were sent"));
    }
    Ok(())
}

/// One announcement of each address, and what it needs.
struct Round {
    announcer: Announcer,
    links: Vec<Link>,
    gateways: Vec<Gateway>,
    /// The interfaces, by index, on which this node is an IPv6 router.
    routers: HashSet<u32>,
    pace: Pace,
}

impl Round {
    fn prepare(route: &mut Route, orders: &AnnouncementOrders) -> Result<Self, netlink::Error> {
        let links = route.links()?;
        Ok(Self {
            announcer: Announcer::open()?,
            gateways: if orders.ask_gateways { route.gateways()? } else { Vec::new() },
            routers: routers(&links, &orders.addresses),
            links,
            pace: Pace::new(&RunDir::system().announcement_pace(), GAP),
        })
    }

    /// Sends one announcement of each address. `spread` is the time from one address to the next, at least [`GAP`].
    /// What cannot be sent is logged, and the rest is sent: the addresses are up, and some neighbours that have not
    /// heard of them are not a reason to take them down.
    fn send(&mut self, addresses: &[Announcement], spread: Duration, log: impl Fn(String)) {
        let mut failed: Option<(netlink::Error, usize)> = None;
        for Announcement { address, interface } in addresses {
            let link = self.links.iter().find(|link| link.index == *interface);
            // Loopbacks and tunnels have no neighbours that could hear it.
            let Some(at) = link.and_then(Link::station) else { continue };
            self.pace.wait(spread);
            let mut result = self.announcer.announce(at, *address, self.routers.contains(interface));
            for gateway in self.gateways.iter().filter(|gateway| gateway.interface == *interface) {
                self.pace.wait(Duration::ZERO);
                result = result.and(self.announcer.ask_gateway(at, *address, gateway.address));
            }
            if let Err(error) = result {
                failed = Some(failed.map_or((error, 1), |(first, count)| (first, count + 1)));
            }
        }
        if let Some((error, count)) = failed {
            log(format!("announcements: {count} of {} failed: {error}", addresses.len()));
        }
    }
}

/// Returns the interfaces on which this node forwards IPv6, which makes it a router there. The kernel's own answers say
/// the same.
fn routers(links: &[Link], addresses: &[Announcement]) -> HashSet<u32> {
    let with_ipv6: HashSet<u32> =
        addresses.iter().filter(|place| place.address.is_ipv6()).map(|place| place.interface).collect();
    let forwards = |link: &&Link| {
        let value = sysctl::read(&format!("net/ipv6/conf/{}/forwarding", link.name));
        value.is_ok_and(|value| value != "0")
    };
    links.iter().filter(|link| with_ipv6.contains(&link.index)).filter(forwards).map(|link| link.index).collect()
}

/// Returns the interfaces whose neighbours cannot be reached by announcements: their link-layer addresses are not
/// Ethernet's.
fn without_ethernet<'a>(links: &'a [Link], addresses: &'a [Announcement]) -> impl Iterator<Item = &'a Link> {
    let has_neighbours = |link: &&Link| link.mac.is_none() && !link.loopback && !link.no_arp && !link.point_to_point;
    let is_meant = |link: &&Link| addresses.iter().any(|announcement| announcement.interface == link.index);
    links.iter().filter(has_neighbours).filter(is_meant)
}
