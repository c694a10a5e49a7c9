//! The kernel's part of IPVS: its table, settings, modules and connections.

use std::collections::BTreeSet;
use std::fs;

use super::{Facts, Unseen};
use crate::doctor::kernel::KernelFacts;
use crate::netlink::{Ipvs, ipvs};
use crate::system::sysctl;

const SETTINGS: [&str; 10] = [
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/ipv4/vs/expire_nodest_conn",
    "net/ipv4/vs/expire_quiescent_template",
    "net/ipv4/vs/backup_only",
    "net/ipv4/vs/drop_entry",
    "net/ipv4/vs/drop_packet",
    "net/ipv4/vs/secure_tcp",
    "net/ipv4/vs/svc_lfactor",
    "net/ipv4/vs/conn_lfactor",
];

pub(super) fn look(facts: &mut Facts) {
    facts.kernel.settings =
        SETTINGS.into_iter().filter_map(|name| Some((name.to_owned(), sysctl::read(name).ok()?))).collect();
    facts.kernel.modules = modules();
    match read(&mut facts.kernel) {
        Ok(daemons) => facts.sync.daemons = daemons,
        Err(error) => facts.unseen.push(Unseen::new("kernel's table", error.to_string())),
    }
}

fn read(kernel: &mut KernelFacts) -> crate::netlink::Result<Option<ipvs::SyncDaemons>> {
    // A kernel whose table is seen by root only counts as having one.
    kernel.has_ipvs = std::path::Path::new("/proc/net/ip_vs").exists();
    let Some(mut ipvs) = Ipvs::open_loaded()? else { return Ok(None) };
    kernel.table = ipvs.services()?.into_iter().map(|service| service.key).collect();
    kernel.tcp_timeout = Some(ipvs.timeouts()?.tcp);
    let daemons = ipvs.sync_daemons()?;
    kernel.syncs_both_ways = daemons.master.is_some() && daemons.backup.is_some();
    if !kernel.settings.contains_key("net/ipv4/vs/conn_lfactor") {
        kernel.connections = places().zip(ipvs::count_connections().ok());
    }
    Ok(Some(daemons))
}

/// The first line of the table says `IP Virtual Server version 1.2.1 (size=4096)`.
fn places() -> Option<u32> {
    let text = fs::read_to_string("/proc/net/ip_vs").ok()?;
    text.lines().next()?.split_once("size=")?.1.trim_end_matches(')').parse().ok()
}

/// Everything that is loaded, and everything that the running kernel's folder of modules has.
fn modules() -> Option<BTreeSet<String>> {
    let release = sysctl::read("kernel/osrelease").ok()?;
    let folder = format!("/lib/modules/{release}");
    let listed = |name: &str| fs::read_to_string(format!("{folder}/{name}")).ok();
    let (found, builtin) = (listed("modules.dep")?, listed("modules.builtin").unwrap_or_default());
    let loaded = fs::read_to_string("/proc/modules").unwrap_or_default();
    let loaded = loaded.lines().filter_map(|line| line.split(' ').next());
    let files = found.lines().chain(builtin.lines()).filter_map(|line| {
        let path = line.split(':').next()?;
        path.rsplit('/').next()?.split(".ko").next()
    });
    Some(files.chain(loaded).map(|name| name.replace('-', "_")).collect())
}
