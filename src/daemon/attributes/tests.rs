use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::testing::Scratch;

type Written = (String, Option<u64>);

/// A cluster that notes what it is told, and takes nothing while it is `down`.
#[derive(Clone)]
struct Notes {
    written: Sender<Written>,
    down: Arc<Mutex<bool>>,
    kept: Arc<Mutex<Vec<String>>>,
}

impl Cluster for Notes {
    fn write(&self, name: &str, weight: Option<u64>) -> Result<(), String> {
        if *self.down.lock().expect("lock") {
            return Err("down".into());
        }
        self.written.send((name.to_owned(), weight)).map_err(|error| error.to_string())
    }

    fn has(&self, _: &str, _: u64) -> Result<bool, String> {
        Err("no such attribute".into())
    }

    fn keep(&self, names: &[&String]) {
        *self.kept.lock().expect("lock") = names.iter().map(ToString::to_string).collect();
    }
}

fn notes() -> (Notes, Receiver<Written>) {
    let (written, received) = channel();
    (Notes { written, down: Arc::default(), kept: Arc::default() }, received)
}

fn writer(cluster: Notes, left: &[&str]) -> Writer<Notes> {
    let told = Told::left(left.iter().map(ToString::to_string).collect());
    Writer { cluster, told, wanted: Weights::new(), silent: None, is_trouble_told: false }
}

fn weights(of: &[(&str, u64)]) -> Weights {
    of.iter().map(|(name, weight)| (name.to_string(), *weight)).collect()
}

fn written(name: &str, weight: Option<u64>) -> Written {
    (name.to_owned(), weight)
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn only_what_differs_is_written_and_what_a_killed_one_has_left_is_taken_away() {
    let (cluster, received) = notes();
    let kept = Arc::clone(&cluster.kept);
    let (orders, taken) = channel();
    // Before the thread begins: else it takes away what was left before it knows what is wanted.
    orders.send(Order::Tell(weights(&[("a", 3), ("b", 0)]))).expect("sent");
    let thread = std::thread::spawn(move || writer(cluster, &["b", "gone"]).serve(&taken, &|_| true));
    let next = || received.recv_timeout(PATIENCE).expect("a write");
    assert_eq!([next(), next(), next()], [written("a", Some(3)), written("b", Some(0)), written("gone", None)]);
    orders.send(Order::Tell(weights(&[("a", 3), ("b", 4)]))).expect("sent");
    assert_eq!(next(), written("b", Some(4)));
    assert_eq!(*kept.lock().expect("lock"), ["a", "b"]);
    let (done, ended) = channel();
    orders.send(Order::End(done)).expect("sent");
    ended.recv_timeout(PATIENCE).expect("the end");
    assert_eq!([next(), next()], [written("a", None), written("b", None)]);
    assert!(received.recv_timeout(PATIENCE).is_err() && kept.lock().expect("lock").is_empty());
    thread.join().expect("it ends");
}

#[test]
fn of_what_comes_while_the_cluster_is_silent_only_the_last_is_written() {
    let (cluster, received) = notes();
    let mut writer = writer(cluster.clone(), &[]);
    *cluster.down.lock().expect("lock") = true;
    let start = Instant::now();
    for flap in 0..20 {
        writer.wanted = weights(&[("a", flap)]);
        let result = writer.write_next();
        assert!(writer.news(result, start + PASSING).is_none(), "it passes");
    }
    let told = writer.news(Err("down".into()), start + PASSING * 3).expect("it lasts");
    assert_eq!(told.trouble.as_deref(), Some("down"));
    *cluster.down.lock().expect("lock") = false;
    let result = writer.write_next();
    assert!(writer.news(result, start).expect("it works again").trouble.is_none());
    assert_eq!(received.try_iter().collect::<Vec<_>>(), [written("a", Some(19))]);
}

#[test]
fn a_cluster_that_has_forgotten_one_is_told_all_again() {
    let (cluster, received) = notes();
    let mut writer = writer(cluster, &[]);
    writer.wanted = weights(&[("a", 1), ("b", 2)]);
    while writer.told.next(&writer.wanted).is_some() {
        writer.write_next().expect("written");
    }
    writer.look().expect("looked");
    while writer.told.next(&writer.wanted).is_some() {
        writer.write_next().expect("written");
    }
    let names: Vec<String> = received.try_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "a", "b"]);
}

#[test]
fn a_thousand_services_have_a_hundred_attributes_and_that_is_said_once() {
    let scratch = Scratch::new("attributes");
    let run_dir = RunDir::at(scratch.path());
    let mut attributes = NodeAttributes::start(&run_dir, "a", None, |_| true).expect("nothing to start");
    assert!(!attributes.are_wanted());
    let (orders, received) = channel();
    attributes.orders = Some(orders);
    let all =
        |weight| (1..=1000).map(move |port| (format!("tcp 192.0.2.1:{port}").parse().expect("key"), move || weight));
    let news = attributes.tell(all(1)).and_then(|news| news.trouble);
    assert_eq!(news.as_deref(), Some("900 have none: at most 100 have one"));
    assert!(attributes.tell(all(1)).is_none());
    let Ok(Order::Tell(told)) = received.try_recv() else { panic!("nothing is told") };
    assert_eq!((told.len(), told.first_key_value()), (100, Some((&"lvs-weight-tcp_192.0.2.1_1".to_owned(), &1))));
    assert!(received.try_recv().is_err(), "what does not differ is not told");
}

#[test]
fn the_pause_counts_from_the_last_write_and_is_as_long_as_that_was_slow() {
    let (began, after) = (Instant::now(), |milliseconds| Duration::from_millis(milliseconds));
    let next = |took, has_failed| next_write((began, began + after(took)), has_failed) - began;
    assert_eq!([next(15, false), next(1200, false), next(1200, true)], [after(165), after(13_200), after(6200)]);
}
