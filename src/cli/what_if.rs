//! `lvs-agents what-if` says what becomes of the virtual services when something fails, and changes nothing.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::{DIFFERENT, ExitStatus, SUCCESS, status};
use crate::daemon::protocol::{HealthMonitorStatus, ServiceStatus};
use crate::director;
use crate::model::{RealServerKey, Scheduler};
use crate::plan::{self, Outage, Share};
use crate::system::RunDir;

/// What fails.
#[derive(Subcommand)]
pub enum Event {
    /// Real servers go down
    Down {
        /// ADDRESS (with all of its ports) or ADDRESS:PORT
        #[arg(required = true)]
        servers: Vec<String>,
        /// Take the services of this ldirectord.cf, with all real servers healthy, and not those of the running health monitor
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

/// A virtual service with the weights of now.
#[derive(Debug)]
struct Service {
    name: String,
    scheduler: Scheduler,
    weights: Vec<(RealServerKey, u32)>,
    fallback: Option<RealServerKey>,
}

/// Prints each virtual service that has one of the servers. The exit status says whether one is left without any server.
pub fn run(event: &Event, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let Event::Down { servers, file } = event;
    let outages = servers.iter().map(|word| outage(word)).collect::<anyhow::Result<Vec<_>>>()?;
    let services = match file {
        Some(file) => services_of_file(file)?,
        None => services_of_monitors()?,
    };
    for (word, outage) in servers.iter().zip(&outages) {
        if !services.iter().flat_map(|service| &service.weights).any(|(real, _)| outage.takes(real)) {
            bail!("server {word}: no virtual service has it");
        }
    }
    let mut unserved = Vec::new();
    for service in &services {
        if !service.weights.iter().any(|(real, _)| outages.iter().any(|outage| outage.takes(real))) {
            continue;
        }
        let after = plan::without(&service.weights, &outages);
        out.write_all(report(service, &after, &outages).as_bytes())?;
        if service.fallback_without(&outages).is_none() && is_unserved(&after) {
            unserved.push(service.name.as_str());
        }
    }
    if unserved.is_empty() {
        return Ok(SUCCESS);
    }
    writeln!(out, "left without a server: {}", unserved.join(", "))?;
    Ok(DIFFERENT)
}

impl Service {
    /// Returns the fallback, unless it fails too.
    fn fallback_without(&self, outages: &[Outage]) -> Option<RealServerKey> {
        self.fallback.filter(|fallback| !outages.iter().any(|outage| outage.takes(fallback)))
    }
}

fn is_unserved(weights: &[(RealServerKey, u32)]) -> bool {
    weights.iter().all(|(_, weight)| *weight == 0)
}

fn outage(word: &str) -> anyhow::Result<Outage> {
    let host = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Outage { address, port: None });
    }
    let socket: SocketAddr =
        word.parse().map_err(|_| anyhow!("server \"{word}\": expected ADDRESS or ADDRESS:PORT"))?;
    Ok(Outage { address: socket.ip(), port: Some(socket.port()) })
}

fn services_of_file(file: &Path) -> anyhow::Result<Vec<Service>> {
    let config = director::load_file(file)?;
    let service = |service: crate::config::Service| Service {
        name: service.service.key.to_string(),
        scheduler: service.service.scheduler,
        weights: service.real_servers.iter().map(|real| (real.real_server.key, real.real_server.weight)).collect(),
        fallback: service.fallback.map(|fallback| fallback.key),
    };
    Ok(config.services.into_iter().map(service).collect())
}

fn services_of_monitors() -> anyhow::Result<Vec<Service>> {
    let (monitors, silent) = status::ask_all(&RunDir::system());
    let services: Vec<Service> =
        monitors.iter().flat_map(|monitor: &HealthMonitorStatus| &monitor.services).map(service).collect();
    match (services.is_empty(), silent.as_slice()) {
        (false, _) => Ok(services),
        (true, []) => {
            bail!("no health monitor on this node looks after a virtual service: --file names a ldirectord.cf")
        }
        (true, silent) => bail!("{}: --file names a ldirectord.cf", silent.join("; ")),
    }
}

fn service(status: &ServiceStatus) -> Service {
    let weight = |real: &crate::daemon::protocol::RealServerStatus| {
        Some((real.real_server.parse().ok()?, real.wanted_weight.unwrap_or(0)))
    };
    Service {
        name: status.service.clone(),
        scheduler: Scheduler::named(status.scheduler.clone()),
        weights: status.real_servers.iter().filter_map(weight).collect(),
        fallback: status.fallback.as_ref().and_then(|fallback| fallback.real_server.parse().ok()),
    }
}

fn report(service: &Service, after: &[(RealServerKey, u32)], outages: &[Outage]) -> String {
    let Service { name, scheduler, weights, .. } = service;
    let mut text = format!(
        "{name}  {scheduler}\n  {:<26}{:>7}{:>8}{:>10}{:>8}\n",
        "real server", "weight", "share", "then", "share"
    );
    for (now, then) in plan::shares(scheduler, weights).iter().zip(plan::shares(scheduler, after)) {
        let Share { real_server, weight, percent } = now;
        let cells = format!("{weight:>7}{percent:>7.1}%{:>10}{:>7.1}%", then.weight, then.percent);
        text += &format!("  {:<26}{cells}\n", real_server.to_string());
    }
    if is_unserved(after) {
        text += &match (service.fallback_without(outages), service.fallback) {
            (Some(fallback), _) => format!("  {fallback}: the fallback serves then\n"),
            (None, Some(fallback)) => format!("  no real server is left, and {fallback}, the fallback, fails too\n"),
            (None, None) => "  no real server is left, and there is no fallback\n".into(),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::real_server;

    fn service(weights: &[u32], fallback: Option<&str>) -> Service {
        Service {
            name: "tcp 192.0.2.100:80".into(),
            scheduler: Scheduler::named("wrr"),
            weights: weights.iter().zip(1..).map(|(weight, host)| (real_server(host, 1).key, *weight)).collect(),
            fallback: fallback.map(|fallback| fallback.parse().expect("a real server")),
        }
    }

    #[test]
    fn the_report_has_weights_and_shares_of_now_and_then() {
        let service = service(&[1, 3], Some("127.0.0.1:80"));
        let [one, two] = ["192.0.2.1", "192.0.2.2:80"].map(|word| outage(word).expect(word));
        let after = |outages: &[Outage]| report(&service, &plan::without(&service.weights, outages), outages);
        let text = after(&[one]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], ["192.0.2.1:80", "1", "25.0%", "0", "0.0%"]);
        assert_eq!(lines[3], ["192.0.2.2:80", "3", "75.0%", "3", "100.0%"]);
        assert_eq!(lines.len(), 4);
        let text = after(&[one, two]);
        assert!(text.ends_with("  127.0.0.1:80: the fallback serves then\n"), "{text}");
        let text = after(&[one, two, outage("127.0.0.1").expect("an outage")]);
        assert!(text.ends_with("no real server is left, and 127.0.0.1:80, the fallback, fails too\n"), "{text}");
    }

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        for (word, port) in [
            ("192.0.2.1", None),
            ("192.0.2.1:80", Some(80)),
            ("[2001:db8::1]:80", Some(80)),
            ("2001:db8::1", None),
            ("[2001:db8::1]", None),
        ] {
            assert_eq!(outage(word).expect(word).port, port, "{word}");
        }
        for word in ["web1", "192.0.2.1:x", ""] {
            assert!(outage(word).is_err(), "{word}");
        }
    }
}
