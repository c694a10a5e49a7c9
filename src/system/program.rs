//! Programs of the host that are asked something, and killed when they do not answer.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The most bytes that are read, more than any question here is answered with; a runaway program is cut off.
const MOST_OUTPUT: usize = 8 * 1024 * 1024;

/// What a program that has ended leaves.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// What it wrote to its standard output, with U+FFFD for what is not UTF-8.
    pub text: String,
    /// Its exit status.
    pub status: ExitStatus,
}

/// Runs a program without input, and waits for it until the deadline; then the program is killed.
///
/// # Errors
/// It fails when the program cannot be started, which is [`ErrorKind::NotFound`] where there is none of this name, writes
/// more than 8 MiB, or does not end in time.
pub fn run(command: &mut Command, deadline: Instant) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = match child.stdout.take() {
        Some(mut pipe) => read_until(&mut pipe, deadline),
        None => Err(io::Error::other("no output")),
    };
    let status = end(&mut child, output.is_err());
    Ok(Output { text: output?, status: status? })
}

/// Reads to the end of the pipe, which is where the program ends.
fn read_until(pipe: &mut ChildStdout, deadline: Instant) -> io::Result<String> {
    let mut output = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Err(io::Error::new(ErrorKind::TimedOut, "no answer in time")),
            Err(Errno::EINTR) => continue,
            Err(cause) => return Err(cause.into()),
            Ok(_) => {}
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(String::from_utf8_lossy(&output).into_owned()),
            Ok(count) => output.extend(buffer.iter().take(count)),
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
        if output.len() > MOST_OUTPUT {
            return Err(io::Error::other("too much output"));
        }
    }
}

/// Waits for the program, killed first unless it has closed its output by itself. A program that keeps running after closing
/// it is killed as well: nothing would end the wait for it.
fn end(child: &mut Child, kill: bool) -> io::Result<ExitStatus> {
    if kill || matches!(child.try_wait(), Ok(None)) {
        // The program may just have ended; then there is nothing to kill.
        let _ = child.kill();
    }
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shell(script: &str, patience: Duration) -> io::Result<Output> {
        run(Command::new("sh").args(["-c", script]), Instant::now() + patience)
    }

    #[test]
    fn a_program_that_ends_leaves_its_output_and_status() {
        let left = shell("echo a; exit 3", Duration::from_secs(20)).expect("it ends");
        assert_eq!((left.text.as_str(), left.status.code()), ("a\n", Some(3)));
    }

    #[test]
    fn a_silent_program_is_killed_and_so_is_one_that_goes_on_without_output() {
        let started = Instant::now();
        let silent = shell("exec sleep 60", Duration::from_millis(100)).expect_err("it is killed");
        assert_eq!((silent.kind(), silent.to_string().as_str()), (ErrorKind::TimedOut, "no answer in time"));
        let left = shell("exec >&-; exec sleep 60", Duration::from_secs(20)).expect("its output ends");
        assert_eq!(left.status.code(), None, "it was killed");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
