//! Passwords that stand in files of their own, so that neither a configuration nor the cluster's has them.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::{group, open_regular};

/// Where pacemaker keeps secrets, each on every node, in a file named after the parameter in a folder named after the resource
/// (`PCMK__CIB_SECRETS_DIR`; `crm resource secret`, `cibsecret`).
const CLUSTER_SECRETS: &str = "/var/lib/pacemaker/lrm/secrets";

/// What the cluster's configuration has in the place of a secret. Pacemaker gives an agent the secret itself; who reads the
/// configuration sees this.
const IN_CLUSTER: &str = "lrm://";

/// The group of pacemaker's administrators, who may read the cluster's secrets anyway.
const CLUSTER_GROUP: &str = "haclient";

/// Longer than any password.
const LARGEST: u64 = 4096;

/// Returns the first line of a file that holds a secret and nothing else.
///
/// # Errors
/// Says why the file cannot be used: it cannot be read, or others than its owner, root and the cluster's administrators can.
pub fn read(path: &Path) -> Result<String, String> {
    let file = open_regular(path).map_err(|cause| format!("open: {cause}"))?;
    let metadata = file.metadata().map_err(|cause| format!("look at: {cause}"))?;
    let administrators = group::number(CLUSTER_GROUP).ok().flatten();
    judge(&metadata, Uid::effective().as_raw(), administrators)?;
    secret_of(&text_of(file)?)
}

/// Puts the secrets of a resource in their places, where the cluster's configuration has `lrm://`. Pacemaker does the same
/// for agents where it was built so.
///
/// # Errors
/// Names the parameter whose secret is not on this node, or must not be used, and the command that puts it there.
pub fn reveal(resource: &str, parameters: &mut [(&'static str, String)]) -> Result<(), String> {
    for (name, value) in parameters.iter_mut().filter(|(_, value)| value == IN_CLUSTER) {
        *value = of_resource(resource, name).map_err(|cause| format!("{name}: {cause}"))?;
    }
    Ok(())
}

fn of_resource(resource: &str, parameter: &str) -> Result<String, String> {
    // An instance of a clone has the secret of its resource.
    let resource = resource.split(':').next().unwrap_or(resource);
    let path: PathBuf = [CLUSTER_SECRETS, resource, parameter].iter().collect();
    read(&path).map_err(|cause| {
        let path = path.display();
        format!(
            "its secret, {path}: {cause} (crm resource secret {resource} set {parameter} VALUE puts it on every node)"
        )
    })
}

fn judge(metadata: &Metadata, own: u32, administrators: Option<u32>) -> Result<(), String> {
    const ROOT: u32 = 0;
    if !metadata.is_file() {
        return Err("not a regular file".into());
    }
    let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o777);
    let is_group_trusted = group == ROOT || administrators == Some(group);
    let fix = "chown root and chmod 600 mend it";
    if owner != ROOT && owner != own {
        Err(format!("it belongs to user {owner}, who can change it ({fix})"))
    } else if mode & 0o007 != 0 {
        Err(format!("every user may use it, its mode is {mode:o} ({fix})"))
    } else if mode & 0o020 != 0 || (mode & 0o070 != 0 && !is_group_trusted) {
        let group = group::name(group);
        Err(format!(
            "group {group} may use it, its mode is {mode:o}: only root and {CLUSTER_GROUP} may read it ({fix})"
        ))
    } else {
        Ok(())
    }
}

fn text_of(file: File) -> Result<String, String> {
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|cause| format!("read: {cause}"))?;
    if text.len() as u64 > LARGEST { Err(format!("larger than {LARGEST} bytes: no password")) } else { Ok(text) }
}

/// Nothing of the text is ever shown: it may be a password with a mistake.
fn secret_of(text: &str) -> Result<String, String> {
    // Editors of Windows put a byte order mark before the text, which nobody sees.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("it is empty".into());
    }
    if line.contains(char::is_control) {
        return Err("expected one line, and no control character in it".into());
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::{Scratch, check_rows};

    fn file(scratch: &Scratch, text: &str, mode: u32) -> PathBuf {
        let path = scratch.path().join(format!("{mode:o}"));
        std::fs::write(&path, text).expect("write");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        path
    }

    #[test]
    fn a_file_that_others_may_use_is_refused_whatever_is_in_it() {
        let scratch = Scratch::new("secret-modes");
        let own = Uid::effective().as_raw();
        let group = std::fs::metadata(scratch.path()).expect("metadata").gid();
        check_rows(
            [
                (0o600, Some(group), true),
                (0o400, None, true),
                (0o640, Some(group), true),
                (0o604, Some(group), false),
                (0o602, Some(group), false),
                (0o660, Some(group), false),
                (0o644, Some(group), false),
            ],
            |(mode, administrators, is_right)| {
                let metadata = std::fs::metadata(file(&scratch, "x", mode)).expect("metadata");
                let judged = judge(&metadata, own, administrators);
                assert_eq!(judged.is_ok(), is_right, "{judged:?}");
            },
        );
        let metadata = std::fs::metadata(file(&scratch, "x", 0o640)).expect("metadata");
        if group != 0 {
            assert!(judge(&metadata, own, None).is_err_and(|cause| cause.contains("may use it, its mode is 640")));
        }
        if own != 0 {
            assert!(judge(&metadata, own + 1, None).is_err_and(|cause| cause.starts_with("it belongs to user")));
        }
        let folder = std::fs::metadata(scratch.path()).expect("metadata");
        assert_eq!(judge(&folder, own, None), Err("not a regular file".into()));
    }

    #[test]
    fn the_secret_is_the_only_line_and_no_message_shows_it() {
        let scratch = Scratch::new("secret-text");
        check_rows(
            [
                ("s3cret", Ok("s3cret")),
                ("s3cret\n", Ok("s3cret")),
                ("\u{feff}s3cret\r\n", Ok("s3cret")),
                ("\u{feff}\n", Err("it is empty")),
                (" s3 \"cret\r\n", Ok(" s3 \"cret")),
                ("", Err("it is empty")),
                ("\n", Err("it is empty")),
                ("s3cret\nmore", Err("expected one line, and no control character in it")),
                ("s3\0cret", Err("expected one line, and no control character in it")),
            ],
            |(text, expected)| {
                let found = read(&file(&scratch, text, 0o600));
                assert_eq!(found.as_deref().map_err(String::as_str), expected);
            },
        );
        let long = "x".repeat(5000);
        assert!(read(&file(&scratch, &long, 0o600)).is_err_and(|cause| cause.starts_with("larger")));
        assert!(read(&scratch.path().join("missing")).is_err_and(|cause| cause.starts_with("open: No such file")));
    }

    #[test]
    fn a_secret_of_the_cluster_that_is_missing_says_how_it_gets_there() {
        let said = |value: &str| [("login", "monitor".to_owned()), ("passwd", value.to_owned())];
        let mut plain = said("lrm:/");
        assert_eq!(reveal("there-is-none", &mut plain), Ok(()));
        assert_eq!(plain, said("lrm:/"));
        let cause = reveal("there-is-none:0", &mut said(IN_CLUSTER)).expect_err("missing");
        assert!(
            cause.starts_with("passwd: its secret, /var/lib/pacemaker/lrm/secrets/there-is-none/passwd: open: "),
            "{cause}"
        );
        assert!(cause.contains("crm resource secret there-is-none set passwd VALUE"), "{cause}");
    }
}
