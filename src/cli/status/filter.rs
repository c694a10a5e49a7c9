//! What of the overview is shown. Pure.

use std::collections::HashSet;

use super::judge;
use super::kernel_index::KernelIndex;
use super::overview::{Overview, ServiceSummary, State};
use crate::daemon::protocol::{EntryDrift, RealServerStatus, ServiceStatus};

/// Which virtual services and real servers are shown; the default is all.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Filter {
    /// Only this virtual service: "tcp 10.0.0.1:80", or 10.0.0.1:80 or 10.0.0.1 for all that have it
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Only this real server, in every virtual service that has it: 10.0.0.2:80, or 10.0.0.2 for all of its ports
    #[arg(long, value_name = "SERVER[:PORT]")]
    pub server: Option<String>,
    /// Only what is wrong: real servers that are out or not as configured, and services that are not served as they shall be
    #[arg(long)]
    pub wrong: bool,
}

impl Filter {
    fn has_service(&self, name: &str) -> bool {
        let Some(wanted) = &self.service else { return true };
        let place = name.split_once(' ').map_or("", |(_, place)| place);
        name == wanted || place == wanted || host(place) == host(wanted) && port(wanted).is_none()
    }

    fn has_server(&self, name: &str) -> bool {
        let Some(wanted) = &self.server else { return true };
        name == wanted || host(name) == host(wanted) && port(wanted).is_none()
    }

    /// Leaves out what is not asked for.
    pub fn apply(&self, overview: &mut Overview) {
        if self.service.is_none() && self.server.is_none() && !self.wrong {
            return;
        }
        let kernel = std::mem::take(&mut overview.kernel);
        let index = KernelIndex::of(&kernel);
        let drifting: HashSet<(String, Option<String>)> =
            overview.monitors.iter().flat_map(|monitor| &monitor.liveness.drifts).map(place).collect();
        let well: HashSet<String> =
            overview.services.iter().filter(|one| one.state == State::Well).map(|one| one.service.clone()).collect();
        let shows = |service: &str, real: &RealServerStatus| {
            let is_wrong = || {
                judge::is_remarkable(real, index.row(service, &real.real_server))
                    || drifting.contains(&(service.to_owned(), Some(real.real_server.clone())))
            };
            self.has_server(&real.real_server) && (!self.wrong || is_wrong())
        };
        let keep = |service: &mut ServiceStatus| {
            let name = service.service.clone();
            service.real_servers.retain(|real| shows(&name, real));
            let fallback = service.fallback.take();
            let is_wanted = |one: &str, serves: bool| self.has_server(one) && (!self.wrong || serves);
            service.fallback = fallback.filter(|fallback| is_wanted(&fallback.real_server, fallback.serves));
            let is_empty = service.real_servers.is_empty() && service.fallback.is_none();
            let is_wrong = !well.contains(&name);
            self.has_service(&name) && (!is_empty || (self.server.is_none() && (!self.wrong || is_wrong)))
        };
        for monitor in &mut overview.monitors {
            monitor.services.retain_mut(keep);
            monitor.liveness.drifts.retain(|drift| {
                let has_server = drift.real_server.as_deref().is_none_or(|real| self.has_server(real));
                self.has_service(&drift.service) && has_server
            });
            monitor.liveness.faults.retain(|fault| self.has_service(&fault.service));
            monitor.liveness.alarms.retain(|alarm| self.has_service(&alarm.service));
        }
        overview.unmonitored_services.retain_mut(keep);
        let kept: HashSet<String> = overview.details().map(|service| service.service.clone()).collect();
        overview.services.retain(|one: &ServiceSummary| kept.contains(&one.service));
        overview.unmonitored.retain(|name| kept.contains(name));
        overview.undeclared.retain(|name| self.server.is_none() && !self.wrong && self.has_service(name));
        overview.kernel = kernel;
        overview.kernel.retain(|row| self.has_service(&row.service) && self.has_server(&row.real_server));
    }

    /// Returns what was asked for and is not there.
    pub fn missing(&self, overview: &Overview) -> Option<String> {
        let names = || overview.details().map(|service| &service.service).chain(&overview.held);
        let service = self.service.as_ref().filter(|_| !names().any(|name| self.has_service(name)));
        let in_details = || overview.details().flat_map(|service| &service.real_servers).map(|real| &real.real_server);
        let fallbacks = || overview.details().filter_map(|service| Some(&service.fallback.as_ref()?.real_server));
        let in_kernel = || overview.kernel.iter().map(|row| &row.real_server);
        let is_known = || in_details().chain(fallbacks()).chain(in_kernel()).any(|name| self.has_server(name));
        match (service, &self.server) {
            (Some(service), _) => Some(format!("virtual service \"{service}\": this node has none of this name")),
            (None, Some(server)) if !is_known() => {
                Some(format!("real server \"{server}\": no virtual service of this node has it"))
            }
            _ => None,
        }
    }
}

fn place(drift: &EntryDrift) -> (String, Option<String>) {
    (drift.service.clone(), drift.real_server.clone())
}

