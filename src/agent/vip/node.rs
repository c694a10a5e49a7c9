//! The interfaces and addresses of this node as an action of `vip` finds them.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashSet};

use super::assignment::Assignment;
use super::parameters::VipCall;
use super::record::AddressRecord;
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{Events, Link, ObservedAddress};
use crate::ocf::{Failure, Problems};
use crate::system::{FileError, namespace, sysctl};

/// What the kernel may need besides for duplicate address detection: a busy machine sends its probes late, and those of
/// thousands of addresses one after the other.
const DELAY: Duration = Duration::from_secs(3);
const DELAY_OF_EACH: Duration = Duration::from_millis(1);
/// The longest pause between two looks at the addresses.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long a link that was just set up may take to find its carrier.
const CARRIER: Duration = Duration::from_secs(3);

/// The interfaces and addresses of this node, or of a network namespace of it.
pub struct VipNode {
    /// The socket to the kernel.
    pub route: Route,
    /// The interfaces.
    pub links: Vec<Link>,
    /// The position of each index among the links.
    positions: HashMap<u32, usize>,
    /// The addresses on the interfaces, as the kernel describes them.
    pub observed: Vec<ObservedAddress>,
    /// The same addresses, without what no parameter can choose.
    pub held: Vec<InterfaceAddress>,
}

impl VipNode {
    /// Enters the node, or the network namespace of it that is named.
    ///
    /// # Errors
    /// The failure is "not installed" when there is no such namespace.
    pub fn enter(network_namespace: Option<&str>) -> Result<Self, Failure> {
        if let Some(name) = network_namespace {
            if !namespace::exists(name) {
                let text = format!("network_namespace \"{name}\": find: there is none of that name (ip netns list)");
                return Err(Failure::not_installed(text));
            }
            namespace::enter(name)?;
        }
        let route = Route::open()?;
        let (links, observed, held) = (Vec::new(), Vec::new(), Vec::new());
        let mut node = Self { route, links, positions: HashMap::default(), observed, held };
        node.look_at_links()?;
        node.look_again()?;
        Ok(node)
    }

    /// Reads the interfaces again.
    pub fn look_at_links(&mut self) -> Result<(), Failure> {
        self.links = self.route.links()?;
        self.positions = self.links.iter().enumerate().map(|(position, link)| (link.index, position)).collect();
        Ok(())
    }

    /// Enters the node as an earlier start did. The name may be that of another network namespace by now, and one that
    /// has lost its name lives on as long as a process is in it. `None` means that the namespace is gone, with all that
    /// was in it.
    ///
    /// # Errors
    /// It fails when the namespace is there and cannot be entered.
    pub fn enter_again(record: &AddressRecord) -> Result<Option<Self>, Failure> {
        if record.has_its_namespace() {
            return Self::enter(record.namespace.as_deref()).map(Some);
        }
        let path = record.namespace_identity.and_then(namespace::kept_alive);
        path.map(|path| Self::enter(Some(&path.to_string_lossy()))).transpose()
    }

    /// Reads the addresses again, which change meanwhile.
    pub fn look_again(&mut self) -> Result<(), Failure> {
        self.observed = self.route.addresses_on(&self.links)?;
        self.held = self.observed.iter().map(|observed| observed.address.clone()).collect();
        Ok(())
    }

