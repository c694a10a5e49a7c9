use std::sync::{Arc, Mutex};

use super::*;
use crate::testing::Scratch;

/// A loader of declarations, whose rhythm is the test's.
struct LoaderLab {
    watch: SourceWatch,
    said: Arc<Mutex<Vec<String>>>,
    run_dir: RunDir,
    _scratch: Scratch,
}

impl LoaderLab {
    fn new(name: &str) -> Self {
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
        let source = ServiceSource::Declarations(run_dir.clone());
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
