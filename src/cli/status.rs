//! `lvs-agents status` shows what each health monitor of this node knows, beside what the kernel holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use serde::Serialize;

use crate::agent::{LATE_CHECKS, MONITOR_ANSWER_TIME};
use crate::daemon::control;
use crate::daemon::protocol::{
    ControlReply, ControlRequest, EntryDrift, HealthMonitorStatus, Liveness, ServiceFault, ServiceStatus,
    StandbyStatus, SyncStatus,
};
use crate::model::{RealServerKey, ServiceKey};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::{Traffic, Usage};
use crate::ownership::Registry;
use crate::plan::EXPIRE_QUIESCED;
use crate::system::{Lock, RunDir, boot_by_wall_clock, sysctl};

/// Everything that `status` shows.
#[derive(Debug, Serialize)]
struct Overview {
    monitors: Vec<HealthMonitorStatus>,
    /// Health monitors that do not answer, and why.
    silent: Vec<String>,
    /// Declared virtual services that no health monitor checks.
    unmonitored: Vec<String>,
    kernel: Vec<KernelRow>,
    /// What keeps an operator's order from doing what it shall.
    doubts: Vec<String>,
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
    /// What has passed since the kernel has this entry; only programs are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<TrafficRow>,
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
    let overview = collect(json)?;
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&overview)?)?,
        false => write!(out, "{}", render(&overview, SystemTime::now()))?,
    }
    Ok(())
}

fn collect(with_traffic: bool) -> anyhow::Result<Overview> {
    let run_dir = RunDir::system();
    let (monitors, silent) = ask_all(&run_dir);
    let watched: HashSet<&str> =
        monitors.iter().flat_map(|monitor| &monitor.services).map(|service| service.service.as_str()).collect();
    let registry = Registry::read(&run_dir);
    let declared = registry.owned();
    let unmonitored = declared.map(|key| key.to_string()).filter(|key| !watched.contains(key.as_str())).collect();
    let doubts = order_doubts(&monitors);
    Ok(Overview { monitors, silent, unmonitored, kernel: kernel_rows(&registry, with_traffic)?, doubts })
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

fn order_doubts(monitors: &[HealthMonitorStatus]) -> Vec<String> {
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
pub fn ask(run_dir: &RunDir, instance: &str) -> anyhow::Result<Option<HealthMonitorStatus>> {
    if !Lock::is_held(&run_dir.lock(instance))? {
        return Ok(None);
    }
    match control::ask(&run_dir.socket(instance), &ControlRequest::Status, MONITOR_ANSWER_TIME)? {
        ControlReply::Status(status) => Ok(Some(*status)),
        _ => bail!("the answer makes no sense"),
    }
}

/// Returns what the kernel holds. Its counters of traffic cost a question for each service, so they are asked for only where
/// they are shown.
fn kernel_rows(registry: &Registry, with_traffic: bool) -> anyhow::Result<Vec<KernelRow>> {
    let Some(mut ipvs) = Ipvs::open()? else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    if !with_traffic {
        for (key, real_servers) in ipvs.usage()? {
            rows.extend(real_servers.iter().map(|(real, usage)| kernel_row((&key, real), usage, registry)));
        }
        return Ok(rows);
    }
    let mut keys: Vec<ServiceKey> = ipvs.services()?.into_iter().map(|service| service.key).collect();
    keys.sort_unstable();
    for key in keys {
        let mut in_use = ipvs.real_servers_in_use(&key)?;
        in_use.sort_unstable_by_key(|one| one.real_server.key);
        rows.extend(in_use.into_iter().map(|one| {
            let (real, traffic) = (one.real_server.key, Some(one.traffic.into()));
            KernelRow { traffic, ..kernel_row((&key, &real), &one.into(), registry) }
        }));
    }
    Ok(rows)
}

impl From<Traffic> for TrafficRow {
    fn from(traffic: Traffic) -> Self {
        let Traffic { connections, in_packets, out_packets, in_bytes, out_bytes } = traffic;
        Self { connections, in_packets, out_packets, in_bytes, out_bytes }
    }
}

fn kernel_row((service, real): (&ServiceKey, &RealServerKey), usage: &Usage, registry: &Registry) -> KernelRow {
    let drain = registry.drain_of(service, real);
    KernelRow {
        service: service.to_string(),
        real_server: real.to_string(),
        forwarding: usage.forwarding.map_or_else(|| "local".into(), |method| method.to_string()),
        weight: usage.weight,
        active: usage.connections.active,
        inactive: usage.connections.inactive,
        traffic: None,
        draining: drain.map(|drain| (boot_by_wall_clock(drain.since), boot_by_wall_clock(drain.until))),
    }
}

/// The kernel's rows by service and real server.
type Rows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a KernelRow>>;

/// The drift by service and real server; `None` is the virtual service itself.
struct Drifts<'a>(BTreeMap<&'a str, BTreeMap<Option<&'a str>, &'a EntryDrift>>);

impl<'a> Drifts<'a> {
    fn of(liveness: &'a Liveness) -> Self {
        let mut drifts = BTreeMap::<_, BTreeMap<_, _>>::new();
        for drift in &liveness.drifts {
            drifts.entry(drift.service.as_str()).or_default().insert(drift.real_server.as_deref(), drift);
        }
        Self(drifts)
    }

    /// Takes those of one service.
    fn of_service(&self, service: &str) -> BTreeMap<Option<&'a str>, &'a EntryDrift> {
        self.0.get(service).cloned().unwrap_or_default()
    }
}

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
        let drifts = Drifts::of(&monitor.liveness);
        lines.extend(monitor.services.iter().flat_map(|service| service_lines(service, &drifts, &kernel, now)));
    }
    lines.extend(overview.doubts.iter().cloned());
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

