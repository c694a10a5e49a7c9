//! What hosts of this node's networks are asked: who has the virtual IPs and the real servers' addresses (ARP, neighbour
//! discovery), whether real servers accept connections to the virtual IP and answer it (one SYN each), and how long databases keep
//! idle connections.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::{Facts, Unseen};
use crate::check::mysql_wait_timeout;
use crate::doctor::network::NetworkFacts;
use crate::model::{ForwardingMethod, Protocol, Question, RealServer, ServiceKey};
use crate::netlink::announce::Station;
use crate::netlink::conflict::{self, ForeignClaim, Manner};
use crate::netlink::route::interface_for;
use crate::netlink::syn::{self, SynAnswer, SynQuestion, Way};

/// Each address is a frame to every host of a link.
const MOST_ADDRESSES: usize = 256;
/// Each is a thread and a connection.
const MOST_DATABASES: usize = 16;
/// Each is two SYNs and what answers them.
const MOST_PATHS: usize = 256;
/// A connection that a real server is to accept: to the virtual IP, or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    vip: SocketAddr,
    real: SocketAddr,
    masquerades: bool,
}

/// What is asked, decided before anything is sent.
#[derive(Debug, Default)]
pub(super) struct Plan {
    addresses: Vec<(Station, IpAddr)>,
    own_macs: Vec<[u8; 6]>,
    paths: Vec<Path>,
    /// The address of this node that real servers of a network answer to.
    sources: BTreeMap<IpAddr, (Station, IpAddr)>,
    databases: Vec<(SocketAddr, Question)>,
    unseen: Vec<Unseen>,
}

/// What came back.
pub(super) struct Answers {
    claims: Vec<ForeignClaim>,
    accepts_vip: Vec<(SocketAddr, IpAddr, SynAnswer)>,
    answers_vip: BTreeMap<(IpAddr, SocketAddr), bool>,
    wait_timeouts: BTreeMap<String, u32>,
    unseen: Vec<Unseen>,
}

impl Plan {
    pub(super) fn new(facts: &Facts) -> Self {
        let network = &facts.network;
        let mut plan = Self { own_macs: network.links.iter().filter_map(|link| link.mac).collect(), ..Self::default() };
        let vips = &network.virtual_ips;
        let mut addresses = BTreeSet::new();
        for service in facts.configured.iter().flat_map(|one| &one.config).flat_map(|config| &config.services) {
            let key = service.service.key;
            if let ServiceKey::Address { address, .. } = key {
                addresses.insert(address);
            }
            for real in &service.real_servers {
                addresses.insert(real.real_server.key.address);
                plan.add_path(&key, &real.real_server, network);
                let question = &real.check.question;
                if question.kind == "mysql" && !question.login.is_empty() {
                    plan.databases.push((real.check.target, Question::clone(question)));
                }
            }
        }
        plan.databases.sort_by_key(|(target, _)| *target);
        plan.databases.dedup_by_key(|(target, _)| *target);
        plan.limit_databases();
        plan.limit_paths();
        // Those of no service come last: they are the first to be left out.
        for address in addresses.iter().chain(vips.difference(&addresses)) {
            let link = network.directs(*address).or_else(|| network.link_to(*address));
            let Some(station) = link.and_then(|link| link.station()) else { continue };
            if vips.contains(address) || !network.is_own(*address) {
                plan.addresses.push((station, *address));
            }
            let source = syn::own_source(&network.addresses, station.interface, *address, vips);
            plan.sources.extend(source.map(|source| (*address, (station, source))));
        }
        if plan.addresses.len() > MOST_ADDRESSES {
            let cause = format!("{} addresses: the first {MOST_ADDRESSES} are asked for", plan.addresses.len());
            plan.unseen.push(Unseen::new("network", cause));
            plan.addresses.truncate(MOST_ADDRESSES);
        }
        plan
    }

    fn limit_databases(&mut self) {
        if self.databases.len() > MOST_DATABASES {
            let cause = format!("{} of them: the first {MOST_DATABASES} are asked", self.databases.len());
            self.unseen.push(Unseen::new("databases", cause));
            self.databases.truncate(MOST_DATABASES);
        }
    }

