//! One start, reload or stop as it changes this node. It owns the record, the changes of the kernel and the way back.
//! The record names what may be there before the kernel is touched, is completed last, and says after a way back what
//! it said before.

use foldhash::HashSet;
use std::net::IpAddr;

use super::assignment::Assignment;
use super::loopback::{self, MovedAside};
use super::node::VipNode;
use super::owner::{self, AddressClaims};
use super::parameters::VipCall;
use super::record::{self, AddressRecord};
use super::{policy, subnet, verdict};
use crate::agent::announcer::{self, AnnouncementOrders};
use crate::agent::{forget, lock_folder};
use crate::model::{AddressChange, AddressOptions, InterfaceAddress};
use crate::netlink::route::{AddressRequest, Events, ObservedAddress};
use crate::ocf::Failure;
use crate::plan;
use crate::system::RunDir;

/// Changes are planned anew after deletions: where `promote_secondaries` cannot be set, a deletion may have taken an
/// address along that has just come.
const PASSES: usize = 3;

/// A change of this node that can be undone.
pub struct Transaction<'a> {
    call: &'a VipCall<'a>,
    node: &'a mut VipNode,
    /// What may be of this instance now.
    record: AddressRecord,
    /// The record that was written before, if there was one.
    former: Option<AddressRecord>,
    /// The addresses of this node before the first change.
    before: Vec<ObservedAddress>,
    /// Those of them that were deleted.
    deleted: HashSet<InterfaceAddress>,
    /// The addresses that were added or changed, by identity.
    touched: HashSet<(IpAddr, u32)>,
}

impl<'a> Transaction<'a> {
    /// Begins with the record of an earlier action, if there is one.
    pub fn new(call: &'a VipCall<'a>, node: &'a mut VipNode, record: Option<AddressRecord>) -> Self {
        Self {
            call,
            node,
            former: record.clone(),
            record: record.unwrap_or_default(),
            before: Vec::new(),
            deleted: HashSet::default(),
            touched: HashSet::default(),
        }
    }

    /// Begins with addresses that are there without a record.
    pub fn taking_over(call: &'a VipCall<'a>, node: &'a mut VipNode, held: &[InterfaceAddress]) -> Self {
        let record = AddressRecord::of_what_is_there(call, &node.links, held);
        Self { record, ..Self::new(call, node, None) }
    }

    /// Puts the wanted addresses up, and removes what an earlier start with other parameters has left. It holds the
    /// lock of the folder: what another instance removes meanwhile must not come back.
    ///
    /// # Errors
    /// It fails when another instance has one of the addresses, and when one cannot be changed; the others are, until
    /// the way back.
    pub fn apply_addresses(&mut self, wanted: &[Assignment], options: AddressOptions) -> Result<(), Failure> {
        let _lock = lock_folder(self.call, &record::folder());
        self.look(wanted)?;
        self.refuse_what_others_have()?;
        self.record.enter(self.call.namespace());
        self.record.begin(wanted);
        record::write(self.call, &self.record)?;
        self.change_until_done(|transaction| {
            let former =
                AddressClaims::recorded(&transaction.record).of_ours(&transaction.node.links, &transaction.node.held);
            let former = former.into_iter().filter(|held| !transaction.touched.contains(&held.identity())).collect();
            let mut changes = transaction.outstanding(wanted, options);
            changes.extend(plan::deletion_order(former).into_iter().map(AddressChange::Delete));
            changes
        })
    }

    /// Gives addresses that are there the form and the labels that the parameters ask for now.
    ///
    /// # Errors
    /// The failure names what could not be changed.
    pub fn relabel(&mut self, wanted: &[Assignment], options: AddressOptions) -> Result<(), Failure> {
        {
            let _lock = lock_folder(self.call, &record::folder());
            self.look(wanted)?;
            record::write(self.call, &self.record)?;
            self.change_until_done(|transaction| transaction.outstanding(wanted, options))?;
        }
        policy::apply(self.call, self.node, wanted, &mut self.record)
    }

    fn look(&mut self, wanted: &[Assignment]) -> Result<(), Failure> {
        self.node.look_again()?;
        self.before.clone_from(&self.node.observed);
        self.touched = wanted.iter().map(|wanted| wanted.address.identity()).collect();
        Ok(())
    }

    fn change_until_done(&mut self, plan: impl Fn(&Self) -> Vec<AddressChange>) -> Result<(), Failure> {
        for _ in 0..PASSES {
            let changes = plan(self);
            self.change(&changes)?;
            if !changes.iter().any(|change| matches!(change, AddressChange::Delete(_))) {
                break;
            }
        }
        Ok(())
    }

