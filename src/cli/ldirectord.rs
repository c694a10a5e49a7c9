//! The original's command line: `ldirectord [OPTIONS] [CONFIG] ACTION`, through a link of that name.
//!
//! Exit codes and sentences are those that its users, their scripts and `ocf:heartbeat:ldirectord` know. Other than the
//! original, `start` answers when clients can be served, `stop` when the daemon has ended, and neither `stop` nor `status`
//! needs a configuration that is right.

mod arguments;
mod executed;
mod subject;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use nix::unistd::Pid;

use super::{ExitStatus, FAILURE, SUCCESS, run_daemon};
use crate::agent::health_monitor;
use crate::config::{self, Config, LogTarget};
use crate::daemon::HealthMonitorOptions;
use crate::director::{self, SystemResolver};
use crate::system::RunDir;
use arguments::{Action, Order};
pub use executed::doubts as doubts_of_executed;
use subject::Subject;

/// The configuration is wrong.
const MISCONFIGURED: ExitStatus = 2;
/// `status` of a daemon that does not run.
const STOPPED: ExitStatus = 3;
/// The words are wrong; the original exits with -1.
const MISUSED: ExitStatus = 255;

const USAGE: &str = "Usage: ldirectord [OPTIONS] [CONFIG] start|stop|restart|try-restart|reload|force-reload|status\n\n\
                     CONFIG: a file in /etc/ha.d or /etc/ha.d/conf, or a path; ldirectord.cf when not given\n\n\
                     -d, --debug    stay in the foreground and log to standard error\n\
                     -h, --help     show this\n\
                     -v, --version  show the version\n";

/// Runs one action and answers what the process exits with.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitStatus {
    match arguments::parse(words) {
        Ok(Order::Help) => {
            print(USAGE);
            SUCCESS
        }
        Ok(Order::Version) => {
            print(concat!("ldirectord, which is lvs-agents ", env!("CARGO_PKG_VERSION"), "\n"));
            SUCCESS
        }
        Ok(Order::Act { action, debug, config, executed_by }) => {
            let folder = std::env::current_dir().unwrap_or_default();
            let subject = Subject::find(config, &folder, Path::is_file);
            match executed_by.as_deref().map(Path::new) {
                Some(by) => act_for(by, action, &subject),
                None => act(action, if debug { Mode::Debug } else { Mode::Configured }, &subject),
            }
        }
        Err(mistake) => {
            complain(format_args!("{mistake}\n{}", USAGE.trim_end()));
            MISUSED
        }
    }
}

/// Acts on a file for the health monitor of the one that executes it, which stops later what it has started: so nothing is
/// started that it must not stop.
fn act_for(by: &Path, action: Action, subject: &Subject) -> ExitStatus {
    let obstacle = match action {
        Action::Start if leads_to(subject, by) => format!("it would start {} in turn", by.display()),
        Action::Start if looks_after_another(subject) => "a health monitor of this name runs for something else".into(),
        _ => return act(action, Mode::Daemon, subject),
    };
    complain(format_args!("{}: not started: {obstacle}", subject.shown()));
    MISCONFIGURED
}

/// Where a daemon runs that is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In the foreground, with the log on standard error.
    Debug,
    /// As the configuration says (`supervised`).
    Configured,
    /// In the background, whatever the configuration says: a health monitor that executes a file waits for its start.
    Daemon,
}

fn act(action: Action, mode: Mode, subject: &Subject) -> ExitStatus {
    let pid = match health_monitor::pid(&subject.name) {
        Ok(pid) => pid,
        // It asks again, and says itself what is in its way.
        Err(_) if action == Action::Stop => return stop(subject),
        Err(failure) => return report(Err(failure.to_string())),
    };
    // One of this name that looks after something else is not the daemon of this configuration: a resource of the cluster
    // may have the name of the file, and so may a file in another folder.
    let is_another = pid.is_some() && looks_after_another(subject);
    let pid = pid.filter(|_| !is_another);
    match action {
        Action::Stop if is_another => SUCCESS,
        Action::Start | Action::Restart if is_another => report(Err(format!(
            "{}: start: a health monitor of this name runs already, for something else",
            subject.name
        ))),
        Action::Start => match health_monitor::has_started(&subject.name) {
            Ok(true) => SUCCESS,
            Ok(false) => start(mode, subject),
            Err(failure) => report(Err(failure.to_string())),
        },
        Action::Stop => stop(subject),
        Action::TryRestart if pid.is_none() => SUCCESS,
        // A configuration that is wrong must not end a daemon that serves.
        Action::Restart | Action::TryRestart => match read(subject) {
            Err(status) => status,
            Ok(_) => match stop(subject) {
                SUCCESS => start(mode, subject),
                status => status,
            },
        },
        Action::Reload => reload(pid, subject),
        Action::Status => status(pid, subject),
    }
}

