use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::*;
use crate::daemon::metrics::snapshot::Totals;
use crate::daemon::protocol::{FallbackStatus, Liveness, ServiceFault, StandbyStatus, SyncStatus};
use crate::model::ForwardingMethod;
use crate::netlink::ipvs::Connections;

/// A service of two real servers, one of which is down.
pub fn example() -> Snapshot {
    let real = |name: &str, health: &str, wanted_weight, reason: &str| RealServerStatus {
        real_server: name.into(),
        forwarding: "gate".into(),
        configured_weight: 3,
        wanted_weight,
        health: health.into(),
        since: 1_700_000_000,
        reason: reason.into(),
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
    };
    let service = ServiceStatus {
        service: "tcp 10.9.0.100:80".into(),
        scheduler: "wrr".into(),
        real_servers: vec![
            real("10.9.0.21:80", "up", Some(3), "configured"),
            real("10.9.0.22:80", "down", None, "check failed 1 of 1: <b>\"no\"</b>"),
        ],
        single: false,
        rules: None,
        fallback: Some(FallbackStatus { real_server: "127.0.0.1:80".into(), forwarding: "gate".into(), serves: false }),
    };
    let sync = SyncStatus {
        resource: "db-lvs".into(),
        interface: "eth1".into(),
        sync_id: 7,
        promoted: true,
        connections: Some(10),
        coverage: None,
        standbys: vec![StandbyStatus { address: "10.0.0.2".into(), known: 9, coverage: 90 }],
        hears_no_more: false,
        clash: None,
    };
    let status = HealthMonitorStatus {
        instance: "db-health".into(),
        pid: 4711,
        version: "1".into(),
        source: "/run/lvs-agents/services".into(),
        liveness: Liveness { configuration_error: Some("line 3".into()), ..Liveness::default() },
        services: vec![service],
        sync: Some(sync),
    };
    let (http, mark) = ("tcp 10.9.0.100:80".parse().expect("key"), "fwmark 7".parse().expect("key"));
    let usage = |active, inactive| Usage {
        forwarding: Some(ForwardingMethod::Gate),
        weight: 3,
        connections: Connections { active, inactive, persistent: 0 },
    };
    let entry = |name: &str, usage| BTreeMap::from([(name.parse().expect("key"), usage)]);
    let table =
        BTreeMap::from([(http, entry("10.9.0.21:80", usage(12, 345))), (mark, entry("10.9.0.21:0", usage(1, 0)))]);
    let totals = Totals { connections: 26, in_packets: 255, out_packets: 0, in_bytes: 16, out_bytes: 0 };
    Snapshot {
        status: Some(status),
        totals: Some(totals),
        usage: Some(table),
        texts: Default::default(),
        times: HashMap::from([((http, "10.9.0.21:80".parse().expect("key")), Duration::from_micros(1500))]),
    }
}

#[test]
fn what_the_kernel_says_has_the_names_and_labels_of_node_exporter() {
    let text = render(&example());
    for line in [
        "# TYPE node_ipvs_connections_total counter\nnode_ipvs_connections_total 26\n",
        "node_ipvs_incoming_bytes_total 16\n",
        "node_ipvs_backend_connections_active{local_address=\"10.9.0.100\",local_port=\"80\",remote_address=\"10.9.0.21\",\
         remote_port=\"80\",proto=\"TCP\",local_mark=\"\"} 12\n",
        "node_ipvs_backend_weight{local_address=\"\",local_port=\"0\",remote_address=\"10.9.0.21\",remote_port=\"0\",\
         proto=\"FWM\",local_mark=\"00000007\"} 3\n",
    ] {
        assert!(text.contains(line), "{line}in\n{text}");
    }
}

#[test]
fn what_the_health_monitor_knows_is_told_with_its_reason() {
    let text = render(&example());
    for line in [
        "lvs_agents_up 1\n",
        "lvs_agents_configuration_refused 1\n",
        "lvs_agents_service_real_servers{service=\"tcp 10.9.0.100:80\",health=\"down\"} 1\n",
        "lvs_agents_real_server_up{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.0.22:80\"} 0\n",
        "lvs_agents_real_server_wanted_weight{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.0.21:80\"} 3\n",
        "lvs_agents_real_server_reason{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.0.22:80\",reason=\"check failed 1 of \
         1: <b>\\\"no\\\"</b>\"} 1\n",
        "lvs_agents_sync_coverage_percent{resource=\"db-lvs\",standby=\"10.0.0.2\"} 90\n",
        "lvs_agents_check_seconds{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.0.21:80\"} 0.0015\n",
    ] {
        assert!(text.contains(line), "{line}in\n{text}");
    }
    assert!(
        !text.contains(
            "lvs_agents_real_server_wanted_weight{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.0.22:80\"}"
        )
    );
}

#[test]
fn the_alarms_of_a_service_are_counted() {
    let mut snapshot = example();
    let alarm = |cause: &str| ServiceFault { service: "tcp 10.9.0.100:80".into(), cause: cause.into(), since: 0 };
    let status = snapshot.status.as_mut().expect("a status");
    status.liveness.alarms = vec![alarm("quorum lost"), alarm("decided alone")];
    let line = "lvs_agents_service_alarms{service=\"tcp 10.9.0.100:80\"} ";
    assert!(render(&snapshot).contains(&format!("{line}2\n")));
    assert!(render(&example()).contains(&format!("{line}0\n")));
}

#[test]
fn the_dashboard_and_the_rules_ask_for_metrics_that_there_are() {
    let text = render(&example());
    for file in ["grafana-dashboard.json", "alerts.yml", "alerts-test.yml"] {
        let path = format!("{}/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
        let asks = std::fs::read_to_string(&path).expect(&path);
        let words = asks.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: HashSet<&str> =
            words.filter(|word| word.starts_with("lvs_agents_") || word.starts_with("node_ipvs_")).collect();
        assert!(names.len() > 10, "{file}: {names:?}");
        for name in names {
            assert!(text.contains(&format!("# TYPE {name} ")), "{file}: {name}");
        }
    }
}

#[test]
fn every_line_is_one_that_prometheus_reads() {
    let text = render(&example());
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            family = rest.split(' ').nth(1).expect("a name");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a value");
        assert_eq!(name.split('{').next(), Some(family), "a sample stands behind its family: {line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(text.matches("# TYPE lvs_agents_up ").count(), 1);
    assert!(render(&Snapshot::default()).contains("lvs_agents_up 0\n"));
}
