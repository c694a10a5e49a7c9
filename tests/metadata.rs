//! The committed meta-data, manual pages and links are those of the code.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

use std::fs;
use std::path::Path;
use std::process::Command;

use lvs_agents::agent::AGENTS;

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names of the files in a folder, in order.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(repository(folder)).expect(folder);
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect(folder).file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn agents(suffix: &str) -> Vec<String> {
    let mut names: Vec<String> = AGENTS.iter().map(|(name, _)| format!("{name}{suffix}")).collect();
    names.sort();
    names
}

/// The folder has one file for each agent, which is what `lvs-agents meta-data NAME --format FORMAT` prints.
fn assert_is_printed(folder: &str, suffix: &str, format: &str) {
    assert_eq!(names(folder), agents(suffix));
    for (name, _) in AGENTS {
        let words = ["meta-data", name, "--format", format];
        let printed = Command::new(env!("CARGO_BIN_EXE_lvs-agents")).args(words).output().expect("run");
        let file = format!("{folder}/{name}{suffix}");
        let committed = fs::read(repository(&file)).expect(&file);
        let remedy = format!("lvs-agents {} > {file}", words.join(" "));
        assert!(printed.status.success() && printed.stdout == committed, "{file}: differs from the code: {remedy}");
    }
}

#[test]
fn each_agent_has_its_committed_metadata() {
    assert_is_printed("heartbeat-metadata", ".xml", "xml");
}

#[test]
fn each_agent_has_its_committed_manual_page() {
    assert_is_printed("docs/agents", ".md", "markdown");
}

/// A line of source that was continued wrongly shows as a row of blanks.
#[test]
fn no_text_has_two_blanks_in_a_row() {
    for file in agents(".xml") {
        let text = fs::read_to_string(repository("heartbeat-metadata").join(&file)).expect(&file);
        let wrong: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("  ")).collect();
        assert_eq!(wrong, [""; 0], "{file}");
    }
}

#[test]
fn each_agent_has_its_committed_link() {
    let folder = "ocf/resource.d/rust";
    assert_eq!(names(folder), agents(""));
    for name in names(folder) {
        let target = fs::read_link(repository(folder).join(&name)).expect("a link");
        assert_eq!(target, Path::new("../../../../sbin/lvs-agents"), "{name}");
    }
}
