//! `ocf:rust:vip`: addresses on an interface of this node, and their announcement to the neighbours.
//!
//! Which address went to which interface is written to `<run>/vip/<instance>.json` before the kernel is touched: from
//! there `stop` knows what to remove whatever became of the parameters and the routes.

mod description;
mod wanted;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::announcer;
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{AddressOptions, Link, ObservedAddress};
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{self, AddressState};
use crate::system::{Folder, RunDir};
use wanted::Wanted;

/// Longer than the kernel's duplicate address detection with its defaults (random delay up to 1 s, one probe of 1 s).
const DUPLICATE_DETECTION: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

pub struct Vip;

/// An address that this instance has put on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Placed {
    address: std::net::IpAddr,
    prefix_length: u8,
    nic: String,
}

impl Agent for Vip {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        let parameters = wanted::parse(call)?;
        if level == ValidationLevel::Local {
            wanted::locate(&parameters, &mut Route::open()?)?;
        }
        Ok(())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let mut route = Route::open()?;
        let wanted = wanted::locate(&wanted::parse(call)?, &mut route)?;
        record(call, &wanted)?;
        let observed = bare(&route.addresses()?);
        Failure::collect(wanted.iter().map(|wanted| bring_about(call, &mut route, wanted, &observed)))?;
        wait_for_duplicate_detection(&mut route, &wanted)?;
        announcer::start(call, wanted.iter().map(|wanted| &wanted.place))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let mut route = Route::open()?;
        let folder = RunDir::system().addresses();
        let links = route.links()?;
        let observed = route.addresses()?;
        let ours = placed_before(call, &folder, &mut route);
        let ours = ours.iter().flat_map(|placed| held_as(placed, &links, &observed));
        Failure::collect(ours.map(|held| {
            call.log().info(format!("address {held}: delete from interface {}", held.interface));
            route.delete_address(&held).map(|_| ()).map_err(Failure::from)
        }))?;
        Ok(folder.remove(&call.instance)?)
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let mut route = Route::open()?;
        let located = wanted::parse(call).and_then(|parameters| wanted::locate(&parameters, &mut route));
        let wanted = located.or_else(|failure| explain(call, &mut route, failure))?;
        let observed = route.addresses()?;
        let addresses = bare(&observed);
        let state = |wanted: &Wanted| plan::address_state(&wanted.place, &addresses);
        if wanted.iter().all(|wanted| state(wanted) == AddressState::Missing) {
            return Ok(Status::Stopped);
        }
        let faults = wanted.iter().filter_map(|wanted| fault(wanted, &state(wanted), &observed));
        Failure::collect(faults.map(|text| Err(Failure::generic(text))))?;
        Ok(Status::Running)
    }
}

/// Where the addresses belong cannot be told. A probe takes that for "not running here", which is wrong while one of
/// them is still on an interface: then it must be stopped.
fn explain(call: &Call, route: &mut Route, failure: Failure) -> Result<Vec<Wanted>, Failure> {
    let (links, observed) = (route.links()?, route.addresses()?);
    let record = placed_before(call, &RunDir::system().addresses(), route);
    match record.iter().flat_map(|placed| held_as(placed, &links, &observed)).next() {
        Some(held) => Err(Failure::generic(format!("address {held}: still on its interface, but {failure}"))),
        None => Err(failure),
    }
}

fn bare(observed: &[ObservedAddress]) -> Vec<InterfaceAddress> {
    observed.iter().map(|held| held.address.clone()).collect()
}

/// Adds to the record: an address of an earlier start with other parameters must still be removed by the next stop.
fn record(call: &Call, wanted: &[Wanted]) -> Result<(), Failure> {
    let folder = RunDir::system().addresses();
    let mut record: Vec<Placed> = folder.read_json(&call.instance).unwrap_or_default();
    for wanted in wanted {
        let place = &wanted.place;
        let placed = Placed { address: place.address, prefix_length: place.prefix_length, nic: wanted.nic.clone() };
        if !record.contains(&placed) {
            record.push(placed);
        }
    }
    Ok(folder.write_json(&call.instance, &record)?)
}

