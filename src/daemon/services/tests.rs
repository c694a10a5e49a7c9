mod convergence;
mod drain;
mod drift;
mod evidence;
mod opinion;
mod orders;
mod questions;
mod removal;
mod restart;

use std::time::Duration;

use super::*;
use crate::config::{parse_declaration, parse_file};
use crate::daemon::checker::{Timing, Verdict};
use crate::daemon::event::Sink;
use crate::health::Outcome;
use crate::model::RealServer;
use crate::netlink;
use crate::ownership::Registry;
use crate::testing::real_server as real;

const SERVICE: &str = "tcp 192.0.2.1:80";
const OTHER: &str = "tcp 192.0.2.9:80";

/// The events, in a word each.
#[derive(Clone, Default)]
struct Heard(std::rc::Rc<std::cell::RefCell<Vec<String>>>);

impl Sink for Heard {
    fn receive(&mut self, event: &Event<'_>) {
        let word = match event {
            Event::Result { .. } => return,
            Event::Transition { real, transition, .. } => format!("{real} {transition:?}"),
            Event::Changed { change, repair: None, .. } => change.to_string(),
            Event::Changed { repair: Some(Repair { is_again: true, .. }), .. } => "repaired again".to_owned(),
            Event::Changed { repair: Some(Repair { difference, .. }), .. } => format!("repaired: {difference}"),
            Event::Drift { difference, .. } => format!("drift: {difference}"),
            Event::DriftEnded { real, .. } => format!("drift ended: {real:?}"),
            Event::RepairedAgain { times, .. } => format!("repaired {times} times"),
            Event::WriteRefused { cause, .. } => format!("refused: {cause}"),
            Event::WriteAccepted { service } => format!("accepted: {service}"),
            Event::CheckNotMade { cause } => format!("not made: {cause}"),
            other => format!("{other:?}").split(' ').next().unwrap_or_default().to_owned(),
        };
        self.0.borrow_mut().push(word);
    }
}

impl Heard {
    fn take_all(&self) -> Vec<String> {
        self.0.take()
    }
}

struct ServicesLab {
    services: Services,
    /// The kernel's table, as the changes have made it.
    table: Table,
    sinks: Sinks,
    heard: Heard,
    started: Instant,
    now: Instant,
}

impl ServicesLab {
    fn new(role: TableRole, text: &str, observed: Table) -> Self {
        let mut lab = Self::bare(observed.clone());
        lab.configure(role, text, observed);
        lab
    }

    /// Without any service.
    fn bare(table: Table) -> Self {
        let (mut sinks, heard) = (Sinks::default(), Heard::default());
        sinks.add(heard.clone());
        let now = Instant::now();
        Self { services: Services::new(), table, sinks, heard, started: now, now }
    }

    fn configure(&mut self, role: TableRole, text: &str, observed: Table) {
        self.configure_after(role, text, observed, &Registry::default());
    }

    fn configure_after(&mut self, role: TableRole, text: &str, observed: Table, known: &Registry) {
        self.arrive(role, text, Arrival { observed, known, is_ordered: true });
    }

    fn arrive(&mut self, role: TableRole, text: &str, arrival: Arrival<'_>) {
        let config = match text.contains("draining:") {
            true => parse_declaration(text.as_bytes()),
            false => parse_file(text.as_bytes(), &crate::config::AnyName::default()),
        };
        let config = config.expect("right");
        self.services.configure(&config.services, role, arrival, self.moment(), &mut self.sinks);
    }

    /// Does one tick; the kernel refuses the changes of `refused`.
    fn tick(&mut self, refused: impl Fn(&Change) -> bool) -> Vec<String> {
        let changes = self.services.changes(self.now);
        let mut failures = Vec::new();
        for change in &changes {
            if refused(change) {
                let error = netlink::Error::from(nix::errno::Errno::EINVAL).during(change);
                failures.push(ChangeFailure { change: change.clone(), error });
                continue;
            }
            let mut entry = self.table.remove(change.service());
            apply_change(&mut entry, change);
            self.table.extend(entry.map(|entry| (entry.service.key, entry)));
        }
        self.services.written(&changes, failures, self.now, &mut self.sinks);
        changes.iter().map(ToString::to_string).collect()
    }

    fn tick_all(&mut self) -> Vec<String> {
        self.tick(|_| false)
    }

