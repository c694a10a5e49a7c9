use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::*;
use crate::health::{Outcome, PoolEvent, Transition};
use crate::model::Change;
use crate::system::RunDir;
use crate::testing::{Scratch, pool, real_server as real};

struct Lab {
    scratch: Scratch,
    sink: Events,
    news: Receiver<SinkNews>,
}

impl Lab {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let (tell, news) = channel();
        let folder = RunDir::at(scratch.path()).observed("db");
        let sink = Events::start(folder, "db", Box::new(move |told| tell.send(told).is_ok())).expect("start");
        Self { scratch, sink, news }
    }

    fn folder(&self) -> ObservedFolder {
        RunDir::at(self.scratch.path()).observed("db")
    }

    fn flush(&mut self) {
        self.sink.end(Instant::now() + Duration::from_secs(20));
    }

    fn written(&mut self) -> Vec<EventRecord> {
        assert!(self.sink.end_turn().is_none());
        self.flush();
        let text = std::fs::read_to_string(self.folder().events()).expect("written");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }
}

/// Returns each record as `kind service real server what: reason`.
fn shown(records: &[EventRecord]) -> Vec<String> {
    let show = |record: &EventRecord| {
        let of = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), str::to_owned);
        let EventRecord { kind, service, real_server, what, reason, .. } = record;
        format!("{kind} {} {} {what}: {reason}", of(service), of(real_server))
    };
    records.iter().map(show).collect()
}

#[test]
fn what_happens_to_a_real_server_is_told_with_its_reason() {
    let (mut lab, mut pool, now) = (Lab::new("events"), pool(), Instant::now());
    let key = pool.key();
    let down = pool.note(real(2, 3).key, &Outcome::Bad("refused\n\u{1b}[2J".into()), now);
    let transitions = down.into_iter().filter_map(|event| match event {
        PoolEvent::Member { real, transition } => Some((real, transition)),
        _ => None,
    });
    for (real, transition) in transitions {
        lab.sink.receive(&Event::Transition { pool: &pool, real, transition });
    }
    let mut held = pool.entry(now);
    held.real_servers.insert(real(2, 3).key, real(2, 3));
    let changes = [
        Change::EditRealServer(key, real(2, 0)),
        Change::AddRealServer(key, real(9, 1)),
        Change::DeleteRealServer(key, real(9, 1).key),
    ];
    for change in &changes {
        lab.sink.receive(&Event::Changed { change, held: Some(&held), pool: Some(&pool), repair: None });
    }
    pool.note(real(2, 3).key, &Outcome::Good, now);
    lab.sink.receive(&Event::Transition { pool: &pool, real: real(2, 3).key, transition: Transition::CameUp });
    lab.sink.receive(&Event::NobodyServes { service: key });
    let records = lab.written();
    let refused = "check failed 1 of 1: refused  [2J";
    let expected = [
        format!("down tcp 192.0.2.1:80 192.0.2.2:80 down: {refused}"),
        format!("weight tcp 192.0.2.1:80 192.0.2.2:80 weight 0, was 3: {refused}"),
        "real-server-added tcp 192.0.2.1:80 192.0.2.9:80 fallback: added with weight 1: ".to_owned(),
        "real-server-removed tcp 192.0.2.1:80 192.0.2.9:80 fallback: removed: ".to_owned(),
        "up tcp 192.0.2.1:80 192.0.2.2:80 up: ".to_owned(),
        "unserved tcp 192.0.2.1:80 - not served: neither a real server nor a fallback serves".to_owned(),
    ];
    assert_eq!(shown(&records), expected);
    let weights: Vec<_> = records.iter().map(|record| (record.weight_before, record.weight)).collect();
    assert_eq!(weights[1..3], [(Some(3), Some(0)), (None, Some(1))]);
    let faults: Vec<bool> = records.iter().map(|record| record.fault).collect();
    assert_eq!(faults, [false, false, false, false, false, true]);
    assert!(records.iter().all(|record| record.instance == "db" && record.version == VERSION));
}

