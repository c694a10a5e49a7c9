use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::model::{Between, Question};
use crate::testing::mysql_server;

const SECOND: Duration = Duration::from_secs(1);
/// A deadline for what must come: a loaded machine is no reason to fail.
const PATIENT: Duration = Duration::from_secs(60);

fn job(question: Question, target: SocketAddr, timeout: Duration, interval: Duration) -> Arc<Job> {
    let check = Check { question: question.into(), target, timeout, between: None };
    Arc::new(Job { check, interval, path: None, doubt: None, standings: vec![Arc::default()] })
}

/// Different jobs that need no answer from the network.
fn idle_jobs(count: u16, interval: Duration) -> HashSet<Arc<Job>> {
    (0..count).map(|port| job(Question::of("on"), ([192, 0, 2, 1], port).into(), SECOND, interval)).collect()
}

/// Connections to one listener, whose timeouts differ by a microsecond each.
fn connect_jobs(count: u64, target: SocketAddr, interval: Duration) -> HashSet<Arc<Job>> {
    let timeout = |n| SECOND * 5 + Duration::from_micros(n);
    (0..count).map(|n| job(Question::of("connect"), target, timeout(n), interval)).collect()
}

/// A listener whose connections a thread accepts and closes until the end of the test process.
fn listener() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = listener.local_addr().expect("address");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    target
}

/// Waits until the condition is true, or fails with `what`.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

type Results = Arc<Mutex<Vec<Finished>>>;

fn collecting() -> (Results, Deliver) {
    let results = Results::default();
    let inbox = Arc::clone(&results);
    (results, Box::new(move |batch| inbox.lock().expect("results").extend(batch)))
}

#[test]
fn two_thousand_servers_are_asked_once_in_an_interval_each() {
    descriptors_for(1000);
    let (results, deliver) = collecting();
    let checker = Checker::start(deliver).expect("start");
    let jobs = connect_jobs(2000, listener(), SECOND);
    let started = Instant::now();
    checker.replace(jobs.clone());
    wait_for("two rounds", || results.lock().expect("results").len() >= 4000);
    drop(checker);
    let rounds = started.elapsed().as_secs() as usize + 1;
    let mut counts: HashMap<Arc<Job>, usize> = jobs.into_iter().map(|job| (job, 0)).collect();
    for Finished { job, verdicts, .. } in results.lock().expect("results").drain(..) {
        assert_eq!(verdicts, [Outcome::Good.into()]);
        *counts.get_mut(&job).expect("a wanted job") += 1;
    }
    let (fewest, most) = (counts.values().min().copied(), counts.values().max().copied());
    assert!(fewest >= Some(1) && most <= Some(rounds + 1), "{fewest:?} to {most:?} in {rounds} s");
}

fn descriptors_for(wanted: usize) {
    crate::system::descriptors::raise_limit();
    assert!(crate::system::descriptors::limit() >= wanted, "this test needs {wanted} open files");
}

/// Half a million checks a second are wanted and each hand-over takes a while.
#[test]
fn an_overloaded_machine_goes_on_delivering_and_is_punctual_again_by_itself() {
    let largest = Arc::new(AtomicU64::new(0));
    let batches = Arc::new(AtomicU64::new(0));
    let (seen, count) = (Arc::clone(&largest), Arc::clone(&batches));
    let deliver = move |batch: Vec<Finished>| {
        std::thread::sleep(Duration::from_millis(20));
        seen.fetch_max(batch.len() as u64, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
    };
    let checker = Checker::start(Box::new(deliver)).expect("start");
    checker.replace(idle_jobs(5000, Duration::from_millis(10)));
    wait_for("late by more than ten intervals", || checker.pulse().late > Duration::from_millis(100));
    let before = batches.load(Ordering::Relaxed);
    wait_for("results while it is late", || batches.load(Ordering::Relaxed) > before + 10);
    assert!(largest.load(Ordering::Relaxed) <= 256, "{largest:?} results at once");
    checker.replace(HashSet::new());
    wait_for("punctual without jobs", || checker.pulse().late.is_zero());
}

#[test]
fn a_receiver_that_takes_no_results_stops_the_checks_and_is_seen() {
    let released = Arc::new(AtomicBool::new(false));
    let batches = Arc::new(AtomicU64::new(0));
    let (gate, count) = (Arc::clone(&released), Arc::clone(&batches));
    let deliver = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        wait_for("release", || gate.load(Ordering::Relaxed));
    };
    let checker = Checker::start(Box::new(deliver)).expect("start");
    checker.replace(idle_jobs(100, Duration::from_millis(10)));
    wait_for("a lateness that grows while nothing moves", || checker.pulse().late > SECOND);
    assert!(checker.pulse().last_turn.elapsed() > SECOND);
    assert_eq!(batches.load(Ordering::Relaxed), 1);
    released.store(true, Ordering::Relaxed);
    wait_for("a turn", || checker.pulse().last_turn.elapsed() < SECOND / 2);
    wait_for("punctual again", || checker.pulse().late < SECOND / 2);
}

#[test]
fn a_thread_without_work_shows_its_pulse() {
    let checker = Checker::start(Box::new(|_| ())).expect("start");
    let first = checker.pulse().last_turn;
    wait_for("a second turn", || checker.pulse().last_turn > first);
    assert!(checker.pulse().late < SECOND);
}

