//! One call of an agent: the action, the instance that it concerns, and the parameters, read and checked.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

use super::description::Description;
use super::environment::Environment;
use super::failure::{Failure, FailureKind, Problem};
use super::log::Logger;
use super::parameter::{self, Parameter, ParameterKind, ParameterSupport};
use super::{Action, trace};

/// The instance name of a call by hand that gives none, so that `stop` finds what `start` left.
const DEFAULT_INSTANCE: &str = "default";
/// Pacemaker's own default for an operation without a timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// What the cluster asked. Each value is of the declared [`ParameterKind`]; a value that was not is in
/// [`problems`](Self::problems) and reads as not set.
pub struct Call {
    /// What the agent shall do.
    pub action: Action,
    /// The name of the resource, usable as a file name: it has no `/`, no control character and no leading dot.
    pub instance: String,
    /// Whether this is a monitor that asks whether the resource runs here at all, rather than whether it still does. It
    /// is true when the interval is 0 or absent (`crm_resource --force-check` passes none), and false for all other
    /// actions.
    pub is_probe: bool,
    /// How hard the agent shall look (`OCF_CHECK_LEVEL`). An agent rounds it down to a level that it has.
    pub check_level: u32,
    /// The time that the cluster gives this action before it kills the process group.
    pub timeout: Duration,
    values: BTreeMap<&'static str, String>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
    description: &'static Description,
    environment: Environment,
    logger: Logger,
}

impl Call {
    /// Reads the call. It never fails: what cannot be read becomes a problem, since `stop` and a probe must do what
    /// they can without it.
    pub(super) fn read(
        description: &'static Description,
        action: Action,
        environment: &Environment,
        terminal: bool,
    ) -> Self {
        let mut reader = CallReader { environment, values: BTreeMap::new(), problems: Vec::new(), notes: Vec::new() };
        let instance = reader.instance();
        let check_level = reader.check_level();
        reader.version();
        reader.parameters(description);
        let interval = environment.meta_duration("interval").unwrap_or(Duration::ZERO);
        Self {
            action,
            is_probe: action == Action::Monitor && interval.is_zero(),
            check_level,
            timeout: environment.meta_duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
            values: reader.values,
            problems: reader.problems,
            notes: reader.notes,
            description,
            environment: environment.clone(),
            logger: Logger::new(description.name, &instance, environment, terminal),
            instance,
        }
    }

    /// Returns a call that no cluster made: what it logs goes to the terminal.
    pub fn by_hand(description: &'static Description, action: Action, environment: &Environment) -> Self {
        Self::read(description, action, environment, true)
    }

    /// Returns a call with these variables and no terminal, for tests of agents.
    #[cfg(test)]
    pub(crate) fn for_test(description: &'static Description, action: Action, environment: &Environment) -> Self {
        Self::read(description, action, environment, false)
    }

    /// Returns the value of a parameter, or its default. An alias is read under the current name.
    pub fn text(&self, name: &str) -> Option<&str> {
        let declared = self.description.parameter(name);
        debug_assert!(declared.is_some(), "{}: parameter {name} is not declared", self.description.name);
        self.values.get(name).map(String::as_str).or_else(|| declared.and_then(|parameter| parameter.default))
    }

    /// Returns a boolean parameter, which is false when it is not set and has no default.
    pub fn boolean(&self, name: &str) -> bool {
        self.text(name).and_then(parameter::boolean).unwrap_or(false)
    }

    /// Returns a number in the type that the declared bounds fit, or `None` when the parameter is not set and has no
    /// default.
    pub fn optional_number<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.text(name).and_then(parameter::integer).and_then(|number| T::try_from(number).ok())
    }

    /// Returns a number of a parameter that declares a default, so that the default stands in the description alone.
    pub fn number<T: TryFrom<i64> + Default>(&self, name: &str) -> T {
        self.with_default(name, self.optional_number(name))
    }

    /// Returns a span of time ([`ParameterKind::Time`]) of a parameter that declares a default.
    pub fn time(&self, name: &str) -> Duration {
        self.with_default(name, self.text(name).and_then(parameter::time))
    }

    fn with_default<T: Default>(&self, name: &str, value: Option<T>) -> T {
        debug_assert!(value.is_some(), "{}: parameter {name} has no default of its kind", self.description.name);
        value.unwrap_or_default()
    }

    /// Whether the user gave a usable value, default aside.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Returns a variable `OCF_RESKEY_CRM_meta_<name>`, such as `clone_max` or `notify_type`.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.environment.meta(name)
    }

    /// Whether such a variable has a word that means yes.
    pub fn meta_is_true(&self, name: &str) -> bool {
        self.meta(name).and_then(parameter::boolean) == Some(true)
    }

    /// Returns the name of this node as the cluster knows it. A call by hand has none.
    pub fn node(&self) -> Option<&str> {
        self.meta("on_node")
    }

    /// Returns what is wrong with single parameters. [`Agent::validate`](super::Agent::validate) need not repeat it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// # Errors
    /// It fails with the [`problems`](Self::problems), when there are any: for a stop or probe that finds that it
    /// cannot tell.
    pub fn check(&self) -> Result<(), Failure> {
        Failure::from_problems(self.problems.iter().cloned())
    }

    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns the log of this call.
    pub fn log(&self) -> &Logger {
        &self.logger
    }

    pub(super) fn log_mut(&mut self) -> &mut Logger {
        &mut self.logger
    }
}

impl fmt::Debug for Call {
    /// Leaves the values out: some are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("action", &self.action)
            .field("instance", &self.instance)
            .field("is_probe", &self.is_probe)
            .field("set", &self.values.keys())
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// Something that is worth a line in the log and is not a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// What the user wrote works, but there is a better way to say it: the name is old, or the parameter has no effect.
    Advice(String),
    /// What the user wrote was ignored, though it was meant to say something.
    Ignored(String),
}

