//! Changes this node's addresses, and leaves those of others as they are.

use foldhash::{HashMap, HashSet};

use super::node::VipNode;
use super::parameters::VipCall;
use super::record::AddressRecord;
use super::subnet;
use crate::model::{AddressChange, InterfaceAddress};
use crate::netlink::route::{AddressRequest, ObservedAddress};
use crate::ocf::{Failure, Problems};
use crate::plan::{self, AddressTable};

impl VipNode {
    /// Executes changes in order, each whatever became of those before, and looks at the addresses again where some
    /// were deleted. What is deleted must have been observed while the lock of the folder was held: what another
    /// instance deletes in the meantime must not come back.
    ///
    /// # Errors
    /// The failure names every change that the kernel refused.
    pub fn change(
        &mut self,
        call: &VipCall<'_>,
        record: &mut AddressRecord,
        changes: &[AddressChange],
    ) -> Result<(), Failure> {
        log_changes(call, self, changes);
        let promoting = plan::interfaces_to_promote_on(&self.held, changes);
        subnet::keep_others(call, self, record, &promoting).unwrap_or_else(|failure| call.log().warning(failure));
        let requests = self.requests(changes);
        let mut problems = Problems::default();
        for result in self.route.execute(&requests) {
            problems.keep(result.map_err(Failure::from));
        }
        if changes.iter().any(|change| matches!(change, AddressChange::Delete(_))) {
            // Our addresses are as wanted. What becomes of others' is not a reason to fail, which would get the node
            // fenced.
            self.restore_lost(call, changes).unwrap_or_else(|failure| call.log().error(failure));
        }
        subnet::release(call, record);
        problems.finish()
    }

    /// Deletes addresses of a device that has no subnets, such as the loopback's, as many as can be.
    ///
    /// # Errors
    /// The failure names every address that the kernel refused to delete.
    pub fn delete(&mut self, call: &VipCall<'_>, addresses: &[InterfaceAddress]) -> Result<(), Failure> {
        let changes: Vec<AddressChange> = addresses.iter().cloned().map(AddressChange::Delete).collect();
        log_changes(call, self, &changes);
        let requests = self.requests(&changes);
        Failure::collect(self.route.execute(&requests).into_iter().map(|result| Ok(result.map(drop)?)))
    }

    /// Returns the requests for changes. An address is deleted as it was observed: without its peer, the kernel would
    /// not find it.
    fn requests(&self, changes: &[AddressChange]) -> Vec<AddressRequest> {
        let observed: HashMap<&InterfaceAddress, &ObservedAddress> =
            self.observed.iter().map(|observed| (&observed.address, observed)).collect();
        let request = |change: &AddressChange| match change {
            AddressChange::Delete(address) => observed.get(address).map(|observed| AddressRequest::remove(observed)),
            AddressChange::Add(..) => None,
        };
        changes.iter().map(|change| request(change).unwrap_or_else(|| AddressRequest::change(change.clone()))).collect()
    }

    /// Adds addresses again that went with others of their subnet, because [`subnet`] could not keep them.
    fn restore_lost(&mut self, call: &VipCall<'_>, changes: &[AddressChange]) -> Result<(), Failure> {
        let (before, held_before) = (std::mem::take(&mut self.observed), std::mem::take(&mut self.held));
        self.look_again()?;
        let after: AddressTable<'_> = self.held.iter().collect();
        let lost: HashSet<&InterfaceAddress> =
            plan::lost_addresses(&held_before, changes, &after).into_iter().collect();
        let lost: Vec<&ObservedAddress> = before.iter().filter(|observed| lost.contains(&observed.address)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        for observed in &lost {
            call.log().warning(format!("address {}: went with another of its subnet, added again", observed.address));
        }
        let requests: Vec<AddressRequest> = lost.into_iter().map(AddressRequest::restore).collect();
        let restored = self.route.execute(&requests);
        self.look_again()?;
        Failure::collect(restored.into_iter().map(|result| Ok(result.map(drop)?)))
    }
}

/// Logs a line for each of a few changes, and one for all of many.
fn log_changes(call: &VipCall<'_>, node: &VipNode, changes: &[AddressChange]) {
    /// Administrators do not read more lines than these.
    const LINES: usize = 20;
    let nic = |held: &InterfaceAddress| {
        node.link(held.interface).map_or_else(|| held.interface.to_string(), |link| link.name.clone())
    };
    for change in changes.iter().take(LINES) {
        let address = change.address();
        match change {
            AddressChange::Add(..) => call.log().info(format!("address {address}: add to {}", nic(address))),
            AddressChange::Delete(_) => call.log().info(format!("address {address}: delete from {}", nic(address))),
        }
    }
    if changes.len() > LINES {
        call.log().info(format!("and {} more changes of addresses", changes.len() - LINES));
    }
}
