//! The way from argv\[1\] and the environment to an exit code: the frame reads the call, asks the agent and reports the
//! answer.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};

use super::call::{Call, Note};
use super::description::Description;
use super::environment::Environment;
use super::failure::Failure;
use super::log::{Level, fold};
use super::trace::Trace;
use super::{Action, Agent, ExitCode, Status, ValidationLevel};

/// The prefix of the exit reason when the cluster names none (`OCF_EXIT_REASON_PREFIX`).
const REASON_PREFIX: &str = "ocf-exit-reason:";
/// The longest exit reason, in characters. It is stored in the CIB for every failed operation; the log has the whole
/// text.
const REASON_LENGTH: usize = 1000;

/// Where the answer goes.
pub struct Output<'a> {
    /// Meta-data and usage.
    pub out: &'a mut dyn Write,
    /// The exit reason, one line.
    pub err: &'a mut dyn Write,
    /// Whether a person watches stderr: log lines go there instead of to syslog.
    pub is_terminal: bool,
}

/// The answer to one action.
struct ActionAnswer {
    code: ExitCode,
    /// The reason for people, in "Failed Resource Actions". `None` where there is nothing to explain.
    reason: Option<String>,
}

impl ActionAnswer {
    const SUCCESS: Self = Self { code: ExitCode::Success, reason: None };

    fn of(call: &Call, result: Result<(), Failure>) -> Self {
        result.map_or_else(|failure| Self::failed(call, &failure), |()| Self::SUCCESS)
    }

    fn failed(call: &Call, failure: &Failure) -> Self {
        Self { code: failure.exit_code(call.action, call.is_probe), reason: Some(failure.to_string()) }
    }
}

/// Calls [`run`] with the environment and the streams of this process.
pub fn main(agent: &dyn Agent, action: Option<&OsStr>) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let is_terminal = err.is_terminal();
    run(agent, action, &Environment::of_process(), &mut Output { out: &mut out, err: &mut err, is_terminal })
}

/// Runs one action of `agent` and returns the exit code of the process. `action` is argv\[1\]; what follows it is
/// ignored. The exit reason, if there is one, is the single line of stderr.
pub fn run(agent: &dyn Agent, action: Option<&OsStr>, environment: &Environment, output: &mut Output<'_>) -> ExitCode {
    let description = agent.description();
    let known = action.and_then(OsStr::to_str).and_then(Action::from_name).filter(|action| description.offers(*action));
    match known {
        None => refuse(description, action, environment, output),
        Some(Action::MetaData) => print(output, &description.metadata()),
        Some(Action::Usage) => print(output, &usage(description)),
        Some(action) => call(agent, action, environment, output),
    }
}

/// Prints the text. A reader that went away, as in `agent meta-data | head -1`, is an error of the write and not a
/// reason to panic.
fn print(output: &mut Output<'_>, text: &str) -> ExitCode {
    match output.out.write_all(text.as_bytes()).and_then(|()| output.out.flush()) {
        Ok(()) => ExitCode::Success,
        Err(_) => ExitCode::Generic,
    }
}

