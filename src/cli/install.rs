//! `lvs-agents install` puts the binary in its place, and a link for each agent into pacemaker's resource.d.
//!
//! The cluster runs meanwhile: a monitor that finds no agent is answered "not installed", and its resource leaves the
//! node for good. So each name leads to a working program at every moment: a new file takes the name of the old one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::documents::{self, Document};
use crate::agent::AGENTS;

const BINARY: &str = "usr/sbin/lvs-agents";
const AGENT_FOLDER: &str = "usr/lib/ocf/resource.d/rust";
/// The way from the folder of the agents to the binary. It is relative, so that it also holds below another root.
const LINK_TARGET: &str = "../../../../sbin/lvs-agents";
/// The original's command line.
const STAND_IN: &str = "usr/sbin/ldirectord";
const STAND_IN_TARGET: &str = "lvs-agents";
/// What a package of a distribution brings to say that the files are its own (packaging/build).
const PACKAGE_MARK: &str = "usr/share/lvs-agents/package";
/// The mode of programs and folders, whatever the umask: the cluster also runs agents as other users.
const MODE: u32 = 0o755;
/// The mode of what is only read.
const DOCUMENT_MODE: u32 = 0o644;

/// What is installed, and where.
#[derive(Debug, Args)]
pub struct InstallOptions {
    /// Install below this directory, as for a package
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// Make /usr/sbin/ldirectord a link to this binary, as a stand-in for the original's command line
    #[arg(long)]
    replace_ldirectord: bool,
    /// Install manual pages and shell completions too
    #[arg(long)]
    documents: bool,
}

/// A name of the binary.
struct Link {
    path: PathBuf,
    target: &'static str,
}

/// Installs below the root. Everything is looked at before anything is written: a file that is in the way and not ours
/// stays. With `replace_ldirectord`, the link is made that stands in for the original's command line.
pub fn run(options: &InstallOptions, out: &mut impl Write) -> anyhow::Result<()> {
    let root = &options.root;
    let binary = root.join(BINARY);
    let agents = AGENTS.iter().map(|(name, _)| Link { path: root.join(AGENT_FOLDER).join(name), target: LINK_TARGET });
    let stand_in = options.replace_ldirectord.then(|| Link { path: root.join(STAND_IN), target: STAND_IN_TARGET });
    let links: Vec<Link> = agents.chain(stand_in).collect();
    let documents = if options.documents { documents::all(super::command())? } else { Vec::new() };
    refuse_package(root, &binary)?;
    refuse_foreign_program(&binary)?;
    for link in &links {
        refuse_foreign_link(&link.path)?;
    }
    for path in [&binary].into_iter().chain(links.iter().map(|link| &link.path)) {
        create_parent(path)?;
    }
    copy_self(&binary)?;
    for link in &links {
        make_link(link)?;
    }
    for document in &documents {
        write_document(root, document)?;
    }
    // The output may have no reader, and what was done is done.
    let _ = report(&binary, &links, out);
    let _ =
        documents.iter().try_for_each(|document| writeln!(out, "{}: installed", root.join(&document.path).display()));
    Ok(())
}

fn report(binary: &Path, links: &[Link], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: installed", binary.display())?;
    links.iter().try_for_each(|Link { path, target }| writeln!(out, "{} -> {target}", path.display()))
}

/// Refuses to replace files of a package: the package manager would not know, and its next upgrade would undo it.
fn refuse_package(root: &Path, binary: &Path) -> anyhow::Result<()> {
    if is_there(&root.join(PACKAGE_MARK))? {
        bail!("{}: replace: it belongs to the package lvs-agents; upgrade that, or remove it first", binary.display());
    }
    Ok(())
}

/// Refuses a link that is not ours. Ours leads to a file of our name; a missing one is accepted.
fn refuse_foreign_link(link: &Path) -> anyhow::Result<()> {
    if !is_there(link)? {
        return Ok(());
    }
    match fs::read_link(link) {
        Ok(target) if target.file_name().is_some_and(|file| file == "lvs-agents") => Ok(()),
        _ => bail!("{}: replace: it is not a link to lvs-agents; move it away first", link.display()),
    }
}

/// Refuses a program that is not ours. Ours knows where its agents go; a missing one is accepted. The program is not
/// run to ask it: a foreign one would do what it does.
fn refuse_foreign_program(binary: &Path) -> anyhow::Result<()> {
    if !is_there(binary)? || is_of_this_program(binary).unwrap_or(false) {
        return Ok(());
    }
    bail!("{}: replace: it is not the program lvs-agents; move it away first", binary.display())
}

