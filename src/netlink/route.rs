//! Links, addresses and connected routes (rtnetlink(7)).
//!
//! Nothing is ever flushed and no route is touched: the kernel adds and removes the connected route with its address.

mod address;
mod connected;
mod constants;
mod events;
mod link;
mod local;
mod neighbour;
mod policy;

use std::collections::HashMap;
use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use nix::errno::Errno;

pub use address::ObservedAddress;
pub use connected::{ConnectedRoute, Gateway, Hop, interface_for, is_in_network};
pub use events::Events;
pub use link::Link;
pub use local::LocalTable;
pub use neighbour::Neighbour;
pub use policy::PolicyLabel;

use super::message::NetlinkRequest;
use super::socket::{BATCH, Socket};
use super::{Error, Result};
use crate::model::{AddressChange, AddressOptions, InterfaceAddress};

/// An open connection to the kernel's routing code, of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Route {
    socket: Socket,
}

impl Route {
    /// Opens the connection.
    ///
    /// # Errors
    /// Fails when there is no netlink.
    pub fn open() -> Result<Self> {
        let socket = Socket::open(NlFamily::Route).map_err(|error| error.during("routes: open a socket"))?;
        Ok(Self { socket })
    }

    /// Reads every interface.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let request = link::list();
        let links = request.and_then(|request| self.list_by(Rtm::Getlink, request, link::decode));
        links.map_err(|error| error.during("interfaces: list"))
    }

    /// Reads every address of every interface, IPv4 and IPv6. While other programs change theirs all the time, the list
    /// may have some that have just gone; an address that was there all the time is never missing.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn addresses(&mut self) -> Result<Vec<ObservedAddress>> {
        let links = self.links()?;
        self.addresses_on(&links)
    }

    /// Reads the same for a caller that knows the interfaces already.
    ///
    /// # Errors
    /// Fails as [`Route::addresses`] does.
    pub fn addresses_on(&mut self, links: &[Link]) -> Result<Vec<ObservedAddress>> {
        let request =
            NetlinkRequest { kind: Rtm::Getaddr.into(), flags: NlmF::empty(), payload: vec![0; address::HEADER] };
        let payloads = self.socket.dump_seen(&request);
        let addresses: Result<Vec<_>> =
            payloads.and_then(|list| list.iter().filter_map(|entry| address::decode(entry).transpose()).collect());
        let mut addresses = addresses.map_err(|error| error.during("addresses: list"))?;
        let names: HashMap<u32, &str> = links.iter().map(|link| (link.index, link.name.as_str())).collect();
        for observed in &mut addresses {
            // The kernel reports its default, the interface's name, as if it had been asked for.
            let name = names.get(&observed.address.interface).copied();
            observed.address.label.take_if(|label| Some(label.as_str()) == name);
        }
        Ok(addresses)
    }

    /// Sets the interface up as `ip link set up` does. It succeeds also when the interface is up already; whether there
    /// is a carrier is another question.
    ///
    /// # Errors
    /// Fails with `ENODEV` when the interface is gone, and with what its driver says.
    pub fn set_up(&mut self, interface: u32) -> Result<()> {
        self.change_link(interface, true).map_err(|error| error.during(format_args!("interface {interface}: set up")))
    }

    /// Sets the interface down as `ip link set down` does: the kernel forgets the interface's routes, and its IPv6
    /// addresses.
    ///
    /// # Errors
    /// Fails with `ENODEV` when the interface is gone, and with what its driver says.
    pub fn set_down(&mut self, interface: u32) -> Result<()> {
        self.change_link(interface, false)
            .map_err(|error| error.during(format_args!("interface {interface}: set down")))
    }

    fn change_link(&mut self, interface: u32, up: bool) -> Result<()> {
        let payload = link::encode_up(interface, up);
        self.socket.ask(&NetlinkRequest { kind: Rtm::Newlink.into(), flags: NlmF::empty(), payload }).map(drop)
    }

    /// Executes changes in order, with one result for each, as [`Route::execute`] gives it.
    ///
    /// # Errors
    /// Fails as [`Route::execute`] does.
    pub fn change_addresses(&mut self, changes: &[AddressChange]) -> Vec<Result<bool>> {
        let requests: Vec<AddressRequest> = changes.iter().cloned().map(AddressRequest::change).collect();
        self.execute(&requests)
    }

    /// Executes requests in order, many in one datagram, with one result for each, whatever became of those before.
    /// False means that it was so already. An IPv4 address that the interface has with another prefix length is added a
    /// second time, while an IPv6 address that it has with any prefix length is there already.
    ///
    /// With `net.ipv4.conf.*.promote_secondaries` 0 the kernel removes the other addresses of the subnet together with
    /// the first of them ([`ObservedAddress::secondary`] is false).
    ///
    /// # Errors
    /// An addition fails with `ENODEV` when its interface is gone, with `EINVAL` for a bad prefix length or label, and
    /// with others. A deletion fails with any error other than "not there".
    pub fn execute(&mut self, requests: &[AddressRequest]) -> Vec<Result<bool>> {
        let mut results = Vec::with_capacity(requests.len());
        for batch in requests.chunks(BATCH) {
            let encoded: Result<Vec<NetlinkRequest>> = batch.iter().map(AddressRequest::encode).collect();
            let answers = match encoded {
                Ok(requests) => self.socket.batch(&requests),
                Err(error) => vec![Err(error); batch.len()],
            };
            results.extend(batch.iter().zip(answers).map(|(request, answer)| address_result(&request.change, answer)));
        }
        results
    }

    /// Does the same as [`Route::change_addresses`] for one address.
    ///
    /// # Errors
    /// Fails as [`Route::execute`] does.
    pub fn add_address(&mut self, address: &InterfaceAddress, options: AddressOptions) -> Result<bool> {
        self.change_address(AddressChange::Add(address.clone(), options))
    }

    /// Does the same as [`Route::change_addresses`] for one address.
    ///
    /// # Errors
    /// Fails as [`Route::execute`] does.
    pub fn delete_address(&mut self, address: &InterfaceAddress) -> Result<bool> {
        self.change_address(AddressChange::Delete(address.clone()))
    }

    fn change_address(&mut self, change: AddressChange) -> Result<bool> {
        self.change_addresses(&[change]).pop().unwrap_or_else(|| Err(Error::malformed("no result")))
    }

    /// Makes an address again as it was observed. False means that it is there.
    ///
    /// # Errors
    /// Fails as [`Route::execute`] does.
    pub fn restore_address(&mut self, observed: &ObservedAddress) -> Result<bool> {
        self.execute(&[AddressRequest::restore(observed)]).pop().unwrap_or_else(|| Err(Error::malformed("no result")))
    }

    /// Reads the labels of single addresses in the selection policy of IPv6; those of networks are left out.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list. It fails with `EOPNOTSUPP` when the kernel has no IPv6.
    pub fn policy_labels(&mut self) -> Result<Vec<PolicyLabel>> {
        let labels = self.list_by(Rtm::Getaddrlabel, policy::list(), policy::decode);
        labels.map_err(|error| error.during("address labels: list"))
    }

    /// Gives an address its label.
    ///
    /// # Errors
    /// Fails with `EEXIST` when it has one, and with `EOPNOTSUPP` when the kernel has no IPv6.
    pub fn add_policy_label(&mut self, label: &PolicyLabel) -> Result<()> {
        self.change_policy_label(Rtm::Newaddrlabel, NlmF::CREATE, label)
            .map_err(|error| error.during(format_args!("{}: set address label {}", label.address, label.label)))
    }

    /// Takes an address's label away. It succeeds when the address has none.
    ///
    /// # Errors
    /// Fails with any error other than "not there".
    pub fn remove_policy_label(&mut self, label: &PolicyLabel) -> Result<()> {
        match self.change_policy_label(Rtm::Deladdrlabel, NlmF::empty(), label) {
            Err(error) if !error.is(Errno::ESRCH) && !error.is(Errno::EOPNOTSUPP) => {
                Err(error.during(format_args!("{}: remove address label", label.address)))
            }
            _ => Ok(()),
        }
    }

    fn change_policy_label(&mut self, kind: Rtm, flags: NlmF, label: &PolicyLabel) -> Result<()> {
        let request = NetlinkRequest { kind: kind.into(), flags, payload: policy::encode(label)? };
        self.socket.ask(&request).map(drop)
    }

    /// Reads the next hops of the main table's routes, each once.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn gateways(&mut self) -> Result<Vec<Gateway>> {
        let gateways = self.list(Rtm::Getroute, connected::HEADER, connected::decode_gateway);
        let mut gateways = gateways.map_err(|error| error.during("routes: list"))?;
        gateways.sort();
        gateways.dedup();
        Ok(gateways)
    }

    /// Asks where the kernel sends what is for this address, by all of its rules and tables. `None`: nowhere.
    ///
    /// # Errors
    /// Fails when the kernel does not answer.
    pub fn hop_to(&mut self, address: IpAddr) -> Result<Option<Hop>> {
        let nowhere = [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EACCES, Errno::EINVAL];
        let payload = connected::encode_route_to(address)?;
        let request = NetlinkRequest { kind: Rtm::Getroute.into(), flags: NlmF::empty(), payload };
        match self.socket.ask(&request) {
            Ok(payloads) => payloads.first().map_or(Ok(None), |payload| connected::decode_hop(payload)),
            Err(error) if nowhere.iter().any(|errno| error.is(*errno)) => Ok(None),
            Err(error) => Err(error.during(format_args!("route to {address}: ask"))),
        }
    }

    /// Reads the hosts of all links whose link-layer address the kernel knows.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>> {
        let neighbours = self.list(Rtm::Getneigh, neighbour::HEADER, neighbour::decode);
        neighbours.map_err(|error| error.during("neighbours: list"))
    }

    /// Lets the kernel find out the link-layer address of a host of the interface's link. It returns at once.
    ///
    /// # Errors
    /// Fails without `CAP_NET_ADMIN`, and when the interface is gone.
    pub fn look_for_neighbour(&mut self, address: IpAddr, interface: u32) -> Result<()> {
        let payload = neighbour::encode_use(address, interface)?;
        let request = NetlinkRequest { kind: Rtm::Newneigh.into(), flags: NlmF::CREATE, payload };
        let answer = self.socket.ask(&request).map(drop);
        answer.map_err(|error| error.during(format_args!("neighbour {address}: look for it")))
    }

    /// Reads the routes of the main table without a gateway, except default, local and unreachable ones and those of
    /// loopback.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the list.
    pub fn connected_routes(&mut self) -> Result<Vec<ConnectedRoute>> {
        let links = self.links()?;
        let routes = self.list(Rtm::Getroute, connected::HEADER, connected::decode);
        let mut routes = routes.map_err(|error| error.during("routes: list"))?;
        routes.retain(|route| !links.iter().any(|link| link.loopback && link.index == route.interface));
        Ok(routes)
    }

    /// Reads what the kernel takes IPv4 addresses for: its table of local and broadcast addresses, read once.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the table.
    pub fn local_table(&mut self) -> Result<LocalTable> {
        let routes = self.list_by(Rtm::Getroute, local::list(), local::decode);
        let routes = routes.map_err(|error| error.during("local routes: list"))?;
        Ok(routes.into_iter().collect())
    }

    /// Reads a list. `decode` answers `None` for an entry that the list does not want.
    fn list<T>(&mut self, kind: Rtm, header: usize, decode: impl Fn(&[u8]) -> Result<Option<T>>) -> Result<Vec<T>> {
        // All zero means every address family and every interface.
        self.list_by(kind, vec![0; header], decode)
    }

    fn list_by<T>(
        &mut self,
        kind: Rtm,
        payload: Vec<u8>,
        decode: impl Fn(&[u8]) -> Result<Option<T>>,
    ) -> Result<Vec<T>> {
        let payloads = self.socket.dump(&NetlinkRequest { kind: kind.into(), flags: NlmF::empty(), payload })?;
        payloads.iter().filter_map(|payload| decode(payload).transpose()).collect()
    }
}

