use proptest::prelude::*;

use super::*;

const ANY: Wanted = Wanted { role: Role::Any, lag: None, donor_serves: false, busy: None };

fn seen(values: &[(&str, &str)]) -> Observation {
    let mut values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if !values.iter().any(|(name, _)| name == "read_only") {
        values.push(("read_only".into(), "OFF".into()));
    }
    Observation { values: values.into_iter().collect(), ..Observation::default() }
}

/// A node of a Galera cluster in order, but for these values.
fn node(values: &[(&str, &str)]) -> Observation {
    let usual = [
        ("wsrep_on", "ON"),
        ("wsrep_cluster_status", "Primary"),
        ("wsrep_connected", "ON"),
        ("wsrep_ready", "ON"),
        ("wsrep_local_state", "4"),
        ("wsrep_desync", "OFF"),
        ("wsrep_reject_queries", "NONE"),
        ("pxc_maint_mode", "DISABLED"),
        ("wsrep_flow_control_requested", "false"),
    ];
    seen(&usual.into_iter().chain(values.iter().copied()).collect::<Vec<_>>())
}

fn replica(sources: &[(&str, &str, Option<u64>)]) -> Observation {
    let source = |(io, sql, seconds): &(&str, &str, Option<u64>)| Source {
        io_running: (*io).into(),
        sql_running: (*sql).into(),
        seconds_behind: *seconds,
    };
    Observation { sources: Some(sources.iter().map(source).collect()), ..seen(&[("read_only", "ON")]) }
}

fn member_of_group(states: &[&str]) -> Observation {
    let member = |(place, state): (usize, &&str)| Member { is_self: place == 0, state: (*state).into() };
    Observation {
        members: states.iter().enumerate().map(member).collect(),
        ..seen(&[("group_replication_group_name", "aaaa"), ("read_only", "OFF")])
    }
}

/// What becomes of it, as a row shows it: `serves`, `serves: REASON`, `NN %: REASON`, `stays: REASON` for one that is let in by this
/// only where it serves already, or `down: REASON`.
fn verdict(seen: &Observation, wanted: &Wanted) -> String {
    match judge(seen, wanted) {
        Err(cause) => format!("down: {cause}"),
        Ok(None) => "serves".into(),
        Ok(Some(Advice { percent: 100, lets_in: true, reason })) => format!("serves: {reason}"),
        Ok(Some(Advice { percent: 100, lets_in: false, reason })) => format!("stays: {reason}"),
        Ok(Some(Advice { percent, lets_in, reason })) => {
            assert!(lets_in, "{reason}");
            format!("{percent} %: {reason}")
        }
    }
}

fn check(rows: &[(&Observation, &Wanted, &str)]) {
    for (seen, wanted, expected) in rows {
        assert_eq!(verdict(seen, wanted), *expected, "{wanted:?} {seen:?}");
    }
}

#[test]
fn a_writer_takes_writes_and_a_reader_takes_none() {
    let writer = Wanted { role: Role::Writer, ..ANY };
    let reader = Wanted { role: Role::Reader, ..ANY };
    let unknown = Observation::default();
    check(&[
        (&seen(&[]), &writer, "serves"),
        (&seen(&[]), &reader, "down: no reader: it takes writes (read_only=OFF)"),
        (&seen(&[]), &ANY, "serves"),
        (&seen(&[("read_only", "ON")]), &writer, "down: no writer: read_only=ON"),
        (&seen(&[("read_only", "ON")]), &reader, "serves"),
        (&seen(&[("read_only", "ON")]), &ANY, "serves"),
        (&seen(&[("read_only", "NO_LOCK_NO_ADMIN")]), &writer, "down: no writer: read_only=NO_LOCK_NO_ADMIN"),
        (&seen(&[("super_read_only", "ON")]), &writer, "down: no writer: super_read_only=ON"),
        (&seen(&[("super_read_only", "OFF")]), &writer, "serves"),
        (&seen(&[("innodb_read_only", "ON")]), &writer, "down: no writer: innodb_read_only=ON"),
        (&seen(&[("innodb_read_only", "1")]), &reader, "serves"),
        (&unknown, &writer, "down: it does not say whether it takes writes (read_only is missing)"),
        (&unknown, &reader, "down: it does not say whether it takes writes (read_only is missing)"),
        (&unknown, &ANY, "serves"),
        (&seen(&[("offline_mode", "ON")]), &ANY, "down: it lets only administrators in (offline_mode=ON)"),
    ]);
}

