//! Whether each virtual service is served as it is configured. Pure.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use super::kernel_index::KernelIndex;
use super::overview::{KernelRow, Overview, ServiceSummary, State};
use crate::agent::LATE_CHECKS;
use crate::daemon::protocol::{HealthMonitorStatus, Liveness, RealServerStatus, ServiceStatus};
use crate::health::SWITCHED_OFF;

/// Returns a summary of each virtual service, in the order of [`Overview::details`].
pub fn summaries(overview: &Overview) -> Vec<ServiceSummary> {
    let kernel = KernelIndex::of(&overview.kernel);
    let held: HashSet<&str> = overview.held.iter().map(String::as_str).collect();
    let troubled = troubled(overview);
    let summary = |service: &ServiceStatus| {
        let is_held = held.contains(service.service.as_str());
        summary(service, &kernel, is_held, troubled.contains(service.service.as_str()))
    };
    overview.details().map(summary).collect()
}

/// The services with a fault, a drift or an alarm, and those that no health monitor checks.
fn troubled(overview: &Overview) -> HashSet<&str> {
    let liveness = || overview.monitors.iter().map(|monitor| &monitor.liveness);
    let faults = liveness().flat_map(|liveness| &liveness.faults).map(|fault| fault.service.as_str());
    let drifts = liveness().flat_map(|liveness| &liveness.drifts).map(|drift| drift.service.as_str());
    let alarms = liveness().flat_map(|liveness| &liveness.alarms).map(|alarm| alarm.service.as_str());
    faults.chain(drifts).chain(alarms).chain(overview.unmonitored.iter().map(String::as_str)).collect()
}

fn summary(service: &ServiceStatus, kernel: &KernelIndex<'_>, is_held: bool, is_troubled: bool) -> ServiceSummary {
    let name = service.service.as_str();
    let row = |real: &str| kernel.row(name, real);
    let serves = |real: &&RealServerStatus| row(&real.real_server).is_some_and(serves);
    let expected = || service.real_servers.iter().filter(|real| is_expected(real));
    let (serving, all) = (expected().filter(serves).count(), expected().count());
    let configured = if service.single { all.min(1) } else { all };
    let backups = service.real_servers.iter().filter(|real| real.backup).any(|real| serves(&real));
    let is_served = kernel.rows_of(name).iter().any(self::serves);
    let fallback = service.fallback.as_ref().and_then(|fallback| row(&fallback.real_server)).is_some_and(self::serves);
    let (state, words) = match (serving, configured) {
        _ if !is_held => (State::Unserved, ", the kernel does not have the service"),
        (0, 0) => (State::Well, ", as configured"),
        (0, _) if fallback => (State::Degraded, ", the fallback does"),
        (0, _) if backups => (State::Degraded, ", backups do"),
        (0, _) if is_served => (State::Degraded, ", one that is not configured does"),
        (0, _) => (State::Unserved, ", clients are refused"),
        _ if serving == configured && !is_troubled => (State::Well, ""),
        _ if backups => (State::Degraded, ", and backups do"),
        _ => (State::Degraded, ""),
    };
    let verb = if serving == 1 { "serves" } else { "serve" };
    let summary = format!("{serving} of {configured} {verb}{words}");
    ServiceSummary { service: name.into(), state, serving, configured, summary }
}

/// Whether the configuration means the real server to get connections whenever it is well.
pub fn is_expected(real: &RealServerStatus) -> bool {
    !real.backup && real.configured_weight > 0 && real.health != "draining" && real.reason != SWITCHED_OFF
}

/// Whether the kernel sends new connections there.
pub fn serves(row: &KernelRow) -> bool {
    row.weight > 0
}

/// Whether a person may want to look at this real server: it is out, or its weight is not the configured one.
pub fn is_remarkable(real: &RealServerStatus, row: Option<&KernelRow>) -> bool {
    let is_as_configured = row.is_some_and(|row| row.weight == real.configured_weight);
    let waits = real.backup && real.wanted_weight == Some(0);
    let is_off = real.configured_weight == 0 || real.reason == SWITCHED_OFF || waits;
    real.order.is_some() || real.health == "draining" || real.health == "down" || !(is_as_configured || is_off)
}

