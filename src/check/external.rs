//! A program of the administrator decides.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::attempt::{Attempt, Subject};
use super::failure::{CheckFailure, FailureKind, system_text};
use super::kind::{Ask, BY_CHECKTYPE, Burden, CheckKind, Need, Port};
use crate::model::{Check, Field, Question};
use crate::system::descriptors;

/// How long a killed program may take to vanish. Only one that hangs in the kernel (a dead NFS server) needs longer;
/// the runtime reaps it then.
const REAP: Duration = Duration::from_millis(500);

pub(super) const KIND: CheckKind = CheckKind {
    name: "external",
    port: Port::Told,
    fields: &[(Field::Checkcommand, Need::Default("/bin/true"))],
    burden: Burden::Program,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check, None)))),
    ..BY_CHECKTYPE
};

/// A Perl script with the same arguments. ldirectord ran it inside itself; ours is static and starts `perl SCRIPT`, which
/// needs neither an executable file nor a first line `#!`, and heeds that line where there is one.
pub(super) const PERL: CheckKind =
    CheckKind { name: "external-perl", ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check, Some("perl"))))), ..KIND };

/// Runs the command without a shell, in `/`, with the environment and the limits that the daemon was started with and
/// nothing on its standard streams; exit status 0 is success. At the deadline its whole process group is killed.
///
/// ldirectord took death by signal for success and sent SIGTERM to the child only: crashed scripts kept dead servers
/// in, and grandchildren stayed.
async fn ask(check: &Check, interpreter: Option<&str>) -> Result<(), CheckFailure> {
    let Question { kind, checkcommand, arguments, .. } = &*check.question;
    let subject = format!("{kind} {checkcommand}");
    let attempt = Attempt::about(Subject::Other(&subject), check.timeout);
    let mut group = Group::spawn(interpreter, checkcommand, arguments).map_err(|error| {
        let cause = match interpreter {
            Some(interpreter) => format!("start {interpreter}: {}", system_text(&error)),
            None => format!("start: {}{}", system_text(&error), spawn_hint(&error)),
        };
        attempt.failure(FailureKind::Internal, cause)
    })?;
    match attempt.step("", group.child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(attempt.failure(FailureKind::Answer, describe(status))),
        Ok(Err(error)) => Err(attempt.io_failure("wait", &error)),
        Err(_elapsed) => {
            group.kill();
            let _reaped = tokio::time::timeout(REAP, group.child.wait()).await;
            let cause = format!("no result within {} (killed with its process group)", attempt.timeout_text());
            Err(attempt.silence("", cause))
        }
    }
}

/// A child that leads its own process group, which is killed when the check is dropped before the child has ended.
struct Group {
    child: Child,
}

impl Group {
    fn spawn(interpreter: Option<&str>, command: &str, arguments: &[String]) -> io::Result<Self> {
        let words = interpreter.into_iter().chain([command]).chain(arguments.iter().map(String::as_str));
        let mut words = words.collect::<Vec<_>>().into_iter();
        let mut command = std::process::Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        descriptors::lower_limit_of(&mut command);
        let child = Command::from(command).kill_on_drop(true).spawn()?;
        Ok(Self { child })
    }

    /// Does nothing once the child is reaped: its number may then belong to somebody else.
    fn kill(&self) {
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // Fails only when the group is gone, which is what we want.
            let _gone = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("killed by signal {number} ({signal})"),
            Err(_) => format!("killed by signal {number}"),
        },
        (None, None) => status.to_string(),
    }
}

