//! Links, addresses and connected routes (rtnetlink(7)).
//!
//! Never flushes and never touches a route: the kernel adds and removes the connected route with its address.

mod address;
mod connected;
mod constants;
mod link;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use nix::errno::Errno;

pub use address::{AddressOptions, ObservedAddress};
pub use connected::{ConnectedRoute, interface_for};
pub use link::Link;

use super::Result;
use super::message::Request;
use super::socket::Socket;
use crate::model::InterfaceAddress;

/// An open connection to the kernel's routing code, of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Route {
    socket: Socket,
}

impl Route {
    /// # Errors
    /// When there is no netlink.
    pub fn open() -> Result<Self> {
        let socket = Socket::open(NlFamily::Route).map_err(|error| error.during("routes: open a socket"))?;
        Ok(Self { socket })
    }

    /// Every interface.
    ///
    /// # Errors
    /// On any failure: never a part of the list.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        self.list(Rtm::Getlink, link::HEADER, link::decode).map_err(|error| error.during("interfaces: list"))
    }

    /// Every address of every interface, IPv4 and IPv6.
    ///
    /// # Errors
    /// On any failure: never a part of the list.
    pub fn addresses(&mut self) -> Result<Vec<ObservedAddress>> {
        let links = self.links()?;
        let addresses = self.list(Rtm::Getaddr, address::HEADER, address::decode);
        let mut addresses = addresses.map_err(|error| error.during("addresses: list"))?;
        for observed in &mut addresses {
            // The kernel reports its default, the interface's name, as if somebody had asked for it.
            let index = observed.address.interface;
            let name = links.iter().find(|link| link.index == index).map(|link| &link.name);
            observed.address.label.take_if(|label| Some(&*label) == name);
        }
        Ok(addresses)
    }

    /// As `ip link set up` does. Success also when it is up already; whether there is a carrier is another question.
    ///
    /// # Errors
    /// `ENODEV` when the interface is gone, and what its driver says.
    pub fn set_up(&mut self, interface: u32) -> Result<()> {
        let request = Request { kind: Rtm::Newlink.into(), flags: NlmF::empty(), payload: link::encode_up(interface) };
        let answer = self.socket.ask(&request);
        answer.map(drop).map_err(|error| error.during(format_args!("interface {interface}: set up")))
    }

    /// False when the interface has the address with this prefix length already (IPv6: with any). An IPv4 address
    /// that the interface has with another prefix length is added a second time.
    ///
    /// # Errors
    /// `ENODEV` when the interface is gone, `EINVAL` for a bad prefix length or label, and others.
    pub fn add_address(&mut self, address: &InterfaceAddress, options: AddressOptions) -> Result<bool> {
        let during =
            |error: super::Error| error.during(format_args!("{address}: add to interface {}", address.interface));
        let request = Request {
            kind: Rtm::Newaddr.into(),
            flags: NlmF::CREATE | NlmF::EXCL,
            payload: address::encode_new(address, options).map_err(during)?,
        };
        match self.socket.ask(&request) {
            Ok(_) => Ok(true),
            Err(error) if error.is(Errno::EEXIST) => Ok(false),
            Err(error) => Err(during(error)),
        }
    }

    /// False when the address was gone already, and with it maybe its interface. Label and broadcast do not matter.
    /// The prefix length does: with another one than the kernel's the address counts as gone, so pass on what
    /// [`Route::addresses`] reported.
    ///
    /// With `net.ipv4.conf.*.promote_secondaries` 0 the kernel removes the other addresses of the subnet together with
    /// the first of them ([`ObservedAddress::secondary`] is false).
    ///
    /// # Errors
    /// Any other than "not there".
    pub fn delete_address(&mut self, address: &InterfaceAddress) -> Result<bool> {
        let during =
            |error: super::Error| error.during(format_args!("{address}: delete from interface {}", address.interface));
        let payload = address::encode_delete(address).map_err(during)?;
        let request = Request { kind: Rtm::Deladdr.into(), flags: NlmF::empty(), payload };
        match self.socket.ask(&request) {
            Ok(_) => Ok(true),
            Err(error) if address::is_gone(&error) => Ok(false),
            Err(error) => Err(during(error)),
        }
    }

    /// Routes of the main table without a gateway, except default, local and unreachable ones and those of loopback.
    ///
    /// # Errors
    /// On any failure: never a part of the list.
    pub fn connected_routes(&mut self) -> Result<Vec<ConnectedRoute>> {
        let links = self.links()?;
        let routes = self.list(Rtm::Getroute, connected::HEADER, connected::decode);
        let mut routes = routes.map_err(|error| error.during("routes: list"))?;
        routes.retain(|route| !links.iter().any(|link| link.loopback && link.index == route.interface));
        Ok(routes)
    }

    /// `decode` answers `None` for an entry that the list does not want.
    fn list<T>(&mut self, kind: Rtm, header: usize, decode: impl Fn(&[u8]) -> Result<Option<T>>) -> Result<Vec<T>> {
        // All zero: every address family, every interface.
        let request = Request { kind: kind.into(), flags: NlmF::empty(), payload: vec![0; header] };
        let payloads = self.socket.dump(&request)?;
        payloads.iter().filter_map(|payload| decode(payload).transpose()).collect()
    }
}

#[cfg(test)]
mod tests;