/// Clocks that differ by less do no harm.
const CLOCKS: Duration = Duration::from_secs(10);

/// Returns a line for each order that was given later than now: by another node, whose clock is another one, or before this
/// node's clock was set back.
pub fn orders_of_the_future(monitors: &[HealthMonitorStatus], now: SystemTime) -> Vec<String> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let reals = monitors.iter().flat_map(|monitor| &monitor.services).flat_map(|service| &service.real_servers);
    let orders = reals.filter_map(|real| real.order.as_ref());
    let ahead = orders.filter_map(|order| Some((&order.subject, order.since.checked_sub((now + CLOCKS).as_secs())?)));
    let seconds: BTreeMap<&String, u64> = ahead.collect();
    let line = |(subject, seconds): (&String, u64)| {
        let seconds = seconds + CLOCKS.as_secs();
        format!(
            "order about {subject}: it was given {seconds} s from now by this node's clock: clocks differ (chronyc tracking), and \
             orders end at another moment on each node"
        )
    };
    seconds.into_iter().map(line).collect()
}

/// Returns the worst of the services and of the node itself.
pub fn state(overview: &Overview) -> State {
    let is_troubled = !overview.silent.is_empty()
        || !overview.doubts.is_empty()
        || overview.roles.iter().any(|role| role.fault.is_some())
        || overview.monitors.iter().any(is_troubled);
    let node = if is_troubled { State::Degraded } else { State::Well };
    overview.services.iter().map(|service| service.state).chain([node]).max().unwrap_or_default()
}