fn spawn_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => " (checkcommand must be a full path; a script's #! interpreter must exist too)",
        Some(Errno::EACCES) => " (is it executable?)",
        Some(Errno::ENOEXEC) => " (a script must begin with #!)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::*;
    use super::*;

    async fn run(command: &str, arguments: &[&str], timeout: Duration) -> Result<(), CheckFailure> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let question = Question { checkcommand: command.into(), arguments, ..Question::of("external") };
        ask(&check(question, ([127, 0, 0, 1], 9).into(), timeout), None).await
    }

    async fn shell(script: &str, timeout: Duration) -> Result<(), CheckFailure> {
        run("/bin/sh", &["-c", script, "check", "10.0.0.1"], timeout).await
    }

    async fn text(script: &str) -> String {
        shell(script, PATIENT).await.expect_err(script).to_string()
    }

    #[tokio::test]
    async fn the_exit_status_decides() {
        shell("exit 0", PATIENT).await.expect("status 0");
        assert_eq!(text("exit 3").await, "external /bin/sh: exit status 3");
        assert_eq!(text("kill -SEGV $$").await, "external /bin/sh: killed by signal 11 (SIGSEGV)");
        assert_eq!(text("kill -TERM $$").await, "external /bin/sh: killed by signal 15 (SIGTERM)");
    }

    /// What a Perl script of those people must be is what ldirectord's own evaluation takes: any file with Perl in it.
    #[tokio::test]
    async fn a_perl_script_needs_no_permission_and_no_first_line_and_its_end_is_success() {
        let directory = tempdir::Directory::new();
        let script = directory.file("check.pl");
        let arguments = ["10.0.0.9", "80", "10.0.0.1", "8080"].map(str::to_owned).to_vec();
        for (text, wanted) in [
            ("exit(join(' ', @ARGV) ne '10.0.0.9 80 10.0.0.1 8080');", Ok(())),
            ("my $no_exit = 1;", Ok(())),
            ("exit 3;", Err("exit status 3")),
            ("die 'no';", Err("exit status 255")),
            ("this is no Perl (", Err("exit status 255")),
            ("kill 'KILL', $$; sleep 9;", Err("killed by signal 9 (SIGKILL)")),
        ] {
            std::fs::write(&script, text).expect("write");
            let question = Question {
                checkcommand: script.clone(),
                arguments: arguments.clone(),
                ..Question::of("external-perl")
            };
            let result = crate::check::run(&check(question, ([127, 0, 0, 1], 9).into(), PATIENT)).await;
            let wanted = wanted.map_err(|cause| format!("external-perl {script}: {cause}"));
            assert_eq!(result.map(drop).map_err(|failure| failure.to_string()), wanted, "{text}");
        }
    }

    #[tokio::test]
    async fn it_runs_in_the_root_directory_with_its_arguments_and_no_input() {
        shell(r#"test "$(pwd)" = / && test "$1" = 10.0.0.1 && ! read word"#, PATIENT).await.expect("as promised");
    }

    #[tokio::test]
    async fn it_does_not_inherit_the_raised_limit_of_open_files() {
        // In a process of its own: the limit belongs to the whole process, and other tests run in this one.
        if !is_inside() {
            let name = "external::tests::it_does_not_inherit_the_raised_limit_of_open_files";
            return run_again(name, &["sh", "-c", "ulimit -Sn 200 && exec \"$@\"", "sh"]);
        }
        descriptors::raise_limit();
        assert!(descriptors::limit() > 200);
        shell("test $(ulimit -Sn) = 200", PATIENT).await.expect("the former limit");
    }

    #[tokio::test]
    async fn a_program_that_cannot_start_is_a_failure_that_says_why() {
        let missing = run("/nonexistent/check", &[], PATIENT).await.expect_err("missing");
        assert_eq!(missing.kind(), FailureKind::Internal);
        assert!(missing.to_string().starts_with("external /nonexistent/check: start: no such file or directory ("));
        let directory = run("/etc", &[], PATIENT).await.expect_err("a directory");
        assert!(directory.to_string().contains("permission denied (is it executable?)"), "{directory}");
    }

    /// Starts a script that ignores SIGTERM and has a child that does too; gives the process numbers of both.
    fn stubborn(directory: &tempdir::Directory) -> String {
        let file = directory.file("pids");
        format!("trap '' TERM; sleep 600 & echo $$ $! > {0}.new; mv {0}.new {0}; while :; do sleep 600; done", file)
    }

    fn pids(directory: &tempdir::Directory) -> Option<Vec<i32>> {
        let text = std::fs::read_to_string(directory.file("pids")).ok()?;
        Some(text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    }

    fn is_running(pid: i32) -> bool {
        // A zombie is dead: only whoever inherited it can reap it.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| !rest.starts_with('Z')))
    }

    async fn assert_gone(pids: Vec<i32>) {
        assert_eq!(pids.len(), 2, "{pids:?}");
        let deadline = Instant::now() + PATIENT;
        while pids.iter().any(|pid| is_running(*pid)) {
            assert!(Instant::now() < deadline, "still running: {pids:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn at_the_deadline_the_whole_process_group_is_killed() {
        let directory = tempdir::Directory::new();
        let script = stubborn(&directory);
        let ask = async || shell(&script, SECOND * 2).await.expect_err("never ends");
        let failure = ends_within(SECOND * 4, ask).await;
        assert_eq!(failure.kind(), FailureKind::Timeout);
        assert_eq!(failure.to_string(), "external /bin/sh: no result within 2 s (killed with its process group)");
        assert_gone(pids(&directory).expect("the script ran")).await;
    }

    #[tokio::test]
    async fn a_dropped_check_leaves_no_process() {
        let directory = tempdir::Directory::new();
        let script = stubborn(&directory);
        let check = tokio::spawn(async move { shell(&script, Duration::from_secs(600)).await });
        let deadline = Instant::now() + PATIENT;
        while pids(&directory).is_none() {
            assert!(Instant::now() < deadline, "the script did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        check.abort();
        assert_gone(pids(&directory).expect("the script ran")).await;
    }

    mod tempdir {
        use std::path::PathBuf;

        /// Removed with its contents when dropped.
        pub struct Directory(PathBuf);

        impl Directory {
            pub fn new() -> Self {
                let template = std::env::temp_dir().join("lvs-agents-check.XXXXXX");
                Self(nix::unistd::mkdtemp(&template).expect("temporary directory"))
            }

            pub fn file(&self, name: &str) -> String {
                self.0.join(name).display().to_string()
            }
        }

        impl Drop for Directory {
            fn drop(&mut self) {
                let _ = std::fs::remove_dir_all(&self.0);
            }
        }
    }
}
