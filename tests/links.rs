//! What the built binary is under which name, in which folder.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::process::Command;

use common::rows::check_rows;
use common::{AGENTS, Host, Outcome};

/// A folder in which no link is an agent.
const FOLDER: &str = "/run/test/sbin";

fn host() -> Host {
    let host = Host::new();
    host.sh(&format!("mkdir {FOLDER} && cp -P {AGENTS}/* {FOLDER}"));
    host
}

fn shell(host: &Host, script: &str) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Outcome::new(script.to_owned(), host.run(command))
}

#[test]
fn a_link_in_the_folder_of_agents_is_the_agent_however_it_is_called() {
    let host = host();
    check_rows(
        [format!("{AGENTS}/vip"), format!("cd {AGENTS} && ./vip"), format!("cd {AGENTS}/.. && rust/vip")],
        |called| {
            let metadata = shell(&host, &format!("{called} meta-data")).expect(0).stdout;
            assert!(metadata.contains("<resource-agent name=\"vip\""), "{called}: {metadata}");
        },
    );
}

#[test]
fn a_link_of_that_name_in_another_folder_is_the_command_line() {
    let host = host();
    check_rows(["vip", "lvs", "realserver"], |name| {
        shell(&host, &format!("{FOLDER}/{name} --version")).expect(0);
        let refused = shell(&host, &format!("cd {FOLDER} && ./{name} monitor")).expect(2);
        assert!(refused.stderr.contains("unrecognized subcommand"), "{name}: {}", refused.stderr);
    });
}

/// The cluster calls agents for their meta-data as another user, and installers have all kinds of masks.
#[test]
fn what_is_installed_can_be_run_by_everybody_whatever_the_umask_and_the_output() {
    let host = Host::new();
    let binary = env!("CARGO_BIN_EXE_lvs-agents");
    shell(&host, &format!("umask 077 && {binary} install --root /run/test/root >/dev/full")).expect(0);
    let found = host.sh("cd /run/test/root && find . -mindepth 1 -not -type l -printf '%m %p\\n'");
    let closed: Vec<&str> = found.lines().filter(|line| !line.starts_with("755 ")).collect();
    assert_eq!(closed, [""; 0]);
    shell(&host, "/run/test/root/usr/lib/ocf/resource.d/rust/vip meta-data").expect(0);
    assert_eq!(host.sh("find /run/test/root -name '.*'"), "");
}