fn is_troubled(monitor: &HealthMonitorStatus) -> bool {
    let Liveness { late_seconds, kernel_error, check_error, configuration_error, .. } = &monitor.liveness;
    let Liveness { checks_late_seconds, faults, following_error, sink_errors, drifts, alarms, .. } = &monitor.liveness;
    let errors = [kernel_error, check_error, configuration_error, following_error];
    let sync = monitor.sync.as_ref();
    let clash = sync.and_then(|sync| sync.clash.as_ref());
    errors.into_iter().flatten().chain(clash).chain(sink_errors).next().is_some()
        || sync.is_some_and(|sync| sync.hears_no_more)
        || !faults.is_empty()
        || !drifts.is_empty()
        || !alarms.is_empty()
        || *late_seconds > 0.0
        || *checks_late_seconds >= LATE_CHECKS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::overview::RoleRow;
    use crate::daemon::protocol::{FallbackStatus, ServiceFault};
    use crate::model::Order;
    use crate::testing::check_rows;

    const SERVICE: &str = "tcp 192.0.2.1:80";

    fn real(name: &str, weight: u32, health: &str) -> RealServerStatus {
        RealServerStatus {
            real_server: name.into(),
            forwarding: "gate".into(),
            configured_weight: weight,
            wanted_weight: Some(weight),
            health: health.into(),
            since: 1,
            reason: "configured".into(),
            order: None,
            backup: false,
            dns: None,
            own_weight: None,
        }
    }

    fn held(name: &str, weight: u32) -> KernelRow {
        let (service, real_server, forwarding) = (SERVICE.into(), name.into(), "gate".into());
        KernelRow { service, real_server, forwarding, weight, active: 0, inactive: 0, traffic: None, draining: None }
    }

    fn judged(kernel: &[(&str, u32)], liveness: Liveness) -> Overview {
        let real_servers = vec![real("a", 1, "up"), real("b", 2, "down"), real("c", 0, "up"), real("d", 1, "draining")];
        let fallback = Some(FallbackStatus { real_server: "f".into(), forwarding: "gate".into(), serves: true });
        let services = vec![ServiceStatus {
            service: SERVICE.into(),
            scheduler: "rr".into(),
            real_servers,
            fallback,
            single: false,
            rules: None,
        }];
        let monitor = HealthMonitorStatus {
            instance: "m".into(),
            pid: 1,
            version: String::new(),
            source: String::new(),
            liveness,
            services,
            sync: None,
        };
        let kernel = kernel.iter().map(|(name, weight)| held(name, *weight)).collect();
        let mut overview =
            Overview { monitors: vec![monitor], kernel, held: vec![SERVICE.into()], ..Overview::default() };
        overview.services = summaries(&overview);
        overview.state = state(&overview);
        overview
    }

    #[test]
    fn a_service_is_judged_by_what_the_kernel_sends_connections_to() {
        check_rows(
            [
                (&[("a", 1), ("b", 2)][..], State::Well, "2 of 2 serve"),
                (&[("a", 1), ("b", 2), ("d", 0)][..], State::Well, "2 of 2 serve"),
                (&[("a", 1)][..], State::Degraded, "1 of 2 serves"),
                (&[("a", 7), ("b", 0)][..], State::Degraded, "1 of 2 serves"),
                (&[("f", 1)][..], State::Degraded, "0 of 2 serve, the fallback does"),
                (&[("x", 1)][..], State::Degraded, "0 of 2 serve, one that is not configured does"),
                (&[("a", 0), ("d", 0)][..], State::Unserved, "0 of 2 serve, clients are refused"),
            ],
            |(kernel, state, words)| {
                let overview = judged(kernel, Liveness::default());
                assert_eq!((overview.services[0].state, overview.services[0].summary.as_str()), (state, words));
                assert_eq!(overview.state, state);
            },
        );
    }

    #[test]
    fn an_order_that_was_given_later_than_now_tells_of_clocks_that_differ() {
        let mut overview = judged(&[], Liveness::default());
        let mut given = |since| {
            let order = Order::read("lvs-order-192.0.2.2", &format!("drain since={since}")).expect("an order");
            overview.monitors[0].services[0]
                .real_servers
                .iter_mut()
                .for_each(|real| real.order = Some((&order).into()));
            orders_of_the_future(&overview.monitors, SystemTime::UNIX_EPOCH + Duration::from_secs(1000))
        };
        assert_eq!((given(900), given(1009)), (vec![], vec![]));
        let found = given(1100);
        assert!(
            matches!(found.as_slice(), [line] if line.contains("192.0.2.2: it was given 100 s from now")),
            "{found:?}"
        );
    }

    #[test]
    fn a_service_that_the_kernel_does_not_have_is_not_served() {
        let mut overview = judged(&[], Liveness::default());
        overview.held.clear();
        let summary = summaries(&overview).remove(0);
        assert_eq!(
            (summary.state, summary.summary.as_str()),
            (State::Unserved, "0 of 2 serve, the kernel does not have the service")
        );
    }

    #[test]
    fn a_fault_of_the_service_or_of_the_node_is_no_good_state() {
        let both = &[("a", 1), ("b", 2)][..];
        let fault = ServiceFault { service: SERVICE.into(), cause: String::new(), since: 1 };
        let of_service = judged(both, Liveness { faults: vec![fault], ..Liveness::default() });
        assert_eq!(of_service.services[0].state, State::Degraded);
        let of_node = judged(both, Liveness { late_seconds: 4.0, ..Liveness::default() });
        assert_eq!((of_node.services[0].state, of_node.state), (State::Well, State::Degraded));
        let user = Overview { not_shown: vec!["orders".into()], ..judged(both, Liveness::default()) };
        assert_eq!(state(&user), State::Well, "who looks changes nothing");
        let silent = Overview { silent: vec!["m".into()], ..judged(both, Liveness::default()) };
        assert_eq!(state(&silent), State::Degraded);
        let fault = Some("sync daemon master on eth0: does not run".into());
        let role = RoleRow { resource: "m".into(), promoted: true, fault };
        assert_eq!(state(&Overview { roles: vec![role], ..judged(both, Liveness::default()) }), State::Degraded);
    }
}
