//! `ocf:rust:vip`: addresses on an interface of this node, and their announcement to the neighbours.
//!
//! Which address went to which interface is written to `<run>/vip/<instance>.json` before the kernel is touched: from
//! there `stop` knows what to remove whatever became of the parameters and the routes.

mod description;
mod record;
mod wanted;

use std::time::{Duration, Instant};

use super::{announcer, forget, turn};
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{AddressOptions, Link, ObservedAddress};
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{self, AddressState};
use wanted::Wanted;

/// Longer than the kernel's duplicate address detection with its defaults (random delay up to 1 s, one probe of 1 s).
const DUPLICATE_DETECTION: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

pub struct Vip;

impl Agent for Vip {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        wanted::parse(call)?;
        if level == ValidationLevel::Local {
            let mut route = Route::open()?;
            wanted::locate(call, &route.links()?, &mut route)?;
        }
        Ok(())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let mut route = Route::open()?;
        let links = route.links()?;
        let wanted = wanted::locate(call, &links, &mut route)?;
        record::add(call, &wanted)?;
        set_up(call, &links, &wanted, &mut route)?;
        let observed = replace_outdated(call, &wanted, &mut route)?;
        Failure::collect(wanted.iter().map(|wanted| add_missing(call, wanted, &observed, &mut route)))?;
        wait_for_duplicate_detection(&mut route, &wanted)?;
        announcer::start(call, wanted.iter().map(|wanted| &wanted.place))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let mut route = Route::open()?;
        let _turn = turn(call, &record::folder());
        let (links, observed) = (route.links()?, route.addresses()?);
        remove(call, &ours(call, &links, &observed), &observed, &mut route)?;
        forget(call, &record::folder());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let mut route = Route::open()?;
        let (links, observed) = (route.links()?, route.addresses()?);
        let located = wanted::locate(call, &links, &mut route);
        let wanted = located.map_err(|failure| still_held(failure, &ours(call, &links, &observed)))?;
        let addresses = bare(&observed);
        let state = |wanted: &Wanted| plan::address_state(&wanted.place, &addresses);
        if wanted.iter().all(|wanted| state(wanted) == AddressState::Missing) {
            return Ok(Status::Stopped);
        }
        let faults = wanted.iter().filter_map(|wanted| fault(wanted, &state(wanted), &links, &observed));
        Failure::collect(faults.map(|text| Err(Failure::generic(text))))?;
        Ok(Status::Running)
    }
}

fn bare(observed: &[ObservedAddress]) -> Vec<InterfaceAddress> {
    observed.iter().map(|held| held.address.clone()).collect()
}

fn ours(call: &Call, links: &[Link], observed: &[ObservedAddress]) -> Vec<InterfaceAddress> {
    record::held(record::read(call).as_deref(), wanted::parse(call).ok().as_ref(), links, observed)
}

/// Where the addresses belong cannot be told. A probe takes that for "not running here", which is wrong while one of
/// them is still on an interface: then it must be stopped.
fn still_held(failure: Failure, ours: &[InterfaceAddress]) -> Failure {
    match ours.first() {
        Some(held) => Failure::generic(format!("address {held}: still on its interface, but {failure}")),
        None => failure,
    }
}

/// An address on an interface that is down reaches nobody. Links that go down later are for monitor to tell.
fn set_up(call: &Call, links: &[Link], wanted: &[Wanted], route: &mut Route) -> Result<(), Failure> {
    let is_wanted = |link: &&Link| wanted.iter().any(|wanted| wanted.place.interface == link.index);
    for link in links.iter().filter(is_wanted).filter(|link| !link.up) {
        call.log().info(format!("nic {}: set up", link.name));
        route.set_up(link.index)?;
    }
    Ok(())
}

/// IPv6 keeps an address once for each interface, IPv4 once for each prefix and label: only after its removal can it
/// be added in another form. The addresses that are there afterwards.
fn replace_outdated(call: &Call, wanted: &[Wanted], route: &mut Route) -> Result<Vec<InterfaceAddress>, Failure> {
    let _turn = turn(call, &record::folder());
    let observed = route.addresses()?;
    let addresses = bare(&observed);
    let outdated = |wanted: &Wanted| match plan::address_state(&wanted.place, &addresses) {
        AddressState::Different(held) => Some(held),
        AddressState::Missing | AddressState::Present => None,
    };
    let outdated: Vec<InterfaceAddress> = wanted.iter().filter_map(outdated).collect();
    if outdated.is_empty() {
        return Ok(addresses);
    }
    remove(call, &outdated, &observed, route)?;
    Ok(bare(&route.addresses()?))
}

fn add_missing(call: &Call, wanted: &Wanted, observed: &[InterfaceAddress], route: &mut Route) -> Result<(), Failure> {
    if plan::address_state(&wanted.place, observed) == AddressState::Present {
        return Ok(());
    }
    call.log().info(format!("address {}: add to {}", wanted.place, wanted.nic));
    let options = AddressOptions { no_dad: call.boolean("nodad"), no_prefix_route: call.boolean("noprefixroute") };
    route.add_address(&wanted.place, options)?;
    Ok(())
}

/// Deletes addresses, and only those: with `promote_secondaries` 0 the kernel removes the rest of a subnet together with
/// its first address, which may be other resources' virtual IPs. They are put back. `before` must have been read in this
/// instance's turn: what another one removes in the meantime must not come back.
fn remove(
    call: &Call,
    ours: &[InterfaceAddress],
    before: &[ObservedAddress],
    route: &mut Route,
) -> Result<(), Failure> {
    if ours.is_empty() {
        return Ok(());
    }
    let delete = |address: &InterfaceAddress| {
        call.log().info(format!("address {address}: delete from interface {}", address.interface));
        route.delete_address(address).map(|_| ()).map_err(Failure::from)
    };
    let deleted = Failure::collect(ours.iter().map(delete));
    let after = bare(&route.addresses()?);
    let lost = before.iter().filter(|held| !ours.contains(&held.address) && !after.contains(&held.address));
    for held in lost.filter(|held| ours.iter().any(|address| address.interface == held.address.interface)) {
        call.log().warning(format!("address {}: went with another of its subnet, added again", held.address));
        let options = AddressOptions { no_dad: true, no_prefix_route: held.no_prefix_route };
        route.add_address(&held.address, options)?;
    }
    deleted
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

fn fault(wanted: &Wanted, state: &AddressState, links: &[Link], observed: &[ObservedAddress]) -> Option<String> {
    let name = format!("ip \"{}\"", wanted.place.address);
    let nic = &wanted.nic;
    match state {
        AddressState::Missing => Some(format!("{name}: missing on {nic}, while others of the resource are there")),
        AddressState::Different(held) => Some(format!("{name}: is {held} on {nic}, must be {}", wanted.place)),
        AddressState::Present => {
            let held = observed.iter().find(|held| wanted.is(&held.address));
            let has_twin = held.is_some_and(|held| held.dad_failed);
            let is_down = links.iter().any(|link| link.index == wanted.place.interface && !link.up);
            [(has_twin, "another host has it".to_owned()), (is_down, format!("nic {nic} is down"))]
                .into_iter()
                .find_map(|(is_so, text)| is_so.then(|| format!("{name}: {text}")))
        }
    }
}