    /// Returns the changes that lead from the addresses that are there to the wanted ones.
    fn outstanding(&self, wanted: &[Assignment], options: AddressOptions) -> Vec<AddressChange> {
        let wanted: Vec<InterfaceAddress> = wanted.iter().map(|wanted| wanted.address.clone()).collect();
        plan::address_changes(&wanted, options, &self.node.held.iter().collect())
    }

    fn change(&mut self, changes: &[AddressChange]) -> Result<(), Failure> {
        self.deleted.extend(changes.iter().filter_map(|change| match change {
            AddressChange::Delete(address) => Some(address.clone()),
            AddressChange::Add(..) => None,
        }));
        self.node.change(self.call, &mut self.record, changes)
    }

    /// Refuses addresses that another instance has: two instances with one address would take it from each other.
    fn refuse_what_others_have(&self) -> Result<(), Failure> {
        let known: HashSet<InterfaceAddress> =
            AddressClaims::recorded(&self.record).of_ours(&self.node.links, &self.node.held).into_iter().collect();
        let held = self.node.held.iter().filter(|held| self.touched.contains(&held.identity()));
        let held: Vec<InterfaceAddress> = held.filter(|held| !known.contains(held)).cloned().collect();
        if held.is_empty() {
            return Ok(());
        }
        let others = record::others(self.call);
        let taken = owner::held_by_others(&self.touched, &self.node.links, &held, &others);
        let text = |(held, name): &(InterfaceAddress, &str)| {
            let nic = self.node.link(held.interface).map_or("its interface", |link| link.name.as_str());
            format!(
                "ip \"{}\": add to {nic}: resource {name} has it on this node; remove it from one of the two",
                held.address
            )
        };
        let texts: Vec<String> = taken.iter().map(text).collect();
        if texts.is_empty() { Ok(()) } else { Err(Failure::generic(verdict::summary(&texts))) }
    }

    /// Makes addresses that are there usable for clients.
    pub fn put_into_service(&mut self, wanted: &[Assignment], events: &Events) -> Result<(), Failure> {
        self.node.wait_for_duplicate_detection(self.call, wanted, events)?;
        policy::apply(self.call, self.node, wanted, &mut self.record)?;
        {
            let _lock = lock_folder(self.call, &RunDir::system().real_servers());
            loopback::move_aside(self.call, self.node, wanted, &mut self.record)?;
        }
        let (places, parameters) = (wanted.iter().map(|wanted| &wanted.address), &self.call.parameters);
        let orders = AnnouncementOrders::new(places, parameters.announcements, parameters.arp_gateway);
        announcer::announce(self.call, &orders)
    }

    /// Writes down that all of it was done.
    pub fn complete(&mut self, wanted: &[Assignment]) -> Result<(), Failure> {
        let completed = self.record.completed(wanted);
        record::write(self.call, &completed)
    }

    /// Puts everything back as it was before. What fails here is logged, and stays in the record for `stop`.
    pub fn roll_back(mut self) {
        let _lock = lock_folder(self.call, &record::folder());
        let _real_servers_lock = lock_folder(self.call, &RunDir::system().real_servers());
        let aside = self.bring_back_to_the_loopback();
        self.give_back_addresses().unwrap_or_else(|failure| {
            self.call.log().warning(format!("taking back what was changed: {failure}"));
        });
        self.rewrite_record(aside).unwrap_or_else(|failure| self.call.log().warning(failure));
    }

    /// Puts back what had moved aside for the addresses that go. Those of an earlier start stay, and so does what moved
    /// aside for them. Returns what could not be put back.
    fn bring_back_to_the_loopback(&mut self) -> Vec<MovedAside> {
        let former = self.former.clone().unwrap_or_default();
        let mut going = self.record.without(&former);
        going.moved_aside.retain(|aside| !former.moved_aside.contains(aside));
        let addresses = going.all().map(|recorded| recorded.address).collect();
        let restored = loopback::restore(self.call, self.node, &addresses, &mut going);
        restored.unwrap_or_else(|failure| self.call.log().warning(failure));
        going.moved_aside
    }

