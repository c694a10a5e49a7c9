//! `lvs-agents status` shows what each health monitor of this node knows, beside what the kernel holds.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use serde::Serialize;

use crate::agent::{LATE_CHECKS, MONITOR_ANSWER_TIME};
use crate::daemon::control;
use crate::daemon::protocol::{
    ControlReply, ControlRequest, HealthMonitorStatus, Liveness, ServiceFault, ServiceStatus, StandbyStatus, SyncStatus,
};
use crate::model::ServiceKey;
use crate::netlink::Ipvs;
use crate::netlink::ipvs::{RealServerInUse, Traffic};
use crate::ownership::Registry;
use crate::system::{Lock, RunDir, seconds_since_boot};

/// Everything that `status` shows.
#[derive(Debug, Serialize)]
struct Overview {
    monitors: Vec<HealthMonitorStatus>,
    /// Health monitors that do not answer, and why.
    silent: Vec<String>,
    /// Declared virtual services that no health monitor checks.
    unmonitored: Vec<String>,
    kernel: Vec<KernelRow>,
}

/// A real server as the kernel holds it.
#[derive(Debug, Clone, Serialize)]
struct KernelRow {
    service: String,
    real_server: String,
    forwarding: String,
    weight: u32,
    active: u32,
    inactive: u32,
    /// What has passed since the kernel has this entry.
    traffic: TrafficRow,
    /// When it left the configuration and when it is removed at the latest, in seconds since 1970: it is drained.
    #[serde(skip_serializing_if = "Option::is_none")]
    draining: Option<(u64, u64)>,
}

/// The kernel's counters of one real server.
#[derive(Debug, Clone, Default, Serialize)]
struct TrafficRow {
    connections: u64,
    in_packets: u64,
    out_packets: u64,
    in_bytes: u64,
    out_bytes: u64,
}

/// Prints the overview, as text for people or as JSON for programs.
pub fn run(json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let overview = collect()?;
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&overview)?)?,
        false => write!(out, "{}", render(&overview, SystemTime::now()))?,
    }
    Ok(())
}

fn collect() -> anyhow::Result<Overview> {
    let run_dir = RunDir::system();
    let (monitors, silent) = ask_all(&run_dir);
    let watched: HashSet<&str> =
        monitors.iter().flat_map(|monitor| &monitor.services).map(|service| service.service.as_str()).collect();
    let registry = Registry::read(&run_dir);
    let declared = registry.owned();
    let unmonitored = declared.map(|key| key.to_string()).filter(|key| !watched.contains(key.as_str())).collect();
    Ok(Overview { monitors, silent, unmonitored, kernel: kernel_rows(&registry)? })
}

