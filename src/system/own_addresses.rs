//! The addresses of this host.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// Returns the addresses of this host, each with the name of its interface.
///
/// # Errors
/// Fails when the kernel does not list them.
pub fn own_addresses() -> io::Result<Vec<(String, IpAddr)>> {
    let all = getifaddrs()?;
    Ok(all.filter_map(|found| Some((found.interface_name, ip_address(found.address.as_ref()?)?))).collect())
}

fn ip_address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
