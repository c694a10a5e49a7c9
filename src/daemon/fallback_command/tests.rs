use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;

use super::*;
use crate::config::{AnyName, parse_file};
use crate::testing::Scratch;

const KEY: &str = "tcp 192.0.2.1:80";

fn key() -> ServiceKey {
    KEY.parse().expect("key")
}

fn applied(states: &mut FallbackStates, text: &str) {
    let config = parse_file(text.as_bytes(), &AnyName::default()).expect("right");
    states.note(&Event::ConfigurationApplied { config: &config, warnings: &[], first: true });
}

/// Returns the lines that are due.
fn due(states: &mut FallbackStates) -> Vec<String> {
    states.due().into_iter().map(|run| run.line).collect()
}

fn section(command: &str) -> String {
    format!("virtual=192.0.2.1:80\n\treal=192.0.2.2 gate\n\tfallbackcommand={command}\n")
}

#[test]
fn the_command_is_told_of_each_change_once_and_of_nothing_before_the_first() {
    let mut states = FallbackStates::default();
    applied(&mut states, &section("/bin/x"));
    assert_eq!(due(&mut states), [""; 0]);
    let service = key();
    states.note(&Event::FallbackIn { service });
    assert_eq!(due(&mut states), ["/bin/x start 192.0.2.1:80 tcp"]);
    states.note(&Event::FallbackIn { service });
    assert_eq!(due(&mut states), [""; 0], "told already");
    states.note(&Event::FallbackOut { service });
    states.note(&Event::FallbackIn { service });
    assert_eq!(due(&mut states), [""; 0], "nothing has changed from turn to turn");
    states.note(&Event::FallbackOut { service });
    assert_eq!(due(&mut states), ["/bin/x stop 192.0.2.1:80 tcp"]);
}

#[test]
fn a_fallback_that_is_configured_while_nobody_serves_ends_nothing() {
    let (mut states, service) = (FallbackStates::default(), key());
    applied(&mut states, &section("\"/bin/x y\""));
    states.note(&Event::NobodyServes { service });
    assert_eq!(due(&mut states), ["/bin/x y start 192.0.2.1:80 tcp"]);
    states.note(&Event::FallbackIn { service });
    states.note(&Event::ServedAgain { service });
    assert_eq!(due(&mut states), [""; 0], "the real servers are as dead as before");
}

#[test]
fn what_was_started_is_stopped_when_its_service_or_its_command_goes_and_at_the_end() {
    crate::testing::check_rows(
        [
            (Some(""), vec!["/bin/x stop 192.0.2.1:80 tcp"]),
            (Some("virtual=192.0.2.1:80\n"), vec!["/bin/x stop 192.0.2.1:80 tcp"]),
            (Some("fallbackcommand=/bin/x\nvirtual=192.0.2.1:80\n"), vec![]),
            (
                Some("fallbackcommand=/bin/y\nvirtual=192.0.2.1:80\n"),
                vec!["/bin/x stop 192.0.2.1:80 tcp", "/bin/y start 192.0.2.1:80 tcp"],
            ),
            (None, vec!["/bin/x stop 192.0.2.1:80 tcp"]),
        ],
        |(text, expected)| {
            let (mut states, service) = (FallbackStates::default(), key());
            applied(&mut states, &section("/bin/x"));
            states.note(&Event::FallbackIn { service });
            assert_eq!(due(&mut states).len(), 1);
            match text {
                Some(text) => applied(&mut states, text),
                None => states.note(&Event::Ending),
            }
            assert_eq!(due(&mut states), expected);
        },
    );
}

#[test]
fn a_command_that_was_told_of_no_start_is_told_of_no_end() {
    let (mut states, service) = (FallbackStates::default(), key());
    applied(&mut states, &section("/bin/x"));
    states.note(&Event::FallbackOut { service });
    assert_eq!(due(&mut states), ["/bin/x stop 192.0.2.1:80 tcp"], "a killed health monitor may have left it started");
    states.note(&Event::Ending);
    assert_eq!(due(&mut states), [""; 0]);
}

