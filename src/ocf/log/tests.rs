use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::*;
use crate::ocf::Action;
use crate::ocf::dummy::DESCRIPTION;
use crate::testing::Scratch;

fn logger(variables: &[(&str, &str)]) -> Logger {
    Logger::new("vip", "v1", &variables.iter().copied().collect(), false)
}

fn received(socket: &UnixDatagram) -> Option<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[test]
fn a_datagram_has_a_priority_a_tag_and_a_level() {
    let scratch = Scratch::new("ocf-syslog");
    let socket = UnixDatagram::bind(scratch.file("log")).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut log = logger(&[("HA_logfacility", "local3")]);
    log.socket = PathBuf::from(scratch.file("log"));

    log.warning("nic \"eth0\":\n no carrier");
    let datagram = received(&socket).unwrap();
    assert!(datagram.starts_with("<156>"), "{datagram}");
    let tag = format!(" vip(v1)[{}]: WARNING: nic \"eth0\": no carrier", std::process::id());
    assert!(datagram.ends_with(&tag), "{datagram}");

    log.debug("not wanted");
    log.error("wanted");
    assert!(received(&socket).unwrap().contains("ERROR: wanted"));

    log.facility = syslog::facility_number("none");
    log.error("nowhere");
    assert_eq!(received(&socket), None);
}

#[test]
fn a_dead_syslog_and_a_missing_directory_are_borne() {
    let mut log = logger(&[("HA_LOGFILE", "/nonexistent/log"), ("HA_DEBUGLOG", "/nonexistent/debug")]);
    log.socket = PathBuf::from("/nonexistent/socket");
    log.error("nobody hears this");
}

#[test]
fn a_facility_is_found_by_its_name() {
    assert_eq!(syslog::facility_number("daemon"), Some(3));
    assert_eq!(syslog::facility_number("LOCAL7"), Some(23));
    assert_eq!(syslog::facility_number("none"), None);
    assert_eq!(syslog::facility_number("nonsense"), Some(3));
}

#[test]
fn files_get_what_their_names_promise() {
    let scratch = Scratch::new("ocf-files");
    let (file, debug) = (scratch.file("log"), scratch.file("debug"));
    let log = logger(&[("HA_logfacility", "none"), ("HA_LOGFILE", &file), ("HA_DEBUGLOG", &debug), ("HA_debug", "1")]);
    log.info("one");
    log.debug("two");
    let (file, debug) = (fs::read_to_string(file).unwrap(), fs::read_to_string(debug).unwrap());
    assert!(file.contains("INFO: one\n") && !file.contains("two"), "{file}");
    assert!(debug.contains("INFO: one\n") && debug.contains("DEBUG: two\n"), "{debug}");
}

#[test]
fn one_file_for_both_gets_each_line_once_and_debug_lines_only_when_they_are_on() {
    let scratch = Scratch::new("ocf-same");
    let path = scratch.file("log");
    let log = logger(&[("HA_logfacility", "none"), ("HA_LOGFILE", &path), ("HA_DEBUGLOG", &path), ("HA_debug", "0")]);
    log.info("one");
    log.debug("two");
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[test]
fn a_trace_is_where_crmsh_looks_and_hides_secrets() {
    let scratch = Scratch::new("ocf-trace");
    let environment = Environment::from_iter([
        ("HA_logfacility", "none"),
        ("OCF_RESKEY_trace_ra", "1"),
        ("OCF_RESKEY_trace_dir", &scratch.file("")),
        ("OCF_RESKEY_ip", "192.0.2.1"),
        ("OCF_RESKEY_passwd", "hunter2"),
        ("OCF_RESKEY_passwrd", "hunter3"),
        ("AWS_SECRET_ACCESS_KEY", "hunter4"),
        ("OCF_EXIT_REASON_PREFIX", "ocf-exit-reason:"),
    ]);
    let mut log = Logger::new("dummy", "d1", &environment, false);
    log.set_trace(Trace::open(&DESCRIPTION, Action::Start, "d1", &environment).unwrap());
    log.debug("one step");

    let files: Vec<_> = fs::read_dir(scratch.file("dummy")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("d1.start.20"), "{file:?}");
    let text = fs::read_to_string(file).unwrap();
    for wanted in ["dummy start of d1", "OCF_RESKEY_ip=\"192.0.2.1\"", "OCF_RESKEY_passwd=(hidden)", "DEBUG: one step"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert!(!text.contains("hunter") && !text.contains("ocf-exit-reason"), "{text}");
}

#[test]
fn a_trace_goes_to_a_descriptor_a_file_or_nowhere() {
    let open = |variables: &[(&str, &str)]| {
        Trace::open(&DESCRIPTION, Action::Stop, "d1", &variables.iter().copied().collect()).map(|trace| trace.is_some())
    };
    let scratch = Scratch::new("ocf-trace-file");
    let path = scratch.file("deep/er/trace");
    assert_eq!(open(&[("OCF_TRACE_FILE", &path)]), Ok(false));
    assert_eq!(open(&[("OCF_TRACE_RA", "0"), ("OCF_TRACE_FILE", &path)]), Ok(false));
    assert!(!Path::new(&path).exists());
    assert_eq!(open(&[("OCF_TRACE_RA", "1"), ("OCF_TRACE_FILE", &path)]), Ok(true));
    assert!(fs::read_to_string(&path).unwrap().contains("dummy stop of d1"));
    assert_eq!(open(&[("OCF_TRACE_RA", "1"), ("OCF_RESKEY_trace_file", &path)]), Ok(true));
    let environment = Environment::from_iter([("OCF_TRACE_RA", "1"), ("OCF_TRACE_FILE", &path)]);
    assert!(Trace::open(&DESCRIPTION, Action::ValidateAll, "d1", &environment).unwrap().is_none());

    for bad in ["relative/path", "2", "33"] {
        let refused = open(&[("OCF_TRACE_RA", "1"), ("OCF_TRACE_FILE", bad)]).unwrap_err();
        assert!(refused.contains(bad), "{refused}");
    }
    let refused = open(&[("OCF_TRACE_RA", "1"), ("OCF_TRACE_FILE", "/proc/nowhere/trace")]).unwrap_err();
    assert!(refused.starts_with("trace file /proc/nowhere/trace: open: "), "{refused}");
}

#[test]
fn folding_leaves_one_line() {
    assert_eq!(fold(" a\n\tb \u{7}c\u{1b}[1m\r\n"), "a b c [1m");
}
