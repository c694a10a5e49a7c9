use std::time::{Duration, UNIX_EPOCH};

use super::super::judge;
use super::super::overview::{KernelRow, RoleRow};
use super::*;
use crate::daemon::protocol::{EntryDrift, FallbackStatus, Liveness, RealServerStatus, ServiceFault, SyncStatus};

const NOW: u64 = 100;
const WEB: &str = "tcp 192.0.2.1:80";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn real(name: &str, health: &str, reason: &str) -> RealServerStatus {
    RealServerStatus {
        real_server: name.into(),
        forwarding: "gate".into(),
        configured_weight: 3,
        wanted_weight: Some(3),
        health: health.into(),
        since: 40,
        reason: reason.into(),
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
    }
}

fn held(service: &str, real_server: &str, weight: u32) -> KernelRow {
    KernelRow {
        service: service.into(),
        real_server: real_server.into(),
        forwarding: "gate".into(),
        weight,
        active: 12,
        inactive: 345,
        traffic: None,
        draining: None,
    }
}

fn service(name: &str, real_servers: Vec<RealServerStatus>) -> ServiceStatus {
    let fallback =
        Some(FallbackStatus { real_server: "127.0.0.1:80".into(), forwarding: "gate".into(), serves: false });
    ServiceStatus { service: name.into(), scheduler: "wrr".into(), real_servers, fallback, single: false, rules: None }
}

fn overview(services: Vec<ServiceStatus>, liveness: Liveness, kernel: Vec<KernelRow>) -> Overview {
    let monitor = HealthMonitorStatus {
        instance: "db-health".into(),
        pid: 4711,
        version: "1".into(),
        source: "/run/lvs-agents/services".into(),
        liveness,
        services,
        sync: None,
    };
    let held = kernel.iter().map(|row| row.service.clone()).collect();
    judged(Overview { monitors: vec![monitor], kernel, held, ..Overview::default() })
}

fn judged(mut overview: Overview) -> Overview {
    overview.services = judge::summaries(&overview);
    overview.state = judge::state(&overview);
    overview
}

fn shown(overview: &Overview, width: Option<usize>) -> String {
    render(overview, Layout { width, colour: false }, now())
}

fn web() -> Overview {
    let reals = vec![
        real("192.0.2.2:80", "up", "configured"),
        real("192.0.2.3:80", "down", "check failed 1 of 1: http 192.0.2.3:80: connect: connection refused"),
        real("192.0.2.4:80", "up", "drained by anna@n1 since 2026-11-27 12:03 until 14:03: disk"),
    ];
    let kernel = vec![held(WEB, "192.0.2.2:80", 3), held(WEB, "192.0.2.4:80", 0)];
    overview(vec![service(WEB, reals)], Liveness::default(), kernel)
}

#[test]
fn every_line_says_what_why_since_when_and_by_whom() {
    let expected = "\
1 virtual service: 1 degraded
health monitor db-health (pid 4711), /run/lvs-agents/services
tcp 192.0.2.1:80  wrr  1 of 3 serves
  real server   method  weight  active  inactive  health    for     reason
  192.0.2.2:80  gate         3      12       345  up        1m00s   configured
  192.0.2.3:80  gate         -       -         -  down      1m00s   check failed 1 of 1: http 192.0.2.3:80: connect: connection refused
  192.0.2.4:80  gate         0      12       345  up        1m00s   drained by anna@n1 since 2026-11-27 12:03 until 14:03: disk
  127.0.0.1:80  gate         -       -         -  fallback          not needed
";
    assert_eq!(shown(&web(), None), expected);
}

#[test]
fn long_reasons_leave_the_columns_as_they_are_at_every_width() {
    let narrow = shown(&web(), Some(80));
    assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
    let below = "\n  192.0.2.3:80  gate         -       -         -  down      1m00s\n      check failed 1 of 1: http 192.0.2.3:80: connect: connection refused\n";
    assert!(narrow.contains(below), "{narrow}");
    let wide = shown(&web(), Some(110));
    assert!(wide.lines().all(|line| line.len() <= 110), "{wide}");
    assert!(
        wide.contains("  down      1m00s   check failed 1 of 1: http 192.0.2.3:80:\n                     "),
        "{wide}"
    );
    assert_eq!(shown(&web(), Some(200)), shown(&web(), None), "all of it fits");
}

