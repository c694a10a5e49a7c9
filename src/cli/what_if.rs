//! `lvs-agents what-if` says what becomes of the virtual services when something fails, and changes nothing.

mod scene;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::{DIFFERENT, ExitStatus, SUCCESS, access, status};
use crate::config;
use crate::daemon::protocol::{HealthMonitorStatus, ServiceStatus};
use crate::director;
use crate::model::{RealServerKey, Scheduler};
use crate::plan::{self, Outage, Share};
use crate::system::RunDir;
use scene::Scene;

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
    scene: Scene,
}

/// What becomes of a service.
#[derive(Debug, PartialEq)]
struct Aftermath {
    weights: Vec<(RealServerKey, u32)>,
    /// Whether one of those that have a weight is well.
    is_served: bool,
    /// The fallback, where it serves.
    fallback: Option<RealServerKey>,
    /// What the rules of the service have to say then.
    rules: Vec<String>,
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
        let after = service.without(&outages);
        out.write_all(report(service, &after).as_bytes())?;
        if after.fallback.is_none() && !after.is_served {
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
    fn without(&self, outages: &[Outage]) -> Aftermath {
        self.scene.play(self.weights.iter().map(|(real, _)| *real), outages)
    }
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
    Ok(services_of(director::load_file(file)?))
}

fn services_of(config: config::Config) -> Vec<Service> {
    let service = |service: config::Service| {
        let scene = Scene::of_file(&service);
        let reals = service.real_servers.iter().map(|real| real.real_server.key);
        Service {
            name: service.service.key.to_string(),
            scheduler: service.service.scheduler.clone(),
            weights: scene.play(reals, &[]).weights,
            fallback: service.fallback.as_ref().map(|fallback| fallback.key),
            scene,
        }
    };
    config.services.into_iter().map(service).collect()
}

fn services_of_monitors() -> anyhow::Result<Vec<Service>> {
    let run_dir = RunDir::system();
    let (monitors, silent) = if access::is_root() { status::ask_all(&run_dir) } else { access::ask_all(&run_dir) };
    let services: Vec<Service> =
        monitors.iter().flat_map(|monitor: &HealthMonitorStatus| &monitor.services).filter_map(service).collect();
    match (services.is_empty(), silent.as_slice()) {
        (false, _) => Ok(services),
        (true, []) => {
            bail!("no health monitor on this node looks after a virtual service: --file names a ldirectord.cf")
        }
        (true, silent) => bail!("{}: --file names a ldirectord.cf", silent.join("; ")),
    }
}

fn service(status: &ServiceStatus) -> Option<Service> {
    let weight = |real: &crate::daemon::protocol::RealServerStatus| {
        Some((real.real_server.parse().ok()?, real.wanted_weight.unwrap_or(0)))
    };
    Some(Service {
        name: status.service.clone(),
        scheduler: Scheduler::named(status.scheduler.clone()),
        weights: status.real_servers.iter().filter_map(weight).collect(),
        fallback: status.fallback.as_ref().and_then(|fallback| fallback.real_server.parse().ok()),
        scene: Scene::of_status(status)?,
    })
}

fn report(service: &Service, after: &Aftermath) -> String {
    let Service { name, scheduler, weights, .. } = service;
    let mut text = format!(
        "{name}  {scheduler}\n  {:<26}{:>7}{:>8}{:>10}{:>8}\n",
        "real server", "weight", "share", "then", "share"
    );
    for (now, then) in plan::shares(scheduler, weights).iter().zip(plan::shares(scheduler, &after.weights)) {
        let Share { real_server, weight, percent } = now;
        let cells = format!("{weight:>7}{percent:>7.1}%{:>10}{:>7.1}%", then.weight, then.percent);
        text += &format!("  {:<26}{cells}\n", real_server.to_string());
    }
    for rule in &after.rules {
        text += &format!("  {rule}\n");
    }
    if !after.is_served {
        text += &match (after.fallback, service.fallback) {
            (Some(fallback), _) => format!("  {fallback}: the fallback serves then\n"),
            (None, Some(fallback)) => {
                format!("  no real server that is well serves, and {fallback}, the fallback, does not either\n")
            }
            (None, None) => "  no real server that is well serves, and there is no fallback\n".into(),
        };
    }
    text
}

#[cfg(test)]
mod tests;
