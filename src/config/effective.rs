//! Makes services of what was written: names looked up, defaults filled in, each section judged as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::address::{HostPort, Port, VirtualAddress};
use super::check::{self, Questions, Template};
use super::members::{Candidate, Place};
use super::policy::Policy;
use super::problem::{Origin, Problem, Report};
use super::real::{FallbackSpec, RealSpec};
use super::section::{Outside, Preview, Section};
use super::told::{global, notices};
use super::words::{self, FIREWALL_MARK};
use super::written::{Effective, Located, Written, default_number};
use super::{Config, Draining, FollowedName, RealServerConfig, Resolver, Service, evidence, maglev};
use crate::check::TimeLimit;
use crate::model::{
    DnsName, Family, ForwardingMethod, Persistence, Protocol, RealServer, RealServerKey, Scheduler, ServiceFlags,
    ServiceKey, VirtualService,
};

/// More addresses in one range are a slip of the finger, and would fill the memory.
const LARGEST_RANGE: u32 = 65536;

const UNWRITTEN: &str =
    "draining: expected only in what lvs itself declares: a real server whose line is removed is drained";

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    User,
    /// The `lvs` agent, which declares what a user wrote.
    Lvs,
}

/// All sections at once, where they are few.
pub(super) fn resolve(
    outside: &Outside,
    sections: &[Section],
    (resolver, author): (&dyn Resolver, Author),
    report: Report,
) -> Result<Config, Vec<Problem>> {
    let (mut preview, questions) = (Preview::default(), Questions::new(resolver));
    sections.iter().for_each(|section| preview.note(section));
    let mut resolution = Resolution::new(outside, &preview, (resolver, author), &questions);
    sections.iter().for_each(|section| resolution.add(section));
    resolution.finish(report).result()
}

/// What came of a text.
pub(super) struct Judged {
    /// Without the services that something is wrong with.
    pub config: Config,
    pub errors: Vec<Problem>,
}

impl Judged {
    /// The configuration, if nothing is wrong.
    pub fn result(self) -> Result<Config, Vec<Problem>> {
        if self.errors.is_empty() { Ok(self.config) } else { Err(self.errors) }
    }
}

/// Makes a service of each section that it is given, one after the other: the draft of one is as large as what becomes of
/// it, and all drafts together would double the memory that a large file needs.
pub(super) struct Resolution<'a> {
    outside: &'a Outside,
    resolver: &'a dyn Resolver,
    author: Author,
    questions: &'a Questions<'a>,
    report: Report,
    seen: BTreeMap<ServiceKey, Origin>,
    services: Vec<Service>,
}

