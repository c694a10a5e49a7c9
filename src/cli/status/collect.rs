//! Asks the health monitors and the kernel.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::resume_unwind;
use std::time::SystemTime;

use anyhow::bail;

use super::declared::{self, BootClock};
use super::judge;
use super::kernel_index::KernelIndex;
use super::overview::{KernelRow, Overview, RoleRow, TrafficRow};
use crate::agent::{MONITOR_ANSWER_TIME, sync_faults};
use crate::cli::access;
use crate::daemon::control;
use crate::daemon::protocol::{ControlReply, ControlRequest, HealthMonitorStatus, ServiceStatus};
use crate::model::{RealServerKey, ServiceKey};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::Usage;
use crate::ownership::{self, Declaration, Declared, HealthRecord, RoleRecord};
use crate::plan::EXPIRE_QUIESCED;
use crate::system::{Lock, RunDir, boot_by_wall_clock, seconds_since_boot, sysctl};

/// What the health monitors answer, and those that do not, with why.
type Asked = (Vec<HealthMonitorStatus>, Vec<String>);
/// The names of the kernel's services, and their real servers.
type Table = (Vec<String>, Vec<KernelRow>);

/// Looks at everything. Programs are also told of the kernel's counters of traffic, which cost a question for each service.
///
/// # Errors
/// Fails when this user may not look, and when the kernel's table cannot be read.
pub fn collect(with_traffic: bool) -> anyhow::Result<Overview> {
    let run_dir = RunDir::system();
    if !access::is_root() {
        return observe(&run_dir);
    }
    let ((monitors, silent), table) = ask_and_read(&run_dir, with_traffic);
    let declarations = if with_traffic || !follows_all(&run_dir, &monitors) { declarations(&run_dir) } else { vec![] };
    let (held, kernel) = table.unwrap_or_else(|| kernel_rows(&declarations, true))?;
    let unmonitored_services = unmonitored(&run_dir, &monitors, &declarations, &kernel);
    let mut overview = Overview {
        unmonitored: unmonitored_services.iter().map(|service| service.service.clone()).collect(),
        unmonitored_services,
        roles: roles(&run_dir),
        doubts: order_doubts(&monitors, SystemTime::now()),
        ..Overview { monitors, silent, kernel, held, ..Overview::default() }
    };
    let known: HashSet<&str> = overview.details().map(|service| service.service.as_str()).collect();
    overview.undeclared = overview.held.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
    overview.services = judge::summaries(&overview);
    Ok(overview)
}

/// Asks the health monitors while it reads the kernel's table: at thousands of real servers each takes as long as the other. With
/// the counters of traffic the table comes later, because it needs the declarations.
fn ask_and_read(run_dir: &RunDir, with_traffic: bool) -> (Asked, Option<anyhow::Result<Table>>) {
    std::thread::scope(|scope| {
        let asking = std::thread::Builder::new().spawn_scoped(scope, || ask_all(run_dir));
        let table = (!with_traffic).then(|| kernel_rows(&[], false));
        // Where no thread can be started, this one asks.
        let asked = asking
            .map_or_else(|_| ask_all(run_dir), |asking| asking.join().unwrap_or_else(|panic| resume_unwind(panic)));
        (asked, table)
    })
}

/// What a user who is not root may see: what the health monitors tell his group, and the kernel's table, which everybody can
/// read but for its counters of traffic.
fn observe(run_dir: &RunDir) -> anyhow::Result<Overview> {
    let (monitors, silent) = access::ask_all(run_dir);
    if monitors.is_empty() {
        let why =
            if silent.is_empty() { "no health monitor runs that lets others look".into() } else { silent.join("; ") };
        bail!("status: only root sees all of it (sudo lvs-agents status): {why}");
    }
    let mut not_shown = vec!["declarations, orders and counters of traffic are shown to root only".to_owned()];
    let (held, kernel) = kernel_rows(&[], false).unwrap_or_else(|error| {
        not_shown.push(format!("{error:#}"));
        Default::default()
    });
    let mut overview = Overview { not_shown, ..Overview { monitors, silent, kernel, held, ..Overview::default() } };
    overview.services = judge::summaries(&overview);
    Ok(overview)
}

/// Whether a health monitor looks after every declaration, so that none has to be read: a thousand services take as long as
/// all the rest.
fn follows_all(run_dir: &RunDir, monitors: &[HealthMonitorStatus]) -> bool {
    let declared = run_dir.services().name().to_string();
    let follower = monitors.iter().find(|monitor| monitor.source == declared);
    follower.map_or(0, |monitor| monitor.services.len()) == ownership::count_declared(run_dir)
}

