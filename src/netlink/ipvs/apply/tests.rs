use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::model::{ForwardingMethod, Protocol, RealServer, RealServerKey, Scheduler, ServiceKey, VirtualService};

/// A stand-in for the kernel that knows existence only, with the error numbers of the real one.
#[derive(Default)]
struct FakeIpvs {
    table: BTreeMap<ServiceKey, BTreeSet<RealServerKey>>,
    sent: Vec<usize>,
    log: Vec<Change>,
}

impl FakeIpvs {
    fn send(&mut self, changes: &[&Change]) -> Vec<Result<()>> {
        self.sent.push(changes.len());
        self.log.extend(changes.iter().map(|change| (*change).clone()));
        changes.iter().map(|change| self.execute(change).map_err(Error::from)).collect()
    }

    fn execute(&mut self, change: &Change) -> std::result::Result<(), Errno> {
        let key = *change.service();
        let exists = self.table.contains_key(&key);
        match change {
            Change::AddService(_) if exists => Err(Errno::EEXIST),
            Change::AddService(service) | Change::EditService(service) if service.scheduler.as_str() == "fo" => {
                Err(Errno::ENOENT)
            }
            Change::AddService(_) => {
                self.table.insert(key, BTreeSet::new());
                Ok(())
            }
            Change::DeleteService(_) => self.table.remove(&key).map(drop).ok_or(Errno::ESRCH),
            _ if !exists => Err(Errno::ESRCH),
            Change::EditService(_) => Ok(()),
            Change::AddRealServer(_, real) => self.reals(&key).insert(real.key).then_some(()).ok_or(Errno::EEXIST),
            Change::EditRealServer(_, real) => self.reals(&key).contains(&real.key).then_some(()).ok_or(Errno::ENOENT),
            Change::DeleteRealServer(_, real) => self.reals(&key).remove(real).then_some(()).ok_or(Errno::ENOENT),
        }
    }

    fn reals(&mut self, key: &ServiceKey) -> &mut BTreeSet<RealServerKey> {
        self.table.get_mut(key).expect("service")
    }
}

fn key(last: u8) -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), port: 80 }
}

fn service(last: u8) -> VirtualService {
    VirtualService { key: key(last), scheduler: Scheduler::default(), persistence: None, flags: Default::default() }
}

fn real(last: u8) -> RealServer {
    RealServer {
        key: RealServerKey { address: IpAddr::V4(Ipv4Addr::new(10, 0, 1, last)), port: 80 },
        forwarding: ForwardingMethod::Gate,
        local: false,
        weight: 1,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn run_on(kernel: &mut FakeIpvs, changes: &[Change]) -> Vec<String> {
    run(changes, |batch| kernel.send(batch)).iter().map(ToString::to_string).collect()
}

#[test]
fn adding_twice_and_deleting_twice_succeeds() {
    let mut kernel = FakeIpvs::default();
    let add = [Change::AddService(service(1)), Change::AddRealServer(key(1), real(1))];
    let delete = [Change::DeleteRealServer(key(1), real(1).key), Change::DeleteService(key(1))];
    for changes in [&add, &add, &delete, &delete] {
        assert_eq!(run_on(&mut kernel, changes), Vec::<String>::new());
    }
    assert_eq!(kernel.table.len(), 0);
    let edits = [Change::EditService(service(1)), Change::EditRealServer(key(1), real(1))];
    assert!(edits.iter().all(|edit| kernel.log.contains(edit)), "the second add is an edit");
}

#[test]
fn editing_what_is_gone_adds_it_with_everything_that_follows() {
    let mut kernel = FakeIpvs::default();
    let changes = [
        Change::EditService(service(1)),
        Change::EditRealServer(key(1), real(1)),
        Change::AddRealServer(key(1), real(2)),
        Change::DeleteRealServer(key(1), real(3).key),
    ];
    assert_eq!(run_on(&mut kernel, &changes), Vec::<String>::new());
    assert_eq!(kernel.table[&key(1)], BTreeSet::from([real(1).key, real(2).key]));
}

#[test]
fn a_failure_is_explained_and_the_rest_is_still_done() {
    let mut kernel = FakeIpvs::default();
    let failover = VirtualService { scheduler: "fo".parse().expect("scheduler"), ..service(1) };
    let changes = [
        Change::AddService(failover),
        Change::AddRealServer(key(1), real(1)),
        Change::AddService(service(2)),
        Change::AddRealServer(key(2), real(1)),
    ];
    let failures = run_on(&mut kernel, &changes);
    assert_eq!(
        failures,
        [
            "virtual service tcp 10.0.0.1:80: add: No such file or directory \
             (is the scheduler module ip_vs_fo available?)",
            "virtual service tcp 10.0.0.1:80: add real server 10.0.1.1:80 weight 1: No such process \
             (the virtual service does not exist)",
        ]
    );
    assert!(kernel.table[&key(2)].contains(&real(1).key));
}

#[test]
fn changes_go_out_in_order_and_in_batches() {
    let mut kernel = FakeIpvs::default();
    let mut changes = vec![Change::AddService(service(1))];
    changes.extend((0..199).map(|last| Change::AddRealServer(key(1), real(last))));
    assert_eq!(run_on(&mut kernel, &changes), Vec::<String>::new());
    assert_eq!(kernel.sent, [64, 64, 64, 8]);
    assert_eq!(kernel.log, changes);
}

#[test]
fn a_kernel_without_an_answer_is_a_failure_of_the_change() {
    let silent = |batch: &[&Change]| batch.iter().map(|_| Err(Errno::EAGAIN.into())).collect();
    let failures = run(&[Change::DeleteService(key(1))], silent);
    assert_eq!(failures[0].to_string(), "virtual service tcp 10.0.0.1:80: delete: the kernel did not answer in time");
}
