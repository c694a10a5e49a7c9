use std::sync::{Arc, Mutex};

use super::*;
use crate::testing::Scratch;

/// A loader whose rhythm is the test's.
struct LoaderLab {
    watch: SourceWatch,
    said: Arc<Mutex<Vec<String>>>,
    run_dir: RunDir,
    _scratch: Scratch,
}

impl LoaderLab {
    /// One of declarations.
    fn new(name: &str) -> Self {
        Self::of(name, |run_dir| ServiceSource::Declarations(run_dir.clone()))
    }

    fn of(name: &str, source: impl FnOnce(&RunDir) -> ServiceSource) -> Self {
        let scratch = Scratch::new(name);
        let run_dir = RunDir::at(scratch.path());
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        let deliver = move |report: LoaderReport| {
            heard.lock().expect("said").push(match report.news {
                LoaderNews::Loaded(loaded) => format!("loaded {:?}", loaded.role),
                LoaderNews::Trouble(None) => "trouble ended".into(),
                LoaderNews::Trouble(Some(_)) => "trouble".into(),
                LoaderNews::Refused(_) => "refused".into(),
                other => format!("{other:?}"),
            });
            true
        };
        let source = source(&run_dir);
        let watch = SourceWatch::new(
            SourceReader::new(source, &HealthMonitorOptions::new("one", run_dir.clone())),
            run_dir.clone(),
            Box::new(deliver),
        );
        Self { watch, said, run_dir, _scratch: scratch }
    }

    /// Looks a few times and returns what was reported.
    fn look(&mut self) -> Vec<String> {
        for _ in 0..3 {
            assert!(self.watch.look());
        }
        self.take()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().expect("said"))
    }

    /// Puts a folder in the place of the lock of the health monitor that follows.
    fn spoil_the_lock(&self) -> PathBuf {
        let path = self.run_dir.following_lock().expect("folder");
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir(&path).expect("create");
        path
    }
}

#[test]
fn what_keeps_the_declarations_from_being_followed_is_reported_once_and_so_is_its_end() {
    let mut lab = LoaderLab::new("following");
    assert!(lab.watch.begin());
    assert_eq!(lab.take(), ["loaded MovesRealServers"]);
    for _ in 0..2 {
        let obstacle = lab.spoil_the_lock();
        assert_eq!(lab.look(), ["trouble"]);
        assert_eq!(lab.look(), [""; 0]);
        std::fs::remove_dir(obstacle).expect("remove");
        let said = lab.look();
        assert_eq!(said.first().map(String::as_str), Some("trouble ended"), "{said:?}");
        assert_eq!(lab.look(), [""; 0]);
    }
}

#[test]
fn the_virtual_ips_of_other_resources_are_known_for_path_checks_and_only_for_these() {
    let mut lab = LoaderLab::new("virtual-ips");
    let section = |rest: &str| format!("virtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\n\tchecktype=connect\n{rest}");
    let place = |placed: &[&str], unfinished: &[&str]| {
        let list = |addresses: &[&str]| -> String {
            addresses.iter().map(|one| format!(r#"{{"address":"{one}","nic":"lo"}}"#)).collect::<Vec<_>>().join(",")
        };
        let text = format!(r#"{{"placed":[{}],"unfinished":[{}],"policy_label":7}}"#, list(placed), list(unfinished));
        lab.run_dir.addresses().write("vip", &text).expect("write");
    };
    let declare = |name: &str, text: &str| lab.run_dir.services().write(name, text).expect("write");
    place(&["192.0.2.7"], &[]);
    declare("a", &section(""));
    assert!(lab.watch.begin() && lab.watch.look_for_virtual_ips());
    assert_eq!(lab.take(), ["loaded MovesRealServers"], "no path is asked");
    declare("a", &section("\tcheckpath=yes\n"));
    assert!(lab.watch.begin() && lab.watch.look_for_virtual_ips());
    assert_eq!(lab.take(), ["VirtualIps({192.0.2.1, 192.0.2.7})", "loaded MovesRealServers"]);
    place(&["192.0.2.7"], &["2001:db8::7"]);
    declare("b", &section("").replace("192.0.2.1", "192.0.2.9"));
    assert!(lab.watch.look_for_virtual_ips());
    assert_eq!(lab.take(), ["VirtualIps({192.0.2.1, 192.0.2.7, 192.0.2.9, 2001:db8::7})"]);
    assert!(lab.watch.look_for_virtual_ips());
    assert_eq!(lab.take(), [""; 0], "nothing has changed");
}

#[test]
fn a_role_that_is_written_beside_the_declarations_has_nothing_read_again_and_the_next_declaration_has() {
    let mut lab = LoaderLab::new("beside");
    let section = "virtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\n";
    lab.run_dir.services().write("a", section).expect("write");
    assert!(lab.watch.begin());
    assert_eq!(lab.take(), ["loaded MovesRealServers"]);
    for _ in 0..3 {
        lab.run_dir.roles().write("a", "{}").expect("write");
        assert_eq!(lab.look(), [""; 0]);
    }
    for name in ["a", "b"] {
        lab.run_dir.services().write(name, &section.replace("192.0.2.1", "192.0.2.9")).expect("write");
        let said = lab.look();
        assert_eq!(said.first().map(String::as_str), Some("Changed { followed: true }"), "{said:?}");
    }
}

#[test]
fn an_order_to_read_that_could_not_be_followed_is_caught_up_with() {
    let mut lab = LoaderLab::new("order");
    assert!(lab.watch.begin());
    let obstacle = lab.spoil_the_lock();
    lab.look();
    assert!(lab.watch.begin());
    assert_eq!(lab.take(), ["refused"]);
    std::fs::remove_dir(obstacle).expect("remove");
    // The new lock changes the folder, which is read again for that alone.
    assert!(lab.watch.follow().is_ok());
    lab.watch.stamp = lab.watch.source().stamp();
    let retry = lab.watch.retry.as_mut().expect("it is tried again");
    (retry.at, retry.stamp) = (Instant::now(), lab.watch.stamp);
    assert_eq!(lab.look(), ["trouble ended", "loaded MovesRealServers"]);
}

#[test]
fn names_that_cannot_be_followed_are_tried_again_and_an_edited_file_waits_for_its_order() {
    let mut lab = LoaderLab::of("names", |run_dir| ServiceSource::File(run_dir.root().join("ldirectord.cf")));
    let ServiceSource::File(path) = lab.watch.source().clone() else { panic!("a file") };
    std::fs::write(&path, "the text in force\n").expect("write");
    lab.watch.reader.has_read_names();
    std::fs::write(&path, "the edited text\n").expect("write");
    // As an edit without autoreload leaves it.
    lab.watch.stamp = lab.watch.source().stamp();
    for seconds in [1, 2, 4] {
        assert_eq!(lab.look(), ["refused"], "once, and not at each look");
        assert!(lab.watch.retry.is_none(), "the file is not read");
        let retry = lab.watch.retry_names.as_mut().expect("the names are tried again");
        assert_eq!(retry.pause.as_secs(), seconds);
        retry.at = Instant::now();
    }
}

#[test]
fn a_health_monitor_that_stands_by_takes_over_when_the_lock_is_free() {
    let mut lab = LoaderLab::new("take-over");
    let path = lab.run_dir.following_lock().expect("folder");
    let other = Lock::try_acquire(&path).expect("lock").expect("free");
    assert!(lab.watch.begin());
    assert_eq!(lab.take(), ["loaded Observes"]);
    assert_eq!(lab.look(), [""; 0]);
    drop(other);
    assert_eq!(lab.look(), ["TookOver", "loaded MovesRealServers"]);
}
