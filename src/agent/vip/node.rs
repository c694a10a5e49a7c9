//! This node as an action finds it, and the changes of its addresses: all of them or none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::place::Wanted;
use crate::model::{AddressChange, InterfaceAddress};
use crate::netlink::Route;
use crate::netlink::route::{Events, Link, ObservedAddress};
use crate::ocf::{Call, Failure, Problems};
use crate::plan::{self, AddressTable};
use crate::system::{FileError, namespace, sysctl};

/// Longer than the kernel's duplicate address detection with its defaults (random delay up to 1 s, one probe of 1 s).
const DUPLICATE_DETECTION: Duration = Duration::from_secs(5);
/// A link that was just set up takes a moment to find its carrier.
const CARRIER: Duration = Duration::from_secs(3);

pub struct Node {
    pub route: Route,
    pub links: Vec<Link>,
    pub observed: Vec<ObservedAddress>,
    /// The same, without what nobody can choose.
    pub held: Vec<InterfaceAddress>,
}

impl Node {
    /// The node, or the network namespace of it that is named.
    ///
    /// # Errors
    /// Not installed: there is no such namespace.
    pub fn enter(network_namespace: Option<&str>) -> Result<Self, Failure> {
        if let Some(name) = network_namespace {
            if !namespace::exists(name) {
                let text = format!("network_namespace \"{name}\": find: there is none of that name (ip netns list)");
                return Err(Failure::not_installed(text));
            }
            namespace::enter(name)?;
        }
        let mut route = Route::open()?;
        let links = route.links()?;
        let mut node = Self { route, links, observed: Vec::new(), held: Vec::new() };
        node.look_again()?;
        Ok(node)
    }

    /// What changes while we look: addresses.
    pub fn look_again(&mut self) -> Result<(), Failure> {
        self.observed = self.route.addresses_on(&self.links)?;
        self.held = self.observed.iter().map(|observed| observed.address.clone()).collect();
        Ok(())
    }

    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }

    /// An address on an interface that is down reaches nobody. Links that go down later are for monitor to tell.
    pub fn raise_links(&mut self, call: &Call, wanted: &[Wanted]) -> Result<(), Failure> {
        let is_wanted = |link: &&Link| wanted.iter().any(|wanted| wanted.place.interface == link.index);
        let down: Vec<Link> = self.links.iter().filter(is_wanted).filter(|link| !link.up).cloned().collect();
        for link in &down {
            call.log().info(format!("nic {}: set up", link.name));
            self.route.set_up(link.index)?;
        }
        if !down.is_empty() {
            self.links = self.route.links()?;
        }
        if call.boolean("check_link_status") { self.wait_for_carrier(call, wanted) } else { Ok(()) }
    }

    /// One interface with a carrier is enough: the others may follow, and monitor tells when they do not.
    fn wait_for_carrier(&mut self, call: &Call, wanted: &[Wanted]) -> Result<(), Failure> {
        let events = Events::subscribe()?;
        let deadline = Instant::now() + CARRIER.min(call.timeout / 4);
        loop {
            let runs = |wanted: &Wanted| self.link(wanted.place.interface).is_some_and(|link| link.running);
            if wanted.iter().any(runs) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let nic = wanted.first().map(|wanted| wanted.nic.as_str()).unwrap_or_default();
                let text = "no carrier: is the cable plugged in, the switch on? (check_link_status=no starts without)";
                return Err(Failure::generic(format!("nic {nic}: use: {text}")));
            }
            events.wait(deadline)?;
            self.links = self.route.links()?;
        }
    }

    /// Executes changes in order. When one fails, those before and after it are undone.
    pub fn change_all(&mut self, call: &Call, changes: &[AddressChange]) -> Result<Undo, Failure> {
        let (undo, result) = self.execute(call, changes)?;
        match result {
            Ok(()) => Ok(undo),
            Err(failure) => {
                undo.execute(self, call);
                Err(failure)
            }
        }
    }

    /// Deletes addresses, as many as can be.
    pub fn delete(&mut self, call: &Call, addresses: &[InterfaceAddress]) -> Result<(), Failure> {
        let changes: Vec<AddressChange> = addresses.iter().cloned().map(AddressChange::Delete).collect();
        self.execute(call, &changes)?.1
    }

    /// Also puts back what the kernel took along. What is deleted must have been observed in this instance's turn: what
    /// another one deletes in the meantime must not come back.
    fn execute(&mut self, call: &Call, changes: &[AddressChange]) -> Result<(Undo, Result<(), Failure>), Failure> {
        log_changes(call, self, changes);
        let results = self.route.change_addresses(changes);
        let mut problems = Problems::default();
        let mut done = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            if problems.keep(result.map_err(Failure::from)) == Some(true) {
                done.push(change.clone());
            }
        }
        if done.iter().any(|change| matches!(change, AddressChange::Delete(_))) {
            self.restore_lost(call, changes)?;
        }
        Ok((Undo { done, before: self.observed.clone() }, problems.finish()))
    }

    fn restore_lost(&mut self, call: &Call, changes: &[AddressChange]) -> Result<(), Failure> {
        let after = self.route.addresses_on(&self.links)?;
        let after: AddressTable<'_> = after.iter().map(|observed| &observed.address).collect();
        let before: Vec<&InterfaceAddress> = self.held.iter().collect();
        let lost = plan::lost_addresses(&before, changes, &after);
        for observed in self.observed.iter().filter(|observed| lost.contains(&&observed.address)) {
            call.log().warning(format!("address {}: went with another of its subnet, added again", observed.address));
            self.route.restore_address(observed)?;
        }
        Ok(())
    }

    /// IPv6 addresses cannot be used before the kernel has found them to be unique on their link.
    pub fn wait_for_duplicate_detection(&mut self, wanted: &[Wanted], events: &Events) -> Result<(), Failure> {
        if wanted.iter().all(|wanted| wanted.place.address.is_ipv4()) {
            return Ok(());
        }
        let deadline = Instant::now() + DUPLICATE_DETECTION;
        loop {
            self.look_again()?;
            let (mut open, mut twins) = (Vec::new(), Problems::default());
            let observed = self.observed_by_identity();
            for wanted in wanted {
                let Some(observed) = observed.get(&wanted.place.identity()) else { continue };
                if observed.dad_failed {
                    let text = "another host on the link has it (duplicate address detection)";
                    let text = format!("ip \"{}\": add to {}: {text}", wanted.place.address, wanted.nic);
                    twins.keep(Err::<(), _>(Failure::generic(text)));
                } else if observed.tentative && !observed.optimistic {
                    open.push(wanted);
                }
            }
            twins.finish()?;
            let Some(first) = open.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                let text = "duplicate address detection has not ended; is there a carrier? (nodad=yes skips it)";
                return Err(Failure::generic(format!("ip \"{}\": add to {}: {text}", first.place.address, first.nic)));
            }
            events.wait(deadline)?;
        }
    }

    /// The addresses by what makes them themselves; of several IPv4 copies, one.
    pub fn observed_by_identity(&self) -> HashMap<(IpAddr, u32), &ObservedAddress> {
        self.observed.iter().map(|observed| (observed.address.identity(), observed)).collect()
    }

    /// Makes the kernel forget what it has cached of routes, for `flush_routes`.
    pub fn flush_cached_routes(&self) -> Result<(), FileError> {
        ["net/ipv4/route/flush", "net/ipv6/route/flush"].into_iter().filter(|name| sysctl::exists(name)).try_for_each(
            // Anything that is written flushes at once; a number that is not negative would be a delay in seconds.
            |name| sysctl::write(name, "-1"),
        )
    }
}

