//! Kernel settings under /proc/sys, of the network namespace of this process.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::FileError;
use crate::model::Sysctl;

fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name)
}

/// Whether this kernel has the setting, and lets it be seen.
pub fn exists(name: &str) -> bool {
    path(name).exists()
}

/// Returns the present value, without its final newline.
pub fn read(name: &str) -> Result<String, FileError> {
    let path = path(name);
    let text = fs::read_to_string(&path).map_err(|cause| FileError::new(&path, "read", cause))?;
    Ok(text.trim_end().into())
}

/// Writes a value.
pub fn write(name: &str, value: &str) -> Result<(), FileError> {
    let path = path(name);
    fs::write(&path, value).map_err(|cause| FileError::new(&path, "write", cause))
}

/// Sets the value unless the setting has it already. Returns the former value if it was changed.
pub fn ensure(sysctl: &Sysctl) -> Result<Option<String>, FileError> {
    let former = match read(sysctl.name) {
        Err(error) if sysctl.optional && error.cause.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    if former == sysctl.value {
        return Ok(None);
    }
    write(sysctl.name, sysctl.value)?;
    Ok(Some(former))
}

/// Sets `name` back from our value `set` to the value `former` that it had before. A value that was changed since by
/// another program stays. An interface that is gone has taken its settings along. Returns whether the setting was set
/// back.
pub fn set_back(name: &str, set: &str, former: &str) -> Result<bool, FileError> {
    let is_ours = read(name).is_ok_and(|present| present == set);
    if is_ours {
        write(name, former)?;
    }
    Ok(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_lacks_matters_only_where_it_is_required() {
        assert_eq!(ensure(&Sysctl::optional("net/ipv4/nosuch", "1")).expect("harmless"), None);
        let error = ensure(&Sysctl::required("net/ipv4/nosuch", "1")).expect_err("missing");
        assert!(error.to_string().starts_with("/proc/sys/net/ipv4/nosuch: read: "), "{error}");
    }
}