    fn limit_paths(&mut self) {
        self.paths.sort();
        self.paths.dedup();
        if self.paths.len() > MOST_PATHS {
            let cause = format!("{} of them: the first {MOST_PATHS} are tried", self.paths.len());
            self.unseen.push(Unseen::new("ways through virtual IPs to real servers", cause));
            self.paths.truncate(MOST_PATHS);
        }
    }

    fn add_path(&mut self, key: &ServiceKey, real: &RealServer, network: &NetworkFacts) {
        let name = format!("virtual service {key}");
        let ServiceKey::Address { protocol: Protocol::Tcp, address, port } = *key else {
            self.remark(name, "the way through the virtual IP is looked at for TCP services by address only");
            return;
        };
        let at = real.key;
        if network.is_own(at.address) || at.address.is_loopback() || at.port == 0 || port == 0 {
            return;
        }
        match real.forwarding {
            ForwardingMethod::Gate => {}
            ForwardingMethod::Masq => {
                if let Some(cause) = way_back_hidden(address, at.address, network) {
                    self.remark(format!("{name}: the way back of masq"), cause);
                    return;
                }
            }
            _ => {
                self.remark(name, "whether real servers open the tunnel is not looked at");
                return;
            }
        }
        let (vip, real_at) = (SocketAddr::new(address, port), SocketAddr::new(at.address, at.port));
        self.paths.push(Path { vip, real: real_at, masquerades: real.forwarding == ForwardingMethod::Masq });
    }

    fn remark(&mut self, object: String, cause: &str) {
        self.unseen.push(Unseen::new(object, cause));
    }

    /// Asks everything side by side.
    pub(super) fn ask(self, deadline: Instant) -> Answers {
        let timeouts = ask_databases(&self.databases, deadline);
        let mut answers = self.ask_network(deadline);
        for (target, _) in &self.databases {
            // What has not answered by now is left to itself: it ends with the process.
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((target, timeout)) = timeouts.recv_timeout(left) else {
                answers.unseen.push(Unseen::new(format!("wait_timeout of {target}"), "no answer in time"));
                continue;
            };
            match timeout {
                Ok(seconds) => drop(answers.wait_timeouts.insert(target.to_string(), seconds)),
                Err(cause) => answers.unseen.push(Unseen::new(format!("wait_timeout of {target}"), cause)),
            }
        }
        answers.unseen.extend(self.unseen);
        answers
    }

    fn ask_network(&self, deadline: Instant) -> Answers {
        let mut answers = Answers {
            claims: Vec::new(),
            accepts_vip: Vec::new(),
            answers_vip: BTreeMap::new(),
            wait_timeouts: BTreeMap::new(),
            unseen: Vec::new(),
        };
        let manner = Manner { own: &self.own_macs, pace: &mut || {}, deadline };
        match conflict::find_all(&self.addresses, manner) {
            Ok(claims) => answers.claims = claims,
            Err(error) => {
                answers.unseen.push(Unseen::new("network: who has the addresses", error.to_string()));
                return answers;
            }
        }
        if let Err(error) = self.ask_real_servers(&mut answers) {
            answers.unseen.push(Unseen::new("network: real servers and the virtual IP", error.to_string()));
        }
        answers
    }