fn looks_after_another(subject: &Subject) -> bool {
    let (Some(config), Some(source)) = (&subject.config, health_monitor::source(&subject.name)) else { return false };
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    whole(config) != whole(&source)
}

fn start(mode: Mode, subject: &Subject) -> ExitStatus {
    let config = match read(subject) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let stream = match (mode, config.global.supervised) {
        (Mode::Debug, _) => Some(LogTarget::Errors),
        (Mode::Configured, true) => Some(LogTarget::Output),
        (Mode::Configured, false) | (Mode::Daemon, _) => None,
    };
    let started = match stream {
        Some(stream) => {
            let options = HealthMonitorOptions {
                configfile: subject.config.clone(),
                logfile: Some(stream),
                executes: true,
                ..HealthMonitorOptions::new(&subject.name, RunDir::system())
            };
            run_daemon(options, false).map_err(|error| format!("{error:#}"))
        }
        None => health_monitor::start(&subject.name, subject.config.as_deref(), &subject.pid_file())
            .map_err(|failure| failure.to_string()),
    };
    report(started)
}

/// A health monitor that was killed could not stop what it executes, and one that ends does not wait for it long.
fn stop(subject: &Subject) -> ExitStatus {
    let executed = executed_of(subject);
    let stopped = report(health_monitor::stop(&subject.name).map_err(|failure| failure.to_string()));
    let others = executed.iter().map(|executed| act(Action::Stop, Mode::Daemon, executed));
    others.fold(stopped, |status, other| if status == SUCCESS { other } else { status })
}

/// What the health monitor executes, or the one that was killed: it follows no line by which a file would start itself.
fn executed_of(subject: &Subject) -> Vec<Subject> {
    let Some(config) = &subject.config else { return Vec::new() };
    let names = health_monitor::executed(&subject.name);
    let named = names.iter().map(|name| executed::subject(name, config));
    named.filter(|executed| !leads_to(executed, config)).collect()
}

fn leads_to(subject: &Subject, file: &Path) -> bool {
    subject.config.as_ref().is_some_and(|config| executed::leads_to(config, file))
}

fn reload(pid: Option<Pid>, subject: &Subject) -> ExitStatus {
    if pid.is_none() {
        print(format_args!("ldirectord is stopped for {}\n", subject.shown()));
        return FAILURE;
    }
    report(health_monitor::reload(&subject.name).map_err(|failure| failure.to_string()))
}

fn status(pid: Option<Pid>, subject: &Subject) -> ExitStatus {
    if let Some(pid) = pid {
        complain(format_args!("ldirectord for {} is running with pid: {pid}", subject.shown()));
        for executed in executed_of(subject) {
            act(Action::Status, Mode::Daemon, &executed);
        }
        return SUCCESS;
    }
    if subject.config.is_none() {
        return not_found(subject);
    }
    print(format_args!("ldirectord is stopped for {}\n", subject.shown()));
    STOPPED
}

/// The configuration; else what the process exits with, after it has said why.
fn read(subject: &Subject) -> Result<Config, ExitStatus> {
    let Some(path) = &subject.config else { return Err(not_found(subject)) };
    let text = director::read_file(path).map_err(|error| {
        complain(format_args!("Can't read {}: {error}", path.display()));
        FAILURE
    })?;
    config::parse_file(&text, &SystemResolver::new()).map_err(|problems| {
        let (pid, file) = (std::process::id(), path.display());
        for config::Problem { origin, text } in problems {
            complain(format_args!("Error [{pid}] reading file {file} at {origin}: {text}"));
        }
        MISCONFIGURED
    })
}

fn not_found(subject: &Subject) -> ExitStatus {
    complain(format_args!("Config file {} not found", subject.named.display()));
    FAILURE
}

fn report(done: Result<(), String>) -> ExitStatus {
    match done {
        Ok(()) => SUCCESS,
        Err(text) => {
            complain(format_args!("ldirectord: {text}"));
            FAILURE
        }
    }
}

/// There is nowhere to report that the streams are closed.
fn print(text: impl Display) {
    let _ = write!(std::io::stdout(), "{text}");
}

fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
