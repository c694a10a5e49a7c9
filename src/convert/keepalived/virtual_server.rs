//! Virtual servers: each becomes a section, or as many as its group has addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use super::address;
use super::block::Statement;
use super::checker::Checker;
use super::global::Mail;
use super::real_server::{Defaults, RealServer};
use super::timing::Timing;
use crate::convert::draft::Draft;
use crate::convert::{Place, Remark};
use crate::model::{Family, ForwardingMethod};

/// Counts without `lvs_sched` (`IPVS_DEF_SCHED` of keepalived).
const SCHEDULER: &str = "wlc";
/// Seconds of `persistence_timeout` without a number (`IPVS_SVC_PERSISTENT_TIMEOUT` of keepalived).
const PERSISTENCE: &str = "360";

/// What clients connect to.
#[derive(Debug, Clone)]
enum Target {
    Address(IpAddr, u16),
    Mark(String, Option<Family>),
}

/// What a virtual server says beside its real servers.
struct Settings<'a> {
    /// Directives with their values.
    lines: Vec<(Place, &'static str, String)>,
    flags: Vec<&'a str>,
    method: ForwardingMethod,
    protocol: Option<(Place, String)>,
    persistent: Option<(Place, String)>,
    netmask: Option<(Place, String)>,
    family: Option<Family>,
    weight: String,
    virtualhost: Option<&'a Statement>,
    timing: Timing,
    inhibits: bool,
    fallback: Option<(Place, IpAddr, u16)>,
    fallback_method: Option<ForwardingMethod>,
}

/// The sections of a virtual server. What is wrong with it as a whole goes to `general`.
pub(super) fn drafts(
    statement: &Statement,
    groups: &HashMap<&str, &Statement>,
    mail: &Mail,
    general: &mut Vec<Remark>,
) -> Vec<Draft> {
    let mut remarks = Vec::new();
    let targets = targets(statement, groups, &mut remarks);
    let settings = Settings::read(statement, &mut remarks);
    let defaults = settings.defaults();
    let mut reals = Vec::new();
    for inner in statement.block.iter().filter(|inner| inner.keyword() == "real_server") {
        reals.extend(RealServer::read(inner, &defaults, &mut remarks));
    }
    let section = Section { statement, settings: &settings, reals: &reals, mail };
    let mut drafts: Vec<Draft> = targets.iter().map(|target| section.draft(target)).collect();
    match drafts.first_mut() {
        Some(first) => {
            section.compare(&mut remarks);
            remarks.into_iter().for_each(|remark| first.remark(remark));
        }
        None => {
            general.append(&mut remarks);
            general.push(statement.left_out("it has no address"));
        }
    }
    drafts
}

fn targets(statement: &Statement, groups: &HashMap<&str, &Statement>, remarks: &mut Vec<Remark>) -> Vec<Target> {
    match statement.argument(1) {
        Some("group") => {
            let Some(group) = statement.argument(2).and_then(|name| groups.get(name)) else {
                remarks.push(statement.left_out("no virtual_server_group has this name"));
                return Vec::new();
            };
            group.block.iter().flat_map(|member| target(member, 0, remarks)).collect()
        }
        _ => target(statement, 1, remarks),
    }
}

/// `ADDRESS [PORT]`, a range of addresses in its place, or `fwmark N [inet|inet6]`.
fn target(statement: &Statement, first: usize, remarks: &mut Vec<Remark>) -> Vec<Target> {
    let word = statement.argument(first).unwrap_or_default();
    if word == "fwmark" {
        let mark = statement.argument(first + 1).unwrap_or_default().to_owned();
        return vec![Target::Mark(mark, statement.argument(first + 2).and_then(family))];
    }
    let read = address::range(word).and_then(|all| Ok((all, address::port(statement.argument(first + 1))?)));
    match read {
        Ok((all, port)) => all.into_iter().map(|address| Target::Address(address, port)).collect(),
        Err(why) => {
            remarks.push(statement.left_out(why));
            Vec::new()
        }
    }
}

fn family(word: &str) -> Option<Family> {
    match word {
        "inet" => Some(Family::Ipv4),
        "inet6" => Some(Family::Ipv6),
        _ => None,
    }
}

impl<'a> Settings<'a> {
    fn read(statement: &'a Statement, remarks: &mut Vec<Remark>) -> Self {
        let mut settings = Self {
            lines: Vec::new(),
            flags: Vec::new(),
            method: ForwardingMethod::Masq,
            protocol: None,
            persistent: None,
            netmask: None,
            family: None,
            weight: "1".into(),
            virtualhost: None,
            timing: Timing::default(),
            inhibits: false,
            fallback: None,
            fallback_method: None,
        };
        for inner in &statement.block {
            if !settings.timing.take(inner, remarks) {
                settings.take(inner, remarks);
            }
        }
        if settings.lines.iter().all(|(_, name, _)| *name != "scheduler") {
            settings.lines.insert(0, (statement.place.clone(), "scheduler", SCHEDULER.into()));
        }
        settings
    }