    /// Each path is two questions: one of the real server's own address, without which silence about the virtual IP says nothing.
    fn ask_real_servers(&self, answers: &mut Answers) -> crate::netlink::Result<()> {
        let (mut asked, mut questions) = (Vec::new(), Vec::new());
        // Several virtual IPs have one real server. A second SYN from the same port would disturb the first one's connection.
        let mut number_of = |question: SynQuestion| {
            questions.iter().position(|known| *known == question).unwrap_or_else(|| {
                questions.push(question);
                questions.len() - 1
            })
        };
        for path in &self.paths {
            let mac = answers.claims.iter().find(|claim| claim.address == path.real.ip()).map(|claim| claim.mac);
            let (Some(mac), Some((at, source))) = (mac, self.sources.get(&path.real.ip())) else { continue };
            let own = SynQuestion { at: *at, way: Way::Link(mac), source: *source, target: path.real };
            let through = match path.masquerades {
                true => SynQuestion { source: path.vip.ip(), ..own },
                false => SynQuestion { target: path.vip, ..own },
            };
            asked.push((path, number_of(own), number_of(through)));
        }
        let found = syn::ask(&questions)?;
        for (path, own, through) in asked {
            let (Some(own), Some(through)) = (found.get(own), found.get(through).copied()) else { continue };
            if *own != SynAnswer::Accepted {
                let cause = "no connection to its own address, without which silence about the virtual IP says nothing";
                answers.unseen.push(Unseen::new(format!("path to {}", path.real), cause));
            } else if path.masquerades {
                answers.answers_vip.insert((path.vip.ip(), path.real), through == SynAnswer::Accepted);
            } else {
                answers.accepts_vip.push((path.vip, path.real.ip(), through));
            }
        }
        Ok(())
    }
}

/// Asks each database by a thread of its own: the time limit of the library holds for each packet, and a server may send many.
fn ask_databases(
    databases: &[(SocketAddr, Question)],
    deadline: Instant,
) -> Receiver<(SocketAddr, Result<u32, String>)> {
    let (sender, received) = channel();
    let left = deadline.saturating_duration_since(Instant::now());
    for (target, question) in databases.iter().cloned() {
        let sender = sender.clone();
        // No process waits for the answer any more when it comes too late.
        std::thread::spawn(move || drop(sender.send((target, mysql_wait_timeout(target, &question, left)))));
    }
    received
}

/// Why it cannot be seen whether answers to clients come back through this node.
fn way_back_hidden(vip: IpAddr, real: IpAddr, network: &NetworkFacts) -> Option<&'static str> {
    let network_of = |address| interface_for(address, network.routes.iter().filter(|route| !route.is_of_an_address()));
    if network.directs(vip).is_none() {
        return Some("it can be seen on the node that has the virtual IP only");
    }
    match network_of(real) {
        None => Some("the real server is behind a router"),
        Some(of_real) if network_of(vip) == Some(of_real) => {
            Some("the virtual IP is in the real server's own network, to which it needs no way")
        }
        Some(_) => None,
    }
}

impl Answers {
    pub(super) fn note(self, facts: &mut Facts) {
        facts.network.claims = self.claims;
        facts.network.accepts_vip = self.accepts_vip;
        facts.network.answers_vip = self.answers_vip;
        facts.kernel.wait_timeouts = self.wait_timeouts;
        facts.unseen.extend(self.unseen);
        facts.kernel.dead_fallbacks = dead_fallbacks(facts);
    }
}

/// The fallbacks on this node, of services that it serves, where nothing listens.
fn dead_fallbacks(facts: &Facts) -> Vec<(ServiceKey, String)> {
    let Some(listening) = listening_ports() else { return Vec::new() };
    let mut found = Vec::new();
    for service in facts.configured.iter().flat_map(|one| &one.config).flat_map(|config| &config.services) {
        let ServiceKey::Address { protocol: Protocol::Tcp, address, .. } = service.service.key else { continue };
        let Some(fallback) = &service.fallback else { continue };
        let is_here = fallback.key.address.is_loopback() || facts.network.is_own(fallback.key.address);
        if facts.network.directs(address).is_some() && is_here && !listening.contains(&fallback.key.port) {
            found.push((service.service.key, fallback.key.to_string()));
        }
    }
    found
}

/// Returns the TCP ports on which programs of this node listen; `None` where that cannot be read.
fn listening_ports() -> Option<BTreeSet<u16>> {
    const LISTEN: &str = "0A";
    let v4 = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let v6 = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let port = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = words.get(1)?.rsplit(':').next()?;
        (words.get(3) == Some(&LISTEN)).then(|| u16::from_str_radix(port, 16).ok()).flatten()
    };
    Some(v4.lines().chain(v6.lines()).filter_map(port).collect())
}
