//! The parameters of `ocf:rust:vip`, checked as far as that needs no look at this machine.

use std::net::Ipv4Addr;
use std::path::Path;

use crate::agent::parameters::{AddressEntry, AddressList, check_host, later, prefix_length};
use crate::model::AddressOptions;
use crate::ocf::{Call, Failure, FailureKind, Problems, ValidationLevel};

/// What the parameters ask for.
#[derive(Debug, Clone)]
pub struct Parameters {
    pub entries: Vec<AddressEntry>,
    /// For entries that name none of their own.
    pub nic: Option<String>,
    pub label: Option<String>,
    pub broadcast: Broadcast,
    /// Number of the routing protocol whose routes count.
    pub route_protocol: Option<u8>,
    pub options: AddressOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast {
    /// As other addresses of the network have it.
    Inherited,
    None,
    /// `+`: all host bits set.
    Derived,
    Given(Ipv4Addr),
}

/// As many as a start, a monitor and a stop have been measured with, within a fraction of the usual 20 s. The kernel walks a
/// list of all addresses of the interface for each IPv4 address, and for each IPv6 address a longer one of multicast groups,
/// since each address has one of its own (RFC 4291 §2.7.1).
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

/// At [`ValidationLevel::Consistency`] the file of `ip_file` is not read, and what only it has is missing.
///
/// # Errors
/// Everything that is wrong, not only the first thing.
pub fn parse(call: &Call, level: ValidationLevel) -> Result<Parameters, Failure> {
    let mut problems = Problems::default();
    let mut entries = problems.keep(entries(call, level)).unwrap_or_default();
    problems.keep(fill_in_prefix(call, &mut entries));
    problems.keep(add_clone_number(call, &mut entries));
    problems.keep(check_number(call, level, &entries));
    let (nic, label) = nic_and_label(call);
    let options = problems.keep(options(call, &entries)).unwrap_or_default();
    let parameters = Parameters {
        entries,
        nic,
        label,
        broadcast: problems.keep(broadcast(call)).unwrap_or(Broadcast::None),
        route_protocol: problems.keep(route_protocol(call)).flatten(),
        options,
    };
    problems.keep(parameters.check());
    problems.finish()?;
    Ok(parameters)
}

/// Which addresses are meant, as far as that can be read: whatever else is wrong does not make them somebody else's.
pub fn readable(call: &Call) -> Parameters {
    let mut list = AddressList::default();
    list.read_text("ip", call.text("ip").unwrap_or_default());
    if let Some(path) = call.text("ip_file") {
        list.read_file("ip_file", Path::new(path));
    }
    let mut entries = list.readable();
    // Without its length, an address is the same one. Without its clone's number, it is another one.
    let _ = fill_in_prefix(call, &mut entries);
    if add_clone_number(call, &mut entries).is_err() {
        entries.clear();
    }
    let (nic, _) = nic_and_label(call);
    let route_protocol = route_protocol(call).ok().flatten();
    Parameters {
        entries,
        nic,
        label: None,
        broadcast: Broadcast::None,
        route_protocol,
        options: AddressOptions::default(),
    }
}

fn entries(call: &Call, level: ValidationLevel) -> Result<Vec<AddressEntry>, Failure> {
    let mut list = AddressList::default();
    list.read_text("ip", call.text("ip").unwrap_or_default());
    let file = call.text("ip_file");
    if let Some(path) = file.filter(|_| level == ValidationLevel::Local) {
        list.read_file("ip_file", Path::new(path));
    }
    match (file, level) {
        (Some(path), _) if !Path::new(path).is_absolute() => {
            Err(Failure::bad_parameter(format!("ip_file \"{path}\": expected an absolute path")))
        }
        // What the file has cannot be told here.
        (Some(_), ValidationLevel::Consistency) => list.finish_or_empty(),
        (Some(path), ValidationLevel::Local) => match list.finish_or_empty()? {
            // Another node's file may have some.
            entries if entries.is_empty() => {
                Err(Failure::bad_here(format!("ip_file {path}: has no address, nor has ip")))
            }
            entries => Ok(entries),
        },
        (None, _) => list.finish(),
    }
}

/// What a start and a stop have time for.
fn check_number(call: &Call, level: ValidationLevel, entries: &[AddressEntry]) -> Result<(), Failure> {
    let ipv6 = entries.iter().filter(|entry| entry.address.is_ipv6()).count();
    // Another node's file may have fewer.
    let (name, kind) = match call.text("ip_file").filter(|_| level == ValidationLevel::Local) {
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

/// Of a mixed list, `cidr_netmask` means the IPv4 addresses: 32 would put a whole provider's IPv6 block on the link.
fn fill_in_prefix(call: &Call, entries: &mut [AddressEntry]) -> Result<(), Failure> {
    let Some(text) = call.text("cidr_netmask") else { return Ok(()) };
    let has_ipv4 = entries.iter().any(|entry| entry.address.is_ipv4());
    let meant = |entry: &&mut AddressEntry| entry.prefix_length.is_none() && entry.address.is_ipv4() == has_ipv4;
    for entry in entries.iter_mut().filter(meant) {
        let length = prefix_length(entry.address, text);
        // Equal for all of them: said once.
        let length = length.map_err(|reason| Failure::bad_parameter(format!("cidr_netmask \"{text}\": {reason}")))?;
        entry.prefix_length = Some(length);
    }
    Ok(())
}

fn add_clone_number(call: &Call, entries: &mut [AddressEntry]) -> Result<(), Failure> {
    let number = |name| call.meta(name).and_then(|text| text.parse::<u32>().ok());
    if !call.boolean("unique_clone_address") {
        let is_cloned = number("clone_max").is_some_and(|most| most > 1);
        let is_local = call.text("nic").is_some_and(|nic| nic.starts_with("lo"));
        return match is_cloned && !is_local {
            true => Err(Failure::bad_parameter(
                "clone: run one instance, or set unique_clone_address=yes: every node would have the same addresses \
                 (for the loopback of real servers there is ocf:rust:realserver)",
            )),
            false => Ok(()),
        };
    }
    let Some(clone) = number("clone") else { return Ok(()) };
    for entry in entries {
        let address = later(entry.address, clone.into());
        let problem = |reason| format!("ip \"{}\": add the number of clone instance {clone}: {reason}", entry.address);
        check_host(address).map_err(|reason| Failure::bad_parameter(problem(reason)))?;
        entry.address = address;
    }
    Ok(())
}

/// IPaddr2's old form `NIC:LABEL` wins over `iflabel`, as there. Either half of it may be empty, and is then none.
fn nic_and_label(call: &Call) -> (Option<String>, Option<String>) {
    let (nic, label) = match call.text("nic") {
        Some(nic) => nic.split_once(':').unwrap_or((nic, call.text("iflabel").unwrap_or_default())),
        None => ("", call.text("iflabel").unwrap_or_default()),
    };
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (said(nic), said(label))
}

fn broadcast(call: &Call) -> Result<Broadcast, Failure> {
    match call.text("broadcast") {
        None => Ok(Broadcast::Inherited),
        Some("-") => Ok(Broadcast::None),
        Some("+") => Ok(Broadcast::Derived),
        Some(text) => text
            .parse()
            .map(Broadcast::Given)
            .map_err(|_| Failure::bad_parameter(format!("broadcast \"{text}\": expected +, - or an IPv4 address"))),
    }
}

/// With or without the word `proto`, which IPaddr2 hands on to ip(8).
fn route_protocol(call: &Call) -> Result<Option<u8>, Failure> {
    let Some(text) = call.text("proto") else { return Ok(None) };
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

/// Of what IPv4 addresses have no use for, IPaddr2 reads nothing: a slip in it must not keep them from the whole cluster.
fn options(call: &Call, entries: &[AddressEntry]) -> Result<AddressOptions, Failure> {
    let is_ipv4_alone = !entries.is_empty() && entries.iter().all(|entry| entry.address.is_ipv4());
    let preferred_lifetime = if is_ipv4_alone { None } else { preferred_lifetime(call)? };
    let (no_dad, optimistic) = (call.boolean("nodad"), call.boolean("optimistic"));
    Ok(AddressOptions {
        no_dad,
        // The kernel refuses both together; without detection there is nothing to be optimistic about.
        optimistic: optimistic && !no_dad,
        no_prefix_route: call.boolean("noprefixroute"),
        preferred_lifetime,
        metric: call.number("metric"),
    })
}

/// In seconds; `None`: for ever.
///
/// An address that shall not be a source is none from its first moment on: IPVS chooses the outer source of a tunnel (ipip)
/// once for each real server and keeps it. A virtual IP that is chosen is what the real server has too, so that it drops the
/// packet. The label of the selection policy does not suffice: an address of the outgoing interface comes before one with the
/// right label (RFC 6724, section 5, rules 3, 5 and 6).
fn preferred_lifetime(call: &Call) -> Result<Option<u32>, Failure> {
    match call.text("preferred_lft").map(str::trim) {
        None if call.boolean("lvs_ipv6_addrlabel") => Ok(Some(0)),
        None | Some("forever") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Failure::bad_parameter(format!("preferred_lft \"{text}\": expected forever or a number of seconds"))
        }),
    }
}

impl Parameters {
    /// Combinations that make no sense anywhere. A label is none of them where all addresses are IPv6, which have none: IPaddr2
    /// has always let it pass.
    fn check(&self) -> Result<(), Failure> {
        let mut problems = Problems::default();
        for entry in self.entries.iter().filter(|entry| entry.needs_nic() && self.nic_of(entry).is_none()) {
            let text = "name its interface (nic=, or @NIC behind it): every interface has link-local addresses";
            problems.keep(Err::<(), _>(Failure::bad_parameter(format!("ip \"{}\": {text}", entry.address))));
        }
        problems.finish()
    }

    /// The interface that is asked for, if one is.
    pub fn nic_of<'a>(&'a self, entry: &'a AddressEntry) -> Option<&'a str> {
        entry.nic.as_deref().or(self.nic.as_deref())
    }
}
