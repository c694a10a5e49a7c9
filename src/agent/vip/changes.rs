//! Changes of this node's addresses: all of them or none.

use super::node::Node;
use crate::model::{AddressChange, InterfaceAddress};
use crate::netlink::route::ObservedAddress;
use crate::ocf::{Call, Failure, Problems};
use crate::plan::{self, AddressTable};

impl Node {
    /// Executes changes in order. When one fails, those before and after it are undone.
    pub fn change_all(&mut self, call: &Call, changes: &[AddressChange]) -> Result<Undo, Failure> {
        let (undo, result) = self.execute(call, changes);
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
        self.execute(call, &changes).1
    }

    /// What is deleted must have been observed in this instance's turn: what another one deletes in the meantime must
    /// not come back.
    fn execute(&mut self, call: &Call, changes: &[AddressChange]) -> (Undo, Result<(), Failure>) {
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
            // Ours are as wanted: what becomes of others' is no reason to fail, which would get the node fenced.
            self.restore_lost(call, &done).unwrap_or_else(|failure| call.log().error(failure));
        }
        (Undo { done, before: self.observed.clone() }, problems.finish())
    }

    /// Where [`super::neighbours`] could not keep them.
    fn restore_lost(&mut self, call: &Call, done: &[AddressChange]) -> Result<(), Failure> {
        let after = self.route.addresses_on(&self.links)?;
        let after: AddressTable<'_> = after.iter().map(|observed| &observed.address).collect();
        let before: Vec<&InterfaceAddress> = self.held.iter().collect();
        let lost = plan::lost_addresses(&before, done, &after);
        for observed in self.observed.iter().filter(|observed| lost.contains(&&observed.address)) {
            call.log().warning(format!("address {}: went with another of its subnet, added again", observed.address));
            self.route.restore_address(observed)?;
        }
        // Those of ours that came before the deletion that took them along.
        let came = done.iter().filter(|change| matches!(change, AddressChange::Add(..)));
        let places: Vec<&InterfaceAddress> = came.clone().map(AddressChange::address).collect();
        let lost = plan::lost_addresses(&places, done, &after);
        let again: Vec<AddressChange> = came.filter(|change| lost.contains(&change.address())).cloned().collect();
        Failure::collect(
            self.route.change_addresses(&again).into_iter().map(|added| added.map(drop).map_err(Into::into)),
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
    /// The addresses that go when it is executed.
    pub fn leaving(&self) -> Vec<InterfaceAddress> {
        let came = self.done.iter().filter(|change| matches!(change, AddressChange::Add(..)));
        came.map(|change| change.address().clone()).collect()
    }

    /// As far as possible: what fails here is told, and `stop` will try again.
    pub fn execute(&self, node: &mut Node, call: &Call) {
        let came = self.done.iter().rev().filter(|change| matches!(change, AddressChange::Add(..)));
        let deletions: Vec<AddressChange> =
            came.map(|change| AddressChange::Delete(change.address().clone())).collect();
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
        let place = change.address();
        match change {
            AddressChange::Add(..) => call.log().info(format!("address {place}: add to {}", nic(place))),
            AddressChange::Delete(_) => call.log().info(format!("address {place}: delete from {}", nic(place))),
        }
    }
    if changes.len() > LINES {
        call.log().info(format!("and {} more changes of addresses", changes.len() - LINES));
    }
}