#[test]
fn a_job_that_has_left_is_heard_of_no_more_and_a_new_one_soon() {
    let (results, deliver) = collecting();
    let checker = Checker::start(deliver).expect("start");
    checker.replace(idle_jobs(10, Duration::from_millis(20)));
    wait_for("results", || results.lock().expect("results").len() >= 30);
    let new = job(Question::of("on"), ([192, 0, 2, 2], 80).into(), SECOND, Duration::from_millis(20));
    checker.replace(HashSet::from([Arc::clone(&new)]));
    wait_for("the new job", || results.lock().expect("results").iter().any(|result| result.job == new));
    let mut results = results.lock().expect("results");
    let after = results.iter().position(|result| result.job == new).expect("new");
    assert!(results.drain(after..).all(|result| result.job == new));
}

#[test]
fn the_end_of_the_checker_ends_the_programs_that_it_has_started() {
    let mark = format!("lvs-agents-test-{}", std::process::id());
    let command = Question {
        checkcommand: "/bin/sh".into(),
        arguments: vec!["-c".into(), "sleep 600; true".into(), mark.clone()],
        ..Question::of("external")
    };
    let checker = Checker::start(Box::new(|_| ())).expect("start");
    checker.replace(HashSet::from([job(command, ([192, 0, 2, 1], 80).into(), SECOND * 600, SECOND)]));
    wait_for("the program", || runs(&mark));
    drop(checker);
    wait_for("its end", || !runs(&mark));
}

/// A server that answers whoever asks, and notes of each connection whether anything was asked on it.
fn noting() -> (SocketAddr, Arc<Mutex<Vec<bool>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let (target, noted) = (listener.local_addr().expect("address"), Arc::new(Mutex::new(Vec::new())));
    let notes = Arc::clone(&noted);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let asked = stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0);
            notes.lock().expect("notes").push(asked);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (target, noted)
}

#[test]
fn a_combined_check_asks_its_question_and_then_only_connects_for_a_while() {
    let (target, noted) = noting();
    let question = Question { request: "/".into(), httpmethod: "GET".into(), ..Question::of("http") };
    let mut combined = (*job(question, target, PATIENT, Duration::from_millis(20))).clone();
    combined.check.between = Some(Between { count: 2, kind: "connect", timeout: PATIENT }.into());
    let (results, deliver) = collecting();
    let checker = Checker::start(deliver).expect("start");
    checker.replace(HashSet::from([Arc::new(combined)]));
    wait_for("three questions", || noted.lock().expect("notes").len() >= 7);
    drop(checker);
    assert_eq!(noted.lock().expect("notes")[..7], [true, false, false, true, false, false, true]);
    let verdict = |result: &Finished| result.verdicts.clone();
    let outcomes: Vec<Vec<Verdict>> = results.lock().expect("results").iter().map(verdict).collect();
    let wanted =
        [Outcome::Good, Outcome::Alive, Outcome::Alive, Outcome::Good].map(|outcome| vec![Verdict::from(outcome)]);
    assert!(outcomes.starts_with(&wanted), "{outcomes:?}");
}

#[test]
fn those_who_want_a_server_to_stand_differently_cost_one_login_an_interval() {
    let (target, logins) = mysql_server::start(|_| false);
    let mut shared =
        (*job(Question { login: "monitor".into(), ..Question::of("mysql") }, target, PATIENT, SECOND / 20)).clone();
    let standing = |role: &str, maxlag: &str| {
        Arc::new(Standing { role: role.into(), maxlag: maxlag.into(), ..Standing::default() })
    };
    shared.standings = vec![standing("reader", "10"), standing("writer", ""), standing("any", "")];
    let (results, deliver) = collecting();
    let checker = Checker::start(deliver).expect("start");
    checker.replace(HashSet::from([Arc::new(shared)]));
    wait_for("three runs", || results.lock().expect("results").len() >= 3);
    drop(checker);
    let results = results.lock().expect("results");
    let writes = format!("mysql {target}: state: no reader: it takes writes (read_only=OFF)");
    for result in results.iter() {
        let wanted = [Outcome::Bad(writes.clone()), Outcome::Good, Outcome::Good].map(Verdict::from);
        assert_eq!(result.verdicts, wanted);
    }
    let logins = logins.load(Ordering::Relaxed);
    assert!((results.len()..=results.len() + 1).contains(&logins), "{logins} logins in {} runs", results.len());
}

/// Whether a process has that word on its command line.
fn runs(word: &str) -> bool {
    let has = |entry: std::fs::DirEntry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.ends_with(format!("{word}\0").as_bytes()))
    };
    std::fs::read_dir("/proc").expect("/proc").flatten().any(has)
}

#[test]
fn a_check_that_is_wanted_now_is_made_long_before_its_time() {
    let (results, deliver) = collecting();
    let checker = Checker::start(deliver).expect("start");
    let job = job(Question::of("connect"), listener(), SECOND * 5, SECOND * 3600);
    checker.replace(HashSet::from([Arc::clone(&job)]));
    let count = || results.lock().expect("results").len();
    wait_for("its first run", || count() == 1);
    for run in 2..5 {
        checker.ask_now([Arc::clone(&job)]);
        wait_for("a run at once", || count() == run);
    }
}