/// Returns the port of `10.0.0.1:80` and `[2001:db8::1]:80`.
fn port(place: &str) -> Option<&str> {
    let (host, port) = place.rsplit_once(':')?;
    // An IPv6 address without brackets has colons and no port.
    (!host.contains(':') || host.ends_with(']')).then_some(port)
}

fn host(place: &str) -> &str {
    let host = port(place).and_then(|port| place.strip_suffix(port)?.strip_suffix(':')).unwrap_or(place);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::super::overview::KernelRow;
    use super::*;
    use crate::daemon::protocol::FallbackStatus;
    use crate::testing::check_rows;

    fn overview() -> Overview {
        let real = |name: &str, health: &str| RealServerStatus {
            real_server: name.into(),
            forwarding: "gate".into(),
            configured_weight: 1,
            wanted_weight: Some(1),
            health: health.into(),
            since: 1,
            reason: "configured".into(),
            order: None,
            backup: false,
            dns: None,
            own_weight: None,
        };
        let service = |name: &str, real_servers: Vec<RealServerStatus>| ServiceStatus {
            service: name.into(),
            scheduler: "rr".into(),
            real_servers,
            single: false,
            rules: None,
            fallback: Some(FallbackStatus {
                real_server: "127.0.0.1:9".into(),
                forwarding: "gate".into(),
                serves: false,
            }),
        };
        let services = vec![
            service("tcp 192.0.2.1:80", vec![real("10.0.0.1:80", "up"), real("10.0.0.2:80", "down")]),
            service("udp 192.0.2.1:53", vec![real("10.0.0.1:53", "up")]),
            service("fwmark 7", vec![real("[2001:db8::1]:80", "up")]),
        ];
        let up = |service: &ServiceStatus| -> Vec<KernelRow> {
            let reals = service.real_servers.iter().filter(|real| real.health == "up");
            let row = |real: &RealServerStatus| KernelRow {
                service: service.service.clone(),
                real_server: real.real_server.clone(),
                forwarding: "gate".into(),
                weight: 1,
                active: 0,
                inactive: 0,
                traffic: None,
                draining: None,
            };
            reals.map(row).collect()
        };
        let mut overview = Overview {
            kernel: services.iter().flat_map(up).collect(),
            held: services.iter().map(|service| service.service.clone()).collect(),
            unmonitored_services: services,
            ..Overview::default()
        };
        overview.services = judge::summaries(&overview);
        overview
    }

    fn shown(filter: &Filter) -> Vec<String> {
        let mut overview = overview();
        filter.apply(&mut overview);
        let names = |service: &ServiceStatus| {
            let reals: Vec<&str> = service.real_servers.iter().map(|real| real.real_server.as_str()).collect();
            format!("{}: {}", service.service, reals.join(" "))
        };
        assert_eq!(overview.services.len(), overview.unmonitored_services.len());
        overview.details().map(names).collect()
    }

    #[test]
    fn services_and_servers_are_found_by_name_with_a_port_or_without() {
        let [web, dns, mark] = [
            "tcp 192.0.2.1:80: 10.0.0.1:80 10.0.0.2:80",
            "udp 192.0.2.1:53: 10.0.0.1:53",
            "fwmark 7: [2001:db8::1]:80",
        ];
        let filter = |service: &str, server: &str| {
            let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Filter { service: word(service), server: word(server), wrong: false }
        };
        check_rows(
            [
                (filter("", ""), vec![web, dns, mark]),
                (filter("tcp 192.0.2.1:80", ""), vec![web]),
                (filter("192.0.2.1:80", ""), vec![web]),
                (filter("192.0.2.1", ""), vec![web, dns]),
                (filter("7", ""), vec![mark]),
                (filter("", "10.0.0.1"), vec!["tcp 192.0.2.1:80: 10.0.0.1:80", dns]),
                (filter("", "10.0.0.2:80"), vec!["tcp 192.0.2.1:80: 10.0.0.2:80"]),
                (filter("", "2001:db8::1"), vec![mark]),
                (filter("", "[2001:db8::1]:80"), vec![mark]),
                (filter("", "127.0.0.1:9"), vec!["tcp 192.0.2.1:80: ", "udp 192.0.2.1:53: ", "fwmark 7: "]),
                (filter("192.0.2.1", "10.0.0.2"), vec!["tcp 192.0.2.1:80: 10.0.0.2:80"]),
            ],
            |(filter, expected)| assert_eq!(shown(&filter), expected, "{filter:?}"),
        );
    }

    #[test]
    fn only_what_is_wrong_is_left() {
        assert_eq!(shown(&Filter { wrong: true, ..Filter::default() }), ["tcp 192.0.2.1:80: 10.0.0.2:80"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = |service: Option<&str>, server: Option<&str>| {
            let filter = Filter { service: service.map(Into::into), server: server.map(Into::into), wrong: false };
            filter.missing(&overview())
        };
        assert_eq!(missing(Some("192.0.2.1"), Some("127.0.0.1")), None);
        assert_eq!(
            missing(Some("192.0.2.9"), None).as_deref(),
            Some("virtual service \"192.0.2.9\": this node has none of this name")
        );
        assert_eq!(
            missing(None, Some("10.0.0.9")).as_deref(),
            Some("real server \"10.0.0.9\": no virtual service of this node has it")
        );
    }
}
