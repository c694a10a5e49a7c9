//! What is wrong with the kernel of a node that has the table: settings, modules, time limits, places for connections. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::observe::Configured;
use crate::config::Service;
use crate::model::{ServiceKey, Sysctl};
use crate::plan;

/// More connections for each place of the kernel's hash table than this slow every packet down.
const CROWD: u32 = 8;

/// The kernel as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelFacts {
    /// Whether IPVS is there at this moment.
    pub has_ipvs: bool,
    /// The modules that are loaded, built in, or could be loaded; `None` where that cannot be seen.
    pub modules: Option<BTreeSet<String>>,
    /// The virtual services in the table.
    pub table: BTreeSet<ServiceKey>,
    /// Settings below /proc/sys, by their path there.
    pub settings: BTreeMap<String, String>,
    /// Whether sync daemons of both kinds run.
    pub syncs_both_ways: bool,
    /// Seconds after which an idle TCP connection is forgotten.
    pub tcp_timeout: Option<u32>,
    /// The places of the table of connections, where their number does not grow, and the connections.
    pub connections: Option<(u32, u32)>,
    /// Real servers, and the seconds after which each ends an idle connection.
    pub wait_timeouts: BTreeMap<String, u32>,
    /// Fallbacks of virtual services that this node serves, to which no connection could be made.
    pub dead_fallbacks: Vec<(ServiceKey, String)>,
}

/// Returns what is wrong.
pub fn findings(configured: &[Configured], kernel: &KernelFacts) -> Vec<Finding> {
    let services: Vec<&Service> =
        configured.iter().filter_map(|one| one.config.as_ref().ok()).flat_map(|config| &config.services).collect();
    let mut found = modules(&services, kernel);
    found.extend(settings(&services, kernel));
    found.extend(defences(kernel));
    found.extend(idle_connections(kernel));
    found.extend(crowded(kernel));
    for (service, fallback) in &kernel.dead_fallbacks {
        let what = format!("its fallback {fallback} accepts no connection");
        let why = "when no real server is left, clients are refused by it too";
        let fix = format!(
            "ss -ltn | grep :{}  (start the program that is to serve there)",
            fallback.rsplit(':').next().unwrap_or_default()
        );
        found.push(Finding::warning(format!("virtual service {service}"), what, why, fix));
    }
    found
}

fn modules(services: &[&Service], kernel: &KernelFacts) -> Vec<Finding> {
    let Some(known) = &kernel.modules else { return Vec::new() };
    if services.is_empty() {
        return Vec::new();
    }
    const WHY: &str = "the virtual services cannot be programmed on this node: it cannot take over";
    if !kernel.has_ipvs && !known.contains("ip_vs") {
        let fix = "apt-get install linux-image-amd64  (a kernel with CONFIG_IP_VS), then reboot";
        return vec![Finding::error("module ip_vs", "this kernel has none", WHY, fix)];
    }
    let outside = services.iter().filter(|service| !kernel.table.contains(&service.service.key));
    let needed: BTreeSet<String> = outside.map(|service| format!("ip_vs_{}", service.service.scheduler)).collect();
    let missing = needed.into_iter().filter(|module| !known.contains(module));
    missing
        .map(|module| {
            let fix = format!("modprobe {module}  (or choose another scheduler)");
            Finding::error(format!("module {module}"), "this kernel has none", WHY, fix)
        })
        .collect()
}

/// The settings that a start makes: another program has set them back since.
fn settings(services: &[&Service], kernel: &KernelFacts) -> Vec<Finding> {
    let served = services.iter().filter(|service| kernel.table.contains(&service.service.key));
    let needed: BTreeSet<Sysctl> = served
        .flat_map(|service| {
            plan::director_sysctls(&service.service, service.real_servers.iter().map(|real| &real.real_server))
        })
        .filter(|sysctl| *sysctl != plan::BACKUP_ONLY || !kernel.syncs_both_ways)
        .collect();
    let is_wrong = |sysctl: &Sysctl| kernel.settings.get(sysctl.name).is_some_and(|value| value != sysctl.value);
    needed.iter().filter(|sysctl| is_wrong(sysctl)).map(setting).collect()
}

fn setting(sysctl: &Sysctl) -> Finding {
    let why = match sysctl.name {
        name if name.ends_with("forward") || name.ends_with("forwarding") => {
            "the forwarding method masq needs it: packets of real servers are not sent on to clients"
        }
        "net/ipv4/vs/expire_quiescent_template" => {
            "persistence keeps sending known clients to a real server that is quiesced or drained"
        }
        "net/ipv4/vs/expire_nodest_conn" => {
            "clients of a real server that was removed hang until their connection expires, up to 15 minutes"
        }
        "net/ipv4/vs/backup_only" => {
            "a standby that is also a real server directs what the director has sent it, in a loop"
        }
        _ => "the virtual services need it",
    };
    let name = sysctl.name.replace('/', ".");
    Finding::error(&name, format!("it is not {}", sysctl.value), why, format!("sysctl -w {name}={}", sysctl.value))
}

/// The kernel's defence against floods, which drops what is right as well.
fn defences(kernel: &KernelFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in ["drop_entry", "drop_packet", "secure_tcp"] {
        let active = match kernel.settings.get(&format!("net/ipv4/vs/{name}")).map(String::as_str) {
            Some("2") => "memory is short, and it has switched itself on",
            Some("3") => "it is always on",
            _ => continue,
        };
        let why = "the kernel drops or shortens connections of clients that have done nothing wrong";
        let fix =
            format!("sysctl -w net.ipv4.vs.{name}=0  (first look for a flood: lvs-agents status, ipvsadm -Ln --rate)");
        found.push(Finding::warning(format!("net.ipv4.vs.{name}"), active, why, fix));
    }
    found
}

fn idle_connections(kernel: &KernelFacts) -> Vec<Finding> {
    let Some(limit) = kernel.tcp_timeout else { return Vec::new() };
    let longer: Vec<(&String, &u32)> = kernel.wait_timeouts.iter().filter(|(_, wait)| **wait > limit).collect();
    let Some(longest) = longer.iter().map(|(_, wait)| **wait).max() else { return Vec::new() };
    let names: Vec<&str> = longer.iter().map(|(server, _)| server.as_str()).collect();
    let what = format!(
        "the kernel forgets an idle TCP connection after {limit} s, the database keeps it for up to {longest} s \
         (wait_timeout of {})",
        names.join(", ")
    );
    let why = "the next query of a pooled connection that was idle between the two is reset or hangs";
    let fix = format!(
        "ipvsadm --set {longest} 0 0  (on both directors; or SET GLOBAL wait_timeout={limit} on the databases)"
    );
    vec![Finding::warning("tcp timeout of IPVS", what, why, fix)]
}

fn crowded(kernel: &KernelFacts) -> Option<Finding> {
    let (places, connections) = kernel.connections.filter(|(places, _)| *places > 0)?;
    let each = connections / places;
    if each < CROWD {
        return None;
    }
    // Kernels before 6.5 take no more than 20, and their own 12 instead of one that is larger.
    let bits = connections.next_power_of_two().trailing_zeros().min(20);
    let what = format!("{connections} connections are in {places} places of the kernel's table, {each} in each");
    let why = "every packet walks along all connections of its place";
    let fix = format!(
        "echo options ip_vs conn_tab_bits={bits} >/etc/modprobe.d/ip_vs-table.conf  (then reboot one director after the other)"
    );
    Some(Finding::warning("table of connections", what, why, fix))
}

#[cfg(test)]
mod tests;
