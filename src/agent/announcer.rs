//! Tells the neighbours where addresses are now: the first time at once, then by a helper process, so that `start` need
//! not wait and a lost frame does no harm.

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
use series::Series;

pub use helper::{cancel, work};

/// The least time from one address to the next, whichever resource of this node has them: 4000 addresses, 8000 frames in
/// a second. Neighbours with a slow processor drop more.
const GAP: Duration = Duration::from_micros(250);

/// The same pace for questions to all neighbours, each of which is one frame, not two.
pub fn pace_of_questions() -> Pace {
    // The first start after a boot asks before it writes anything down. Without the folder, the pace is its own.
    let _ = RunDir::system().create();
    Pace::new(&RunDir::system().announcement_pace(), GAP / 2)
}

/// What is to be announced, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Orders {
    addresses: Vec<Announcement>,
    ask_gateways: bool,
    series: Series,
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

/// After a start: announces every place once, and leaves the rest of the series to the helper.
pub fn start<'a>(call: &Call, places: impl Iterator<Item = &'a InterfaceAddress>) -> Result<(), Failure> {
    announce(
        call,
        places,
        Series {
            count: call.number("arp_count").unwrap_or(0),
            interval: interval(call),
            repeat_after: call.time("arp_repeat_after").filter(|after| !after.is_zero()),
        },
    )
}

/// From a monitor, only when asked (`arp_count_refresh`): no process is started for a single announcement. As long as a
/// helper is at it, there is nothing to refresh.
pub fn refresh<'a>(call: &Call, places: impl Iterator<Item = &'a InterfaceAddress>) -> Result<(), Failure> {
    let count = call.number("arp_count_refresh").unwrap_or(0);
    if count == 0 || helper::is_at_work(call) {
        return Ok(());
    }
    announce(call, places, Series { count, interval: interval(call), repeat_after: None })
}

fn interval(call: &Call) -> Duration {
    Duration::from_millis(call.number("arp_interval").unwrap_or(200))
}

fn announce<'a>(
    call: &Call,
    places: impl Iterator<Item = &'a InterfaceAddress>,
    series: Series,
) -> Result<(), Failure> {
    let addresses: Vec<Announcement> = places.map(Announcement::from).collect();
    if series.count == 0 || addresses.is_empty() {
        return Ok(());
    }
    let orders = Orders { addresses, ask_gateways: call.boolean("arp_gateway"), series };
    // One helper for each resource: what the one before has left to say is said by this one.
    cancel(call);
    let mut round = Round::prepare(&mut Route::open()?, &orders)?;
    for link in silent(&round.links, &orders.addresses) {
        call.log().warning(format!("nic {}: announce: only on Ethernet and what looks like it; not done", link.name));
    }
    round.send(&orders.addresses, Duration::ZERO, |what| call.log().warning(what));
    if orders.series.offsets().is_empty() {
        return Ok(());
    }
    // It closes the socket in its own time.
    round.announcer.bequeath()?;
    if let Err(error) = helper::spawn(call, &orders) {
        call.log().warning(format!("announcements: start the helper: {error}; only the first ones were sent"));
    }
    Ok(())
}

/// One announcement of each address.
struct Round {
    announcer: Announcer,
    links: Vec<Link>,
    gateways: Vec<Gateway>,
    /// The interfaces, by index, on which this node is an IPv6 router.
    routers: HashSet<u32>,
    pace: Pace,
}

impl Round {
    fn prepare(route: &mut Route, orders: &Orders) -> Result<Self, netlink::Error> {
        let links = route.links()?;
        Ok(Self {
            announcer: Announcer::open()?,
            gateways: if orders.ask_gateways { route.gateways()? } else { Vec::new() },
            routers: routers(&links, &orders.addresses),
            links,
            pace: Pace::new(&RunDir::system().announcement_pace(), GAP),
        })
    }

    /// `spread`: the time from one address to the next, at least [`GAP`]. What cannot be sent is told, and the rest is
    /// sent: the addresses are up, and some neighbours that have not heard are no reason to take them down.
    fn send(&mut self, addresses: &[Announcement], spread: Duration, tell: impl Fn(String)) {
        let mut failed: Option<(netlink::Error, usize)> = None;
        for Announcement { address, interface } in addresses {
            let link = self.links.iter().find(|link| link.index == *interface);
            // Loopbacks and tunnels have no neighbours to tell.
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
            tell(format!("announcements: {count} of {} failed: {error}", addresses.len()));
        }
    }
}

/// The kernel's own answers say the same: what it forwards from an interface makes this node a router there.
fn routers(links: &[Link], addresses: &[Announcement]) -> HashSet<u32> {
    let with_ipv6: HashSet<u32> =
        addresses.iter().filter(|place| place.address.is_ipv6()).map(|place| place.interface).collect();
    let forwards = |link: &&Link| {
        let value = sysctl::read(&format!("net/ipv6/conf/{}/forwarding", link.name));
        value.is_ok_and(|value| value != "0")
    };
    links.iter().filter(|link| with_ipv6.contains(&link.index)).filter(forwards).map(|link| link.index).collect()
}

/// Interfaces with neighbours that cannot be told: their link-layer addresses are not Ethernet's.
fn silent<'a>(links: &'a [Link], addresses: &'a [Announcement]) -> impl Iterator<Item = &'a Link> {
    let has_neighbours = |link: &&Link| link.mac.is_none() && !link.loopback && !link.no_arp && !link.point_to_point;
    let is_meant = |link: &&Link| addresses.iter().any(|announcement| announcement.interface == link.index);
    links.iter().filter(has_neighbours).filter(is_meant)
}
