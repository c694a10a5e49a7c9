use super::common::rows::check_rows;
use super::common::wrong::{WrongRow, check, here};
use super::lvs::node;

/// Files with one mistake each, and the words of the exit reason.
const FILES: [(&str, &str); 13] = [
    ("checkinterval=-5", "line 1: checkinterval \"-5\": expected a whole number of seconds, at least 1"),
    ("chektimeout=3", "line 1: \"chektimeout\": unknown directive: did you mean \"checktimeout\"?"),
    ("emailalert=a@b c", "line 1: emailalert \"a@b c\": expected a mail address"),
    ("virtual=10.9.0.100:80\n\tpersistent=", "line 2: persistent \"\": expected a whole number"),
    ("virtual=10.9.0.100:70000", "line 1: virtual \"10.9.0.100:70000\": port \"70000\": expected 0 to 65535"),
    ("virtual=10.9.0.100:0\n\tchecktype=on", "port 0 (every port): expected persistent with it"),
    ("virtual=10.9.0.100:80\n\treal=10.9.1.1:80", "line 2: real \"10.9.1.1:80\": expected a forwarding method"),
    ("virtual=10.9.0.100:80\nreal=10.9.1.1:80 gate", "line 2: real: not in a virtual section"),
    ("virtual=10.9.0.100:80\n\treal6=[::2]:80 gate", "line 2: real6: expected real in a virtual section"),
    ("virtual=10.9.0.100:80\n\tscheduler=x1", "line 2: scheduler \"x1\": expected a scheduler"),
    ("virtual=10.9.0.100:80\n\tchecktype=x", "line 2: checktype \"x\": expected connect"),
    ("virtual=10.9.0.100:3306\n\trequest=\"SELECT 1\"", "login is missing: service mysql needs it"),
    ("virtual=10.9.0.100:80\n\treceive=\"a(b\"", "line 2: receive \"a(b\": expected a regular expression"),
];

const ROWS: [WrongRow; 4] = [
    here(&[("configfile", "/run/test/nosuch.cf")], 2, "configfile /run/test/nosuch.cf: read: No such file"),
    here(&[("configfile", "/run/test")], 2, "configfile /run/test: read: Is a directory"),
    here(&[("configfile", "/run/test/broken.cf")], 2, "/run/test/broken.cf: line 2: scheduler \"x1\""),
    here(
        &[("configfile", "/run/test/taken.cf")],
        2,
        "tcp 10.9.0.7:25: claimed by ldirectord resource \"my-ldirectord\"",
    ),
];

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn start_of_ldirectord_refuses_each_wrong_file() {
    let host = node();
    check(&host, || host.agent("ldirectord"), &ROWS);
    check_rows(FILES, |(text, says)| {
        host.write("/run/test/wrong.cf", text);
        check(&host, || host.agent("ldirectord"), &[here(&[("configfile", "/run/test/wrong.cf")], 2, says)]);
    });
}

/// `crm_resource --validate --check-level=10` makes this call, `pcs resource create` and `crm configure` do not.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn validate_all_at_the_level_that_looks_at_this_machine_refuses_wrong_files() {
    let host = node();
    check_rows([("nosuch.cf", "No such file"), ("broken.cf", "scheduler \"x1\"")], |(file, says)| {
        let agent = host.agent("ldirectord").param("configfile", &format!("/run/test/{file}"));
        agent.variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(2).says(says);
    });
    let right = host.agent("ldirectord").param("configfile", "/run/test/right.cf");
    right.variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(0).silent();
}
