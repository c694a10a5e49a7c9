//! The committed meta-data and links are those of the code.
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

#[test]
fn each_agent_has_its_committed_metadata() {
    assert_eq!(names("heartbeat-metadata"), agents(".xml"));
    for (name, _) in AGENTS {
        let printed = Command::new(env!("CARGO_BIN_EXE_lvs-agents")).args(["meta-data", name]).output().expect("run");
        let file = repository("heartbeat-metadata").join(format!("{name}.xml"));
        let committed = fs::read(&file).expect("committed meta-data");
        assert!(
            printed.status.success() && printed.stdout == committed,
            "{}: differs from the code: lvs-agents meta-data {name} > heartbeat-metadata/{name}.xml",
            file.display()
        );
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