/// Collects values and everything that is wrong with them.
struct CallReader<'a> {
    environment: &'a Environment,
    values: BTreeMap<&'static str, String>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl CallReader<'_> {
    fn problem(&mut self, kind: FailureKind, reason: String) {
        self.problems.push(Problem { kind, reason });
    }

    /// Reads the instance. Agents use it in paths, so it is made harmless even where the problem does not stop the
    /// action.
    fn instance(&mut self) -> String {
        let Some(given) = self.environment.get("OCF_RESOURCE_INSTANCE") else {
            return DEFAULT_INSTANCE.to_owned();
        };
        let given = given.to_string_lossy();
        let is_foreign = |c: char| c == '/' || c.is_control() || c == char::REPLACEMENT_CHARACTER;
        if !given.contains(is_foreign) && !given.starts_with('.') {
            return given.into_owned();
        }
        let reason = format!("OCF_RESOURCE_INSTANCE {given:?}: not the name of a resource");
        self.problem(FailureKind::BadParameter, reason);
        format!("_{}", given.replace(is_foreign, "_"))
    }

    /// Reads the check level. Pacemaker passes `OCF_CHECK_LEVEL` without the prefix of parameters; crmsh and people
    /// write both.
    fn check_level(&mut self) -> u32 {
        let names = ["OCF_CHECK_LEVEL", "OCF_RESKEY_OCF_CHECK_LEVEL"];
        let Some(given) = names.into_iter().find_map(|name| self.environment.get(name)) else { return 0 };
        let level = given.to_str().and_then(|text| text.trim().parse().ok());
        if level.is_none() {
            // This is not a problem: a typing error here must not restart what level 0 shows to be in order.
            let text = format!("OCF_CHECK_LEVEL {given:?}: expected a whole number such as 10: taken for 0");
            self.notes.push(Note::Ignored(text));
        }
        level.unwrap_or(0)
    }

    /// Refuses a caller of another major version, which means other things by the same words. An absent version is
    /// accepted: ocf-tester and crmsh's test driver pass none.
    fn version(&mut self) {
        if let Some(major) = self.environment.get("OCF_RA_VERSION_MAJOR").filter(|major| *major != "1") {
            let reason = format!("OCF_RA_VERSION_MAJOR {major:?}: this agent speaks version 1");
            self.problem(FailureKind::BadHere, reason);
        }
    }

    fn parameters(&mut self, description: &Description) {
        for parameter in description.all_parameters() {
            if let Some(given) = self.environment.get(&parameter.variable()) {
                self.value(parameter, given);
            }
        }
        for parameter in description.all_parameters() {
            match parameter.support {
                ParameterSupport::Current => {}
                ParameterSupport::AliasOf(current) => self.alias(description, parameter, current),
                ParameterSupport::Obsolete => self.obsolete(parameter),
                ParameterSupport::Refused(reason) => self.refused(parameter, reason),
            }
        }
        for parameter in description.all_parameters().filter(|parameter| parameter.required) {
            if self.environment.get(&parameter.variable()).is_none() && !self.values.contains_key(parameter.name) {
                self.problem(FailureKind::BadParameter, format!("{}: required, but not set", parameter.name));
            }
        }
    }

    fn value(&mut self, parameter: &Parameter, given: &OsStr) {
        let checked = match given.to_str() {
            Some(text) => parameter.kind.check(text).map(|()| text),
            None => Err("text in UTF-8".to_owned()),
        };
        match checked {
            Ok(text) => {
                let text = if parameter.kind == ParameterKind::Text { text } else { text.trim() };
                self.values.insert(parameter.name, text.to_owned());
            }
            Err(expected) => {
                let reason = format!("{}: expected {expected}", parameter.quoted(&given.to_string_lossy()));
                // Tracing never fails an action.
                if trace::PARAMETERS.iter().any(|own| own.name == parameter.name) {
                    self.notes.push(Note::Ignored(reason));
                } else {
                    self.problem(FailureKind::BadParameter, reason);
                }
            }
        }
    }

    /// Moves the value to the current name, unless that is set to something else.
    fn alias(&mut self, description: &Description, old: &Parameter, current: &str) {
        let (Some(value), Some(target)) = (self.values.remove(old.name), description.parameter(current)) else {
            return;
        };
        match self.values.get(current) {
            None => {
                self.notes.push(Note::Advice(format!("{}: an old name of {current}", old.name)));
                let refused = target.kind.check(&value).err();
                match refused {
                    Some(expected) => {
                        let reason = format!("{}: expected {expected}", old.quoted(&value));
                        self.problem(FailureKind::BadParameter, reason);
                    }
                    None => {
                        self.values.insert(target.name, value);
                    }
                }
            }
            Some(other) if *other == value => {}
            Some(other) => {
                let (old, new) = (old.quoted(&value), target.quoted(other));
                self.problem(FailureKind::BadParameter, format!("{old} and {new}: two names of one parameter differ"));
            }
        }
    }

    fn refused(&mut self, parameter: &Parameter, reason: &str) {
        if let Some(value) = self.values.remove(parameter.name) {
            self.problem(FailureKind::BadParameter, format!("{}: {reason}", parameter.quoted(&value)));
        }
    }

    fn obsolete(&mut self, parameter: &Parameter) {
        if self.values.contains_key(parameter.name) {
            self.notes.push(Note::Advice(format!("{}: accepted, but has no effect", parameter.name)));
        }
    }
}

#[cfg(test)]
mod tests;