fn service_lines(service: &ServiceStatus, drifts: &Drifts<'_>, kernel: &Rows<'_>, now: SystemTime) -> Vec<String> {
    let mut drifts = drifts.of_service(&service.service);
    let row = |real: &str| kernel.get(service.service.as_str())?.get(real).copied();
    let numbers = |real: &str| match row(real) {
        Some(row) => format!("{:>6}  {:>6}  {:>8}", row.weight, row.active, row.inactive),
        None => format!("{:>6}  {:>6}  {:>8}", "-", "-", "-"),
    };
    let mut lines = vec![format!("{}  {}", service.service, service.scheduler)];
    lines.extend(drifts.remove(&None).map(|drift| format!("  {}", drift.words(now))));
    lines.push(HEADING.to_owned());
    for real in &service.real_servers {
        let (numbers, since) = (numbers(&real.real_server), duration(real.since, now));
        let (name, method, health) = (&real.real_server, &real.forwarding, &real.health);
        let drift = drifts.remove(&Some(name.as_str()));
        let reason = [Some(real.reason.clone()), drift.map(|drift| drift.words(now))];
        let reason = reason.into_iter().flatten().collect::<Vec<_>>().join("; ");
        lines.push(format!("  {name:<25} {method:<6} {numbers}  {health:<8}  {since:<8}  {reason}"));
    }
    if let Some(fallback) = &service.fallback {
        let (numbers, method) = (numbers(&fallback.real_server), &fallback.forwarding);
        let reason = if fallback.serves { "no real server is up" } else { "not needed" };
        lines.push(format!(
            "  {:<25} {method:<6} {numbers}  {:<8}  {:<8}  {reason}",
            fallback.real_server, "fallback", ""
        ));
    }
    // Those that are left are not configured.
    for (name, drift) in drifts.into_iter().filter_map(|(real, drift)| Some((real?, drift))) {
        let (numbers, method) = (numbers(name), row(name).map_or("-", |row| row.forwarding.as_str()));
        let (health, since) = ("by hand", duration(drift.since, now));
        lines.push(format!("  {name:<25} {method:<6} {numbers}  {health:<8}  {since:<8}  {}", drift.words(now)));
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
            order: None,
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
            traffic: None,
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
        let overview = Overview { monitors: vec![monitor], silent: vec![], unmonitored, kernel, doubts: vec![] };
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
    fn drift_stands_beside_its_entry_and_what_is_not_configured_has_a_line_of_its_own() {
        let (now, service) = (UNIX_EPOCH + std::time::Duration::from_secs(100), "tcp 192.0.2.1:80");
        let drift = |real: Option<&str>, kernel: &str| EntryDrift {
            service: service.into(),
            real_server: real.map(str::to_owned),
            kernel: kernel.into(),
            configured: "3".into(),
            since: 90,
            command: None,
        };
        let drifts = vec![
            drift(None, "scheduler rr"),
            drift(Some("192.0.2.2:80"), "weight 0"),
            drift(Some("192.0.2.7:80"), "the real server with weight 1"),
        ];
        let liveness = Liveness { drifts, ..Liveness::default() };
        let real = RealServerStatus {
            real_server: "192.0.2.2:80".into(),
            forwarding: "gate".into(),
            configured_weight: 3,
            wanted_weight: Some(3),
            health: "up".into(),
            since: 40,
            reason: "configured".into(),
            order: None,
        };
        let real_servers = vec![real];
        let service = ServiceStatus { service: service.into(), scheduler: "wrr".into(), real_servers, fallback: None };
        let told = liveness.drifts.iter().map(|drift| drift.words(now)).collect::<Vec<_>>();
        let lines = service_lines(&service, &Drifts::of(&liveness), &Rows::new(), now);
        let nothing = "     -       -         -";
        let expected = [
            "tcp 192.0.2.1:80  wrr".to_owned(),
            format!("  {}", told[0]),
            HEADING.to_owned(),
            format!("  192.0.2.2:80              gate   {nothing}  up        1m00s     configured; {}", told[1]),
            format!("  192.0.2.7:80              -      {nothing}  by hand   10s       {}", told[2]),
        ];
        assert_eq!(lines, expected);
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
