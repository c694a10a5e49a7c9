//! The addresses that the parameters ask for, checked as far as that needs no look at this machine.

use std::net::Ipv4Addr;
use std::path::Path;

use super::parameters::VipParameters;
use crate::agent::parameters::{AddressEntry, AddressList, check_host, later, prefix_length};
use crate::model::AddressOptions;
use crate::ocf::{Failure, FailureKind, Problems, ValidationLevel};

/// What the parameters ask for.
#[derive(Debug, Clone)]
pub struct RequestedAddresses {
    /// The addresses of all lists.
    pub entries: Vec<AddressEntry>,
    /// The interface of entries that name none of their own.
    pub nic: Option<String>,
    /// The label of IPv4 addresses, without the interface's name.
    pub label: Option<String>,
    /// The broadcast address of IPv4 addresses.
    pub broadcast: Broadcast,
    /// The number of the routing protocol whose routes count. `None` means that all count.
    pub route_protocol: Option<u8>,
    /// How the kernel shall add the addresses.
    pub options: AddressOptions,
}

/// The broadcast address that IPv4 addresses get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast {
    /// The one that other addresses of the network have.
    Inherited,
    /// None at all.
    None,
    /// All host bits are set (`+`).
    Derived,
    /// The address that the parameter names.
    Given(Ipv4Addr),
}

/// As many addresses as a start, a monitor and a stop have been measured with, within a fraction of the usual 20 s. The
/// kernel walks a list of all addresses of the interface for each IPv4 address, and for each IPv6 address a longer one
/// of multicast groups, since each address has one of its own (RFC 4291 §2.7.1).
const MOST_IPV4: usize = 16_384;
const MOST_IPV6: usize = 4_096;

/// Routing protocols by their names in iproute2's rt_protos.
const ROUTE_PROTOCOLS: [(&str, u8); 10] = [
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("ra", 9),
    ("zebra", 11),
    ("bird", 12),
    ("dhcp", 16),
    ("keepalived", 18),
    ("bgp", 186),
];

impl RequestedAddresses {
    /// Checks what the parameters ask for. At [`ValidationLevel::Consistency`] the file of `ip_file` is not read, and
    /// its addresses are missing.
    ///
    /// # Errors
    /// The failure names everything that is wrong, not only the first thing.
    pub fn of(parameters: &VipParameters, level: ValidationLevel) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let mut entries = problems.keep(entries(parameters, level)).unwrap_or_default();
        problems.keep(fill_in_prefix(parameters, &mut entries));
        problems.keep(add_clone_number(parameters, &mut entries));
        problems.keep(check_number(parameters, level, &entries));
        let (nic, label) = nic_and_label(parameters);
        let options = problems.keep(options(parameters, &entries)).unwrap_or_default();
        let requested = Self {
            entries,
            nic,
            label,
            broadcast: problems.keep(broadcast(parameters)).unwrap_or(Broadcast::None),
            route_protocol: problems.keep(route_protocol(parameters)).flatten(),
            options,
        };
        problems.keep(requested.check());
        problems.finish()?;
        Ok(requested)
    }

    /// Returns the addresses that can be read. They are this instance's, whatever else is wrong with the parameters.
    pub fn readable(parameters: &VipParameters) -> Self {
        let mut list = AddressList::default();
        list.read_text("ip", &parameters.ip);
        if let Some(path) = &parameters.ip_file {
            list.read_file("ip_file", Path::new(path));
        }
        let mut entries = list.readable();
        // Without its length, an address is the same one. Without its clone's number, it is another one.
        let _ = fill_in_prefix(parameters, &mut entries);
        if add_clone_number(parameters, &mut entries).is_err() {
            entries.clear();
        }
        let (nic, _) = nic_and_label(parameters);
        let route_protocol = route_protocol(parameters).ok().flatten();
        Self {
            entries,
            nic,
            label: None,
            broadcast: Broadcast::None,
            route_protocol,
            options: AddressOptions::default(),
        }
    }

    /// Checks combinations that make no sense on any node. A label is accepted where all addresses are IPv6, which have
    /// none: IPaddr2 has always let it pass.
    fn check(&self) -> Result<(), Failure> {
        let mut problems = Problems::default();
        for entry in self.entries.iter().filter(|entry| entry.needs_nic() && self.nic_of(entry).is_none()) {
            let text = "name its interface (nic=, or @NIC behind it): every interface has link-local addresses";
            problems.keep(Err::<(), _>(Failure::bad_parameter(format!("ip \"{}\": {text}", entry.address))));
        }
        problems.finish()
    }

    /// Returns the interface that is asked for, if one is.
    pub fn nic_of<'a>(&'a self, entry: &'a AddressEntry) -> Option<&'a str> {
        entry.nic.as_deref().or(self.nic.as_deref())
    }
}