fn is_there(path: &Path) -> anyhow::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        looked => looked.map(|_| true).with_context(|| format!("{}: look at it", path.display())),
    }
}

/// Whether the file is this program, of whatever version: each has the folder of the agents in its text.
fn is_of_this_program(file: &Path) -> io::Result<bool> {
    /// This program is much smaller; a larger file need not be read to its end.
    const LARGEST: u64 = 1 << 30;
    if !fs::symlink_metadata(file)?.is_file() {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST).read_to_end(&mut bytes)?;
    let mark = AGENT_FOLDER.as_bytes();
    Ok(bytes.starts_with(b"\x7fELF") && bytes.windows(mark.len()).any(|part| part == mark))
}

/// Copies this program. A running health monitor keeps the old file: the new one takes its name, not its place.
fn copy_self(binary: &Path) -> anyhow::Result<()> {
    let source = std::env::current_exe().context("this program: find its file")?;
    if fs::canonicalize(binary).is_ok_and(|present| present == source) {
        return Ok(());
    }
    let temporary = temporary(binary);
    let copied = write_copy(&source, &temporary).and_then(|()| fs::rename(&temporary, binary));
    copied.with_context(|| format!("{}: write", binary.display())).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn write_copy(source: &Path, copy: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(copy)?;
    io::copy(&mut File::open(source)?, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    // The name must not be on the disk before the content is: a node that loses power now must have agents when it
    // boots.
    file.sync_all()
}

/// Makes a link. A link that is right stays: to replace it would only risk something.
fn make_link(Link { path, target }: &Link) -> anyhow::Result<()> {
    if fs::read_link(path).is_ok_and(|found| found == Path::new(target)) {
        return Ok(());
    }
    let temporary = temporary(path);
    // An installation that was killed may have left the file.
    let _ = fs::remove_file(&temporary);
    let linked = symlink(target, &temporary).and_then(|()| fs::rename(&temporary, path));
    linked.with_context(|| format!("{}: link", path.display())).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Returns a temporary name in the same folder. It has a dot in front, so that the cluster does not take it for an
/// agent.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Writes a file that is only read. Its name carries the name of this program, so what is there is of another version.
fn write_document(root: &Path, Document { path, content }: &Document) -> anyhow::Result<()> {
    let path = root.join(path);
    create_parent(&path)?;
    let written =
        fs::write(&path, content).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(DOCUMENT_MODE)));
    written.with_context(|| format!("{}: write", path.display()))
}

fn create_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().context("/: has no parent")?;
    create_folder(parent).with_context(|| format!("{}: create", parent.display()))
}

