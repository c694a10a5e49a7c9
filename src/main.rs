//! One binary, several names: called through a link in `resource.d/rust` it is that agent, else the command line.
//!
//! The standard library's own start of a program is left out: to find the end of the stack it reads /proc/self/maps,
//! which is a fifteenth of the time of a monitor, and pacemaker starts one every few seconds for each resource. What
//! else that start does is done here.
#![no_main]
#![expect(unsafe_code, reason = "what the standard library does before its own main is done here")]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};

use lvs_agents::cli::{self, CalledAs, ExitStatus};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};

/// The usual exit code of a panic.
const PANICKED: i32 = 101;

/// The program's entry, called by the C library, which has kept the arguments for [`std::env::args_os`].
#[unsafe(no_mangle)]
pub extern "C" fn main(_count: i32, _arguments: *const *const u8) -> i32 {
    open_standard_streams();
    // A reader that went away is an error of the write, not the end of the program.
    // SAFETY: to ignore a signal runs no code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    let code = std::panic::catch_unwind(run).map_or(PANICKED, i32::from);
    // Each line is written when it ends; the last one may not have ended.
    let _ = std::io::stdout().flush();
    code
}

fn run() -> ExitStatus {
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let called = Path::new(&called);
    let folder = if called.is_absolute() { PathBuf::new() } else { std::env::current_dir().unwrap_or_default() };
    match cli::called_as(called, &folder) {
        CalledAs::Agent(agent) => cli::run_agent(agent, arguments.next().as_deref()),
        CalledAs::Ldirectord => cli::run_as_ldirectord(arguments),
        CalledAs::CommandLine => cli::run(),
    }
}

/// Opens the standard streams that the caller has closed: the next file or socket to be opened would take their place,
/// and what is meant for a person would be written into it.
fn open_standard_streams() {
    for descriptor in 0..3 {
        // SAFETY: the call only asks whether the number is that of an open descriptor, which it need not be.
        let asked = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        if asked == -1
            && Errno::last() == Errno::EBADF
            && let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null")
        {
            // The file takes the lowest free number, which is this one.
            let _ = null.into_raw_fd();
        }
    }
}
