//! Makes services of what was written: names looked up, defaults filled in, each section judged as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::address::{HostPort, Port, VirtualAddress};
use super::check::{Questions, Template};
use super::problem::{Origin, Problem, Report};
use super::real::{FallbackSpec, RealSpec};
use super::section::{Outside, Preview, Section};
use super::words::{self, FIREWALL_MARK};
use super::written::{Effective, Located, Values};
use super::{
    Config, Draining, Global, LogTarget, MailSettings, Notices, RealServerConfig, Relay, Resolver, Service, SmtpTls,
    maglev,
};
use crate::model::{
    Family, ForwardingMethod, Persistence, Protocol, RealServer, RealServerKey, Scheduler, Secret, ServiceFlags,
    ServiceKey, VirtualService,
};

/// More addresses in one range are a slip of the finger, and would fill the memory.
const LARGEST_RANGE: u32 = 65536;

const UNWRITTEN: &str =
    "draining: expected only in what lvs itself declares: a real server whose line is removed is drained";

fn global(outside: &Outside) -> Global {
    let values = Effective { section: &Values::default(), outside: &outside.values };
    Global {
        autoreload: values.flag("autoreload"),
        supervised: values.flag("supervised"),
        callback: values.path("callback"),
        metrics: values.text("metrics").parse().ok(),
        logfile: values.written("logfile").map(|_| LogTarget::from(values.text("logfile").to_owned())),
        executed: outside.executed.clone(),
    }
}

fn notices(values: Effective) -> Notices {
    let text = |name| Some(values.text(name)).filter(|text| !text.is_empty()).map(Box::from);
    Notices {
        monitorfile: values.path("monitorfile"),
        fallbackcommand: text("fallbackcommand"),
        servicename: values.text("servicename").into(),
        comment: values.text("comment").into(),
        mail: text("emailalert").map(|to| Arc::new(mail(to, values))),
    }
}

fn mail(to: Box<str>, values: Effective) -> MailSettings {
    let tls = match values.text("smtp_tls") {
        "starttls" => SmtpTls::Starttls,
        "yes" => SmtpTls::Yes,
        _ => SmtpTls::No,
    };
    MailSettings {
        to,
        from: values.text("emailalertfrom").into(),
        frequency: Duration::from_secs(values.number("emailalertfreq").into()),
        status: values.text("emailalertstatus").into(),
        relay: Relay {
            host: values.text("smtp").into(),
            port: values.number("smtp_port").try_into().unwrap_or(25),
            tls,
            login: values.text("smtp_login").into(),
            passwd: Secret::new(values.text("smtp_passwd")),
        },
    }
}

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
        let (mut seen, mut draining) = (BTreeSet::new(), Vec::new());
        for spec in &section.real_servers {
            for (real_server, check_port) in self.real_servers(spec, key, section.family) {
                if !seen.insert(real_server.key) {
                    let name = name(spec, "real", section.family);
                    let objection = format!("{name}: {}: given twice in {}", real_server.key, section.name());
                    self.report.tolerate(spec.origin, &objection, "the first counts");
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
                    Ok(check) => real_servers.push(RealServerConfig { origin: spec.origin, real_server, check }),
                    Err(text) => self.complain(spec, "real", section.family, &text),
                }
            }
        }
        if let (Some(template), Some(first)) = (&template, section.real_servers.first()) {
            template.warn_about_port(first, key, &mut self.report);
        }
        let fallback = self.fallback(section, key);
        let (service, template) = (service?, template?);
        let weights = real_servers.iter().map(|real| real.real_server.weight);
        if let Some(text) = maglev::doubt(service.scheduler.as_str(), &weights.collect::<Vec<_>>()) {
            self.warn_of(section, "scheduler", &text);
        }
        Some(Service {
            origin: section.origin,
            service,
            real_servers,
            draining,
            drain_timeout: Duration::from_secs(values.number("drain_timeout").into()),
            fallback,
            question: template.question,
            checktimeout: template.timeout,
            between: template.between,
            quiescent: values.flag("quiescent"),
            readdquiescent: values.flag("readdquiescent"),
            on_drift: words::drift_answer(values.text("on_drift")),
            failurecount: values.number("failurecount"),
            checkinterval: Duration::from_secs(values.number("checkinterval").into()),
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

    /// The real servers of one line, each with the port that was written for it.
    fn real_servers(
        &mut self,
        spec: &Located<RealSpec>,
        key: ServiceKey,
        family: Family,
    ) -> Vec<(RealServer, Option<u16>)> {
        let result = self.addresses(&spec.value, family).and_then(|addresses| {
            let written = spec.value.port.as_ref().map(|port| port.resolve(None, self.resolver)).transpose()?;
            let written = written.filter(|port| *port != 0);
            let port = real_port(written, key, spec.value.forwarding);
            if let Some(other) = written.filter(|written| *written != port) {
                let (name, method) = (name(spec, "real", family), spec.value.forwarding);
                let objection =
                    format!("{name}: port {other}: {method} cannot change the port: expected {port}, or masq");
                self.report.tolerate(spec.origin, &objection, &format!("clients reach {port}, and {other} is checked"));
            }
            Ok((addresses, port, written))
        });
        let (addresses, port, written) = match result {
            Ok(all) => all,
            Err(text) => {
                self.complain(spec, "real", family, &text);
                return Vec::new();
            }
        };
        let options = &spec.value.options;
        let real_server = |address| RealServer {
            key: RealServerKey { address, port },
            forwarding: spec.value.forwarding,
            local: false,
            weight: options.weight.unwrap_or(1),
            upper_threshold: options.upper_threshold.unwrap_or(0),
            lower_threshold: options.lower_threshold.unwrap_or(0),
        };
        addresses.into_iter().map(|address| (real_server(address), written)).collect()
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

/// Without a port a real server has the virtual service's, or 0 behind a mark. Direct routing and tunnels leave the
/// packet's port alone, so another one could never be reached.
fn real_port(written: Option<u16>, key: ServiceKey, method: ForwardingMethod) -> u16 {
    match key {
        ServiceKey::Fwmark { .. } => written.unwrap_or(0),
        ServiceKey::Address { port, .. } if method != ForwardingMethod::Masq => port,
        ServiceKey::Address { port, .. } => written.unwrap_or(port),
    }
}