impl<'a> Resolution<'a> {
    pub fn new(
        outside: &'a Outside,
        preview: &Preview,
        (resolver, author): (&'a dyn Resolver, Author),
        questions: &'a Questions<'a>,
    ) -> Self {
        let own = preview.host_names.iter().map(|(name, family)| (name.as_str(), *family));
        let global = outside.fallbacks().filter_map(|(spec, family)| Some((spec.value.target.host.name()?, family)));
        resolver.prepare(own.chain(global).collect());
        resolver.prepare_followed(preview.followed.iter().cloned().collect());
        let (report, seen) = (Report::default(), BTreeMap::new());
        let mut resolution = Self { outside, resolver, author, questions, report, seen, services: Vec::new() };
        resolution.check_unused_fallbacks(&preview.families);
        resolution
    }

    pub fn add(&mut self, section: &Section) {
        let Some(service) = self.service(section) else { return };
        match self.seen.insert(service.service.key, service.origin) {
            None => self.services.push(service),
            Some(first) => {
                let text = format!("{}: {} is already defined by {first}", section.name(), service.service.key);
                self.report.error(section.origin, text);
            }
        }
    }

    /// `report`: what was wrong with the lines themselves.
    pub fn finish(self, report: Report) -> Judged {
        let sorted = |mut problems: Vec<Problem>, more: Vec<Problem>| {
            problems.extend(more);
            problems.sort();
            // A wrong parameter that several virtual services share is one mistake.
            problems.dedup();
            problems
        };
        let errors = sorted(report.errors, self.report.errors);
        let warnings = sorted(report.warnings, self.report.warnings);
        Judged { config: Config { global: global(self.outside), services: self.services, warnings }, errors }
    }

    /// `None` when something is wrong, which is then reported.
    fn service(&mut self, section: &Section) -> Option<Service> {
        let key = self.key(section)?;
        let values = self.values(section);
        let service = self.virtual_service(section, key);
        let template = Template::new(section, values, key, self.questions, &mut self.report);
        let mut real_servers: Vec<RealServerConfig> = Vec::with_capacity(section.real_servers.len());
        let (mut seen, mut draining, mut followed) = (BTreeSet::new(), Vec::new(), Vec::new());
        for spec in &section.real_servers {
            let name_followed = spec.value.followed(section.family).map(|name| self.follow(spec, name));
            let dns = name_followed.as_ref().map(|followed| Arc::clone(&followed.name));
            let candidates = self.real_servers(spec, key, section.family, name_followed.as_ref());
            followed.extend(name_followed);
            for Candidate { real_server, check_port, backup } in candidates {
                if !seen.insert(real_server.key) {
                    let name = name(spec, "real", section.family);
                    let objection = format!("{name}: {}: given twice in {}", real_server.key, section.name());
                    match dns {
                        // Nothing is wrong with the line: records may have any address.
                        Some(_) => self.report.warn(spec.origin, format!("{objection}: the first counts")),
                        None => self.report.tolerate(spec.origin, &objection, "the first counts"),
                    }
                    continue;
                }
                if let Some(since) = spec.value.options.draining {
                    if self.author == Author::User {
                        self.complain(spec, "real", section.family, UNWRITTEN);
                        continue;
                    }
                    draining.push(Draining { real_server: RealServer { weight: 0, ..real_server }, since });
                    continue;
                }
                let Some(template) = &template else { continue };
                match template.check(&real_server, check_port, &spec.value.options) {
                    Ok(check) => {
                        let (origin, dns) = (spec.origin, dns.clone());
                        real_servers.push(RealServerConfig { origin, real_server, check, backup, dns });
                    }
                    Err(text) => self.complain(spec, "real", section.family, &text),
                }
            }
        }
        if let (Some(template), Some(first)) = (&template, section.real_servers.first()) {
            template.warn_about_port(first, key, &mut self.report);
        }
        let (fallback, checkpath) = (self.fallback(section, key), self.checkpath(section, key));
        let (service, template) = (service?, template?);
        let weights = real_servers.iter().map(|real| real.real_server.weight);
        if let Some(text) = maglev::doubt(service.scheduler.as_str(), &weights.collect::<Vec<_>>()) {
            self.warn_of(section, "scheduler", &text);
        }
        let checkinterval = Duration::from_secs(values.number("checkinterval").into());
        let doubtinterval =
            values.written("doubtinterval").map(|_| Duration::from_secs(values.number("doubtinterval").into()));
        if doubtinterval.is_some_and(|interval| interval >= checkinterval) {
            self.warn_of(section, "doubtinterval", "ignored: not shorter than checkinterval");
        }
        let (on_evidence, objection) = evidence::answer(&service, values.text("evidence"));
        objection.into_iter().for_each(|text| self.warn_of(section, "evidence", &text));
        let policy = Policy::of(values);
        policy
            .doubts(&service, &real_servers, values)
            .into_iter()
            .for_each(|(name, text)| self.warn_of(section, name, &text));
        Some(Service {
            origin: section.origin,
            service,
            real_servers,
            followed,
            draining,
            drain_timeout: Duration::from_secs(values.number("drain_timeout").into()),
            fallback,
            question: template.question,
            checktimeout: template.timeout,
            between: template.between,
            checkpath,
            quiescent: values.flag("quiescent"),
            readdquiescent: values.flag("readdquiescent"),
            on_drift: words::drift_answer(values.text("on_drift")),
            on_evidence,
            failurecount: values
                .first_written(["failurecount", "fall"])
                .and_then(Written::number)
                .unwrap_or_else(|| default_number("failurecount")),
            rise: values.number("rise"),
            starts_up: words::starts_up(values.text("initstate")),
            quorum: policy.quorum,
            maxejected: policy.maxejected,
            secondopinion: policy.secondopinion,
            slowstart: policy.slowstart,
            checkinterval,
            doubtinterval,
            cleanstop: values.flag("cleanstop"),
            maintenancedir: values.path("maintenancedir"),
            notices: notices(values),
        })
    }

    fn values<'s>(&self, section: &'s Section) -> Effective<'s>
    where
        'a: 's,
    {
        Effective { section: &section.values, outside: &self.outside.values }
    }

