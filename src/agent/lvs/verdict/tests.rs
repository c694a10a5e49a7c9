use std::collections::BTreeMap;

use super::*;
use crate::config;
use crate::model::ServiceEntry;
use crate::ownership::{DriftRecord, HealthRecord};
use crate::testing::{check_rows, real_server, virtual_service};

const KEY: &str = "tcp 192.0.2.1:80";
const TEXT: &str = "virtual=192.0.2.1:80\n\treal=192.0.2.8:80 gate 1\n\treal=192.0.2.9:80 gate 3\n\
                    \tfallback=192.0.2.5:80\n\tchecktype=on\n";

/// Returns the verdict on a kernel with these real servers; `None` stands for a kernel without the service.
fn verdict(held: Option<&[(u8, u32)]>, care: RealServerMover, refusals: &[Refusal]) -> DeclarationVerdict {
    let config = config::parse_file(TEXT.as_bytes(), &config::AnyName::default()).expect("right");
    let service = virtual_service(KEY);
    let entry = held.map(|reals| {
        let reals = reals.iter().map(|(host, weight)| real_server(*host, *weight)).map(|real| (real.key, real));
        ServiceEntry { service: service.clone(), real_servers: reals.collect::<BTreeMap<_, _>>() }
    });
    let mut registry = Registry::default();
    if care != RealServerMover::ServiceOwner {
        let record = HealthRecord { services: vec![KEY.into()], ..HealthRecord::default() };
        registry.add_health_monitor("health", &record, care == RealServerMover::HealthMonitor);
    }
    let (declared, observed) = (Declared::from(config), vec![(service.key, entry)]);
    judge(&DeclarationView { declared: &declared, observed: &observed }, &registry, refusals)
}

fn real_refused() -> Vec<Refusal> {
    vec![Refusal::new(&virtual_service(KEY).key, Some(&real_server(9, 3).key), "as the kernel said".into())]
}

fn service_refused() -> Vec<Refusal> {
    vec![Refusal::new(&virtual_service(KEY).key, None, String::new())]
}

#[test]
fn what_is_a_fault_depends_on_who_decides_over_the_real_servers() {
    let (right, wrong, degraded) = ((0, 0), (1, 0), (0, 1));
    type Row<'a> = (&'a str, Option<&'a [(u8, u32)]>, [(usize, usize); 3]);
    let rows: [Row<'_>; 7] = [
        // The last three columns are for services that only their owner looks after, that a health monitor looked after
        // which has ended, and that one looks after which lives.
        ("as declared", Some(&[(8, 1), (9, 3)]), [right, right, right]),
        ("the service is missing", None, [wrong, wrong, wrong]),
        ("one is missing", Some(&[(8, 1)]), [wrong, degraded, right]),
        ("another weight", Some(&[(8, 1), (9, 0)]), [wrong, degraded, right]),
        ("one by hand", Some(&[(8, 1), (9, 3), (7, 1)]), [degraded, degraded, degraded]),
        ("the fallback", Some(&[(8, 1), (9, 3), (5, 1)]), [degraded, degraded, right]),
        ("one by hand in the place of one", Some(&[(8, 1), (7, 1)]), [(1, 1), (0, 2), degraded]),
    ];
    check_rows(rows, |(what, held, expected)| {
        let counts =
            [RealServerMover::ServiceOwner, RealServerMover::EndedHealthMonitor, RealServerMover::HealthMonitor].map(
                |care| {
                    let verdict = verdict(held, care, &[]);
                    (verdict.wrong.len(), verdict.degraded.len())
                },
            );
        assert_eq!(counts, expected, "{what}");
    });
}

#[test]
fn what_is_drained_is_right_for_everyone() {
    let text = format!("{TEXT}\treal=192.0.2.7:80 gate 0 draining:5\n");
    let config = config::parse_declaration(text.as_bytes()).expect("right");
    let declared = Declared::from(config);
    let key = virtual_service(KEY).key;
    check_rows([(7, 0, 0), (6, 0, 1)], |(host, wrong, degraded)| {
        let mut entry = declared.table[&key].clone();
        entry.real_servers.insert(real_server(host, 0).key, real_server(host, 0));
        let observed = vec![(key, Some(entry))];
        let view = DeclarationView { declared: &declared, observed: &observed };
        let verdict = judge(&view, &Registry::default(), &[]);
        assert_eq!((verdict.wrong.len(), verdict.degraded.len()), (wrong, degraded));
    });
}