    fn compare(&mut self) {
        let desired = self.services.desired(self.now);
        let differs = |(key, wanted): (&ServiceKey, &ServiceEntry)| {
            let held = self.table.get(key);
            (held != Some(wanted)).then(|| (*key, held.cloned()))
        };
        let found = desired.iter().filter_map(differs).collect();
        self.services.compared(desired, found, self.moment(), &mut self.sinks);
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, boot: (self.now - self.started).as_secs() }
    }

    /// Delivers the outcome of a check and returns whether it has changed anything.
    fn hear(&mut self, host: u8, outcome: Outcome) -> bool {
        let ends = |job: &&Arc<Job>| job.check.target.ip() == real(host, 1).key.address;
        let job = self.services.jobs().iter().find(ends).cloned().expect("a job");
        let finished = Finished { job, verdicts: vec![outcome.into()], timing: Timing::default() };
        self.services.note(&finished, self.now, &mut self.sinks)
    }

    fn faults(&self) -> Vec<String> {
        self.services.faults().map(|(key, _)| key.to_string()).collect()
    }

    fn weights(&self, service: &str) -> Vec<String> {
        let entry = self.table.get(&service.parse().expect("key"));
        let text = |real: &RealServer| format!("{}={}", real.key.address, real.weight);
        entry.into_iter().flat_map(|entry| entry.real_servers.values()).map(text).collect()
    }
}

fn text(virtuals: &[&str]) -> String {
    let section = |address: &&str| {
        format!(
            "virtual={address}:80\n\treal=192.0.2.2:80 gate 3\n\treal=192.0.2.3:80 gate\n\tfallback=127.0.0.1:80 gate\n\tchecktype=connect\n"
        )
    };
    virtuals.iter().map(section).collect()
}

fn bad() -> Outcome {
    Outcome::Bad("refused".into())
}

#[test]
fn many_results_are_one_write() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1", "192.0.2.9"]), Table::new());
    assert_eq!(lab.tick_all().len(), 2, "two services without real servers");
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    assert_eq!(lab.tick_all().len(), 4, "both real servers of both services");
    assert_eq!(lab.weights(OTHER), ["192.0.2.2=3", "192.0.2.3=1"]);
    lab.hear(2, Outcome::Good);
    assert!(!lab.services.is_dirty(), "nothing has changed");
}

#[test]
fn one_refused_entry_is_a_fault_of_its_service_and_the_rest_serves() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1", "192.0.2.9"]), Table::new());
    let refused = |change: &Change| matches!(change, Change::AddRealServer(key, server) if key.to_string() == OTHER && server.weight == 3);
    lab.tick(refused);
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick(refused);
    assert_eq!((lab.weights(SERVICE).len(), lab.weights(OTHER)), (2, vec!["192.0.2.3=1".to_owned()]));
    assert_eq!(lab.faults(), [OTHER]);
    assert!(!lab.services.all_failed());
    let first = lab.heard.take_all();
    assert_eq!(first.iter().filter(|word| word.starts_with("refused:")).count(), 1, "{first:?}");

    // The change is tried again at every comparison, and reported once.
    let since = lab.services.faults().next().expect("a fault").1.since;
    for _ in 0..3 {
        lab.now += Duration::from_secs(1);
        lab.compare();
        assert_eq!(lab.tick(refused).len(), 1);
        assert_eq!(lab.faults(), [OTHER]);
    }
    assert_eq!(lab.services.faults().next().expect("a fault").1.since, since);
    assert!(lab.heard.take_all().iter().all(|word| !word.starts_with("refused:")));

    lab.compare();
    lab.tick_all();
    lab.compare();
    assert_eq!((lab.faults(), lab.weights(OTHER).len()), (vec![], 2));
    assert!(lab.heard.take_all().contains(&format!("accepted: {OTHER}")));
}

#[test]
fn a_change_of_another_entry_does_not_hide_a_fault() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.tick_all();
    lab.hear(2, Outcome::Good);
    lab.tick(|_| true);
    lab.hear(3, Outcome::Good);
    lab.tick(|change| matches!(change, Change::AddRealServer(_, server) if server.weight == 3));
    assert_eq!(lab.services.faults().count(), 1);
}

#[test]
fn what_another_program_changed_is_reported_and_mended() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    lab.compare();
    lab.heard.take_all();
    let key: ServiceKey = SERVICE.parse().expect("key");
    lab.table.get_mut(&key).expect("there").real_servers.remove(&real(3, 1).key);
    lab.compare();
    assert_eq!(lab.heard.take_all(), [""; 0], "the repair is told, once, when it is done");
    lab.tick_all();
    assert_eq!(
        lab.heard.take_all(),
        [format!("repaired: virtual service {SERVICE}: real server 192.0.2.3:80 is missing")]
    );
    assert_eq!(lab.weights(SERVICE).len(), 2);
    lab.compare();
    assert!(lab.tick_all().is_empty());
}