#[test]
fn a_new_configuration_tells_which_services_have_come_and_gone() {
    let config =
        |text: &str| crate::config::parse_file(text.as_bytes(), &crate::config::AnyName::default()).expect("right");
    let (one, both) =
        ("virtual=10.9.9.9:80\n\treal=10.1.0.40:80 gate\n", "virtual=10.9.9.9:81\n\treal=10.1.0.40:80 gate\n");
    let both = format!("{one}{both}");
    let mut lab = Lab::new("events-configuration");
    for (text, first) in [(one, true), (both.as_str(), false), (one, false)] {
        lab.sink.receive(&Event::ConfigurationApplied { config: &config(text), warnings: &[], first });
    }
    lab.sink.receive(&Event::ConfigurationRefused { cause: "line 3" });
    let expected = [
        "configuration-taken - - configuration taken: virtual services: 1: ",
        "configuration-taken - - configuration taken: virtual services: 2: ",
        "service-watched tcp 10.9.9.9:81 - looked after from now on: the new configuration has it",
        "configuration-taken - - configuration taken: virtual services: 1: ",
        "service-left tcp 10.9.9.9:81 - no longer looked after: the new configuration does not have it",
        "configuration-refused - - new configuration refused: the one before stays: line 3",
    ];
    assert_eq!(shown(&lab.written()), expected);
}

#[test]
fn the_text_of_an_event_is_one_line_of_bounded_length() {
    let mut lab = Lab::new("events-long");
    lab.sink.receive(&Event::Fault { cause: &"ä\u{7}".repeat(5000) });
    let records = lab.written();
    assert_eq!(records[0].what, "ä ".repeat(500) + "...");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_once_and_its_end_too() {
    let mut lab = Lab::new("events-fails");
    let obstacle = lab.scratch.path().join("observe");
    std::fs::write(&obstacle, "").expect("a file in the way");
    let round = |lab: &mut Lab| {
        lab.sink.receive(&Event::Life { sentence: "x" });
        assert!(lab.sink.end_turn().is_none());
        lab.flush();
    };
    (0..3).for_each(|_| round(&mut lab));
    let told = lab.news.try_recv().expect("told");
    assert_eq!(told.object, OBJECT);
    assert!(told.trouble.is_some_and(|cause| cause.contains("observe/db: create: ")));
    assert!(lab.news.try_recv().is_err(), "once");
    std::fs::remove_file(obstacle).expect("remove");
    (0..3).for_each(|_| round(&mut lab));
    assert!(lab.news.try_recv().expect("told").trouble.is_none());
    assert!(lab.news.try_recv().is_err(), "once");
    assert_eq!(lab.written().len(), 3, "what could not be written is in the log only");
}

#[test]
fn a_file_system_that_hangs_holds_up_no_turn_and_fills_no_memory() {
    let mut lab = Lab::new("events-hangs");
    std::fs::create_dir_all(lab.folder().path()).expect("folder");
    nix::unistd::mkfifo(&lab.folder().events(), nix::sys::stat::Mode::S_IRWXU).expect("a pipe that nobody reads");
    // It takes as much as a pipe holds, and then nothing more: a pipe that is opened to read and write has a reader.
    let mut told = None;
    let mut turns = 0;
    while told.is_none() {
        turns += 1;
        assert!(turns < 100, "the events pile up");
        (0..4096).for_each(|_| lab.sink.receive(&Event::Life { sentence: "the health monitor lives and lives" }));
        told = lab.sink.end_turn();
    }
    assert!(told.and_then(|news| news.trouble).is_some_and(|cause| cause.contains("events are lost")));
    assert!(lab.sink.waiting.load(Ordering::Relaxed) <= WAITING);
}

#[test]
fn docs_events_md_has_every_kind_and_no_other() {
    let (_, table) =
        include_str!("../../../docs/events.md").split_once("| kind | what happened |").expect("the table of kinds");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let mut rows: Vec<&str> = rows.flat_map(|(names, _)| names.split("`, `")).collect();
    rows.sort_unstable();
    let mut kinds = EventRecord::KINDS.to_vec();
    kinds.sort_unstable();
    assert_eq!(rows, kinds);
}