#[test]
fn what_the_kernel_refused_is_reported_and_causes_no_restart() {
    check_rows(
        [RealServerMover::ServiceOwner, RealServerMover::EndedHealthMonitor, RealServerMover::HealthMonitor],
        |care| {
            let told = verdict(Some(&[(8, 1)]), care, &real_refused());
            assert_eq!(
                (told.wrong.len(), told.degraded),
                (0, vec!["as the kernel said: refused at the last start".into()])
            );
        },
    );
    let told = verdict(None, RealServerMover::ServiceOwner, &service_refused()).degraded;
    assert_eq!(told, [format!("virtual service {KEY}: missing in the kernel: refused at the last start")]);
    // The missing entry is not the one that was refused.
    assert_eq!(verdict(Some(&[(9, 3)]), RealServerMover::ServiceOwner, &real_refused()).wrong.len(), 1);
    assert_eq!(verdict(None, RealServerMover::ServiceOwner, &real_refused()).wrong.len(), 1);
    assert_eq!(
        verdict(Some(&[(8, 1), (9, 3)]), RealServerMover::ServiceOwner, &real_refused()),
        DeclarationVerdict::default()
    );
}

#[test]
fn what_a_restart_mends_comes_before_what_is_only_reported() {
    let answer = |held: &[(u8, u32)], care| verdict(Some(held), care, &[]).answer(Vec::new());
    assert_eq!(answer(&[(8, 1), (9, 3)], RealServerMover::ServiceOwner), Ok(Status::Running));
    let failure =
        answer(&[(8, 1), (7, 1)], RealServerMover::ServiceOwner).expect_err("a declared one is missing").to_string();
    assert_eq!(failure, format!("virtual service {KEY}: real server 192.0.2.9:80 is missing"));
    let Ok(Status::Degraded(text)) = answer(&[(8, 1), (9, 3), (5, 1)], RealServerMover::EndedHealthMonitor) else {
        panic!("not degraded")
    };
    assert_eq!(
        text,
        format!("virtual service {KEY}: the fallback 192.0.2.5:80 is in, and its health monitor has ended")
    );
}

#[test]
fn a_long_list_of_faults_is_cut_short() {
    let lines: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    assert_eq!(brief(&lines), "0; 1; 2; 3; 4; and 4 more");
    assert_eq!(brief(&lines[..5]), "0; 1; 2; 3; 4");
}

#[test]
fn what_another_program_did_is_drift_where_it_stays_and_what_health_did_is_not() {
    let text = format!("on_drift=report\n{TEXT}");
    let declared = Declared::from(config::parse_file(text.as_bytes(), &config::AnyName::default()).expect("right"));
    let key = virtual_service(KEY).key;
    let held = |reals: &[(u8, u32)]| {
        let reals = reals.iter().map(|(host, weight)| real_server(*host, *weight)).map(|real| (real.key, real));
        Some(ServiceEntry { service: virtual_service(KEY), real_servers: reals.collect() })
    };
    let known = DriftRecord::new(&key, &Some(real_server(9, 3).key), 5);
    use RealServerMover::{EndedHealthMonitor, HealthMonitor, ServiceOwner};
    // The last columns: how many entries are wrong, degraded and drift.
    check_rows(
        [
            (None, ServiceOwner, false, (0, 0, 1)),
            (None, HealthMonitor, false, (0, 0, 1)),
            (held(&[(8, 1), (9, 0)]), ServiceOwner, false, (0, 0, 1)),
            (held(&[(8, 1), (9, 0)]), HealthMonitor, false, (0, 0, 0)),
            (held(&[(8, 1), (9, 0)]), HealthMonitor, true, (0, 0, 1)),
            (held(&[(8, 1), (9, 0)]), EndedHealthMonitor, false, (0, 1, 0)),
            (held(&[(8, 1), (9, 0)]), EndedHealthMonitor, true, (0, 0, 1)),
            (held(&[(8, 1), (9, 3), (7, 1)]), HealthMonitor, false, (0, 0, 1)),
            (held(&[(8, 1), (9, 3), (5, 1)]), HealthMonitor, false, (0, 0, 0)),
            (held(&[(8, 1), (9, 3), (5, 1)]), EndedHealthMonitor, false, (0, 1, 0)),
        ],
        |(entry, care, is_known, expected)| {
            let mut registry = Registry::default();
            let drifts = if is_known { vec![known.clone()] } else { Vec::new() };
            if care != ServiceOwner {
                let record = HealthRecord { services: vec![KEY.into()], drifts, ..HealthRecord::default() };
                registry.add_health_monitor("health", &record, care == HealthMonitor);
            }
            let observed = vec![(key, entry)];
            let verdict = judge(&DeclarationView { declared: &declared, observed: &observed }, &registry, &[]);
            assert_eq!((verdict.wrong.len(), verdict.degraded.len(), verdict.drift.len()), expected);
        },
    );
}