#[test]
fn a_replica_is_judged_by_its_lag_at_every_bound() {
    let lag = LagBounds { leave: 10, enter: 4, heartbeat: None };
    let reader = Wanted { role: Role::Reader, lag: Some(lag.clone()), ..ANY };
    let any = Wanted { lag: Some(lag), ..ANY };
    let yes = |seconds| replica(&[("Yes", "Yes", seconds)]);
    let looks = "stays: replication looks for its source";
    check(&[
        (&yes(Some(0)), &reader, "serves: replication lag: 0 s"),
        (&yes(Some(4)), &reader, "serves: replication lag: 4 s"),
        (&yes(Some(5)), &reader, "stays: replication lag: 5 s, more than lagenter=4"),
        (&yes(Some(10)), &reader, "stays: replication lag: 10 s, more than lagenter=4"),
        (&yes(Some(11)), &reader, "0 %: replication lag: 11 s, more than maxlag=10"),
        (&yes(Some(u64::MAX)), &any, "0 %: replication lag: 18446744073709551615 s, more than maxlag=10"),
        (&yes(None), &reader, &format!("{looks} (I/O thread: Yes): its lag is not known")),
        (
            &replica(&[("Connecting", "Yes", None)]),
            &reader,
            &format!("{looks} (I/O thread: Connecting): its lag is not known"),
        ),
        // MariaDB goes on with a number while it looks for its source.
        (
            &replica(&[("Connecting", "Yes", Some(0))]),
            &reader,
            &format!("{looks} (I/O thread: Connecting): its lag is not known"),
        ),
        (&replica(&[("No", "Yes", None)]), &reader, "0 %: replication is stopped (I/O thread: No)"),
        (&replica(&[("Yes", "No", None)]), &reader, "0 %: replication is stopped (SQL thread: No)"),
        (&replica(&[("No", "No", None)]), &reader, "0 %: replication is stopped (SQL thread: No)"),
        (&replica(&[]), &reader, "0 %: replication is not set up: its lag is not known"),
        (
            &replica(&[("Yes", "Yes", Some(1)), ("Yes", "No", None)]),
            &reader,
            "0 %: replication is stopped (SQL thread: No)",
        ),
        (
            &replica(&[("Yes", "Yes", Some(5)), ("Yes", "Yes", Some(1))]),
            &reader,
            "stays: replication lag: 5 s, more than lagenter=4",
        ),
        // A primary, with what is left of the time when it was a replica.
        (&Observation { sources: replica(&[("No", "No", None)]).sources, ..seen(&[]) }, &any, "serves"),
        (&seen(&[]), &any, "serves"),
    ]);
}

#[test]
fn the_age_of_a_heartbeat_counts_in_place_of_the_replicas_own_word() {
    let lag = LagBounds { leave: 10, enter: 10, heartbeat: Some("percona.heartbeat".into()) };
    let reader = Wanted { role: Role::Reader, lag: Some(lag), ..ANY };
    let beaten = |age| Observation { heartbeat: Some(age), ..seen(&[("read_only", "ON")]) };
    check(&[
        (&beaten(Some(-0.2)), &reader, "serves: age of the heartbeat: 0 s"),
        (&beaten(Some(10.99)), &reader, "serves: age of the heartbeat: 10 s"),
        (&beaten(Some(11.0)), &reader, "0 %: age of the heartbeat: 11 s, more than maxlag=10"),
        (&beaten(None), &reader, "0 %: no heartbeat in its table"),
    ]);
}

