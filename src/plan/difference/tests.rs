use std::collections::BTreeMap;

use super::*;
use crate::testing::{real_server, virtual_service};

fn table(entries: &[(u16, &[(u8, u32)])]) -> Table {
    let entry = |(port, reals): &(u16, &[(u8, u32)])| {
        let service = virtual_service(&format!("tcp 192.0.2.1:{port}"));
        let real_servers = reals.iter().map(|(host, weight)| real_server(*host, *weight)).map(|r| (r.key, r)).collect();
        (service.key, ServiceEntry { service, real_servers })
    };
    entries.iter().map(entry).collect()
}

#[test]
fn each_difference_names_its_entry_and_what_is_wrong() {
    let desired = table(&[(80, &[(1, 1), (2, 2)]), (81, &[(1, 1)])]);
    let found = differences(&desired, &table(&[(80, &[(2, 3), (3, 1)])]));
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "virtual service tcp 192.0.2.1:80: real server 192.0.2.1:80 is missing",
            "virtual service tcp 192.0.2.1:80: real server 192.0.2.2:80: weight is 3, must be 2",
            "virtual service tcp 192.0.2.1:80: real server 192.0.2.3:80 was added by another program",
            "virtual service tcp 192.0.2.1:81: missing in the kernel",
        ]
    );
    let concerned: Vec<Option<u8>> = found
        .iter()
        .map(|difference| match difference.real_server()?.address {
            std::net::IpAddr::V4(address) => Some(address.octets()[3]),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    assert_eq!(concerned, [Some(1), Some(2), Some(3), None]);
}

#[test]
fn a_service_that_differs_says_in_what() {
    let desired = table(&[(80, &[])]);
    let mut held = desired.clone();
    for entry in held.values_mut() {
        entry.service.scheduler = "rr".parse().expect("scheduler");
        entry.service.persistence = Some(Persistence::by_address(300, 32));
    }
    let lines: Vec<String> = differences(&desired, &held).iter().map(ToString::to_string).collect();
    let expected = "virtual service tcp 192.0.2.1:80: scheduler is rr, must be wrr, \
                    persistence is 300 s for each /32, must be none";
    assert_eq!(lines, [expected]);
}

#[test]
fn a_table_as_wanted_and_unwanted_services_are_no_difference() {
    let desired = table(&[(80, &[(1, 1)])]);
    assert_eq!(differences(&desired, &table(&[(80, &[(1, 1)]), (81, &[(9, 9)])])), []);
    assert_eq!(differences(&BTreeMap::new(), &desired), []);
}
