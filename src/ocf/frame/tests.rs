use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::ocf::dummy::{DESCRIPTION, Dummy, SIMPLE};
use crate::ocf::{FailureKind, exit_code};
use crate::testing::check_rows;

const GOOD: [(&str, &str); 3] =
    [("HA_logfacility", "none"), ("OCF_RESOURCE_INSTANCE", "d1"), ("OCF_RESKEY_ip", "192.0.2.1")];

struct Ran {
    code: u8,
    out: String,
    err: String,
}

fn ran(agent: &Dummy, action: &str, more: &[(&str, &str)]) -> Ran {
    let environment = GOOD.into_iter().chain(more.iter().copied()).collect();
    ran_in(agent, Some(OsStr::new(action)), &environment)
}

fn ran_in(agent: &Dummy, action: Option<&OsStr>, environment: &Environment) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output { out: &mut out, err: &mut err, is_terminal: false };
    let code = run(agent, action, environment, &mut output) as u8;
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

const RECURRING: (&str, &str) = ("OCF_RESKEY_CRM_meta_interval", "10000");
const KINDS: [FailureKind; 7] = [
    FailureKind::BadParameter,
    FailureKind::BadHere,
    FailureKind::NotInstalled,
    FailureKind::Permission,
    FailureKind::NotRunning,
    FailureKind::Unsupported,
    FailureKind::Generic,
];

#[test]
fn a_failure_of_the_agent_gets_the_code_of_the_table_and_its_reason() {
    for kind in KINDS {
        for (action, is_probe, more) in [
            (Action::Start, false, [("", "")]),
            (Action::Stop, false, [("", "")]),
            (Action::ReloadAgent, false, [("", "")]),
            (Action::Notify, false, [("", "")]),
            (Action::Monitor, true, [("OCF_RESKEY_CRM_meta_interval", "0")]),
            (Action::Monitor, true, [("", "")]),
            (Action::Monitor, false, [RECURRING]),
        ] {
            let result = ran(&Dummy::failing(Failure::new(kind, "thing: do: broken")), action.name(), &more);
            let expected = exit_code(kind, action, is_probe);
            assert_eq!(result.code, expected as u8, "{kind:?} in {action}");
            let reason = if expected == ExitCode::Success { "" } else { "ocf-exit-reason:thing: do: broken\n" };
            assert_eq!(result.err, reason, "{kind:?} in {action}");
        }
    }
}

#[test]
fn success_is_silent() {
    check_rows(["start", "stop", "validate-all", "notify", "reload-agent", "monitor"], |action| {
        let result = ran(&Dummy::default(), action, &[]);
        assert_eq!((result.code, result.out.as_str(), result.err.as_str()), (0, "", ""), "{action}");
    });
}

#[test]
fn a_status_has_its_code_and_only_the_unusual_ones_a_reason() {
    let text = || "1 of 2 addresses".to_owned();
    check_rows(
        [
            (Status::Running, 0, ""),
            (Status::Stopped, 7, ""),
            (Status::Promoted, 8, ""),
            (Status::Degraded(text()), 190, "ocf-exit-reason:1 of 2 addresses\n"),
            (Status::DegradedPromoted(text()), 191, "ocf-exit-reason:1 of 2 addresses\n"),
            (Status::FailedPromoted(text()), 9, "ocf-exit-reason:1 of 2 addresses\n"),
        ],
        |(status, code, err)| {
            for more in [&[][..], &[RECURRING]] {
                let agent = Dummy { status: Ok(status.clone()), ..Dummy::default() };
                let result = ran(&agent, "monitor", more);
                assert_eq!((result.code, result.err.as_str()), (code, err), "{status:?}");
            }
        },
    );
}

#[test]
fn a_bad_parameter_does_not_reach_start() {
    let agent = Dummy { validate: Err(Failure::bad_here("configfile: missing")), ..Dummy::default() };
    let result = ran(&agent, "start", &[("OCF_RESKEY_ip", ""), ("OCF_RESKEY_cidr_netmask", "129")]);
    assert_eq!(result.code, 6);
    assert_eq!(
        result.err,
        "ocf-exit-reason:cidr_netmask \"129\": expected a whole number from 0 to 128; ip: required, but not set; \
         configfile: missing\n"
    );
    assert_eq!(*agent.called.borrow(), ["validate Local"]);
}

#[test]
fn validation_before_a_start_is_local_and_may_refuse() {
    let agent = Dummy::default();
    assert_eq!(ran(&agent, "start", &[]).code, 0);
    assert_eq!(*agent.called.borrow(), ["validate Local", "start"]);

    let agent = Dummy { validate: Err(Failure::not_installed("nic \"eth9\": absent")), ..Dummy::default() };
    assert_eq!(ran(&agent, "start", &[]).code, 5);
    assert_eq!(*agent.called.borrow(), ["validate Local"]);
}

#[test]
fn validate_all_looks_at_the_machine_from_level_10_on() {
    check_rows(
        [
            (&[][..], "Consistency"),
            (&[("OCF_CHECK_LEVEL", "9")], "Consistency"),
            (&[("OCF_CHECK_LEVEL", "10")], "Local"),
            (&[("OCF_RESKEY_OCF_CHECK_LEVEL", "20")], "Local"),
        ],
        |(more, level)| {
            let agent = Dummy::default();
            assert_eq!(ran(&agent, "validate-all", more).code, 0);
            assert_eq!(*agent.called.borrow(), [format!("validate {level}")]);
        },
    );
    assert_eq!(ran(&Dummy::default(), "validate-all", &[("OCF_RESKEY_ip", "")]).code, 6);
}