/// One order for one address.
#[derive(Debug, Clone)]
pub struct AddressRequest {
    change: AddressChange,
    /// The kernel's own description of the address, where it was observed.
    description: Option<Vec<u8>>,
}

impl AddressRequest {
    /// Creates a request from a change. A deletion needs the kernel's prefix length; label and broadcast do not matter.
    /// An address that has a peer is not found without it: see [`AddressRequest::remove`].
    pub fn change(change: AddressChange) -> Self {
        Self { change, description: None }
    }

    /// Deletes an address as it was observed, with its peer.
    pub fn remove(observed: &ObservedAddress) -> Self {
        let change = AddressChange::Delete(observed.address.clone());
        Self { change, description: Some(observed.description.clone()) }
    }

    /// Makes an address again as it was observed, with its peer, lifetimes and metric.
    pub fn restore(observed: &ObservedAddress) -> Self {
        let change = AddressChange::Add(observed.address.clone(), AddressOptions::default());
        Self { change, description: Some(observed.description.clone()) }
    }

    fn encode(&self) -> Result<NetlinkRequest> {
        let (kind, flags) = match &self.change {
            AddressChange::Add(..) => (Rtm::Newaddr, NlmF::CREATE | NlmF::EXCL),
            AddressChange::Delete(_) => (Rtm::Deladdr, NlmF::empty()),
        };
        let payload = match (&self.description, &self.change) {
            (Some(description), _) => description.clone(),
            (None, AddressChange::Add(place, options)) => address::encode_new(place, *options)?,
            (None, AddressChange::Delete(place)) => address::encode_delete(place)?,
        };
        Ok(NetlinkRequest { kind: kind.into(), flags, payload })
    }
}

fn address_result(change: &AddressChange, answer: Result<()>) -> Result<bool> {
    match (change, answer) {
        (_, Ok(())) => Ok(true),
        (AddressChange::Add(..), Err(error)) if error.is(Errno::EEXIST) => Ok(false),
        (AddressChange::Add(place, _), Err(error)) => {
            let error = error.not_for_lack_of_rights("IPv6 is disabled on the interface; see its sysctl disable_ipv6");
            Err(error.during(format_args!("{place}: add to interface {}", place.interface)))
        }
        (AddressChange::Delete(_), Err(error)) if address::is_gone(&error) => Ok(false),
        (AddressChange::Delete(place), Err(error)) => {
            Err(error.during(format_args!("{place}: delete from interface {}", place.interface)))
        }
    }
}

#[cfg(test)]
#[path = "../../fuzz/route.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