fn bring_about(call: &Call, route: &mut Route, wanted: &Wanted, observed: &[InterfaceAddress]) -> Result<(), Failure> {
    let state = plan::address_state(&wanted.place, observed);
    if state == AddressState::Present {
        return Ok(());
    }
    if let AddressState::Different(held) = &state {
        call.log().info(format!("address {held}: replace on {} by {}", wanted.nic, wanted.place));
        // IPv6 keeps an address once for each interface, IPv4 once for each prefix and label: only after its removal
        // can it be added in another form.
        route.delete_address(held)?;
    }
    call.log().info(format!("address {}: add to {}", wanted.place, wanted.nic));
    let options = AddressOptions { no_dad: call.boolean("nodad"), no_prefix_route: call.boolean("noprefixroute") };
    route.add_address(&wanted.place, options)?;
    Ok(())
}

/// IPv6 addresses cannot be used before the kernel has found them to be unique on their link.
fn wait_for_duplicate_detection(route: &mut Route, wanted: &[Wanted]) -> Result<(), Failure> {
    if wanted.iter().all(|wanted| wanted.place.address.is_ipv4()) {
        return Ok(());
    }
    let deadline = Instant::now() + DUPLICATE_DETECTION;
    loop {
        let observed = route.addresses()?;
        let held = |wanted: &Wanted| observed.iter().find(|held| wanted.is(&held.address));
        if let Some(twin) = wanted.iter().find(|wanted| held(wanted).is_some_and(|held| held.dad_failed)) {
            let text = format!("ip \"{}\": add to {}: another host has it", twin.place.address, twin.nic);
            return Err(Failure::generic(text));
        }
        let Some(open) = wanted.iter().find(|wanted| held(wanted).is_some_and(|held| held.tentative)) else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            let text = "duplicate address detection has not ended; is there a carrier? (nodad=yes skips it)";
            return Err(Failure::generic(format!("ip \"{}\": add to {}: {text}", open.place.address, open.nic)));
        }
        std::thread::sleep(POLL);
    }
}

fn fault(wanted: &Wanted, state: &AddressState, observed: &[ObservedAddress]) -> Option<String> {
    let name = format!("ip \"{}\"", wanted.place.address);
    let nic = &wanted.nic;
    match state {
        AddressState::Missing => Some(format!("{name}: missing on {nic}, while others of the resource are there")),
        AddressState::Different(held) => Some(format!("{name}: is {held} on {nic}, must be {}", wanted.place)),
        AddressState::Present => {
            let held = observed.iter().find(|held| wanted.is(&held.address));
            held.is_some_and(|held| held.dad_failed).then(|| format!("{name}: another host has it"))
        }
    }
}

/// What this instance has placed: by its record; without one, by the parameters as far as they can be read.
fn placed_before(call: &Call, folder: &Folder, route: &mut Route) -> Vec<Placed> {
    if let Some(record) = folder.read_json(&call.instance) {
        return record;
    }
    let located = wanted::parse(call).and_then(|parameters| wanted::locate(&parameters, route));
    let placed = |wanted: Wanted| Placed {
        address: wanted.place.address,
        prefix_length: wanted.place.prefix_length,
        nic: wanted.nic,
    };
    located.unwrap_or_default().into_iter().map(placed).collect()
}

/// The address as the interface holds it now, if the interface is there and does.
fn held_as(placed: &Placed, links: &[Link], observed: &[ObservedAddress]) -> Vec<InterfaceAddress> {
    let Some(link) = links.iter().find(|link| link.name == placed.nic) else { return Vec::new() };
    let ours = observed.iter().filter(|held| {
        held.address.address == placed.address
            && held.address.interface == link.index
            && held.address.prefix_length == placed.prefix_length
    });
    ours.map(|held| held.address.clone()).collect()
}