    fn take(&mut self, statement: &'a Statement, remarks: &mut Vec<Remark>) {
        let place = || statement.place.clone();
        let first = || statement.argument(1).unwrap_or_default().to_owned();
        let mut say = |name| self.lines.push((place(), name, first()));
        match statement.keyword() {
            "lvs_sched" | "lb_algo" => say("scheduler"),
            "persistence_granularity" => self.netmask = Some((place(), first())),
            "persistence_engine" => say("persistence_engine"),
            "ops" => self.lines.push((place(), "ops", "yes".into())),
            flag @ ("flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback") => {
                self.flags.push(flag);
            }
            "lvs_method" | "lb_kind" => {
                self.method =
                    keep(address::forwarding(statement.arguments()), statement, remarks).unwrap_or(self.method);
            }
            "sorry_server_lvs_method" => {
                self.fallback_method = keep(address::forwarding(statement.arguments()), statement, remarks);
            }
            "sorry_server" => {
                let target = keep(address::target(statement, 1), statement, remarks);
                self.fallback = target.map(|(address, port)| (place(), address, port));
            }
            "protocol" => self.protocol = Some((place(), first().to_lowercase())),
            "persistence_timeout" => {
                self.persistent = Some((place(), statement.argument(1).unwrap_or(PERSISTENCE).to_owned()));
            }
            "ip_family" => self.family = statement.argument(1).and_then(family),
            "weight" => self.weight = first(),
            "virtualhost" => self.virtualhost = Some(statement),
            "inhibit_on_failure" => self.inhibits = statement.is_on(),
            // As without a word.
            "quorum" if statement.argument(1) == Some("1") => {}
            "hysteresis" if statement.argument(1) == Some("0") => {}
            "quorum" => say("quorum"),
            "hysteresis" => say("hysteresis"),
            "real_server" | "smtp_alert" => {}
            _ => remarks.push(remark(statement)),
        }
    }

    fn defaults(&self) -> Defaults<'a> {
        Defaults {
            method: self.method,
            weight: self.weight.clone(),
            virtualhost: self.virtualhost,
            timing: self.timing.clone(),
            inhibits: self.inhibits,
            is_tcp: self.protocol.as_ref().is_some_and(|(_, protocol)| protocol == "tcp"),
        }
    }
}

fn remark(statement: &Statement) -> Remark {
    match statement.keyword() {
        "quorum_up" | "quorum_down" => {
            let why =
                "fallbackcommand names one program, which is called with start or stop, VIP:PORT and the protocol";
            Remark::left_out(&statement.place, statement.keyword(), why)
        }
        "omega" => statement.otherwise("no program runs at the end; cleanstop=yes removes the services"),
        "ha_suspend" => statement.otherwise("the cluster decides on which node the health monitor runs"),
        "sorry_server_inhibit" => statement.left_out("a fallback that is not needed is not in the table"),
        "snmp_name" => statement.left_out("there is no SNMP: lvs-agents status --json has the figures"),
        "hashed" => statement.otherwise("the kernel sets this flag itself"),
        _ => statement.unknown(),
    }
}

fn keep<T>(result: Result<T, String>, statement: &Statement, remarks: &mut Vec<Remark>) -> Option<T> {
    result.map_err(|why| remarks.push(statement.left_out(why))).ok()
}

/// One virtual server with everything that its sections have in common.
struct Section<'a> {
    statement: &'a Statement,
    settings: &'a Settings<'a>,
    reals: &'a [RealServer],
    mail: &'a Mail,
}

