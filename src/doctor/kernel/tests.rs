use super::*;
use crate::doctor::observe::testing::configured;
use crate::testing::check_rows;

const SERVICE: &str =
    "virtual=10.9.0.100:3306\n\treal=10.9.0.21:3306 masq\n\tscheduler=sed\n\tpersistent=60\n\tchecktype=connect\n";

/// A kernel that has the service, and everything that it needs.
fn right() -> KernelFacts {
    let settings = [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv4/vs/expire_nodest_conn", "1"),
        ("net/ipv4/vs/expire_quiescent_template", "1"),
        ("net/ipv4/vs/drop_entry", "1"),
    ];
    KernelFacts {
        has_ipvs: true,
        modules: Some(["ip_vs", "ip_vs_wrr"].map(str::to_owned).into()),
        table: ["tcp 10.9.0.100:3306".parse().expect("key")].into(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        tcp_timeout: Some(900),
        connections: Some((4096, 30_000)),
        wait_timeouts: [("10.9.0.21:3306".to_owned(), 900)].into(),
        ..KernelFacts::default()
    }
}

fn found(facts: &KernelFacts) -> Vec<String> {
    let found = findings(&[configured("f", SERVICE)], facts);
    assert!(found.iter().all(|one| !one.fix.is_empty()));
    found.into_iter().map(|one| format!("{}: {}", one.object, one.what)).collect()
}

#[test]
fn each_setting_that_was_set_back_is_named_where_the_table_has_the_service() {
    assert_eq!(found(&right()), [""; 0]);
    check_rows(
        [
            ("net/ipv4/ip_forward", "0", "net.ipv4.ip_forward: it is not 1"),
            ("net/ipv4/vs/expire_nodest_conn", "0", "net.ipv4.vs.expire_nodest_conn: it is not 1"),
            ("net/ipv4/vs/expire_quiescent_template", "0", "net.ipv4.vs.expire_quiescent_template: it is not 1"),
            ("net/ipv4/vs/drop_entry", "3", "net.ipv4.vs.drop_entry: it is always on"),
            ("net/ipv4/vs/drop_packet", "2", "net.ipv4.vs.drop_packet: memory is short, and it has switched itself on"),
        ],
        |(name, value, expected)| {
            let mut facts = right();
            facts.settings.insert(name.into(), value.into());
            assert_eq!(found(&facts), [expected]);
        },
    );
    let mut elsewhere = right();
    elsewhere.table.clear();
    elsewhere.modules.as_mut().expect("modules").insert("ip_vs_sed".into());
    elsewhere.settings.insert("net/ipv4/ip_forward".into(), "0".into());
    assert_eq!(found(&elsewhere), [""; 0], "a start sets it");
}

#[test]
fn a_module_that_the_kernel_lacks_keeps_the_node_from_taking_over() {
    let without = |module: &str| {
        let mut facts = KernelFacts { has_ipvs: false, table: BTreeSet::new(), ..right() };
        facts.modules =
            Some(["ip_vs", "ip_vs_sed"].map(str::to_owned).into_iter().filter(|one| one != module).collect());
        found(&facts)
    };
    assert_eq!(without(""), [""; 0]);
    assert_eq!(without("ip_vs_sed"), ["module ip_vs_sed: this kernel has none"]);
    assert_eq!(without("ip_vs"), ["module ip_vs: this kernel has none"]);
    let unseen = KernelFacts { has_ipvs: false, modules: None, table: BTreeSet::new(), ..right() };
    assert_eq!(found(&unseen), [""; 0]);
}

#[test]
fn connections_that_end_too_early_or_stand_too_close_are_named_with_the_figures() {
    let early = KernelFacts { wait_timeouts: [("10.9.0.21:3306".to_owned(), 28_800)].into(), ..right() };
    let text = "tcp timeout of IPVS: the kernel forgets an idle TCP connection after 900 s, the database keeps it for up to 28800 s \
                (wait_timeout of 10.9.0.21:3306)";
    assert_eq!(found(&early), [text]);
    let close = KernelFacts { connections: Some((4096, 40_000)), ..right() };
    assert_eq!(
        found(&close),
        ["table of connections: 40000 connections are in 4096 places of the kernel's table, 9 in each"]
    );
    let dead = vec![("tcp 10.9.0.100:3306".parse().expect("key"), "127.0.0.1:3306".to_owned())];
    let dead = KernelFacts { dead_fallbacks: dead, ..right() };
    assert_eq!(
        found(&dead),
        ["virtual service tcp 10.9.0.100:3306: its fallback 127.0.0.1:3306 accepts no connection"]
    );
}