#[test]
fn what_is_declared_and_not_checked_is_shown_without_a_health_monitor() {
    let name = "tcp 192.0.2.9:80";
    let drained = RealServerStatus {
        configured_weight: 0,
        since: 90,
        ..real("192.0.2.2:80", "draining", "left the configuration")
    };
    let reals = vec![RealServerStatus { since: 0, ..real("192.0.2.3:80", "unknown", "not checked") }, drained];
    let kernel = vec![held(name, "192.0.2.2:80", 0), held(name, "192.0.2.3:80", 3)];
    let services = vec![ServiceStatus { fallback: None, ..service(name, reals) }];
    let overview = judged(Overview {
        unmonitored: vec![name.into()],
        unmonitored_services: services,
        held: vec![name.into(), "udp 192.0.2.9:53".into()],
        undeclared: vec!["udp 192.0.2.9:53".into()],
        kernel,
        ..Overview::default()
    });
    let expected = "\
1 virtual service: 1 degraded
tcp 192.0.2.9:80  wrr  1 of 1 serves  not monitored
  real server   method  weight  active  inactive  health    for     reason
  192.0.2.3:80  gate         3      12       345  unknown   -       not checked
  192.0.2.2:80  gate         0      12       345  draining  10s     left the configuration
the kernel also has, declared by no resource of this node: udp 192.0.2.9:53
";
    assert_eq!(shown(&overview, None), expected);
}

#[test]
fn drift_stands_beside_its_entry_and_what_is_not_configured_has_a_line_of_its_own() {
    let drift = |real: Option<&str>, kernel: &str| EntryDrift {
        service: WEB.into(),
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
    let words: Vec<String> = drifts.iter().map(|drift| drift.words(now())).collect();
    let services =
        vec![ServiceStatus { fallback: None, ..service(WEB, vec![real("192.0.2.2:80", "up", "configured")]) }];
    let text = shown(
        &overview(services, Liveness { drifts, ..Liveness::default() }, vec![held(WEB, "192.0.2.7:80", 1)]),
        None,
    );
    let expected = [
        "tcp 192.0.2.1:80  wrr  0 of 1 serve, one that is not configured does".to_owned(),
        format!("  {}", words[0]),
        "  real server   method  weight  active  inactive  health    for     reason".to_owned(),
        format!("  192.0.2.2:80  gate         -       -         -  up        1m00s   configured; {}", words[1]),
        format!("  192.0.2.7:80  gate         1      12       345  by hand   10s     {}", words[2]),
    ];
    assert_eq!(text.lines().skip(2).collect::<Vec<_>>(), expected);
}

#[test]
fn a_standby_and_the_troubles_of_its_health_monitor_are_named() {
    let fault = ServiceFault { service: WEB.into(), cause: "192.0.2.5:80: Invalid argument".into(), since: 40 };
    let liveness = Liveness {
        faults: vec![fault],
        configuration_error: Some("line 3".into()),
        late_seconds: 7.0,
        checks_late_seconds: 60.0,
        ..Liveness::default()
    };
    let mut standby = overview(vec![], liveness, vec![]);
    standby.roles = vec![RoleRow { resource: "db-lvs".into(), promoted: false, fault: None }];
    standby.silent = vec!["health monitor b: no answer".into()];
    standby.monitors[0].sync = Some(SyncStatus {
        resource: "db-lvs".into(),
        interface: "eth1".into(),
        sync_id: 7,
        promoted: false,
        connections: Some(100),
        coverage: Some(42),
        standbys: vec![],
        hears_no_more: false,
        clash: None,
    });
    let expected = "\
lvs db-lvs: unpromoted: this node is the standby
health monitor db-health (pid 4711), /run/lvs-agents/services
  new configuration ignored: line 3
  the kernel refuses, for 1m00s: 192.0.2.5:80: Invalid argument
  nothing has moved for 7 s
  checks are late by 60.0 s
  connections on eth1, sync id 7: this standby knows 42 % of 100
health monitor b: no answer
";
    assert_eq!(shown(&judged(standby), None), expected);
}

#[test]
fn the_first_line_counts_the_services_by_state() {
    let one =
        |state| ServiceSummary { service: String::new(), state, serving: 0, configured: 0, summary: String::new() };
    let of = |states: &[State], node: State| {
        let services: Vec<ServiceSummary> = states.iter().map(|state| one(*state)).collect();
        headline(&Overview { state: node, services, ..Overview::default() })
    };
    use State::{Degraded, Unserved, Well};
    crate::testing::check_rows(
        [
            (&[][..], Well, None),
            (&[Well][..], Well, Some("1 virtual service: 1 well")),
            (&[Well, Well][..], Degraded, Some("2 virtual services: 2 well, and this node has a fault")),
            (&[Well, Unserved, Degraded][..], Unserved, Some("3 virtual services: 1 not served, 1 degraded, 1 well")),
        ],
        |(states, node, expected)| assert_eq!(of(states, node).as_deref(), expected),
    );
}
