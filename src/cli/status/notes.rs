//! What is to be said of a health monitor and of the synchronisation of connections, a line each. Pure.

use std::time::SystemTime;

use super::age::age;
use super::overview::RoleRow;
use crate::agent::LATE_CHECKS;
use crate::daemon::protocol::{Liveness, ServiceFault, StandbyStatus, SyncStatus};

/// Returns what is wrong with the health monitor, or with what it was told to do.
pub fn troubles(liveness: &Liveness, now: SystemTime) -> Vec<String> {
    let Liveness {
        configuration_error, following_error, check_error, kernel_error, faults, sink_errors, alarms, ..
    } = liveness;
    let mut lines = Vec::new();
    lines.extend(configuration_error.iter().map(|error| format!("new configuration ignored: {error}")));
    lines.extend(following_error.iter().map(|error| format!("follow the declarations: {error}")));
    lines.extend(check_error.iter().map(|error| format!("a check could not be made: {error}")));
    lines.extend(sink_errors.iter().cloned());
    lines.extend(kernel_error.iter().map(|error| format!("kernel: {error}")));
    let refused = |fault: &ServiceFault| format!("the kernel refuses, for {}: {}", age(fault.since, now), fault.cause);
    lines.extend(faults.iter().map(refused));
    let alarm = |alarm: &ServiceFault| format!("{}: for {}: {}", alarm.service, age(alarm.since, now), alarm.cause);
    lines.extend(alarms.iter().map(alarm));
    if liveness.late_seconds > 0.0 {
        lines.push(format!("nothing has moved for {:.0} s", liveness.late_seconds));
    }
    if liveness.starting && !liveness.stands_by {
        lines.push("no configuration is in force yet".into());
    }
    if liveness.checks_late_seconds >= LATE_CHECKS {
        lines.push(format!("checks are late by {:.1} s", liveness.checks_late_seconds));
    }
    lines
}

/// Returns what becomes of connections when another node takes over.
pub fn of_sync(sync: &SyncStatus) -> Vec<String> {
    let SyncStatus { interface, sync_id, connections, coverage, hears_no_more, standbys, clash, .. } = sync;
    let channel = format!("connections on {interface}, sync id {sync_id}");
    let count = connections.unwrap_or(0);
    let standby = |standby: &StandbyStatus| {
        let StandbyStatus { address, known, coverage } = standby;
        format!("{channel}: standby {address} knows {known} of {count}, {coverage} %")
    };
    let mut lines: Vec<String> = match (sync.promoted, coverage) {
        (true, _) if standbys.is_empty() => vec![format!("{channel}: no standby is heard")],
        (true, _) => standbys.iter().map(standby).collect(),
        (false, Some(share)) => {
            let silent = if *hears_no_more { ", and hears the director no more" } else { "" };
            vec![format!("{channel}: this standby knows {share} % of {count}{silent}")]
        }
        (false, None) => vec![format!("{channel}: no director is heard")],
    };
    lines.extend(clash.iter().map(|other| format!("{channel}: another director sends too: {other}")));
    lines
}

/// Returns what this node is for a promotable `lvs` resource, and what keeps connections from being synchronised.
pub fn of_role(RoleRow { resource, promoted, fault }: &RoleRow) -> String {
    let fault = fault.iter().map(|fault| format!("; {fault}")).collect::<String>();
    match promoted {
        true => format!("lvs {resource}: promoted: this node is the director{fault}"),
        false => format!("lvs {resource}: unpromoted: this node is the standby{fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            hears_no_more: false,
            standbys: vec![standby],
            clash: None,
        };
        let alone = SyncStatus { standbys: vec![], clash: Some("10.0.0.3".into()), ..director.clone() };
        let unheard = SyncStatus { promoted: false, connections: None, standbys: vec![], ..director.clone() };
        let behind = SyncStatus { coverage: Some(42), connections: Some(10_000), ..unheard.clone() };
        let deaf = SyncStatus { hears_no_more: true, ..behind.clone() };
        let expected = [
            "connections on eth1, sync id 7: standby 10.0.0.2 knows 9900 of 10000, 99 %",
            "connections on eth1, sync id 7: no standby is heard",
            "connections on eth1, sync id 7: another director sends too: 10.0.0.3",
            "connections on eth1, sync id 7: no director is heard",
            "connections on eth1, sync id 7: this standby knows 42 % of 10000",
            "connections on eth1, sync id 7: this standby knows 42 % of 10000, and hears the director no more",
        ];
        assert_eq!([director, alone, unheard, behind, deaf].iter().flat_map(of_sync).collect::<Vec<_>>(), expected);
    }
}
