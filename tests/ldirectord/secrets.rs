//! A password is in files of mode 0600 and in the traffic to the real server, and nowhere else.

use super::common::agent::AGENT_LOG;
use super::common::server::Server;
use super::common::until;
use super::{CONFIG, LOG, TWO, config, host, ldirectord};

const PASSWORD: &str = "hunter2";

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_password_is_in_no_message_log_record_or_command_line() {
    let mysql = "checktype=negotiate\nservice=mysql\nlogin=\"check\"\npasswd=\"hunter2\"\nrequest=\"SELECT 1\"";
    let host = host("");
    host.write(CONFIG, &config("autoreload=yes\n", mysql));
    // The server speaks no MySQL: the check fails in the middle of the conversation.
    let _two = Server::start(&host, TWO);
    let ldirectord = ldirectord(&host).variable("HA_debug", "1").variable("HA_DEBUGLOG", "/var/log/debug.log");
    ldirectord.start();
    let mut said = ldirectord.monitor().expect(0).stderr;
    host.replace(CONFIG, &config("autoreload=yes\n", &mysql.replace("passwd=", "password=")));
    let degraded = until("degraded", || Some(ldirectord.monitor()).filter(|answer| answer.code == Some(190)));
    said += &degraded.stderr;
    said += &ldirectord.clone().instance("other").run("start").expect(2).stderr;
    for arguments in [&["status"][..], &["status", "--json"], &["check-config", CONFIG]] {
        let outcome = host.tool(arguments);
        said += &(outcome.stdout + &outcome.stderr);
    }
    for (_, line) in host.processes() {
        said += &line;
    }
    for file in [LOG, AGENT_LOG, "/var/log/debug.log", "/run/lvs-agents/monitors/my-ldirectord.json"] {
        let text = host.read(file);
        assert!(!text.is_empty() || file.contains("debug"), "{file}");
        said += &text;
    }
    assert!(said.contains("10.9.1.2:80") && !said.contains(PASSWORD), "{said}");
    let environments = host.sh("cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -c hunter2 || true");
    assert_eq!(environments.trim(), "0");
}