    fn key(&mut self, section: &Section) -> Option<ServiceKey> {
        let address = section.address.as_ref()?;
        let word = self.values(section).text("protocol");
        let (host, port) = match address {
            VirtualAddress::Mark(mark) => {
                if !matches!(word, "" | FIREWALL_MARK) {
                    self.object(section, "protocol", "expected fwm, since virtual is a firewall mark");
                }
                return Some(ServiceKey::Fwmark { mark: *mark, family: section.family });
            }
            VirtualAddress::Address { host, port } => (host, port),
        };
        if word == FIREWALL_MARK {
            self.object(section, "protocol", "expected tcp, udp or sctp, since virtual is an address");
        }
        let protocol = word.parse().unwrap_or_else(|_| default_protocol(port));
        let name = section.name();
        let address = host.resolve(section.family, self.resolver).map_err(|text| format!("{name}: {text}"));
        let port = port.resolve(Some(protocol), self.resolver).map_err(|text| format!("{name}: {text}"));
        let (address, port) = (self.report.keep(section.origin, address), self.report.keep(section.origin, port));
        Some(ServiceKey::Address { protocol, address: address?, port: port? })
    }

    fn virtual_service(&mut self, section: &Section, key: ServiceKey) -> Option<VirtualService> {
        let values = self.values(section);
        let persistence = Some(values.number("persistent")).filter(|timeout| *timeout > 0).map(|timeout| {
            let netmask = values.written("netmask").and_then(|_| values.number("netmask").try_into().ok());
            Persistence::by_address(timeout, netmask.unwrap_or(section.family.bits()))
        });
        let is_udp = matches!(key, ServiceKey::Address { protocol: Protocol::Udp, .. });
        if persistence.is_none() {
            self.warn_of(section, "netmask", "ignored without persistent");
            self.warn_of(section, "persistence_engine", "ignored without persistent");
        } else if !is_udp {
            self.warn_of(section, "persistence_engine", "ignored without protocol=udp");
        }
        let engine = values.text("persistence_engine").parse().ok().filter(|_| is_udp);
        let persistence = persistence.map(|persistence| Persistence { engine, ..persistence });
        let needs_persistence = matches!(key, ServiceKey::Address { port: 0, .. }) && persistence.is_none();
        if needs_persistence {
            let text = format!("{}: port 0 (every port): expected persistent with it", section.name());
            self.report.error(section.origin, text);
        }
        let one_packet = values.flag("ops");
        if one_packet && !is_udp {
            self.warn_of(section, "ops", "ignored without protocol=udp");
        }
        let (scheduler, flags) = (values.text("scheduler"), values.text("schedflags"));
        if words::are_of_another_scheduler(flags, scheduler) {
            self.object(section, "schedflags", &format!("expected flags of the scheduler {scheduler}"));
        }
        let flags = ServiceFlags { one_packet: one_packet && is_udp, scheduler: words::flags_of(flags) };
        let scheduler = Scheduler::named(scheduler);
        (!needs_persistence).then_some(VirtualService { key, scheduler, persistence, flags })
    }

