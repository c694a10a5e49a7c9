//! The text that Prometheus reads. What the kernel says has the names and labels of node_exporter's collector `ipvs`, so
//! that its dashboards and rules fit; what the health monitor knows begins with `lvs_agents_`.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::snapshot::Snapshot;
use crate::daemon::protocol::{HealthMonitorStatus, RealServerStatus, ServiceStatus};
use crate::model::{RealServerKey, ServiceKey};
use crate::netlink::ipvs::Usage;

/// The version of the text's form.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the whole text. What does not answer is left out.
pub fn render(snapshot: &Snapshot) -> String {
    let mut text = Exposition::default();
    text.kernel(snapshot);
    text.family("lvs_agents_up", "gauge", "Whether the health monitor's loop answers.");
    text.sample("lvs_agents_up", &[], u8::from(snapshot.status.is_some()).into());
    if let Some(status) = &snapshot.status {
        text.health_monitor(status);
        text.services(status);
        text.real_servers(status);
        text.synchronisation(status);
    }
    text.check_times(snapshot);
    text.0
}

/// A metric of each real server: its name, its explanation and its value.
type Metric<'a, T, V> = (&'a str, &'a str, fn(&T) -> V);

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a text cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (position, (label, value)) in labels.iter().enumerate() {
            self.0.push(if position == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn kernel(&mut self, snapshot: &Snapshot) {
        if let Some(totals) = snapshot.totals {
            for (name, help, value) in [
                ("node_ipvs_connections_total", "The total number of connections made.", totals.connections),
                ("node_ipvs_incoming_packets_total", "The total number of incoming packets.", totals.in_packets),
                ("node_ipvs_outgoing_packets_total", "The total number of outgoing packets.", totals.out_packets),
                ("node_ipvs_incoming_bytes_total", "The total amount of incoming data.", totals.in_bytes),
                ("node_ipvs_outgoing_bytes_total", "The total amount of outgoing data.", totals.out_bytes),
            ] {
                self.family(name, "counter", help);
                self.sample(name, &[], value as f64);
            }
        }
        let Some(usage) = &snapshot.usage else { return };
        let metrics: [Metric<Usage, u32>; 3] = [
            (
                "node_ipvs_backend_connections_active",
                "The current active connections by local and remote address.",
                |usage| usage.connections.active,
            ),
            (
                "node_ipvs_backend_connections_inactive",
                "The current inactive connections by local and remote address.",
                |usage| usage.connections.inactive,
            ),
            ("node_ipvs_backend_weight", "The current backend weight by local and remote address.", |usage| {
                usage.weight
            }),
        ];
        for (name, help, value) in metrics {
            self.family(name, "gauge", help);
            for (service, real_servers) in usage {
                for (real, usage) in real_servers {
                    let labels = backend_labels(service, real);
                    let labels = labels.each_ref().map(|(label, value)| (*label, value.as_str()));
                    self.sample(name, &labels, value(usage).into());
                }
            }
        }
    }

    fn health_monitor(&mut self, status: &HealthMonitorStatus) {
        self.family("lvs_agents_info", "gauge", "The health monitor that answers.");
        let labels = [("instance_name", status.instance.as_str()), ("version", &status.version)];
        self.sample("lvs_agents_info", &labels, 1.0);
        let liveness = &status.liveness;
        let faults: [(&str, &str, f64); 5] = [
            ("lvs_agents_late_seconds", "How long the loop or the checks have stood still.", liveness.late_seconds),
            (
                "lvs_agents_checks_late_seconds",
                "How much later than due checks are made.",
                liveness.checks_late_seconds,
            ),
            (
                "lvs_agents_configuration_refused",
                "Whether the newest configuration was refused.",
                flag(liveness.configuration_error.is_some()),
            ),
            (
                "lvs_agents_kernel_failed",
                "Whether the kernel's table cannot be read or written.",
                flag(liveness.kernel_error.is_some()),
            ),
            (
                "lvs_agents_stands_by",
                "Whether another health monitor of this node follows the declarations.",
                flag(liveness.stands_by),
            ),
        ];
        for (name, help, value) in faults {
            self.family(name, "gauge", help);
            self.sample(name, &[], value);
        }
    }

    fn services(&mut self, status: &HealthMonitorStatus) {
        self.family("lvs_agents_service_real_servers", "gauge", "The number of real servers by health.");
        for service in &status.services {
            for health in ["up", "down", "unknown", "draining"] {
                let count = service.real_servers.iter().filter(|real| real.health == health).count();
                let labels = [("service", service.service.as_str()), ("health", health)];
                self.sample("lvs_agents_service_real_servers", &labels, count as f64);
            }
        }
        let refused: HashSet<&str> = status.liveness.faults.iter().map(|fault| fault.service.as_str()).collect();
        let unserved: HashSet<&str> = status.liveness.unserved.iter().map(String::as_str).collect();
        self.family("lvs_agents_service_refused", "gauge", "Whether the kernel refuses an entry of the service.");
        for ServiceStatus { service, .. } in &status.services {
            let is_refused = refused.contains(service.as_str());
            self.sample("lvs_agents_service_refused", &[("service", service)], flag(is_refused));
        }
        self.family("lvs_agents_service_unserved", "gauge", "Whether clients of the service are refused.");
        for ServiceStatus { service, .. } in &status.services {
            self.sample(
                "lvs_agents_service_unserved",
                &[("service", service)],
                flag(unserved.contains(service.as_str())),
            );
        }
        let drifts = count(status.liveness.drifts.iter().map(|drift| drift.service.as_str()));
        let alarms = count(status.liveness.alarms.iter().map(|alarm| alarm.service.as_str()));
        for (name, help, counts) in [
            ("lvs_agents_service_drifts", "How many entries stay as other programs have made them.", drifts),
            ("lvs_agents_service_alarms", "How many alarms the rules of the service have raised.", alarms),
        ] {
            self.family(name, "gauge", help);
            for ServiceStatus { service, .. } in &status.services {
                let count = counts.get(service.as_str()).copied().unwrap_or_default();
                self.sample(name, &[("service", service)], count.into());
            }
        }
        self.family("lvs_agents_service_fallback_serves", "gauge", "Whether the fallback takes the clients.");
        for ServiceStatus { service, fallback, .. } in &status.services {
            if let Some(fallback) = fallback {
                self.sample("lvs_agents_service_fallback_serves", &[("service", service)], flag(fallback.serves));
            }
        }
    }

    fn real_servers(&mut self, status: &HealthMonitorStatus) {
        let metrics: [Metric<RealServerStatus, Option<f64>>; 4] = [
            ("lvs_agents_real_server_up", "Whether the real server is up; none where that is unknown.", |real| {
                match real.health.as_str() {
                    "up" => Some(1.0),
                    "down" => Some(0.0),
                    _ => None,
                }
            }),
            ("lvs_agents_real_server_configured_weight", "The weight of the configuration.", |real| {
                Some(real.configured_weight.into())
            }),
            (
                "lvs_agents_real_server_wanted_weight",
                "The weight that the kernel shall have; none without an entry.",
                |real| real.wanted_weight.map(f64::from),
            ),
            ("lvs_agents_real_server_since_seconds", "When the health last changed, in seconds since 1970.", |real| {
                Some(real.since as f64)
            }),
        ];
        for (name, help, value) in metrics {
            self.family(name, "gauge", help);
            for (service, real) in each(status) {
                if let Some(value) = value(real) {
                    self.sample(name, &[("service", service), ("real_server", &real.real_server)], value);
                }
            }
        }
        self.family("lvs_agents_real_server_reason", "gauge", "Why a real server does not serve as configured.");
        for (service, real) in each(status).filter(|(_, real)| real.wanted_weight != Some(real.configured_weight)) {
            let labels = [("service", service), ("real_server", &real.real_server), ("reason", &real.reason)];
            self.sample("lvs_agents_real_server_reason", &labels, 1.0);
        }
    }

    fn synchronisation(&mut self, status: &HealthMonitorStatus) {
        let Some(sync) = &status.sync else { return };
        let labels = [("resource", sync.resource.as_str())];
        self.family("lvs_agents_promoted", "gauge", "Whether this node is the director.");
        self.sample("lvs_agents_promoted", &labels, flag(sync.promoted));
        self.family("lvs_agents_sync_clash", "gauge", "Whether another director sends under the same number.");
        self.sample("lvs_agents_sync_clash", &labels, flag(sync.clash.is_some()));
        if let Some(connections) = sync.connections {
            self.family("lvs_agents_sync_connections", "gauge", "The connections of which a standby can know.");
            self.sample("lvs_agents_sync_connections", &labels, connections.into());
        }
        self.family("lvs_agents_sync_coverage_percent", "gauge", "The share of them that a standby knows.");
        if let Some(coverage) = sync.coverage {
            let labels = [("resource", sync.resource.as_str()), ("standby", "")];
            self.sample("lvs_agents_sync_coverage_percent", &labels, coverage.into());
        }
        for standby in &sync.standbys {
            let labels = [("resource", sync.resource.as_str()), ("standby", &standby.address)];
            self.sample("lvs_agents_sync_coverage_percent", &labels, standby.coverage.into());
        }
    }

    fn check_times(&mut self, snapshot: &Snapshot) {
        self.family("lvs_agents_check_seconds", "gauge", "How long the last check took.");
        let mut times: Vec<_> = snapshot.times.iter().collect();
        times.sort_unstable();
        for ((service, real), took) in times {
            let labels = [("service", &*service.to_string()), ("real_server", &*real.to_string())];
            self.sample("lvs_agents_check_seconds", &labels, took.as_secs_f64());
        }
    }
}

fn each(status: &HealthMonitorStatus) -> impl Iterator<Item = (&str, &RealServerStatus)> {
    let services = status.services.iter();
    services.flat_map(|service| service.real_servers.iter().map(|real| (service.service.as_str(), real)))
}

/// Returns how often each service is named.
fn count<'a>(services: impl Iterator<Item = &'a str>) -> HashMap<&'a str, u32> {
    let mut counts = HashMap::new();
    services.for_each(|service| *counts.entry(service).or_default() += 1);
    counts
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

/// The labels of node_exporter, in its order. A mark has no address, and its eight digits are those of the kernel.
fn backend_labels(service: &ServiceKey, real: &RealServerKey) -> [(&'static str, String); 6] {
    let (address, port, protocol, mark) = match service {
        ServiceKey::Address { protocol, address, port } => {
            (address.to_string(), port.to_string(), protocol.to_string().to_uppercase(), String::new())
        }
        ServiceKey::Fwmark { mark, .. } => (String::new(), "0".to_owned(), "FWM".to_owned(), format!("{mark:08X}")),
    };
    [
        ("local_address", address),
        ("local_port", port),
        ("remote_address", real.address.to_string()),
        ("remote_port", real.port.to_string()),
        ("proto", protocol),
        ("local_mark", mark),
    ]
}

/// A label's value, in which three characters have a meaning.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
pub(super) mod tests;
