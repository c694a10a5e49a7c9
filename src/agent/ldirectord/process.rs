//! Starts and ends the health monitor's process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{ANSWER_TIME, LdirectordParameters, has_started};
use crate::agent;
use crate::daemon::protocol::{ControlReply, ControlRequest};
use crate::daemon::{ANSWER_READY, SINKS_END, control};
use crate::ocf::{Call, Failure};
use crate::system::{Lock, RunDir, own_program};

/// The part of the action's time limit that is kept for our own answer: at the limit, pacemaker kills us.
const MARGIN: Duration = Duration::from_secs(1);
/// How long a health monitor that was told to end may take to do so: one that is killed while it sends its last mails, or stops
/// what it has executed, leaves that undone.
const PATIENCE: Duration = Duration::from_secs(SINKS_END.as_secs() + 1);
/// The time between two looks at the lock while its holder ends.
const POLL: Duration = Duration::from_millis(10);

/// Starts the health monitor as [`start_process`] does, unless another call does it in this moment: then that start is
/// waited for.
pub fn start(call: &Call, parameters: &LdirectordParameters, pid_file: Option<&Path>) -> Result<(), Failure> {
    let (run_dir, deadline) = (RunDir::system(), Instant::now() + call.timeout.saturating_sub(MARGIN));
    loop {
        match start_process(call, parameters, pid_file) {
            Err(failure) if Instant::now() >= deadline => return Err(failure),
            Err(_) if Lock::is_held(&run_dir.lock(&call.instance))? => {}
            result => return result,
        }
        if has_started(&run_dir, &call.instance, deadline)? {
            return Ok(());
        }
    }
}

/// Starts the health monitor and waits until it says that clients can be served, or why not. It keeps its process
/// number in `pid_file` as long as it lives; only the original's command line wants that, and what `execute` names.
fn start_process(call: &Call, parameters: &LdirectordParameters, pid_file: Option<&Path>) -> Result<(), Failure> {
    let mut command = own_program("lvs-agents: ldirectord");
    let ready_within = (call.timeout / 2).as_secs().to_string();
    command.args(["daemon", "--detach", "--ready-within", &ready_within, &agent::instance_argument(&call.instance)]);
    for (option, value) in [
        ("--configfile", &parameters.configfile),
        ("--logfile", &parameters.logfile),
        ("--metrics", &parameters.metrics),
        ("--observe-group", &parameters.observe_group),
        ("--attribute-dampening", &parameters.attribute_dampening),
    ] {
        if let Some(value) = value {
            command.args([option, value.as_str()]);
        }
    }
    if let Some(path) = pid_file {
        command.arg("--executes").arg("--pid-file").arg(path);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| Failure::io("health monitor: start", &error))?;
    let (sender, answer) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        // A read of a pipe has no time limit of its own; the thread ends with this process.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(pipe).read_line(&mut line);
            sender.send(read.map(|_| line))
        });
    }
    match answer.recv_timeout(call.timeout.saturating_sub(MARGIN)) {
        Ok(Ok(line)) if line.trim_end() == ANSWER_READY => Ok(()),
        Ok(Ok(line)) if !line.is_empty() => {
            wait_for_end(&mut child);
            Err(Failure::generic(format!("health monitor: start: {}", line.trim_end())))
        }
        Ok(Err(error)) => Err(Failure::io("health monitor: wait for its start", &error)),
        Ok(Ok(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(Failure::generic("health monitor: start: it ended without a word; see its log"))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Err(Failure::generic(format!("health monitor: start: not ready within {:?}", call.timeout)))
        }
    }
}

/// Waits for a health monitor that has said why it does not start: the next call shall not find it running.
fn wait_for_end(child: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}

/// Asks the health monitor to end and waits until it is gone; kills it when it does not end. After this no check can
/// change the table any more.
pub fn stop(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let lock = run_dir.lock(&call.instance);
    if !Lock::is_held(&lock)? {
        return Ok(());
    }
    let deadline = Instant::now() + call.timeout.saturating_sub(MARGIN);
    let patience = (deadline - Instant::now()) / 2;
    match control::ask(&run_dir.socket(&call.instance), &ControlRequest::Stop, patience.min(ANSWER_TIME * 2)) {
        Ok(ControlReply::Failed(reason)) => call.log().warning(format!("health monitor: stop: {reason}")),
        Ok(_) => {}
        Err(error) => call.log().warning(format!("health monitor: ask it to stop: {error:#}")),
    }
    // The kill and what comes after it need their share of a short time limit too.
    let left = deadline.saturating_duration_since(Instant::now());
    if !is_gone_by(&lock, Instant::now() + PATIENCE.min(left / 2))? {
        kill_holder(call, &lock)?;
        if !is_gone_by(&lock, deadline)? {
            return Err(Failure::generic(format!("health monitor: kill: {} is still locked", lock.display())));
        }
    }
    Ok(())
}

fn kill_holder(call: &Call, lock: &Path) -> Result<(), Failure> {
    if Lock::kill_holder(lock)? {
        call.log().warning("health monitor: does not end, killed");
    }
    Ok(())
}

fn is_gone_by(lock: &Path, deadline: Instant) -> Result<bool, Failure> {
    while Lock::is_held(lock)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
    Ok(true)
}
