//! Kernel settings under /proc/sys, of the network namespace of this process.

use std::fs;
use std::path::PathBuf;

use super::FileError;
use crate::model::Sysctl;

fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name)
}

/// Whether this kernel has it, and lets it be seen.
pub fn exists(name: &str) -> bool {
    path(name).exists()
}

/// The present value, without its final newline.
pub fn read(name: &str) -> Result<String, FileError> {
    let path = path(name);
    let text = fs::read_to_string(&path).map_err(|cause| FileError::new(&path, "read", cause))?;
    Ok(text.trim_end().into())
}

pub fn write(name: &str, value: &str) -> Result<(), FileError> {
    let path = path(name);
    fs::write(&path, value).map_err(|cause| FileError::new(&path, "write", cause))
}

/// Sets it unless it has the value already; the former value if it was changed.
pub fn ensure(sysctl: &Sysctl) -> Result<Option<String>, FileError> {
    let former = read(sysctl.name)?;
    if former == sysctl.value {
        return Ok(None);
    }
    write(sysctl.name, sysctl.value)?;
    Ok(Some(former))
}