#[test]
fn a_galera_node_serves_while_it_is_synchronised_with_the_primary_component() {
    let donors = Wanted { donor_serves: true, ..ANY };
    let writer = Wanted { role: Role::Writer, ..ANY };
    check(&[
        (&node(&[]), &writer, "serves"),
        (&node(&[("read_only", "ON")]), &writer, "down: no writer: read_only=ON"),
        (
            &node(&[("wsrep_cluster_status", "non-Primary"), ("wsrep_ready", "OFF")]),
            &ANY,
            "down: Galera: cut off from the primary component (wsrep_cluster_status=non-Primary)",
        ),
        (
            &node(&[("wsrep_connected", "OFF")]),
            &ANY,
            "down: Galera: not connected to the other nodes (wsrep_connected=OFF)",
        ),
        (&node(&[("wsrep_ready", "OFF")]), &donors, "down: Galera: not ready (wsrep_ready=OFF)"),
        (
            &node(&[("wsrep_reject_queries", "ALL")]),
            &ANY,
            "down: Galera: it refuses queries (wsrep_reject_queries=ALL)",
        ),
        (&node(&[("wsrep_local_state", "1")]), &ANY, "down: Galera: not synchronised yet (wsrep_local_state=1)"),
        (
            &node(&[("wsrep_local_state", "3")]),
            &ANY,
            "0 %: Galera: it catches up with the other nodes (wsrep_local_state=3)",
        ),
        (&node(&[("wsrep_local_state", "3")]), &donors, "serves"),
        (
            &node(&[("wsrep_local_state", "3"), ("wsrep_ready", "OFF")]),
            &donors,
            "down: Galera: not ready (wsrep_ready=OFF)",
        ),
        (&node(&[("wsrep_local_state", "2")]), &ANY, "0 %: Galera: donor of another node (wsrep_local_state=2)"),
        (&node(&[("wsrep_local_state", "2")]), &donors, "serves"),
        (
            &node(&[("wsrep_local_state", "2"), ("wsrep_desync", "ON")]),
            &ANY,
            "0 %: Galera: desynchronised (wsrep_desync=ON)",
        ),
        (&node(&[("wsrep_local_state", "2"), ("wsrep_desync", "ON")]), &donors, "serves"),
        (&node(&[("pxc_maint_mode", "MAINTENANCE")]), &donors, "0 %: Galera: maintenance (pxc_maint_mode=MAINTENANCE)"),
        (&node(&[("pxc_maint_mode", "SHUTDOWN")]), &ANY, "0 %: Galera: maintenance (pxc_maint_mode=SHUTDOWN)"),
        (
            &node(&[("wsrep_flow_control_requested", "true")]),
            &ANY,
            "50 %: Galera: it makes the other nodes wait (wsrep_flow_control_requested=ON)",
        ),
        // The provider is not loaded.
        (&seen(&[("wsrep_on", "OFF"), ("wsrep_ready", "OFF"), ("wsrep_local_state", "0")]), &ANY, "serves"),
        (&seen(&[("wsrep_on", "ON")]), &ANY, "serves"),
    ]);
}

#[test]
fn a_member_of_a_replication_group_serves_while_it_is_online_with_a_majority() {
    let unreachable = "are unreachable: no majority";
    check(&[
        (&member_of_group(&["ONLINE"]), &ANY, "serves"),
        (&member_of_group(&["ONLINE", "ONLINE", "UNREACHABLE"]), &ANY, "serves"),
        (
            &member_of_group(&["ONLINE", "UNREACHABLE", "UNREACHABLE"]),
            &ANY,
            &format!("down: Group Replication: 2 of 3 members {unreachable}"),
        ),
        (
            &member_of_group(&["ONLINE", "UNREACHABLE"]),
            &ANY,
            &format!("down: Group Replication: 1 of 2 members {unreachable}"),
        ),
        (&member_of_group(&["RECOVERING", "ONLINE"]), &ANY, "down: Group Replication: its state is RECOVERING"),
        (&member_of_group(&["ERROR"]), &ANY, "down: Group Replication: its state is ERROR"),
        (&member_of_group(&[]), &ANY, "down: Group Replication: it is no member of its group"),
        (&seen(&[("group_replication_group_name", "")]), &ANY, "serves"),
    ]);
}

#[test]
fn the_weight_falls_with_the_connections_that_are_left() {
    let busy = Wanted { busy: Some(80), ..ANY };
    let used = |connected: &str, most: &str| seen(&[("threads_connected", connected), ("max_connections", most)]);
    check(&[
        (&used("80", "100"), &busy, "serves"),
        (&used("81", "100"), &busy, "90 %: 81 of 100 connections"),
        (&used("90", "100"), &busy, "50 %: 90 of 100 connections"),
        (&used("99", "100"), &busy, "10 %: 99 of 100 connections"),
        (&used("100", "100"), &busy, "10 %: 100 of 100 connections"),
        (&used("101", "100"), &busy, "10 %: 101 of 100 connections"),
        (&used("101", "100"), &ANY, "serves"),
        (&used("1", "0"), &busy, "serves"),
        (&used("x", "100"), &busy, "serves"),
        (&seen(&[]), &busy, "serves"),
    ]);
}