fn declarations(run_dir: &RunDir) -> Vec<Declared> {
    let instances = run_dir.services().instances();
    let declared = instances.iter().filter_map(|instance| match ownership::declaration(run_dir, instance) {
        Declaration::Services(declared) => Some(declared),
        Declaration::Absent | Declaration::Damaged => None,
    });
    declared.collect()
}

/// Returns the services that are declared, and those of health monitors that have ended or do not answer, as far as no other
/// one checks them.
fn unmonitored(
    run_dir: &RunDir,
    monitors: &[HealthMonitorStatus],
    declarations: &[Declared],
    kernel: &[KernelRow],
) -> Vec<ServiceStatus> {
    let mut watched: HashSet<String> =
        monitors.iter().flat_map(|monitor| &monitor.services).map(|service| service.service.clone()).collect();
    let answers = |instance: &String| monitors.iter().any(|monitor| monitor.instance == *instance);
    let others = run_dir.monitors().instances().into_iter().filter(|instance| !answers(instance));
    let records: Vec<HealthRecord> = others.filter_map(|instance| run_dir.monitors().read_json(&instance)).collect();
    if declarations.is_empty() && records.is_empty() {
        return Vec::new();
    }
    let index = KernelIndex::of(kernel);
    let clock = BootClock { started: boot_by_wall_clock(0), now: seconds_since_boot() };
    let mut found = Vec::new();
    for declared in declarations {
        for key in declared.table.keys() {
            if watched.insert(key.to_string()) {
                let known_down = known_down(&records, &key.to_string());
                found.extend(declared::service(key, declared, &known_down, &index, clock));
            }
        }
    }
    let owned = records.iter().filter(|record| record.owns_services).flat_map(|record| &record.services);
    let owned = owned.filter(|name| watched.insert((*name).clone()));
    found.extend(owned.map(|name| declared::named(name, &known_down(&records, name), &index)));
    found
}

fn known_down(records: &[HealthRecord], service: &str) -> BTreeSet<RealServerKey> {
    let known = records.iter().filter_map(|record| record.known_down.get(service)).flatten();
    known.filter_map(|real| real.parse().ok()).collect()
}

fn roles(run_dir: &RunDir) -> Vec<RoleRow> {
    let folder = run_dir.roles();
    let record = |resource: String| Some((folder.read_json::<RoleRecord>(&resource)?, resource));
    let records: Vec<_> = folder.instances().into_iter().filter_map(record).collect();
    let synchronises = records.iter().any(|(record, _)| record.channel.is_some());
    let daemons = synchronises.then(|| Ipvs::open_loaded().ok()??.sync_daemons().ok()).flatten();
    let row = |(record, resource): (RoleRecord, String)| {
        let faults = daemons.as_ref().map(|daemons| sync_faults(&record, daemons)).unwrap_or_default();
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        RoleRow { resource, promoted: record.promoted, fault }
    };
    records.into_iter().map(row).collect()
}

/// Why the known clients of a persistent service stay with a real server of weight 0.
pub const CLINGS: &str = "persistence keeps sending known clients to a real server of weight 0: \
     net.ipv4.vs.expire_quiescent_template is 0, set it to 1";

/// Returns the services whose known clients stay with a real server of weight 0, as far as the kernel tells.
pub fn clinging_services() -> BTreeSet<ServiceKey> {
    if sysctl::read(EXPIRE_QUIESCED.name).is_ok_and(|value| value == EXPIRE_QUIESCED.value) {
        return BTreeSet::new();
    }
    let services = Ipvs::open_loaded().and_then(|ipvs| ipvs.map(|mut ipvs| ipvs.services()).transpose());
    let persistent = services.ok().flatten().into_iter().flatten().filter(|service| service.persistence.is_some());
    persistent.map(|service| service.key).collect()
}

fn order_doubts(monitors: &[HealthMonitorStatus], now: SystemTime) -> Vec<String> {
    let mut doubts = judge::orders_of_the_future(monitors, now);
    doubts.extend(clinging(monitors));
    doubts
}