fn entries(parameters: &VipParameters, level: ValidationLevel) -> Result<Vec<AddressEntry>, Failure> {
    let mut list = AddressList::default();
    list.read_text("ip", &parameters.ip);
    let file = parameters.ip_file.as_deref();
    if let Some(path) = file.filter(|_| level == ValidationLevel::Local) {
        list.read_file("ip_file", Path::new(path));
    }
    match (file, level) {
        (Some(path), _) if !Path::new(path).is_absolute() => {
            Err(Failure::bad_parameter(format!("ip_file \"{path}\": expected an absolute path")))
        }
        // This level cannot tell what the file has.
        (Some(_), ValidationLevel::Consistency) => list.finish_or_empty(),
        (Some(path), ValidationLevel::Local) => match list.finish_or_empty()? {
            // The file of another node may have some.
            entries if entries.is_empty() => {
                Err(Failure::bad_here(format!("ip_file {path}: has no address, nor has ip")))
            }
            entries => Ok(entries),
        },
        (None, _) => list.finish(),
    }
}

/// Refuses more addresses than a start and a stop have time for.
fn check_number(parameters: &VipParameters, level: ValidationLevel, entries: &[AddressEntry]) -> Result<(), Failure> {
    let ipv6 = entries.iter().filter(|entry| entry.address.is_ipv6()).count();
    // The file of another node may have fewer.
    let (name, kind) = match parameters.ip_file.as_ref().filter(|_| level == ValidationLevel::Local) {
        Some(path) => (format!("ip, ip_file {path}"), FailureKind::BadHere),
        None => ("ip".to_owned(), FailureKind::BadParameter),
    };
    let check = |count, most, family| match count > most {
        true => {
            let text = format!("{name}: {count} {family} addresses: one resource has at most {most}; share them out");
            Err(Failure::new(kind, text))
        }
        false => Ok(()),
    };
    Failure::collect([check(entries.len() - ipv6, MOST_IPV4, "IPv4"), check(ipv6, MOST_IPV6, "IPv6")])
}

/// Applies `cidr_netmask`. In a mixed list it means the IPv4 addresses: 32 would put a whole provider's IPv6 block on
/// the link.
fn fill_in_prefix(parameters: &VipParameters, entries: &mut [AddressEntry]) -> Result<(), Failure> {
    let Some(text) = &parameters.cidr_netmask else { return Ok(()) };
    let has_ipv4 = entries.iter().any(|entry| entry.address.is_ipv4());
    let meant = |entry: &&mut AddressEntry| entry.prefix_length.is_none() && entry.address.is_ipv4() == has_ipv4;
    for entry in entries.iter_mut().filter(meant) {
        let length = prefix_length(entry.address, text);
        // The problem is equal for all of them, so the first one says it.
        let length = length.map_err(|reason| Failure::bad_parameter(format!("cidr_netmask \"{text}\": {reason}")))?;
        entry.prefix_length = Some(length);
    }
    Ok(())
}