#[test]
fn what_the_health_monitor_before_has_told_is_not_told_again_and_its_end_is() {
    for action in ["command", "stop"] {
        let text = format!("{}\tquorum=2\n\tquorumaction={action}\n", section("/bin/x"));
        let config = parse_file(text.as_bytes(), &AnyName::default()).expect("right");
        let (settings, now) = (crate::daemon::pool_settings(&config.services[0], Vec::new()), Instant::now());
        let lost = crate::health::KnownHealth { quorum_lost: true, ..Default::default() };
        let pool = Pool::new(settings, None, &lost, now);
        let mut states = FallbackStates::default();
        applied(&mut states, &text);
        states.note(&Event::QuorumStillLost { pool: &pool });
        states.note(&Event::ConditionBegan { pool: &pool, condition: Condition::QuorumLost });
        assert_eq!(due(&mut states), [""; 0], "{action}");
        let service = key();
        states.note(&Event::ConditionEnded { service, condition: Condition::QuorumLost });
        states.note(&Event::ServedAgain { service });
        assert_eq!(due(&mut states), ["/bin/x stop 192.0.2.1:80 tcp"], "{action}");
    }
}

/// Thousands of services may lose their last server at once.
#[test]
fn commands_for_which_there_is_no_room_are_run_in_a_later_turn() {
    let (runner, orders) = sync_channel(2);
    let mut sink = FallbackCommands { states: FallbackStates::default(), runner, is_due: false };
    let sections: String =
        (1..=5).map(|host| format!("virtual=192.0.2.{host}:80\n\tchecktype=on\n\tfallbackcommand=/bin/x\n")).collect();
    let config = parse_file(sections.as_bytes(), &AnyName::default()).expect("right");
    sink.receive(&Event::ConfigurationApplied { config: &config, warnings: &[], first: true });
    for service in config.services.iter().map(|service| service.service.key) {
        sink.receive(&Event::NobodyServes { service });
    }
    let mut told = BTreeSet::new();
    for expected in [2, 4, 5] {
        assert_eq!(sink.end_turn().is_some(), expected < 5, "the loop hears of those that wait");
        for order in orders.try_iter() {
            let Order::Run(run) = order else { panic!("an end") };
            assert!(told.insert(run.line.clone()), "{} was run twice", run.line);
        }
        assert_eq!(told.len(), expected);
    }
}

/// Runs command lines and returns the news of each, in order.
fn run_lines(lines: &[String], limit: Duration) -> (Receiver<SinkNews>, SyncSender<Order>) {
    let ((tell, news), (runner, orders)) = (channel(), sync_channel(WAITING));
    std::thread::spawn(move || {
        let tell: TellLoop = Box::new(move |told| tell.send(told).is_ok());
        runner::work(&orders, &tell, limit);
    });
    for line in lines {
        runner.send(Order::Run(Run { service: key(), line: line.clone() })).expect("runs");
    }
    (news, runner)
}

fn next(news: &Receiver<SinkNews>) -> Option<String> {
    news.recv_timeout(Duration::from_secs(20)).expect("news").trouble
}

#[test]
fn commands_of_a_service_run_in_order_through_the_shell_and_a_failure_is_told() {
    let scratch = Scratch::new("fallbackcommand");
    let file = scratch.file("out");
    let lines = [format!("sleep 0.2; echo one >>{file}"), format!("echo two >>{file}"), "exit 3".to_owned()];
    let (news, _runner) = run_lines(&lines, LIMIT);
    assert_eq!([next(&news), next(&news)], [None, None]);
    assert_eq!(next(&news).as_deref(), Some("exit 3: exit status: 3"));
    assert_eq!(std::fs::read_to_string(&file).expect("written"), "one\ntwo\n");
}

#[test]
fn a_command_that_hangs_is_killed_with_what_it_has_started_and_the_next_one_runs() {
    let lines = ["sleep 1000 & wait".to_owned(), "true".to_owned()];
    let (news, _runner) = run_lines(&lines, Duration::from_millis(50));
    assert_eq!(next(&news).as_deref(), Some("sleep 1000 & wait: killed: it took too long"));
    assert_eq!(next(&news), None);
}

#[test]
fn the_end_waits_for_the_last_command_and_no_longer_than_it_may() {
    crate::testing::check_rows([("true", None), ("sleep 1000", Some("killed"))], |(line, expected)| {
        let (news, runner) = run_lines(&[line.to_owned()], LIMIT);
        let (ended, end) = channel();
        let by = Instant::now() + Duration::from_millis(300);
        runner.send(Order::End { by, ended }).expect("runs");
        assert!(end.recv_timeout(Duration::from_secs(20)).is_err(), "dropped at the end");
        let trouble = next(&news);
        assert_eq!(trouble.is_some(), expected.is_some(), "{trouble:?}");
    });
}
