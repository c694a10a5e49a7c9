//! How many files this process may have open (`RLIMIT_NOFILE`).
//!
//! The daemon needs more than the usual soft limit of 1024. The programs that it starts must not get its limit: some
//! close every possible descriptor at start, which takes seconds at a million, and `select(2)` breaks above 1024.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft limit that this process was started with, once it is raised.
static FORMER: OnceLock<rlim_t> = OnceLock::new();

/// Raises the soft limit to the hard one. A kernel that refuses leaves the limit as it is.
pub fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        // The first call counts: at a second one the limit is raised already.
        let _second = FORMER.set(soft);
    }
}

/// How many files this process may have open now.
pub fn limit() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// Lets `command` start with the soft limit that this process was started with.
#[expect(unsafe_code, reason = "what runs between fork and exec is safe or not by what it does alone")]
pub fn lower_limit_of(command: &mut Command) {
    let Some(former) = FORMER.get().copied() else { return };
    let lower = move || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, former.min(hard), hard).map_err(io::Error::from)
    };
    // SAFETY: the closure runs in the child between fork and exec, where only calls that are safe in a signal handler
    // are allowed. It makes two system calls, on values that it owns, and neither allocates nor takes a lock:
    // `io::Error::from` an error number only stores it.
    unsafe { command.pre_exec(lower) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_we_start_has_the_limit_that_we_were_started_with() {
        let before = limit();
        raise_limit();
        raise_limit();
        assert!(limit() >= before);
        let former = FORMER.get().map_or(before, |former| usize::try_from(*former).expect("a limit"));
        let mut command = Command::new("/bin/sh");
        lower_limit_of(command.args(["-c", "ulimit -Sn"]));
        let output = command.output().expect("sh");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), former.to_string());
    }
}
