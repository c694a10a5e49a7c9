//! One call of an agent, with the environment that pacemaker gives it, and its answer.

use std::process::{Command, Output};

use super::{AGENTS, Host, until};

const PREFIX: &str = "ocf-exit-reason:";
/// The file to which pacemaker makes agents log. It must hold no password.
pub const AGENT_LOG: &str = "/var/log/agents.log";

/// A resource: an agent with its parameters.
#[derive(Clone)]
pub struct Agent<'a> {
    host: &'a Host,
    name: String,
    instance: String,
    variables: Vec<(String, String)>,
    wrapper: Vec<String>,
}

impl<'a> Agent<'a> {
    pub fn new(host: &'a Host, name: &str) -> Self {
        let (name, instance) = (name.to_owned(), format!("my-{name}"));
        Self { host, name, instance, variables: Vec::new(), wrapper: Vec::new() }
    }

    pub fn instance(mut self, name: &str) -> Self {
        self.instance = name.to_owned();
        self
    }

    pub fn param(self, name: &str, value: &str) -> Self {
        self.variable(&format!("OCF_RESKEY_{name}"), value)
    }

    pub fn params(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |agent, (name, value)| agent.param(name, value))
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the seconds that pacemaker would give the action.
    pub fn timeout(self, seconds: u32) -> Self {
        self.variable("OCF_RESKEY_CRM_meta_timeout", &(seconds * 1000).to_string())
    }

    /// Makes the call the arguments of another program, such as strace.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub fn run(&self, action: &str) -> Outcome {
        let link = format!("{AGENTS}/{}", self.name);
        let mut words = self.wrapper.iter().chain([&link]);
        let mut command = Command::new(words.next().expect("program"));
        command.args(words).arg(action).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs([
            ("OCF_ROOT", "/usr/lib/ocf"),
            ("OCF_RA_VERSION_MAJOR", "1"),
            ("OCF_RA_VERSION_MINOR", "1"),
            ("OCF_RESOURCE_PROVIDER", "rust"),
            ("OCF_RESOURCE_TYPE", &self.name),
            ("OCF_RESOURCE_INSTANCE", &self.instance),
            ("OCF_EXIT_REASON_PREFIX", PREFIX),
            ("OCF_RESKEY_CRM_meta_timeout", "20000"),
            ("HA_LOGFILE", AGENT_LOG),
            ("HA_logfacility", "none"),
        ]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let shown: Vec<String> = self.variables.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let output = self.host.run(command);
        Outcome::new(format!("{} {action} {}", self.name, shown.join(" ")), output)
    }

    /// Succeeds, without a word.
    pub fn start(&self) {
        self.run("start").expect(0).silent();
    }

    /// Succeeds, without a word.
    pub fn stop(&self) {
        self.run("stop").expect(0).silent();
    }

    /// Calls the recurring monitor, and again while it has nothing to say but that checks are late: a machine that did not run
    /// the health monitor for a second is why.
    pub fn monitor(&self) -> Outcome {
        until("a monitor of which the checks are in time", || {
            Some(self.monitor_once()).filter(|said| !said.is_of_late_checks())
        })
    }

    /// Calls the recurring monitor, of which checks may be late.
    pub fn monitor_once(&self) -> Outcome {
        self.clone().variable("OCF_RESKEY_CRM_meta_interval", "10000").run("monitor")
    }

    pub fn probe(&self) -> Outcome {
        self.clone().variable("OCF_RESKEY_CRM_meta_interval", "0").run("monitor")
    }
}

/// The answer to a call.
pub struct Outcome {
    what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn new(what: String, output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { what, code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts the exit code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}: {}{}", self.what, self.stdout, self.stderr);
        self
    }

    fn is_of_late_checks(&self) -> bool {
        let reason = self.stderr.strip_prefix(PREFIX).unwrap_or_default();
        reason.starts_with("checks are late by ")
            && reason.ends_with(": this machine cannot ask as often as it is told\n")
    }

    /// Asserts that there is no exit reason.
    pub fn silent(self) -> Self {
        assert_eq!(self.stderr, "", "{}", self.what);
        self
    }

    /// Returns the one exit reason.
    pub fn reason(&self) -> &str {
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        let reason = line.strip_prefix(PREFIX).filter(|reason| !reason.is_empty() && !reason.contains('\n'));
        reason.unwrap_or_else(|| panic!("{}: expected one exit reason, not {:?}", self.what, self.stderr))
    }

    /// Asserts that the exit reason has these words.
    pub fn says(self, words: &str) -> Self {
        assert!(self.reason().contains(words), "{}: {words:?} is not in {:?}", self.what, self.stderr);
        self
    }
}