fn usage(description: &Description) -> String {
    let actions: Vec<_> = description.all_actions().map(|advice| advice.action.name()).collect();
    let mut distinct: Vec<&str> = Vec::new();
    for name in actions {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    format!(
        "usage: {} {{{}}}\n\n{}\nParameters are read from the environment, as OCF_RESKEY_<name>; the meta-data lists them.\n",
        description.name,
        distinct.join("|"),
        description.short
    )
}

fn refuse(
    description: &Description,
    action: Option<&OsStr>,
    environment: &Environment,
    output: &mut Output<'_>,
) -> ExitCode {
    print(output, &usage(description));
    let reason = match action {
        Some(word) => format!("action {word:?}: {} does not know it", description.name),
        None => format!("{}: no action given", description.name),
    };
    explain(environment, output, &reason);
    ExitCode::Unimplemented
}

fn call(agent: &dyn Agent, action: Action, environment: &Environment, output: &mut Output<'_>) -> ExitCode {
    let description = agent.description();
    let mut call = Call::read(description, action, environment, output.is_terminal);
    match Trace::open(description, action, &call.instance, environment) {
        Ok(trace) => call.log_mut().set_trace(trace),
        Err(reason) => call.log().warning(reason),
    }
    for note in call.notes() {
        match note {
            Note::Ignored(text) => call.log().warning(text),
            Note::Advice(text) if action == Action::Start => call.log().info(text),
            // A recurring monitor would repeat the advice every ten seconds.
            Note::Advice(text) => call.log().debug(text),
        }
    }
    let answer = answer(agent, &call);
    if matches!(action, Action::Stop | Action::Demote) {
        for problem in call.problems() {
            call.log().warning(format_args!("{action}: went on in spite of {}", problem.reason));
        }
    }
    report(&call, &answer);
    if let Some(reason) = answer.reason.as_ref().filter(|_| answer.code != ExitCode::Success) {
        explain(environment, output, reason);
    }
    answer.code
}

fn answer(agent: &dyn Agent, call: &Call) -> ActionAnswer {
    match call.action {
        Action::Start => ActionAnswer::of(call, validated(agent, call).and_then(|()| agent.start(call))),
        Action::Promote => ActionAnswer::of(call, validated(agent, call).and_then(|()| agent.promote(call))),
        // What runs was validated when it started; a file that has gone bad since is not a reason to stop it.
        Action::ReloadAgent => {
            let valid = validate(agent, call, ValidationLevel::Consistency);
            ActionAnswer::of(call, valid.and_then(|()| agent.reload(call)))
        }
        Action::ValidateAll => {
            let level = if call.check_level >= 10 { ValidationLevel::Local } else { ValidationLevel::Consistency };
            ActionAnswer::of(call, validate(agent, call, level))
        }
        // Bad parameters must not keep what can be identified without them from being stopped.
        Action::Stop => ActionAnswer::of(call, agent.stop(call)),
        Action::Demote => ActionAnswer::of(call, agent.demote(call)),
        Action::Notify => ActionAnswer::of(call, agent.notify(call)),
        Action::Monitor => monitor(agent, call),
        Action::MetaData | Action::Usage => ActionAnswer::SUCCESS,
    }
}

fn validated(agent: &dyn Agent, call: &Call) -> Result<(), Failure> {
    validate(agent, call, ValidationLevel::Local)
}

/// Reports problems of single parameters and of their combination in one answer.
fn validate(agent: &dyn Agent, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
    Failure::collect([call.check(), agent.validate(call, level)])
}

/// Asks the agent. A probe believes it: the agent may know from its own records what runs, whatever became of the
/// parameters. A recurring monitor that finds things running under parameters that cannot be read has proved nothing.
fn monitor(agent: &dyn Agent, call: &Call) -> ActionAnswer {
    let status = match agent.monitor(call) {
        Ok(status) => status,
        Err(failure) => {
            let all = Failure::collect([call.check(), Err(failure)]);
            return ActionAnswer::of(call, all);
        }
    };
    if status != Status::Stopped && !call.is_probe && !call.problems().is_empty() {
        return ActionAnswer::of(call, call.check());
    }
    match status {
        Status::Running => ActionAnswer::SUCCESS,
        Status::Stopped => ActionAnswer { code: ExitCode::NotRunning, reason: None },
        Status::Promoted => ActionAnswer { code: ExitCode::RunningPromoted, reason: None },
        Status::Degraded(reason) => ActionAnswer { code: ExitCode::Degraded, reason: Some(reason) },
        Status::DegradedPromoted(reason) => ActionAnswer { code: ExitCode::DegradedPromoted, reason: Some(reason) },
        Status::FailedPromoted(reason) => ActionAnswer { code: ExitCode::FailedPromoted, reason: Some(reason) },
    }
}

/// Writes the full reason into the log, at the level that the answer deserves.
fn report(call: &Call, answer: &ActionAnswer) {
    if let Some(reason) = &answer.reason {
        let level = match answer.code {
            // This answer lets the cluster go on, though not everything was as it should be.
            ExitCode::Success | ExitCode::Degraded | ExitCode::DegradedPromoted => Level::Warning,
            ExitCode::NotRunning if call.is_probe => Level::Info,
            _ => Level::Error,
        };
        call.log().log(level, format_args!("{}: {reason}", call.action));
    }
    call.log().trace(format_args!("{}: exit code {}", call.action, answer.code as u8));
}

/// Prints the exit reason. Pacemaker takes what follows the prefix up to the end of the line.
fn explain(environment: &Environment, output: &mut Output<'_>, reason: &str) {
    let prefix = environment.text("OCF_EXIT_REASON_PREFIX").unwrap_or(REASON_PREFIX);
    let line = fold(reason);
    let line = match line.char_indices().nth(REASON_LENGTH) {
        Some((end, _)) => format!("{} ...", line.get(..end).unwrap_or_default()),
        None => line,
    };
    // If stderr cannot be written, the exit code still tells.
    let _ = writeln!(output.err, "{prefix}{line}");
}

#[cfg(test)]
mod tests;