#[test]
fn a_health_monitor_that_moves_real_servers_brings_no_service_back() {
    let text = text(&["192.0.2.1"]);
    let mut owner = ServicesLab::new(TableRole::OwnsServices, &text, Table::new());
    owner.hear(2, Outcome::Good);
    owner.tick_all();
    let mut lab = ServicesLab::new(TableRole::MovesRealServers, &text, owner.table.clone());
    lab.table.clear();
    lab.hear(2, bad());
    lab.hear(3, bad());
    let gone = |_: &Change| true;
    let changes = lab.services.changes(lab.now);
    assert!(!changes.is_empty() && changes.iter().all(gone));
    let missing = |change: &Change| ChangeFailure {
        change: change.clone(),
        error: netlink::Error::from(nix::errno::Errno::ESRCH).during(change),
    };
    let failures = changes.iter().map(missing).collect();
    lab.services.written(&changes, failures, lab.now, &mut lab.sinks);
    assert_eq!(lab.services.faults().count(), 0, "its owner has removed it");
    lab.compare();
    assert!(lab.tick_all().is_empty());
}

#[test]
fn a_health_monitor_that_only_observes_changes_nothing() {
    let mut lab = ServicesLab::new(TableRole::Observes, &text(&["192.0.2.1"]), Table::new());
    lab.hear(2, Outcome::Good);
    assert!(lab.tick_all().is_empty());
}

#[test]
fn a_result_of_a_check_that_is_gone_leaves_no_fault() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    let job = lab.services.jobs().into_iter().next().expect("a job");
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]).replace("connect", "ping"), Table::new());
    let outcome = Outcome::NotAsked("too many open files".into());
    lab.services.note(
        &Finished { job, verdicts: vec![outcome.into()], timing: Timing::default() },
        lab.now,
        &mut lab.sinks,
    );
    assert_eq!(lab.services.check_error(), None);
}

#[test]
fn a_path_that_cannot_be_asked_is_said_and_the_check_counts() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    let job = lab.services.jobs().into_iter().next().expect("a job");
    let cause = "path: no CAP_NET_RAW".to_owned();
    for (hindrance, times) in [(Some(cause), 20), (None, 1)] {
        for _ in 0..times {
            let result = Finished {
                job: job.clone(),
                verdicts: vec![Verdict { outcome: Outcome::Good, hindrance: hindrance.clone() }],
                timing: Timing::default(),
            };
            lab.services.note(&result, lab.now, &mut lab.sinks);
        }
        assert_eq!(lab.services.check_error(), hindrance.as_ref());
        let serving = lab.services.pools().map(|pool| pool.nobody_serves()).collect::<Vec<_>>();
        assert_eq!(serving, [false]);
    }
}

/// The next health monitor has to know it: the record has become old.
#[test]
fn health_that_changes_nothing_in_the_table_has_changed_all_the_same() {
    let mut before = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    before.hear(2, Outcome::Good);
    before.tick_all();
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), before.table.clone());
    lab.tick_all();
    assert!(lab.hear(2, Outcome::Good), "from unknown to up");
    assert_eq!(lab.tick_all(), [""; 0]);
    assert_eq!(lab.services.known(lab.moment()).up.get(SERVICE), Some(&vec!["192.0.2.2:80".to_owned()]));
    assert!(!lab.hear(2, Outcome::Good), "as before");
}

/// The real servers are asked within 0.8 s, and healthy ones answer: until then the fallback would come for no reason.
#[test]
fn the_fallback_is_patient_while_thousands_are_asked_for_the_first_time() {
    let reals: String =
        (0..8000).map(|number| format!("\treal=10.0.{}.{}:80 gate\n", number / 250, number % 250 + 1)).collect();
    let text = format!("virtual=192.0.2.1:80\n{reals}\tfallback=127.0.0.1:80 gate\n\tchecktype=connect\n");
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text, Table::new());
    for (milliseconds, expected) in [(0, vec![]), (1299, vec![]), (1, vec!["127.0.0.1=1"])] {
        lab.now += Duration::from_millis(milliseconds);
        lab.services.advance(lab.now, &mut lab.sinks);
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE), expected);
    }
}