fn clinging(monitors: &[HealthMonitorStatus]) -> Vec<String> {
    let is_drained = |service: &ServiceStatus| {
        service.real_servers.iter().any(|real| real.order.is_some() && real.wanted_weight == Some(0))
    };
    let services = monitors.iter().flat_map(|monitor| &monitor.services).filter(|service| is_drained(service));
    let drained: Vec<ServiceKey> = services.filter_map(|service| service.service.parse().ok()).collect();
    if drained.is_empty() {
        return Vec::new();
    }
    let clinging = clinging_services();
    drained.into_iter().filter(|key| clinging.contains(key)).map(|key| format!("{key}: {CLINGS}")).collect()
}

/// Asks every health monitor of this node for its status. The second list has those that do not answer, and why.
pub fn ask_all(run_dir: &RunDir) -> Asked {
    let (mut monitors, mut silent) = (Vec::new(), Vec::new());
    for instance in run_dir.monitors().instances() {
        match ask(run_dir, &instance) {
            Ok(Some(status)) => monitors.push(status),
            Ok(None) => {}
            Err(error) => silent.push(format!("health monitor {instance}: {error:#}")),
        }
    }
    (monitors, silent)
}

/// Asks a health monitor for its status. `None` means that no health monitor of this name runs, and that only its
/// record is left.
pub fn ask(run_dir: &RunDir, instance: &str) -> anyhow::Result<Option<HealthMonitorStatus>> {
    if !Lock::is_held(&run_dir.lock(instance))? {
        return Ok(None);
    }
    match control::ask(&run_dir.socket(instance), &ControlRequest::Status, MONITOR_ANSWER_TIME)? {
        ControlReply::Status(status) => Ok(Some(*status)),
        _ => bail!("the answer makes no sense"),
    }
}

/// Returns the names of the kernel's services, and their real servers. The counters of traffic cost a question for each
/// service, so they are asked for only where they are shown.
fn kernel_rows(declarations: &[Declared], with_traffic: bool) -> anyhow::Result<Table> {
    let Some(mut ipvs) = Ipvs::open()? else { return Ok(Default::default()) };
    let (mut held, mut rows) = (Vec::new(), Vec::new());
    if !with_traffic {
        for (key, real_servers) in ipvs.usage()? {
            let name = key.to_string();
            rows.extend(real_servers.iter().map(|(real, usage)| kernel_row(&name, real, usage)));
            held.push(name);
        }
        return Ok((held, rows));
    }
    let mut keys: Vec<ServiceKey> = ipvs.services()?.into_iter().map(|service| service.key).collect();
    keys.sort_unstable();
    for key in keys {
        let name = key.to_string();
        let mut in_use = ipvs.real_servers_in_use(&key)?;
        in_use.sort_unstable_by_key(|one| one.real_server.key);
        rows.extend(in_use.into_iter().map(|one| {
            let (real, traffic) = (one.real_server.key, Some(one.traffic.into()));
            KernelRow {
                traffic,
                draining: draining(declarations, &key, &real),
                ..kernel_row(&name, &real, &one.into())
            }
        }));
        held.push(name);
    }
    Ok((held, rows))
}

/// Reads the counters of every real server of these services, by service and real server. A service that is gone has none.
///
/// # Errors
/// Fails when the kernel cannot be asked.
pub fn traffic(services: &[String]) -> anyhow::Result<HashMap<(String, String), TrafficRow>> {
    let mut counters = HashMap::new();
    if services.is_empty() {
        return Ok(counters);
    }
    let Some(mut ipvs) = Ipvs::open_loaded()? else { return Ok(counters) };
    for name in services {
        let Ok(key) = name.parse::<ServiceKey>() else { continue };
        let in_use = ipvs.real_servers_in_use(&key)?;
        counters.extend(
            in_use.into_iter().map(|one| ((name.clone(), one.real_server.key.to_string()), one.traffic.into())),
        );
    }
    Ok(counters)
}

fn kernel_row(service: &str, real: &RealServerKey, usage: &Usage) -> KernelRow {
    KernelRow {
        service: service.into(),
        real_server: real.to_string(),
        forwarding: usage.forwarding.map_or_else(|| "local".into(), |method| method.to_string()),
        weight: usage.weight,
        active: usage.connections.active,
        inactive: usage.connections.inactive,
        traffic: None,
        draining: None,
    }
}

fn draining(declarations: &[Declared], service: &ServiceKey, real: &RealServerKey) -> Option<(u64, u64)> {
    let drain = declarations.iter().find_map(|declared| declared.draining.get(service)?.get(real))?;
    Some((boot_by_wall_clock(drain.since), boot_by_wall_clock(drain.until)))
}