#[test]
fn the_least_weight_of_all_reasons_counts_and_each_is_told() {
    let values = [("wsrep_flow_control_requested", "ON"), ("threads_connected", "99"), ("max_connections", "100")];
    let reason = "Galera: it makes the other nodes wait (wsrep_flow_control_requested=ON); 99 of 100 connections";
    check(&[(&node(&values), &Wanted { busy: Some(80), ..ANY }, &format!("10 %: {reason}"))]);
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let names = proptest::sample::select(vec![
        "read_only",
        "super_read_only",
        "wsrep_on",
        "wsrep_cluster_status",
        "wsrep_ready",
        "wsrep_local_state",
        "wsrep_desync",
        "group_replication_group_name",
        "threads_connected",
        "max_connections",
    ]);
    let value = prop_oneof![Just("ON".into()), Just("OFF".into()), Just("Primary".into()), "[0-9]{1,3}", "\\PC{0,8}"];
    let threads = || prop_oneof![Just("Yes".to_owned()), Just("No".to_owned()), "\\PC{0,8}"];
    let source = (threads(), threads(), any::<Option<u64>>())
        .prop_map(|(io_running, sql_running, seconds_behind)| Source { io_running, sql_running, seconds_behind });
    let member = (any::<bool>(), prop_oneof![Just("ONLINE".to_owned()), "\\PC{0,8}"])
        .prop_map(|(is_self, state)| Member { is_self, state });
    (
        proptest::collection::btree_map(names.prop_map(str::to_owned), value, 0..10),
        proptest::option::of(proptest::collection::vec(source, 0..3)),
        proptest::option::of(any::<Option<f64>>()),
        proptest::collection::vec(member, 0..4),
    )
        .prop_map(|(values, sources, heartbeat, members)| Observation { values, sources, heartbeat, members })
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let bounds = (any::<u32>(), any::<u32>()).prop_map(|(one, other)| LagBounds {
        leave: one.max(other),
        enter: one.min(other),
        heartbeat: None,
    });
    let role = proptest::sample::select(vec![Role::Writer, Role::Reader, Role::Any]);
    (role, proptest::option::of(bounds), any::<bool>(), proptest::option::of(1..100_u8))
        .prop_map(|(role, lag, donor_serves, busy)| Wanted { role, lag, donor_serves, busy })
}

proptest! {
    /// Whatever a server says, the verdict is a weight of 0 to 100 per cent, and no server is a writer and a reader.
    #[test]
    fn no_server_is_both_a_writer_and_a_reader(seen in any_observation(), wanted in any_wanted()) {
        let judged = |role| judge(&seen, &Wanted { role, ..wanted.clone() });
        prop_assert!(judged(Role::Writer).is_err() || judged(Role::Reader).is_err());
        if judged(Role::Writer).is_ok() || judged(Role::Reader).is_ok() {
            prop_assert!(judged(Role::Any).is_ok());
        }
        for role in [Role::Writer, Role::Reader, Role::Any] {
            match judged(role) {
                Ok(Some(advice)) => prop_assert!(advice.percent <= 100 && !advice.reason.contains(char::is_control)),
                Ok(None) => {}
                Err(cause) => prop_assert!(!cause.contains(char::is_control)),
            }
        }
    }

    /// More lag is never better.
    #[test]
    fn a_replica_that_falls_behind_never_gains(seconds in 0..30_u64, more in 0..30_u64, leave in 0..20_u32, enter in 0..20_u32) {
        let lag = LagBounds { leave: leave.max(enter), enter: leave.min(enter), heartbeat: None };
        let wanted = Wanted { role: Role::Reader, lag: Some(lag), ..ANY };
        let rank = |seconds| {
            let advice = judge(&replica(&[("Yes", "Yes", Some(seconds))]), &wanted).expect("a reader").expect("a lag");
            (advice.percent, advice.lets_in)
        };
        prop_assert!(rank(seconds + more) <= rank(seconds) || rank(seconds).0 == 0);
    }
}