#[test]
fn what_is_known_of_a_service_outlives_a_restart_of_its_owner() {
    let two = text(&["192.0.2.1"]);
    let mut lab = ServicesLab::new(TableRole::MovesRealServers, &two, Table::new());
    lab.hear(2, bad());
    lab.configure(TableRole::MovesRealServers, "", Table::new());
    let down = lab.services.known(lab.moment()).down;
    assert_eq!(down.get(SERVICE), Some(&vec!["192.0.2.2:80".to_owned()]));
    lab.now += Duration::from_secs(599);
    lab.configure(TableRole::MovesRealServers, &two, Table::new());
    let serving_state =
        lab.services.pools().next().and_then(|pool| pool.serving_state(&real(2, 1).key)).expect("a member");
    assert!(!serving_state.serves && serving_state.reason.contains("down"), "{}", serving_state.reason);
    lab.configure(TableRole::MovesRealServers, "", Table::new());
    lab.now += Duration::from_secs(601);
    assert_eq!(lab.services.known(lab.moment()).down.len(), 0, "after ten minutes it is forgotten");
}

#[test]
fn a_file_of_maintenance_takes_a_real_server_out_at_once_and_its_removal_brings_it_back() {
    let config = format!("maintenancedir=/m\n{}", text(&["192.0.2.1", "192.0.2.9"]));
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &config, Table::new());
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    let look = |lab: &mut ServicesLab, files: &[&str]| {
        let files = files.iter().map(ToString::to_string).collect();
        let changed = lab.services.note_maintenance([("/m".into(), files)].into(), lab.now, &mut lab.sinks);
        lab.tick_all();
        (changed, lab.weights(SERVICE).join(" "), lab.weights(OTHER).join(" "))
    };
    let both = "192.0.2.2=3 192.0.2.3=1".to_owned();
    assert_eq!(look(&mut lab, &["unrelated"]), (false, both.clone(), both.clone()));
    let one = "192.0.2.2=3".to_owned();
    assert_eq!(look(&mut lab, &["192.0.2.3"]), (true, one.clone(), one.clone()));
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), [one.as_str()], "its checks do not decide");
    let reason = |lab: &ServicesLab| {
        let pool = lab.services.pools().next().expect("a pool");
        pool.serving_state(&real(3, 1).key).expect("a member").reason
    };
    assert_eq!(reason(&lab), "maintenance: file 192.0.2.3");
    let fallback = "127.0.0.1=1".to_owned();
    assert_eq!(look(&mut lab, &["192.0.2.3", "192.0.2.2:80"]), (true, fallback.clone(), fallback), "all are out");
    assert_eq!(look(&mut lab, &[]), (true, both.clone(), both.clone()));
    assert_eq!(reason(&lab), "configured");

    // What was found out when the configuration was read holds from its first moment.
    let listings = [("/m".into(), ["192.0.2.2".to_owned()].into())].into();
    lab.services.expect_maintenance(KnownMaintenance { listings, ..KnownMaintenance::default() });
    lab.configure(TableRole::OwnsServices, &config, Table::new());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.3=1"]);
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    lab.tick_all();
    assert_eq!(lab.weights(SERVICE).join(" "), both, "the folder is configured no longer");
}

#[test]
fn a_quiesced_real_server_that_was_deleted_by_hand_returns_at_once_only_with_readdquiescent() {
    crate::testing::check_rows(
        [("no", vec!["192.0.2.2=3"]), ("yes", vec!["192.0.2.2=3", "192.0.2.3=0"])],
        |(readd, after)| {
            let config = format!("quiescent=yes\nreaddquiescent={readd}\n{}", text(&["192.0.2.1"]));
            let mut lab = ServicesLab::new(TableRole::OwnsServices, &config, Table::new());
            let key: ServiceKey = SERVICE.parse().expect("key");
            lab.hear(2, Outcome::Good);
            lab.hear(3, bad());
            lab.tick_all();
            lab.compare();
            assert_eq!(lab.weights(SERVICE), ["192.0.2.2=3", "192.0.2.3=0"], "a start puts it in, with both");
            let delete = |lab: &mut ServicesLab, host| {
                lab.table.get_mut(&key).expect("there").real_servers.remove(&real(host, 1).key);
                lab.compare();
                lab.tick_all();
            };
            delete(&mut lab, 3);
            assert_eq!(lab.weights(SERVICE), after, "deleted");
            lab.compare();
            lab.hear(3, bad());
            lab.tick_all();
            assert_eq!(lab.weights(SERVICE), after, "it stays so");
            delete(&mut lab, 2);
            assert_eq!(lab.weights(SERVICE), after, "a healthy one always returns");
            lab.hear(3, Outcome::Good);
            lab.tick_all();
            assert_eq!(lab.weights(SERVICE), ["192.0.2.2=3", "192.0.2.3=1"], "healthy again");
            lab.compare();
            lab.hear(3, bad());
            lab.tick_all();
            lab.compare();
            lab.tick_all();
            assert_eq!(lab.weights(SERVICE), ["192.0.2.2=3", "192.0.2.3=0"], "and the deletion is forgotten");
        },
    );
}