/// Creates a folder with its parents. Folders that exist keep the modes that their owner gave them.
fn create_folder(folder: &Path) -> io::Result<()> {
    // A relative path ends in an empty one, which stands for the working directory.
    if folder.is_dir() || folder.as_os_str().is_empty() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
    }
    match DirBuilder::new().create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made.and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(MODE))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::testing::Scratch;

    fn below(root: &Path) -> InstallOptions {
        InstallOptions { root: root.to_owned(), replace_ldirectord: false, documents: false }
    }

    fn with_stand_in(root: &Path) -> InstallOptions {
        InstallOptions { replace_ldirectord: true, ..below(root) }
    }

    #[test]
    fn a_foreign_file_is_refused_before_anything_is_written() {
        let scratch = Scratch::new("install-foreign");
        let foreign = scratch.path().join(AGENT_FOLDER).join("realserver");
        create_parent(&foreign).expect("folder");
        fs::write(&foreign, "somebody's").expect("foreign file");
        let error = run(&below(scratch.path()), &mut io::sink()).expect_err("refused");
        assert!(error.to_string().contains("realserver: replace: it is not a link to lvs-agents"), "{error}");
        assert!(!scratch.path().join(BINARY).exists());
        assert!(!scratch.path().join(AGENT_FOLDER).join("vip").exists());
    }

    #[test]
    fn a_foreign_program_of_our_name_is_refused_and_stays() {
        let scratch = Scratch::new("install-program");
        let binary = scratch.path().join(BINARY);
        create_parent(&binary).expect("folder");
        let refused = || {
            let error = run(&below(scratch.path()), &mut io::sink()).expect_err("refused");
            assert!(error.to_string().contains("sbin/lvs-agents: replace: it is not the program"), "{error}");
            assert!(!scratch.path().join(AGENT_FOLDER).exists());
        };
        for content in [&b"#!/bin/sh\nexec true\n"[..], b"", b"\x7fELF of another program"] {
            fs::write(&binary, content).expect("foreign program");
            refused();
            assert_eq!(fs::read(&binary).expect("read"), content);
        }
        fs::remove_file(&binary).expect("remove");
        symlink("/bin/true", &binary).expect("link");
        refused();
        fs::remove_file(&binary).expect("remove");
        fs::create_dir(&binary).expect("folder");
        refused();
    }

    #[test]
    fn the_files_of_a_package_are_refused_and_stay() {
        let scratch = Scratch::new("install-package");
        run(&below(scratch.path()), &mut io::sink()).expect("install");
        let (binary, mark) = (scratch.path().join(BINARY), scratch.path().join(PACKAGE_MARK));
        let inode = fs::metadata(&binary).expect("binary").ino();
        create_parent(&mark).expect("folder");
        fs::write(&mark, "deb").expect("mark");
        let error = run(&below(scratch.path()), &mut io::sink()).expect_err("refused");
        assert!(
            error.to_string().contains("sbin/lvs-agents: replace: it belongs to the package lvs-agents;"),
            "{error}"
        );
        assert_eq!(fs::metadata(&binary).expect("binary").ino(), inode);
    }

    #[test]
    fn documents_come_when_asked_for_and_may_be_read_by_everyone() {
        let scratch = Scratch::new("install-documents");
        let page = scratch.path().join("usr/share/man/man8/lvs-agents.8");
        run(&below(scratch.path()), &mut io::sink()).expect("install");
        assert!(!page.exists());
        for _ in 0..2 {
            run(&InstallOptions { documents: true, ..below(scratch.path()) }, &mut io::sink()).expect("install");
            assert_eq!(fs::metadata(&page).expect("page").mode() & 0o777, DOCUMENT_MODE);
        }
    }

    #[test]
    fn each_link_leads_to_the_binary_and_a_second_install_leaves_it_alone() {
        let scratch = Scratch::new("install");
        let mut inodes = Vec::new();
        for _ in 0..2 {
            run(&below(scratch.path()), &mut io::sink()).expect("install");
            let binary = fs::canonicalize(scratch.path().join(BINARY)).expect("binary");
            for (name, _) in AGENTS {
                let link = scratch.path().join(AGENT_FOLDER).join(name);
                assert_eq!(fs::canonicalize(&link).expect(name), binary);
                inodes.push(fs::symlink_metadata(&link).expect(name).ino());
            }
        }
        let (first, second) = inodes.split_at(AGENTS.len());
        assert_eq!(first, second);
    }

    #[test]
    fn the_link_of_the_original_is_made_when_asked_for_and_never_over_a_foreign_file() {
        let scratch = Scratch::new("install-stand-in");
        let stand_in = scratch.path().join(STAND_IN);
        run(&below(scratch.path()), &mut io::sink()).expect("install");
        assert!(!stand_in.exists());
        run(&with_stand_in(scratch.path()), &mut io::sink()).expect("install");
        assert_eq!(fs::canonicalize(&stand_in).expect("link"), scratch.path().join(BINARY));
        fs::remove_file(&stand_in).expect("remove");
        fs::write(&stand_in, "#!/usr/bin/perl\n").expect("the original");
        let error = run(&with_stand_in(scratch.path()), &mut io::sink()).expect_err("refused");
        assert!(error.to_string().contains("sbin/ldirectord: replace: it is not a link to lvs-agents"), "{error}");
    }

    /// A monitor in such a moment would be answered "not installed", which bans the resource from the node.
    #[test]
    fn a_link_that_is_replaced_is_never_missing() {
        let scratch = Scratch::new("install-gap");
        run(&below(scratch.path()), &mut io::sink()).expect("install");
        let link = scratch.path().join(AGENT_FOLDER).join("vip");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    // This is another way to the same program, as an older version wrote it.
                    let old = temporary(&link).with_extension("old");
                    symlink("../../../../sbin/../sbin/lvs-agents", &old)
                        .and_then(|()| fs::rename(&old, &link))
                        .expect("old");
                    make_link(&Link { path: link.clone(), target: LINK_TARGET }).expect("new");
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                assert!(fs::symlink_metadata(&link).is_ok(), "the link is missing");
            }
        });
    }

    #[test]
    fn the_parent_of_a_relative_root_is_the_working_directory() {
        let parent = Path::new("relative").parent().expect("parent");
        create_folder(parent).expect("it is there");
    }

    #[test]
    fn output_that_cannot_be_written_does_not_fail_the_install() {
        struct ClosedOutput;
        impl Write for ClosedOutput {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let scratch = Scratch::new("install-closed");
        run(&below(scratch.path()), &mut ClosedOutput).expect("install");
        for (name, _) in AGENTS {
            assert!(scratch.path().join(AGENT_FOLDER).join(name).exists(), "{name}");
        }
    }
}