    /// Returns the interface of that index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.positions.get(&index).and_then(|position| self.links.get(*position))
    }

    /// Sets the interfaces of the wanted addresses up: an address on an interface that is down reaches no client.
    /// monitor reports links that go down later.
    pub fn raise_links(&mut self, call: &VipCall<'_>, wanted: &[Assignment]) -> Result<(), Failure> {
        let interfaces: HashSet<u32> = wanted.iter().map(|wanted| wanted.address.interface).collect();
        let is_down = |link: &&Link| !link.up && interfaces.contains(&link.index);
        let down: Vec<Link> = self.links.iter().filter(is_down).cloned().collect();
        for link in &down {
            call.log().info(format!("nic {}: set up", link.name));
            self.route.set_up(link.index)?;
        }
        if !down.is_empty() {
            self.look_at_links()?;
        }
        if call.parameters.check_link_status { self.wait_for_carrier(call, wanted) } else { Ok(()) }
    }

    /// Waits until one interface has a carrier. One is enough: the others may follow, and monitor reports them if they
    /// do not.
    fn wait_for_carrier(&mut self, call: &VipCall<'_>, wanted: &[Assignment]) -> Result<(), Failure> {
        let events = Events::subscribe()?;
        let deadline = Instant::now() + CARRIER.min(call.timeout / 4);
        loop {
            if wanted.iter().any(|wanted| self.runs(wanted)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let nic = wanted.first().map(|wanted| wanted.nic.as_str()).unwrap_or_default();
                let text = "no carrier: is the cable plugged in, the switch on? (check_link_status=no starts without)";
                return Err(Failure::generic(format!("nic {nic}: use: {text}")));
            }
            events.wait(deadline)?;
            self.look_at_links()?;
        }
    }

    /// Whether packets can leave by the address's interface.
    fn runs(&self, wanted: &Assignment) -> bool {
        self.link(wanted.address.interface).is_some_and(|link| link.running)
    }

    /// Waits until IPv6 addresses can be used: the kernel first has to find them to be unique on their link. An address
    /// whose interface has no carrier is not waited for, which might be for ever; monitor reports it.
    pub fn wait_for_duplicate_detection(
        &mut self,
        call: &VipCall<'_>,
        wanted: &[Assignment],
        events: &Events,
    ) -> Result<(), Failure> {
        if wanted.iter().all(|wanted| wanted.address.address.is_ipv4()) {
            return Ok(());
        }
        let patience = self.duplicate_detection_time(wanted).min(call.timeout * 4 / 5);
        let deadline = Instant::now() + patience;
        loop {
            let began = Instant::now();
            self.look_at_links()?;
            self.look_again()?;
            let (mut open, mut twins) = (Vec::new(), Problems::default());
            let observed = self.observed_by_identity();
            for wanted in wanted {
                let Some(observed) = observed.get(&wanted.address.identity()) else { continue };
                if observed.dad_failed {
                    let text = "another host on the link has it (duplicate address detection)";
                    let text = format!("ip \"{}\": add to {}: {text}", wanted.address.address, wanted.nic);
                    twins.keep(Err::<(), _>(Failure::generic(text)));
                } else if observed.tentative && !observed.optimistic && self.runs(wanted) {
                    open.push(wanted);
                }
            }
            twins.finish()?;
            let Some(first) = open.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                let text = format!(
                    "duplicate address detection has not ended after {:.1} s; is there a carrier, is the time limit of \
                     start enough for dad_transmits? (nodad=yes skips it)",
                    patience.as_secs_f32()
                );
                return Err(Failure::generic(format!(
                    "ip \"{}\": add to {}: {text}",
                    first.address.address, first.nic
                )));
            }
            // Each of thousands of addresses that is done is an event: with this pause, looking takes half of the time
            // at most.
            std::thread::sleep(began.elapsed().min(LONGEST_PAUSE));
            events.wait(deadline)?;
        }
    }

    /// Returns how long the kernel looks for duplicates, at most, on the interfaces of the wanted IPv6 addresses: a
    /// random delay, then `dad_transmits` probes (RFC 4862 §5.4; addrconf_dad_kick of the kernel's
    /// net/ipv6/addrconf.c).
    fn duplicate_detection_time(&self, wanted: &[Assignment]) -> Duration {
        let number = |name: String| sysctl::read(&name).ok().and_then(|text| text.parse::<u64>().ok());
        let time = |nic: &str| {
            let delay = number(format!("net/ipv6/conf/{nic}/router_solicitation_delay")).unwrap_or(1);
            let probes = number(format!("net/ipv6/conf/{nic}/dad_transmits")).unwrap_or(1);
            let interval = number(format!("net/ipv6/neigh/{nic}/retrans_time_ms")).unwrap_or(1000);
            Duration::from_secs(delay) + Duration::from_millis(probes.saturating_mul(interval))
        };
        let ipv6 = wanted.iter().filter(|wanted| wanted.address.address.is_ipv6());
        let nics: HashSet<&str> = ipv6.clone().map(|wanted| wanted.nic.as_str()).collect();
        let longest = nics.into_iter().map(time).max().unwrap_or_default();
        longest + DELAY + DELAY_OF_EACH * u32::try_from(ipv6.count()).unwrap_or(u32::MAX)
    }

    /// Returns the addresses by what identifies them; of several IPv4 copies, one.
    pub fn observed_by_identity(&self) -> HashMap<(IpAddr, u32), &ObservedAddress> {
        self.observed.iter().map(|observed| (observed.address.identity(), observed)).collect()
    }

    /// Makes the kernel forget what it has cached of routes, for `flush_routes`.
    pub fn flush_cached_routes(&self) -> Result<(), FileError> {
        ["net/ipv4/route/flush", "net/ipv6/route/flush"].into_iter().filter(|name| sysctl::exists(name)).try_for_each(
            // Any value flushes at once; a number that is not negative would be a delay in seconds.
            |name| sysctl::write(name, "-1"),
        )
    }
}
