use std::cell::RefCell;

use super::*;

/// Returns what is run, and what is told, for orders of which the runs of these actions fail.
fn runs(orders: &[Order], failing: &[(&str, i32)]) -> (Vec<String>, Vec<Option<String>>) {
    let (sender, received) = channel();
    orders.iter().for_each(|order| sender.send(*order).expect("received"));
    drop(sender);
    let (ran, told) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let run = |action: &str| {
        ran.borrow_mut().push(action.to_owned());
        let failed = failing.iter().find(|(failing, _)| *failing == action);
        failed.map_or(Ok(()), |(_, status)| Err(Failed { status: Some(*status), said: format!("status {status}") }))
    };
    look_after(&received, run, |done| {
        told.borrow_mut().push(done.err());
        true
    });
    (ran.into_inner(), told.into_inner())
}

/// Orders, the actions that fail, each with its exit status, and what is run.
type Row = (&'static [Order], &'static [(&'static str, i32)], &'static [&'static str]);

#[test]
fn a_file_is_started_reloaded_and_stopped_in_the_originals_words() {
    use Order::{Reload, Start, Stop};
    let rows: [Row; 5] = [
        (&[Start, Reload, Stop], &[], &["start", "status", "reload", "stop"]),
        (&[Start, Reload, Stop], &[("status", 3)], &["start", "status", "start", "stop"]),
        // Nothing was started, so nothing is stopped: another may have started it by hand.
        (&[Start, Stop], &[("start", 2)], &["start"]),
        // It may be there, although the start did not succeed in time.
        (&[Start, Stop], &[("start", 1)], &["start", "stop"]),
        (&[Start, Reload, Stop], &[("start", 2), ("status", 3)], &["start", "status", "start"]),
    ];
    crate::testing::check_rows(rows, |(orders, failing, expected)| {
        assert_eq!(runs(orders, failing).0, expected, "{orders:?} {failing:?}");
    });
}

#[test]
fn what_fails_is_told_with_its_step_and_is_over_when_it_succeeds() {
    let told = runs(&[Order::Start, Order::Stop], &[("start", 1)]).1;
    assert_eq!(told, [Some("start: status 1".into()), None]);
}

#[test]
fn the_end_waits_for_what_was_ordered_and_not_beyond_its_deadline() {
    let mut executes = Executes::new(Path::new("/x.cf"), |_| true);
    let alive = executes.alive.0.clone();
    let begin = Instant::now();
    executes.end(begin + std::time::Duration::from_millis(50));
    assert!(begin.elapsed().as_millis() >= 50, "one thread has not ended");
    drop(alive);
    let mut executes = Executes::new(Path::new("/x.cf"), |_| true);
    executes.end(begin + std::time::Duration::from_secs(60));
    assert!(begin.elapsed().as_secs() < 30, "none has to be waited for");
}