/// Asks every health monitor of this node for its status. The second list has those that do not answer, and why.
pub(super) fn ask_all(run_dir: &RunDir) -> (Vec<HealthMonitorStatus>, Vec<String>) {
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
fn ask(run_dir: &RunDir, instance: &str) -> anyhow::Result<Option<HealthMonitorStatus>> {
    if !Lock::is_held(&run_dir.lock(instance))? {
        return Ok(None);
    }
    match control::ask(&run_dir.socket(instance), &ControlRequest::Status, MONITOR_ANSWER_TIME)? {
        ControlReply::Status(status) => Ok(Some(*status)),
        _ => bail!("the answer makes no sense"),
    }
}

fn kernel_rows(registry: &Registry) -> anyhow::Result<Vec<KernelRow>> {
    let Some(mut ipvs) = Ipvs::open()? else { return Ok(Vec::new()) };
    let mut keys: Vec<ServiceKey> = ipvs.services()?.into_iter().map(|service| service.key).collect();
    keys.sort_unstable();
    let mut rows = Vec::new();
    for key in keys {
        let mut in_use = ipvs.real_servers_in_use(&key)?;
        in_use.sort_unstable_by_key(|one| one.real_server.key);
        rows.extend(in_use.into_iter().map(|one| kernel_row(&key, one, registry)));
    }
    Ok(rows)
}

fn kernel_row(key: &ServiceKey, one: RealServerInUse, registry: &Registry) -> KernelRow {
    let RealServerInUse { real_server: real, connections, traffic } = one;
    let Traffic { connections: total, in_packets, out_packets, in_bytes, out_bytes } = traffic;
    KernelRow {
        service: key.to_string(),
        real_server: real.key.to_string(),
        forwarding: if real.local { "local".into() } else { real.forwarding.to_string() },
        weight: real.weight,
        active: connections.active,
        inactive: connections.inactive,
        traffic: TrafficRow { connections: total, in_packets, out_packets, in_bytes, out_bytes },
        draining: registry
            .drain_of(key, &real.key)
            .map(|drain| (by_wall_clock(drain.since), by_wall_clock(drain.until))),
    }
}

/// The kernel's rows by service and real server.
type Rows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a KernelRow>>;

fn render(overview: &Overview, now: SystemTime) -> String {
    let mut lines = Vec::new();
    let mut kernel = Rows::new();
    for row in &overview.kernel {
        kernel.entry(&row.service).or_default().insert(&row.real_server, row);
    }
    for monitor in &overview.monitors {
        lines.push(format!("health monitor {} (pid {}), {}", monitor.instance, monitor.pid, monitor.source));
        lines.extend(trouble_lines(&monitor.liveness, now));
        lines.extend(monitor.sync.iter().flat_map(sync_lines));
        lines.extend(monitor.services.iter().flat_map(|service| service_lines(service, &kernel, now)));
    }
    lines.extend(overview.silent.iter().cloned());
    for service in &overview.unmonitored {
        lines.push(format!("{service}  not monitored"));
        lines.extend(
            kernel.get(service.as_str()).into_iter().flat_map(BTreeMap::values).map(|row| plain_line(row, now)),
        );
    }
    if lines.is_empty() {
        lines.push("no virtual service is declared and no health monitor runs on this node".into());
    }
    lines.join("\n") + "\n"
}

const HEADING: &str = "  real server               method weight  active  inactive  health    for       reason";

/// Returns what is wrong with the health monitor, or with what it was told to do.
fn trouble_lines(liveness: &Liveness, now: SystemTime) -> Vec<String> {
    let Liveness { configuration_error, following_error, check_error, kernel_error, faults, sink_errors, .. } =
        liveness;
    let mut lines = Vec::new();
    lines.extend(configuration_error.iter().map(|error| format!("  new configuration ignored: {error}")));
    lines.extend(following_error.iter().map(|error| format!("  follow the declarations: {error}")));
    lines.extend(check_error.iter().map(|error| format!("  a check could not be made: {error}")));
    lines.extend(sink_errors.iter().map(|error| format!("  {error}")));
    lines.extend(kernel_error.iter().map(|error| format!("  kernel: {error}")));
    let refused =
        |fault: &ServiceFault| format!("  the kernel refuses, for {}: {}", duration(fault.since, now), fault.cause);
    lines.extend(faults.iter().map(refused));
    if liveness.checks_late_seconds >= LATE_CHECKS {
        lines.push(format!("  checks are late by {:.1} s", liveness.checks_late_seconds));
    }
    lines
}

/// Returns what becomes of connections when another node takes over.
fn sync_lines(sync: &SyncStatus) -> Vec<String> {
    let SyncStatus { interface, sync_id, connections, coverage, standbys, clash, .. } = sync;
    let channel = format!("connections on {interface}, sync id {sync_id}");
    let count = connections.unwrap_or(0);
    let standby = |standby: &StandbyStatus| {
        let StandbyStatus { address, known, coverage } = standby;
        format!("  {channel}: standby {address} knows {known} of {count}, {coverage} %")
    };
    let mut lines: Vec<String> = match (sync.promoted, coverage) {
        (true, _) if standbys.is_empty() => vec![format!("  {channel}: no standby is heard")],
        (true, _) => standbys.iter().map(standby).collect(),
        (false, Some(share)) => vec![format!("  {channel}: this standby knows {share} % of {count}")],
        (false, None) => vec![format!("  {channel}: no director is heard")],
    };
    lines.extend(clash.iter().map(|other| format!("  {channel}: another director sends too: {other}")));
    lines
}

fn service_lines(service: &ServiceStatus, kernel: &Rows<'_>, now: SystemTime) -> Vec<String> {
    let row = |real: &str| kernel.get(service.service.as_str())?.get(real).copied();
    let numbers = |real: &str| match row(real) {
        Some(row) => format!("{:>6}  {:>6}  {:>8}", row.weight, row.active, row.inactive),
        None => format!("{:>6}  {:>6}  {:>8}", "-", "-", "-"),
    };
    let mut lines = vec![format!("{}  {}", service.service, service.scheduler), HEADING.to_owned()];
    for real in &service.real_servers {
        let (numbers, since) = (numbers(&real.real_server), duration(real.since, now));
        let (name, method, health) = (&real.real_server, &real.forwarding, &real.health);
        lines.push(format!("  {name:<25} {method:<6} {numbers}  {health:<8}  {since:<8}  {}", real.reason));
    }
    if let Some(fallback) = &service.fallback {
        let (numbers, method) = (numbers(&fallback.real_server), &fallback.forwarding);
        let reason = if fallback.serves { "no real server is up" } else { "not needed" };
        lines.push(format!(
            "  {:<25} {method:<6} {numbers}  {:<8}  {:<8}  {reason}",
            fallback.real_server, "fallback", ""
        ));
    }
    lines
}

fn plain_line(row: &KernelRow, now: SystemTime) -> String {
    let KernelRow { real_server, forwarding, weight, active, inactive, draining, .. } = row;
    let reason = draining.map_or_else(String::new, |(since, until)| {
        let left = until.saturating_sub(seconds(now));
        let since = duration(since, now);
        format!(
            "  {:<8}  {since:<8}  left the configuration: goes with its last connection, in {left} s at the latest",
            "draining"
        )
    });
    format!("  {real_server:<25} {forwarding:<6} {weight:>6}  {active:>6}  {inactive:>8}{reason}")
}

/// Returns when this machine had run for so many seconds, in seconds since 1970: for display only.
fn by_wall_clock(boot: u64) -> u64 {
    seconds(SystemTime::now()).saturating_sub(seconds_since_boot()).saturating_add(boot)
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns how long ago `since` was, in the two largest units that matter.
fn duration(since: u64, now: SystemTime) -> String {
    let seconds = seconds(now).saturating_sub(since);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::protocol::{FallbackStatus, RealServerStatus};

    #[test]
    fn every_weight_has_its_reason() {
        let real = |name: &str, health: &str, reason: &str| RealServerStatus {
            real_server: name.into(),
            forwarding: "gate".into(),
            configured_weight: 3,
            wanted_weight: Some(3),
            health: health.into(),
            since: 40,
            reason: reason.into(),
        };
        let service = ServiceStatus {
            service: "tcp 192.0.2.1:80".into(),
            scheduler: "wrr".into(),
            real_servers: vec![
                real("192.0.2.2:80", "up", "configured"),
                real("192.0.2.3:80", "down", "check failed 1 of 1: refused"),
            ],
            fallback: Some(FallbackStatus {
                real_server: "127.0.0.1:80".into(),
                forwarding: "gate".into(),
                serves: false,
            }),
        };
        let kernel = KernelRow {
            service: "tcp 192.0.2.1:80".into(),
            real_server: "192.0.2.2:80".into(),
            forwarding: "gate".into(),
            weight: 3,
            active: 12,
            inactive: 345,
            traffic: TrafficRow::default(),
            draining: None,
        };
        let drained = KernelRow {
            service: "tcp 192.0.2.9:80".into(),
            weight: 0,
            active: 1,
            inactive: 0,
            draining: Some((90, 390)),
            ..kernel.clone()
        };
        let monitor = HealthMonitorStatus {
            instance: "db-health".into(),
            pid: 4711,
            version: "1".into(),
            source: "/run/lvs-agents/services".into(),
            liveness: Liveness::default(),
            services: vec![service],
            sync: None,
        };
        let unmonitored = vec![drained.service.clone()];
        let kernel = vec![kernel, drained];
        let overview = Overview { monitors: vec![monitor], silent: vec![], unmonitored, kernel };
        let expected = "\
health monitor db-health (pid 4711), /run/lvs-agents/services
tcp 192.0.2.1:80  wrr
  real server               method weight  active  inactive  health    for       reason
  192.0.2.2:80              gate        3      12       345  up        1m00s     configured
  192.0.2.3:80              gate        -       -         -  down      1m00s     check failed 1 of 1: refused
  127.0.0.1:80              gate        -       -         -  fallback            not needed
tcp 192.0.2.9:80  not monitored
  192.0.2.2:80              gate        0       1         0  draining  10s       left the configuration: goes with its last connection, in 290 s at the latest
";
        assert_eq!(render(&overview, UNIX_EPOCH + std::time::Duration::from_secs(100)), expected);
    }

    #[test]
    fn the_share_of_connections_that_a_standby_knows_is_said_on_both_nodes() {
        let standby = StandbyStatus { address: "10.0.0.2".into(), known: 9_900, coverage: 99 };
        let director = SyncStatus {
            resource: "db-lvs".into(),
            interface: "eth1".into(),
            sync_id: 7,
            promoted: true,
            connections: Some(10_000),
            coverage: None,
            standbys: vec![standby],
            clash: None,
        };
        let alone = SyncStatus { standbys: vec![], clash: Some("10.0.0.3".into()), ..director.clone() };
        let unheard = SyncStatus { promoted: false, connections: None, standbys: vec![], ..director.clone() };
        let behind = SyncStatus { coverage: Some(42), connections: Some(10_000), ..unheard.clone() };
        let expected = [
            "  connections on eth1, sync id 7: standby 10.0.0.2 knows 9900 of 10000, 99 %",
            "  connections on eth1, sync id 7: no standby is heard",
            "  connections on eth1, sync id 7: another director sends too: 10.0.0.3",
            "  connections on eth1, sync id 7: no director is heard",
            "  connections on eth1, sync id 7: this standby knows 42 % of 10000",
        ];
        assert_eq!([director, alone, unheard, behind].iter().flat_map(sync_lines).collect::<Vec<_>>(), expected);
    }
}