#[test]
fn stop_is_called_whatever_the_parameters_and_alone_decides() {
    let broken = [
        ("OCF_RESKEY_ip", ""),
        ("OCF_RESKEY_cidr_netmask", "x"),
        ("OCF_CHECK_LEVEL", "x"),
        ("OCF_RA_VERSION_MAJOR", "2"),
        ("OCF_RESOURCE_INSTANCE", "../../etc"),
        ("OCF_TRACE_RA", "1"),
        ("OCF_TRACE_FILE", "nonsense"),
        ("HA_LOGFILE", "/nonexistent/log"),
    ];
    let agent = Dummy::default();
    let result = ran(&agent, "stop", &broken);
    assert_eq!((result.code, result.err.as_str()), (0, ""));
    assert_eq!(*agent.called.borrow(), ["stop"]);
    assert_eq!(ran(&Dummy::failing(Failure::generic("still there")), "stop", &broken).code, 1);
}

#[test]
fn a_probe_believes_the_agent_and_a_recurring_monitor_wants_proof() {
    let bad = ("OCF_RESKEY_cidr_netmask", "x");
    assert_eq!(ran(&Dummy::default(), "monitor", &[bad]).code, 0);
    let recurring = ran(&Dummy::default(), "monitor", &[bad, RECURRING]);
    assert_eq!(recurring.code, 1);
    assert!(recurring.err.contains("cidr_netmask \"x\""), "{}", recurring.err);

    let stopped = Dummy { status: Ok(Status::Stopped), ..Dummy::default() };
    assert_eq!(ran(&stopped, "monitor", &[bad]).code, 7);
    assert_eq!(ran(&stopped, "monitor", &[bad, RECURRING]).code, 7);

    let unknowing = ran(&Dummy::failing(Failure::bad_parameter("ip: cannot tell")), "monitor", &[bad]);
    assert_eq!(unknowing.code, 7);
    assert!(unknowing.err.contains("x") && unknowing.err.contains("ip: cannot tell"), "{}", unknowing.err);
}

#[test]
fn no_monitor_outside_a_probe_answers_a_hard_code() {
    for kind in KINDS {
        for bad in [("OCF_RESKEY_ip", ""), ("OCF_RA_VERSION_MAJOR", "2"), ("OCF_RESKEY_wait", "x"), ("", "")] {
            let code = ran(&Dummy::failing(Failure::new(kind, "x")), "monitor", &[bad, RECURRING]).code;
            assert!([1, 7].contains(&code), "{kind:?} {bad:?}: {code}");
        }
    }
}

#[test]
fn what_is_not_advertised_is_an_unknown_action() {
    let simple = Dummy { description: &SIMPLE, ..Dummy::default() };
    check_rows(["promote", "demote", "notify", "reload-agent", "reload", "status", "", "START"], |action| {
        let result = ran(&simple, action, &[]);
        assert_eq!(result.code, 3, "{action}");
        assert!(result.out.starts_with("usage: dummy {start|stop|monitor|validate-all|meta-data}\n"), "{}", result.out);
        assert!(result.err.starts_with("ocf-exit-reason:action "), "{}", result.err);
    });
    assert_eq!(*simple.called.borrow(), [""; 0]);
    assert_eq!(ran_in(&simple, None, &Environment::default()).code, 3);
    assert_eq!(ran_in(&simple, Some(OsStr::from_bytes(b"\xff")), &Environment::default()).code, 3);
    assert_eq!(ran(&simple, "usage", &[]).code, 0);
    // The action is advertised, but the agent left it out.
    assert_eq!(ran(&Dummy::default(), "promote", &[]).code, 3);
}

#[test]
fn meta_data_needs_no_environment_and_calls_nothing() {
    let agent = Dummy::default();
    let result = ran_in(&agent, Some(OsStr::new("meta-data")), &Environment::default());
    assert_eq!((result.code, result.err.as_str()), (0, ""));
    assert_eq!(result.out, DESCRIPTION.metadata());
    assert_eq!(*agent.called.borrow(), [""; 0]);
}

#[test]
fn a_reader_that_went_away_causes_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut output = Output { out: &mut Closed, err: &mut Closed, is_terminal: false };
    let environment = GOOD.into_iter().collect();
    assert_eq!(run(&Dummy::default(), Some(OsStr::new("meta-data")), &environment, &mut output), ExitCode::Generic);
    let failing = Dummy::failing(Failure::bad_here("x"));
    assert_eq!(run(&failing, Some(OsStr::new("start")), &environment, &mut output), ExitCode::BadArguments);
}

#[test]
fn the_reason_is_one_line_under_the_wanted_prefix() {
    let long = format!("file:\n line 3:\t{}", "\u{e4}".repeat(3000));
    let result = ran(&Dummy::failing(Failure::generic(long)), "start", &[("OCF_EXIT_REASON_PREFIX", "why=")]);
    assert!(result.err.starts_with("why=file: line 3: \u{e4}"), "{}", result.err);
    assert_eq!(result.err.matches('\n').count(), 1);
    assert!(result.err.chars().count() < 1020 && result.err.ends_with(" ...\n"), "{}", result.err.len());
}

#[test]
fn another_major_version_is_refused_and_none_is_accepted() {
    assert_eq!(ran(&Dummy::default(), "start", &[("OCF_RA_VERSION_MAJOR", "1")]).code, 0);
    let refused = ran(&Dummy::default(), "start", &[("OCF_RA_VERSION_MAJOR", "2")]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("speaks version 1"), "{}", refused.err);
}

#[test]
fn secrets_are_in_no_answer() {
    let result = ran(&Dummy::default(), "start", &[("OCF_RESKEY_passwd", "hunter2")]);
    assert_eq!(result.code, 6);
    assert_eq!(result.err, "ocf-exit-reason:passwd: expected a whole number from 0 to 9\n");
}
