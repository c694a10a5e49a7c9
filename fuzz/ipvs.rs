//! What the kernel says of the IPVS table, by netlink and as text.

use std::collections::BTreeMap;

use super::proc_table::ProcTable;
use super::{decode, encode};
use crate::model::{Change, Family, ServiceEntry, ServiceKey, Table};
use crate::seeds::Seeds;
use crate::testing::{real_server, virtual_service};

#[test]
fn ipvs_messages() {
    let seeds = Seeds::of("ipvs_messages");
    bolero::check!(name = "ipvs_messages").for_each(|bytes: &[u8]| seeds.each(bytes, messages));
}

/// What was understood reads back when it is written.
fn messages(payload: &[u8]) {
    let _ = (decode::version(payload), decode::timeouts(payload), decode::sync_daemon(payload));
    if let Ok(Some(service)) = decode::service(payload)
        && let Ok((command, attributes)) = encode::change(&Change::AddService(service.clone()))
    {
        let mut again =
            decode::service(&encode::generic(command, &attributes)).expect("what we wrote").expect("a service");
        // A service that is not persistent has no time of it.
        again.persistence = again.persistence.and(service.persistence);
        assert_eq!(again, service);
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        let _ = decode::destination(payload, family);
    }
}

#[test]
fn ipvs_text() {
    let seeds = Seeds::of("ipvs_text");
    let desired = desired();
    bolero::check!(name = "ipvs_text").for_each(|bytes: &[u8]| seeds.each(bytes, |text| read(text, &desired)));
}

/// The table that one of the committed inputs shows.
fn desired() -> Table {
    let keys = ["tcp 192.0.2.9:80", "udp 192.0.2.9:53", "tcp [2001:db8::9]:80"];
    let services = keys.map(virtual_service);
    let real_servers: BTreeMap<_, _> = [real_server(1, 1), real_server(2, 3)].map(|real| (real.key, real)).into();
    let entry = |service| ServiceEntry { service, real_servers: real_servers.clone() };
    services.map(|service| (service.key, entry(service))).into()
}

/// A text that ends in the middle of a line proves of nothing that it is not there, and what nobody wants is not shown.
fn read(text: &[u8], desired: &Table) {
    let table = ProcTable::read(text, desired);
    let stranger: ServiceKey = "tcp 192.0.2.200:80".parse().expect("a key");
    assert!(!table.shows_real_servers(&stranger), "{table:?}");
    for (key, entry) in desired {
        let is_cut = !text.ends_with(b"\n");
        assert!(!(is_cut && table.lacks(key)), "{table:?}");
        assert!(!(table.lacks(key) && table.shows(&entry.service)), "{table:?}");
    }
}