fn add_clone_number(parameters: &VipParameters, entries: &mut [AddressEntry]) -> Result<(), Failure> {
    if !parameters.unique_clone_address {
        let is_cloned = parameters.clone_max.is_some_and(|most| most > 1);
        let is_local = parameters.nic.as_ref().is_some_and(|nic| nic.starts_with("lo"));
        return match is_cloned && !is_local {
            true => Err(Failure::bad_parameter(
                "clone: run one instance, or set unique_clone_address=yes: every node would have the same addresses \
                 (for the loopback of real servers there is ocf:rust:realserver)",
            )),
            false => Ok(()),
        };
    }
    let Some(clone) = parameters.clone else { return Ok(()) };
    for entry in entries {
        let address = later(entry.address, clone.into());
        let problem = |reason| format!("ip \"{}\": add the number of clone instance {clone}: {reason}", entry.address);
        check_host(address).map_err(|reason| Failure::bad_parameter(problem(reason)))?;
        entry.address = address;
    }
    Ok(())
}

/// Splits IPaddr2's old form `NIC:LABEL`, which wins over `iflabel` as it does there. Either half of it may be empty,
/// and then counts as not set.
fn nic_and_label(parameters: &VipParameters) -> (Option<String>, Option<String>) {
    let iflabel = parameters.iflabel.as_deref().unwrap_or_default();
    let (nic, label) = match parameters.nic.as_deref() {
        Some(nic) => nic.split_once(':').unwrap_or((nic, iflabel)),
        None => ("", iflabel),
    };
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (set(nic), set(label))
}

fn broadcast(parameters: &VipParameters) -> Result<Broadcast, Failure> {
    match parameters.broadcast.as_deref() {
        None => Ok(Broadcast::Inherited),
        Some("-") => Ok(Broadcast::None),
        Some("+") => Ok(Broadcast::Derived),
        Some(text) => text
            .parse()
            .map(Broadcast::Given)
            .map_err(|_| Failure::bad_parameter(format!("broadcast \"{text}\": expected +, - or an IPv4 address"))),
    }
}

/// Reads `proto`, with or without the word `proto` in front, which IPaddr2 hands on to ip(8).
fn route_protocol(parameters: &VipParameters) -> Result<Option<u8>, Failure> {
    let Some(text) = &parameters.proto else { return Ok(None) };
    let name = text.trim().strip_prefix("proto ").unwrap_or(text).trim();
    let named = ROUTE_PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    match named.or_else(|| name.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => {
            let names = ROUTE_PROTOCOLS.map(|(name, _)| name).join(", ");
            Err(Failure::bad_parameter(format!("proto \"{text}\": expected a number to 255 or one of {names}")))
        }
    }
}

/// Returns how the kernel shall add the addresses. Where all are IPv4, what only IPv6 has a use for is not read, as in
/// IPaddr2: a slip in it must not keep the addresses from the whole cluster.
fn options(parameters: &VipParameters, entries: &[AddressEntry]) -> Result<AddressOptions, Failure> {
    let is_ipv4_alone = !entries.is_empty() && entries.iter().all(|entry| entry.address.is_ipv4());
    let preferred_lifetime = if is_ipv4_alone { None } else { preferred_lifetime(parameters)? };
    Ok(AddressOptions {
        no_dad: parameters.nodad,
        // The kernel refuses both together; without detection there is nothing to be optimistic about.
        optimistic: parameters.optimistic && !parameters.nodad,
        no_prefix_route: parameters.noprefixroute,
        preferred_lifetime,
        metric: parameters.metric,
    })
}

/// Returns the preferred lifetime in seconds. `None` stands for ever.
///
/// An address that shall not be a source has lifetime 0 from its first moment on: IPVS chooses the outer source of a
/// tunnel (ipip) once for each real server and keeps it. If it chooses the virtual IP, which the real server has too,
/// the real server drops the packet. The label of the selection policy does not suffice: an address of the outgoing
/// interface comes before one with the right label (RFC 6724, section 5, rules 3, 5 and 6).
fn preferred_lifetime(parameters: &VipParameters) -> Result<Option<u32>, Failure> {
    match parameters.preferred_lft.as_deref().map(str::trim) {
        None if parameters.policy_label.is_some() => Ok(Some(0)),
        None | Some("forever") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Failure::bad_parameter(format!("preferred_lft \"{text}\": expected forever or a number of seconds"))
        }),
    }
}
