//! Looks for tests.

use std::time::{Duration, SystemTime};

use super::model::{Counters, Look, Top, View};
use super::sort::SortKey;
use crate::cli::status::{KernelRow, Overview, ServiceSummary, State, TrafficRow};
use crate::daemon::protocol::{FallbackStatus, RealServerStatus, ServiceStatus};

pub const WEB: &str = "tcp 192.0.2.1:80";
pub const DNS: &str = "udp 192.0.2.1:53";

pub fn top() -> Top {
    Top::new(View { sort: SortKey::Name, is_reversed: false, filter: String::new(), only_wrong: false })
}

/// Three real servers of a web service, of which one is down and one serves much, and one of a name service. Each second there
/// are `second` more connections.
pub fn look(second: u64) -> Look {
    let real = |name: &str, health: &str, reason: &str| RealServerStatus {
        real_server: name.into(),
        forwarding: "gate".into(),
        configured_weight: 1,
        wanted_weight: Some(1),
        health: health.into(),
        since: 940,
        reason: reason.into(),
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
    };
    let service = |name: &str, real_servers| ServiceStatus {
        service: name.into(),
        scheduler: "wrr".into(),
        real_servers,
        single: false,
        rules: None,
        fallback: Some(FallbackStatus { real_server: "127.0.0.1:80".into(), forwarding: "gate".into(), serves: false }),
    };
    let row = |service: &str, real: &str, active: u64, inactive| KernelRow {
        service: service.into(),
        real_server: real.into(),
        forwarding: "gate".into(),
        weight: 1,
        active: active as u32,
        inactive,
        traffic: None,
        draining: None,
    };
    let summary = |name: &str, state, serving, configured| ServiceSummary {
        service: name.into(),
        state,
        serving,
        configured,
        summary: format!("{serving} of {configured} serve"),
    };
    let web = vec![
        real("10.0.0.1:80", "up", "configured"),
        real("10.0.0.2:80", "down", "check failed 1 of 1: http 10.0.0.2:80: connect: connection refused"),
        real("10.0.0.3:80", "up", "configured"),
    ];
    let counters = |connections| TrafficRow { connections, in_bytes: connections * 2000, ..TrafficRow::default() };
    let key = |service: &str, real: &str| (service.to_owned(), real.to_owned());
    Look {
        at: Duration::from_secs(second),
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
        overview: Overview {
            state: State::Degraded,
            services: vec![summary(WEB, State::Degraded, 2, 3), summary(DNS, State::Well, 1, 1)],
            unmonitored: vec![WEB.into()],
            unmonitored_services: vec![service(WEB, web), service(DNS, vec![real("10.0.0.1:53", "up", "configured")])],
            kernel: vec![
                row(WEB, "10.0.0.1:80", second, 7),
                row(WEB, "10.0.0.3:80", 100, 9),
                row(DNS, "10.0.0.1:53", 0, 40),
            ],
            held: vec![WEB.into(), DNS.into()],
            ..Overview::default()
        },
        counters: Counters::from([
            (key(WEB, "10.0.0.1:80"), counters(second * second)),
            (key(WEB, "10.0.0.3:80"), counters(7)),
        ]),
    }
}