    /// Asks for the members of a name.
    fn follow(&mut self, spec: &Located<RealSpec>, name: DnsName) -> FollowedName {
        let members = self.resolver.members(&name).unwrap_or_else(|cause| {
            let line = self::name(spec, "real", name.family);
            let text = format!("{line}: {cause}: no real server of it until its records are known");
            self.report.warn(spec.origin, text);
            Vec::new()
        });
        FollowedName { origin: spec.origin, line: spec.word.clone(), name: Arc::new(name), members }
    }

    /// The real servers of one line.
    fn real_servers(
        &mut self,
        spec: &Located<RealSpec>,
        key: ServiceKey,
        family: Family,
        followed: Option<&FollowedName>,
    ) -> Vec<Candidate> {
        let written = spec.value.port.as_ref().map(|port| port.resolve(None, self.resolver)).transpose();
        let place = written.map(|port| Place { key, port: port.filter(|port| *port != 0), spec: &spec.value });
        let name = || name(spec, "real", family);
        let result = match (place, followed) {
            (Ok(place), Some(FollowedName { members, .. })) => {
                let mut objections = Vec::new();
                let candidates = place.candidates_of(members, self.resolver, &mut objections);
                objections.into_iter().for_each(|text| self.report.warn(spec.origin, format!("{}: {text}", name())));
                return candidates;
            }
            (Ok(place), None) => self.addresses(&spec.value, family).map(|addresses| (place, addresses)),
            (Err(text), _) => Err(text),
        };
        match result {
            Ok((place, addresses)) => {
                if let Some(objection) = place.objection_to_port() {
                    let (real, other) = (place.real_port(), place.port.unwrap_or_default());
                    let what_counts = format!("clients reach {real}, and {other} is checked");
                    self.report.tolerate(spec.origin, &format!("{}: {objection}", name()), &what_counts);
                }
                addresses.into_iter().map(|address| place.candidate(address)).collect()
            }
            Err(text) => {
                self.complain(spec, "real", family, &text);
                Vec::new()
            }
        }
    }

    fn addresses(&self, spec: &RealSpec, family: Family) -> Result<Vec<IpAddr>, String> {
        let first = spec.first.resolve(family, self.resolver)?;
        let last = spec.last.as_ref().map(|last| last.resolve(family, self.resolver)).transpose()?;
        match (first, last) {
            (_, None) => Ok(vec![first]),
            (IpAddr::V4(first), Some(IpAddr::V4(last))) => {
                let (from, to) = (u32::from(first), u32::from(last));
                if from > to {
                    return Err(format!("expected a range from the lower to the higher address, not {first}->{last}"));
                }
                if to - from >= LARGEST_RANGE {
                    // The whole of IPv4 has one address more than fits into 32 bits.
                    let addresses = u64::from(to - from) + 1;
                    return Err(format!("a range of {addresses} addresses: expected at most {LARGEST_RANGE}"));
                }
                Ok((from..=to).map(|bits| Ipv4Addr::from(bits).into()).collect())
            }
            _ => Err("a range of IPv6 addresses: not supported yet".into()),
        }
    }

    /// The time limit of its path checks, where it has any.
    fn checkpath(&mut self, section: &Section, key: ServiceKey) -> Option<Duration> {
        let values = self.values(section);
        if !values.flag("checkpath") {
            return None;
        }
        let objection = match key {
            ServiceKey::Address { protocol: Protocol::Tcp, port: 1.., .. } => {
                return Some(check::timeout(TimeLimit::Checktimeout, values));
            }
            ServiceKey::Address { protocol: Protocol::Tcp, .. } => "a service of every port has none to ask",
            ServiceKey::Address { .. } => "only TCP says by itself whether a packet has arrived",
            ServiceKey::Fwmark { .. } => "a firewall mark has neither an address nor a port to ask",
        };
        self.warn_of(section, "checkpath", &format!("ignored for {key}: {objection}"));
        None
    }