    fn give_back_addresses(&mut self) -> Result<(), Failure> {
        self.node.look_again()?;
        let before: HashSet<&InterfaceAddress> = self.before.iter().map(|observed| &observed.address).collect();
        let is_new = |held: &&InterfaceAddress| self.touched.contains(&held.identity()) && !before.contains(held);
        let came: Vec<InterfaceAddress> = self.node.held.iter().filter(is_new).cloned().collect();
        if !came.is_empty() {
            self.call.log().info(format!("{} addresses: taken back", came.len()));
        }
        let deletions: Vec<AddressChange> = plan::deletion_order(came).into_iter().map(AddressChange::Delete).collect();
        let taken_back = self.node.change(self.call, &mut self.record, &deletions);
        let there: HashSet<&InterfaceAddress> = self.node.held.iter().collect();
        // What another instance has deleted in the meantime must not come back.
        let is_gone = |observed: &&ObservedAddress| {
            self.deleted.contains(&observed.address) && !there.contains(&observed.address)
        };
        let restorations: Vec<AddressRequest> =
            self.before.iter().filter(is_gone).map(AddressRequest::restore).collect();
        let put_back = self.node.route.execute(&restorations).into_iter().map(|result| Ok(result.map(drop)?));
        Failure::collect([taken_back].into_iter().chain(put_back))
    }

    /// Writes the record as it was before, with what could not be taken back.
    fn rewrite_record(&mut self, aside: Vec<MovedAside>) -> Result<(), Failure> {
        self.node.look_again()?;
        let mut record = self.former.take().unwrap_or_else(|| AddressRecord::of_what_is_there(self.call, &[], &[]));
        let former = AddressClaims::recorded(&record).of_ours(&self.node.links, &self.node.held);
        let kept: HashSet<&InterfaceAddress> =
            self.before.iter().map(|observed| &observed.address).chain(&former).collect();
        let left = AddressClaims::recorded(&self.record).of_ours(&self.node.links, &self.node.held);
        let left: Vec<InterfaceAddress> = left.into_iter().filter(|held| !kept.contains(held)).collect();
        record.add_unfinished(&self.node.links, &left);
        record.promoting.clone_from(&self.record.promoting);
        record.moved_aside.extend(aside);
        policy::remove(self.call, self.node, &self.record.without(&record));
        record.policy_label = self.record.policy_label.filter(|_| record.all().next().is_some());
        if record.is_empty() {
            forget(self.call, &record::folder());
            return Ok(());
        }
        record::write(self.call, &record)
    }

    /// Takes every address of this instance off its interface, and looks whether one is left. Returns what could not be
    /// put back on the loopback, as a record for the next stop.
    ///
    /// # Errors
    /// It fails when one is left.
    pub fn withdraw(
        &mut self,
        claims: impl Fn(&mut VipNode) -> Result<AddressClaims, Failure>,
    ) -> Result<AddressRecord, Failure> {
        let _lock = lock_folder(self.call, &record::folder());
        // A realserver instance that starts now must not take the address for ours.
        let _real_servers_lock = lock_folder(self.call, &RunDir::system().real_servers());
        self.node.look_again()?;
        // The claims are read before anything goes: without a record, routes that go with an address may be what tells
        // whose it is.
        let claims = claims(self.node)?;
        let leaving = claims.of_ours(&self.node.links, &self.node.held);
        if self.former.is_none() {
            self.record = AddressRecord::of_what_is_there(self.call, &self.node.links, &leaving);
        }
        let addresses = self.addresses();
        let restored = loopback::restore(self.call, self.node, &addresses, &mut self.record);
        let deletions: Vec<AddressChange> =
            plan::deletion_order(leaving).into_iter().map(AddressChange::Delete).collect();
        let deleted = self.change(&deletions);
        subnet::release(self.call, &mut self.record);
        self.prove_absence(&claims, deleted)?;
        // The address is gone. What else is not as it should be is not a reason for fencing.
        restored.unwrap_or_else(|failure| self.call.log().warning(failure));
        policy::remove(self.call, self.node, &self.record);
        Ok(self.record.to_be_put_back())
    }

    /// Looks whether the addresses are gone. Whatever the kernel has answered, what it shows now is the proof.
    fn prove_absence(&mut self, claims: &AddressClaims, deleted: Result<(), Failure>) -> Result<(), Failure> {
        self.node.look_again()?;
        let left = claims.of_ours(&self.node.links, &self.node.held);
        let Some(first) = left.first() else {
            deleted.unwrap_or_else(|failure| self.call.log().warning(failure));
            return Ok(());
        };
        deleted?;
        let nic = self.node.link(first.interface).map_or("its interface", |link| link.name.as_str());
        let more = if left.len() > 1 { format!(", and {} more", left.len() - 1) } else { String::new() };
        Err(Failure::generic(format!("address {first}: delete from {nic}: is still there{more}")))
    }

    /// Returns the addresses that this instance may have had, and has.
    fn addresses(&self) -> HashSet<IpAddr> {
        self.record.all().map(|recorded| recorded.address).collect()
    }
}
