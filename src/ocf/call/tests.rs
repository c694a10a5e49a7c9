use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::ocf::dummy::DESCRIPTION;
use crate::testing::check_rows;

fn call(variables: &[(&str, &str)]) -> Call {
    Call::for_test(&DESCRIPTION, Action::Monitor, &variables.iter().copied().collect())
}

fn reasons(call: &Call) -> Vec<&str> {
    call.problems().iter().map(|problem| problem.reason.as_str()).collect()
}

const IP: (&str, &str) = ("OCF_RESKEY_ip", "192.0.2.1");

#[test]
fn values_and_defaults_are_read_in_their_types() {
    let given = call(&[
        IP,
        ("OCF_RESKEY_cidr_netmask", "24"),
        ("OCF_RESKEY_quiescent", "No"),
        ("OCF_RESKEY_wait", "2min"),
        ("OCF_RESKEY_rise", "3"),
        ("OCF_RESKEY_scheduler", ""),
        ("OCF_RESKEY_unheard_of", "x"),
    ]);
    assert_eq!(reasons(&given), [""; 0]);
    assert_eq!(given.text("ip"), Some("192.0.2.1"));
    assert_eq!(given.optional_number::<u8>("cidr_netmask"), Some(24));
    assert!(!given.boolean("quiescent"));
    assert_eq!((given.time("wait"), given.number::<u32>("rise")), (Duration::from_secs(120), 3));
    assert_eq!(given.text("scheduler"), Some("wlc"));
    assert!(given.is_set("ip") && !given.is_set("scheduler"));

    let defaults = call(&[IP]);
    assert!(defaults.boolean("quiescent"));
    assert_eq!((defaults.time("wait"), defaults.number::<u32>("rise")), (Duration::from_millis(500), 2));
    assert_eq!(defaults.optional_number::<u8>("cidr_netmask"), None);
}

#[test]
fn what_is_wrong_is_reported_and_reads_as_unset() {
    let bad = call(&[("OCF_RESKEY_scheduler", "best"), ("OCF_RESKEY_wait", "soon")]);
    assert_eq!(
        reasons(&bad),
        [
            "scheduler \"best\": expected one of rr, wlc",
            "wait \"soon\": expected a time such as 10 (seconds), 500ms or 2min",
            "ip: required, but not set",
        ]
    );
    assert_eq!(bad.text("scheduler"), Some("wlc"));
    assert!(!bad.is_set("scheduler"));
    assert!(bad.check().is_err());
}

#[test]
fn a_required_value_that_is_wrong_is_not_missing_as_well() {
    let environment =
        Environment::from_iter([(OsString::from("OCF_RESKEY_ip"), OsString::from_vec(b"a\xffb".to_vec()))]);
    let bad = Call::for_test(&DESCRIPTION, Action::Start, &environment);
    assert_eq!(reasons(&bad), ["ip \"a\u{fffd}b\": expected text in UTF-8"]);
}

#[test]
fn an_alias_is_read_under_the_current_name() {
    let old = call(&[IP, ("OCF_RESKEY_netmask", "24")]);
    assert_eq!((old.optional_number::<u8>("cidr_netmask"), reasons(&old)), (Some(24), vec![]));
    assert_eq!(old.notes(), [Note::Advice("netmask: an old name of cidr_netmask".to_owned())]);

    let same = call(&[IP, ("OCF_RESKEY_netmask", "24"), ("OCF_RESKEY_cidr_netmask", "24")]);
    assert_eq!(reasons(&same), [""; 0]);

    let differ = call(&[IP, ("OCF_RESKEY_netmask", "25"), ("OCF_RESKEY_cidr_netmask", "24")]);
    assert_eq!(reasons(&differ), ["netmask \"25\" and cidr_netmask \"24\": two names of one parameter differ"]);

    let wrong = call(&[IP, ("OCF_RESKEY_netmask", "255")]);
    assert_eq!(reasons(&wrong), ["netmask \"255\": expected a whole number from 0 to 128"]);
    assert_eq!(wrong.optional_number::<u8>("cidr_netmask"), None);
}

#[test]
fn an_obsolete_parameter_is_a_note() {
    let call = call(&[IP, ("OCF_RESKEY_arp_sender", "send_arp")]);
    assert_eq!(reasons(&call), [""; 0]);
    assert_eq!(call.notes(), [Note::Advice("arp_sender: accepted, but has no effect".to_owned())]);
}

#[test]
fn probe_timeout_and_level_come_from_the_cluster() {
    let interval = |value| call(&[IP, ("OCF_RESKEY_CRM_meta_interval", value)]).is_probe;
    assert!(call(&[IP]).is_probe && interval("0"));
    assert!(!interval("10000"));
    let start = [IP].into_iter().collect();
    assert!(!Call::for_test(&DESCRIPTION, Action::Start, &start).is_probe);

    assert_eq!(call(&[IP]).timeout, Duration::from_secs(20));
    assert_eq!(call(&[IP, ("OCF_RESKEY_CRM_meta_timeout", "1500")]).timeout, Duration::from_millis(1500));
    assert_eq!(call(&[IP, ("OCF_CHECK_LEVEL", "10")]).check_level, 10);
    assert_eq!(call(&[IP, ("OCF_RESKEY_OCF_CHECK_LEVEL", "20")]).check_level, 20);
    assert_eq!(call(&[IP, ("OCF_RESKEY_CRM_meta_on_node", "n1")]).node(), Some("n1"));
}

#[test]
fn an_instance_cannot_leave_its_directory() {
    assert_eq!(call(&[IP]).instance, "default");
    assert_eq!(call(&[IP, ("OCF_RESOURCE_INSTANCE", "lvs:0")]).instance, "lvs:0");
    check_rows([("../x", "_.._x"), ("a/b", "_a_b"), (".", "_."), ("a\nb", "_a_b")], |(given, safe)| {
        let bad = call(&[IP, ("OCF_RESOURCE_INSTANCE", given)]);
        assert_eq!(bad.instance, safe);
        assert_eq!(bad.problems().len(), 1, "{given}");
    });
}

#[test]
fn debug_output_has_no_values() {
    let call = call(&[IP, ("OCF_RESKEY_passwd", "7"), ("OCF_RESKEY_netmask", "24")]);
    let shown = format!("{call:?}");
    assert!(shown.contains("passwd") && !shown.contains("192.0.2.1") && !shown.contains("\"7\""), "{shown}");
}

#[test]
fn a_bad_check_level_or_trace_is_ignored_with_a_warning() {
    let call = call(&[IP, ("OCF_CHECK_LEVEL", "deep"), ("OCF_RESKEY_trace_ra", "perhaps")]);
    assert_eq!((reasons(&call), call.check_level), (vec![], 0));
    assert_eq!(
        call.notes(),
        [
            Note::Ignored("OCF_CHECK_LEVEL \"deep\": expected a whole number such as 10: taken for 0".to_owned()),
            Note::Ignored("trace_ra \"perhaps\": expected yes or no".to_owned()),
        ]
    );
}

#[test]
fn blanks_around_a_word_or_number_are_not_part_of_it() {
    let call = call(&[("OCF_RESKEY_ip", " x "), ("OCF_RESKEY_scheduler", " rr\n"), ("OCF_RESKEY_cidr_netmask", " 8")]);
    assert_eq!(
        (call.text("ip"), call.text("scheduler"), call.text("cidr_netmask")),
        (Some(" x "), Some("rr"), Some("8"))
    );
}