/// What was done, to be undone.
#[must_use]
pub struct Undo {
    done: Vec<AddressChange>,
    before: Vec<ObservedAddress>,
}

impl Undo {
    /// As far as possible: what fails here is told, and `stop` will try again.
    pub fn execute(&self, node: &mut Node, call: &Call) {
        let came = self.done.iter().rev().filter(|change| matches!(change, AddressChange::Add(..)));
        let deletions: Vec<AddressChange> = came.map(|change| AddressChange::Delete(change.place().clone())).collect();
        if !deletions.is_empty() {
            call.log().info(format!("{} addresses: taken back", deletions.len()));
        }
        let went = |observed: &&ObservedAddress| {
            self.done.iter().any(|change| matches!(change, AddressChange::Delete(place) if *place == observed.address))
        };
        let deleted = node.route.change_addresses(&deletions).into_iter().map(|result| result.map(drop));
        let deleted: Vec<_> = deleted.collect();
        let restored = self.before.iter().filter(went).map(|observed| node.route.restore_address(observed).map(drop));
        for error in deleted.into_iter().chain(restored).filter_map(Result::err) {
            call.log().warning(format!("taking back what was changed: {error}"));
        }
    }
}

/// A line for each of a few changes, and one for all of many.
fn log_changes(call: &Call, node: &Node, changes: &[AddressChange]) {
    /// As many lines as an administrator reads.
    const LINES: usize = 20;
    let nic = |place: &InterfaceAddress| {
        node.link(place.interface).map_or_else(|| place.interface.to_string(), |link| link.name.clone())
    };
    for change in changes.iter().take(LINES) {
        let place = change.place();
        match change {
            AddressChange::Add(..) => call.log().info(format!("address {place}: add to {}", nic(place))),
            AddressChange::Delete(_) => call.log().info(format!("address {place}: delete from {}", nic(place))),
        }
    }
    if changes.len() > LINES {
        call.log().info(format!("and {} more changes of addresses", changes.len() - LINES));
    }
}
