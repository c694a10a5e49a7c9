//! `lvs-agents install`: the binary, and a link for each agent in pacemaker's resource.d.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::agent::AGENTS;

const BINARY: &str = "usr/sbin/lvs-agents";
const AGENT_FOLDER: &str = "usr/lib/ocf/resource.d/rust";
/// From the folder of the agents to the binary; relative, so that it also holds below another root.
const LINK_TARGET: &str = "../../../../sbin/lvs-agents";

/// Installs below `root`. Everything is looked at before anything is written: what is in the way and not ours stays.
pub fn run(root: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let links: Vec<PathBuf> = AGENTS.iter().map(|(name, _)| root.join(AGENT_FOLDER).join(name)).collect();
    for link in &links {
        refuse_foreign(link)?;
    }
    let binary = root.join(BINARY);
    copy_self(&binary)?;
    writeln!(out, "{}: installed", binary.display())?;
    for link in links {
        make_link(&link)?;
        writeln!(out, "{} -> {LINK_TARGET}", link.display())?;
    }
    Ok(())
}

/// Ours is a link to a file of our name, or nothing at all.
fn refuse_foreign(link: &Path) -> anyhow::Result<()> {
    let name = link.display();
    match fs::symlink_metadata(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{name}: look at it")),
        Ok(_) => {}
    }
    match fs::read_link(link) {
        Ok(target) if target.file_name().is_some_and(|file| file == "lvs-agents") => Ok(()),
        _ => bail!("{name}: replace: it is not a link to lvs-agents; move it away first"),
    }
}

/// A running monitor keeps the old file: the new one takes its name, not its place.
fn copy_self(binary: &Path) -> anyhow::Result<()> {
    let source = std::env::current_exe().context("this program: find its file")?;
    if fs::canonicalize(binary).is_ok_and(|present| present == source) {
        return Ok(());
    }
    let name = binary.display();
    create_parent(binary)?;
    let temporary = binary.with_file_name(format!(".lvs-agents.{}", std::process::id()));
    let copied = fs::copy(&source, &temporary)
        .and_then(|_| fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&temporary, binary));
    copied.with_context(|| format!("{name}: write")).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn make_link(link: &Path) -> anyhow::Result<()> {
    let name = link.display();
    create_parent(link)?;
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{name}: remove"));
        }
        _ => {}
    }
    symlink(LINK_TARGET, link).with_context(|| format!("{name}: link"))
}

fn create_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().context("/: has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("{}: create", parent.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn a_foreign_file_is_refused_before_anything_is_written() {
        let scratch = Scratch::new("install-foreign");
        let foreign = scratch.path().join(AGENT_FOLDER).join("realserver");
        create_parent(&foreign).expect("folder");
        fs::write(&foreign, "somebody's").expect("foreign file");
        let error = run(scratch.path(), &mut io::sink()).expect_err("refused");
        assert!(error.to_string().contains("realserver: replace: it is not a link to lvs-agents"), "{error}");
        assert!(!scratch.path().join(BINARY).exists());
        assert!(!scratch.path().join(AGENT_FOLDER).join("vip").exists());
    }

    #[test]
    fn each_link_leads_to_the_binary_and_a_second_install_is_fine() {
        let scratch = Scratch::new("install");
        for _ in 0..2 {
            run(scratch.path(), &mut io::sink()).expect("install");
            let binary = fs::canonicalize(scratch.path().join(BINARY)).expect("binary");
            for (name, _) in AGENTS {
                let link = scratch.path().join(AGENT_FOLDER).join(name);
                assert_eq!(fs::canonicalize(link).expect(name), binary);
            }
        }
    }
}