impl Section<'_> {
    /// The checker of the section, which is that of the first real server that has one.
    fn checked(&self) -> Option<(&RealServer, &Checker)> {
        self.reals.iter().find_map(|real| Some((real, real.checker.as_ref()?)))
    }

    fn draft(&self, target: &Target) -> Draft {
        let Self { statement, settings, .. } = self;
        let place = &statement.place;
        let (address, port, family) = match target {
            Target::Address(address, port) => {
                let with_port = format!("{}{}", address::place(*address, *port), if *port == 0 { ":0" } else { "" });
                (with_port, Some(*port), Family::of(*address))
            }
            Target::Mark(mark, family) => (mark.clone(), None, family.unwrap_or_else(|| self.family_of_mark())),
        };
        let six = if family == Family::Ipv6 { "6" } else { "" };
        let mut draft = Draft::new(place, format!("virtual{six}={address}"));
        if port.is_some() {
            self.say_protocol(&mut draft);
        }
        for (place, name, value) in &settings.lines {
            draft.say(place, format!("{name}={value}"));
        }
        if !settings.flags.is_empty() {
            draft.say(place, format!("schedflags={}", settings.flags.join(",")));
        }
        self.say_persistence(&mut draft, port);
        self.say_check(&mut draft);
        self.mail.say(statement, &mut draft);
        self.say_fallback(&mut draft, six, port);
        for real in self.reals {
            let (without, with) = real.line(port, self.own_question(real));
            draft.say_or(&real.place, format!("real{six}={with}"), format!("real{six}={without}"));
        }
        draft
    }

    /// What this real server alone is asked, by the check that all have.
    fn own_question<'r>(&self, real: &'r RealServer) -> Option<(&'r str, &'r str)> {
        let ((_, shared), own) = (self.checked()?, real.checker.as_ref()?);
        Some(own.question()).filter(|question| own.is_like(shared) && *question != shared.question())
    }

    /// That of the real servers, where a mark does not say it.
    fn family_of_mark(&self) -> Family {
        let first = self.reals.first().map(|real| Family::of(real.address));
        self.settings.family.or(first).unwrap_or(Family::Ipv4)
    }

    fn say_protocol(&self, draft: &mut Draft) {
        let place = &self.statement.place;
        match &self.settings.protocol {
            Some((place, protocol)) => draft.say(place, format!("protocol={protocol}")),
            None => {
                // As the kernel takes it (`check_data.c` of keepalived).
                draft.remark(Remark::otherwise(place, "protocol", "not said: keepalived takes UDP"));
                draft.say(place, "protocol=udp");
            }
        }
    }

    /// keepalived makes a service persistent that has a granularity alone, or every port.
    fn say_persistence(&self, draft: &mut Draft, port: Option<u16>) {
        let Settings { persistent, netmask, .. } = self.settings;
        let implied = netmask.as_ref().map(|(place, _)| place).or((port == Some(0)).then_some(&self.statement.place));
        match (persistent, implied) {
            (Some((place, seconds)), _) => draft.say(place, format!("persistent={seconds}")),
            (None, Some(place)) => draft.say(place, format!("persistent={PERSISTENCE}")),
            (None, None) => {}
        }
        if let Some((place, netmask)) = netmask
            && !self.is_group()
        {
            draft.say(place, format!("netmask={netmask}"));
        }
    }

    fn is_group(&self) -> bool {
        self.statement.argument(1) == Some("group")
    }

    fn say_check(&self, draft: &mut Draft) {
        let place = &self.statement.place;
        let inhibits = self.reals.first().map_or(self.settings.inhibits, |real| real.inhibits);
        draft.say(place, format!("quiescent={}", if inhibits { "yes" } else { "no" }));
        let Some((real, checker)) = self.checked() else { return draft.say(place, "checktype=on") };
        for (place, name, value) in &checker.directives {
            draft.say(place, format!("{name}={value}"));
        }
        for (name, said) in [("request", &checker.request), ("receive", &checker.receive)] {
            if let Some((place, text)) = said {
                draft.say(place, format!("{name}=\"{text}\""));
            }
        }
        let is_program = checker.keyword == "MISC_CHECK";
        for (place, name, seconds) in real.timing.directives(checker.retries, is_program, place) {
            draft.say(&place, format!("{name}={seconds}"));
        }
    }

    fn say_fallback(&self, draft: &mut Draft, six: &str, virtual_port: Option<u16>) {
        let Some((place, address, port)) = &self.settings.fallback else { return };
        let method = self.settings.fallback_method.unwrap_or(self.settings.method);
        if !method.options().is_empty() {
            let why = "a fallback has no options of its tunnel";
            draft.remark(Remark::left_out(place, &format!("sorry_server_lvs_method{}", method.options()), why));
        }
        let masquerades = method == ForwardingMethod::Masq;
        let port = if masquerades { *port } else { 0 };
        let port = if port == 0 { virtual_port.unwrap_or(0) } else { port };
        draft.say(place, format!("fallback{six}={} {method}", address::place(*address, port)));
    }

    /// What real servers say that a section says once.
    fn compare(&self, remarks: &mut Vec<Remark>) {
        if let Some((place, netmask)) = self.settings.netmask.as_ref().filter(|_| self.is_group()) {
            // `ipvs_group_range_cmd` of keepalived sets the mask of a whole address.
            let how = format!("keepalived does not apply it to a group: netmask={netmask} would say it");
            remarks.push(Remark::otherwise(place, "persistence_granularity", how));
        }
        let Some((first, shared)) = self.checked() else { return };
        let is_program = shared.keyword == "MISC_CHECK";
        let times = |real: &RealServer, checker: &Checker| {
            real.timing
                .directives(checker.retries, is_program, &self.statement.place)
                .map(|(_, name, value)| (name, value))
        };
        let inhibits = self.reals.first().is_some_and(|real| real.inhibits);
        for real in self.reals {
            let place = &real.place;
            let subject = format!("real_server {}", real.address);
            if real.inhibits != inhibits {
                let why = "quiescent counts for all real servers of a service";
                remarks.push(Remark::left_out(place, &format!("{subject}: inhibit_on_failure"), why));
            }
            let Some(checker) = &real.checker else {
                let why = format!("it has none: it is checked by {} as the others are", shared.keyword);
                remarks.push(Remark::left_out(place, &format!("{subject}: checker"), why));
                continue;
            };
            if !checker.is_like(shared) {
                let why = format!("the check of {} counts for all real servers of the service", first.address);
                remarks.push(Remark::left_out(&checker.place, &format!("{subject}: {}", checker.keyword), why));
            } else if times(real, checker) != times(first, shared) {
                let why = format!("those of {} count for all real servers of the service", first.address);
                remarks.push(Remark::left_out(&checker.place, &format!("{subject}: times of its check"), why));
            }
        }
    }
}