    /// The section's own fallback, else the global one of its family.
    fn fallback(&mut self, section: &Section, key: ServiceKey) -> Option<RealServer> {
        let global = match section.family {
            Family::Ipv4 => &self.outside.fallback,
            Family::Ipv6 => &self.outside.fallback6,
        };
        let spec = section.fallback.as_deref().or(global.as_ref())?;
        match self.fallback_server(&spec.value, section.family, key) {
            Ok((server, ignored_port)) => {
                if let Some(port) = ignored_port {
                    let method = server.forwarding;
                    let text = format!(
                        "port {port}: ignored for {key}: {method} cannot change the port; the fallback is {}",
                        server.key
                    );
                    self.report.warn(spec.origin, format!("{}: {text}", name(spec, "fallback", section.family)));
                }
                Some(server)
            }
            Err(text) => {
                self.complain(spec, "fallback", section.family, &text);
                None
            }
        }
    }

    /// The second value is a port that the kernel cannot use. A global fallback is often shared by services of several
    /// ports, so ipvsadm's and ldirectord's answer is kept: the port of the virtual service counts.
    fn fallback_server(
        &self,
        spec: &FallbackSpec,
        family: Family,
        key: ServiceKey,
    ) -> Result<(RealServer, Option<u16>), String> {
        let (protocol, virtual_port) = match key {
            ServiceKey::Address { protocol, port, .. } => (Some(protocol), Some(port)),
            ServiceKey::Fwmark { .. } => (None, None),
        };
        let HostPort { host, port } = &spec.target;
        let address = host.resolve(family, self.resolver)?;
        let written = port.as_ref().map(|port| port.resolve(protocol, self.resolver)).transpose()?;
        let wanted = written.filter(|port| *port != 0).or(virtual_port).unwrap_or(0);
        let port = match virtual_port {
            Some(port) if spec.forwarding != ForwardingMethod::Masq => port,
            _ => wanted,
        };
        let server = RealServer {
            key: RealServerKey { address, port },
            forwarding: spec.forwarding,
            local: false,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
        };
        Ok((server, (wanted != port).then_some(wanted)))
    }

    /// A global fallback that no service uses is still looked up: it must not be wrong on the day it is needed.
    fn check_unused_fallbacks(&mut self, used: &BTreeSet<Family>) {
        for (spec, family) in self.outside.fallbacks() {
            if used.contains(&family) {
                continue;
            }
            let mark = ServiceKey::Fwmark { mark: 1, family };
            if let Err(text) = self.fallback_server(&spec.value, family, mark) {
                self.complain(spec, "fallback", family, &text);
            }
        }
    }

    /// The value of a directive is wrong for this section.
    fn object(&mut self, section: &Section, directive: &str, text: &str) {
        if let Some(written) = self.values(section).written(directive) {
            self.report.error(written.at.origin, format!("{}: {text}", written.name()));
        }
    }

    fn warn_of(&mut self, section: &Section, directive: &str, text: &str) {
        if let Some(written) = self.values(section).written(directive) {
            self.report.warn(written.at.origin, format!("{directive}: {text}"));
        }
    }

    fn complain<T>(&mut self, located: &Located<T>, directive: &str, family: Family, text: &str) {
        self.report.error(located.origin, format!("{}: {text}", name(located, directive, family)));
    }
}

fn name<T>(located: &Located<T>, directive: &str, family: Family) -> String {
    let suffix = if family == Family::Ipv6 { "6" } else { "" };
    located.origin.name_value(&format!("{directive}{suffix}"), &located.word)
}

/// UDP for port `53` and `domain`, as ldirectord decides by the text of the port.
fn default_protocol(port: &Port) -> Protocol {
    match port {
        Port::Number(53) => Protocol::Udp,
        Port::Name(name) if &**name == "domain" => Protocol::Udp,
        _ => Protocol::Tcp,
    }
}
