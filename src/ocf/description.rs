//! What an agent says of itself: everything that the meta-data shows.

use super::parameter::{Parameter, ParameterKind, ParameterSupport};
use super::{Action, man_page, manual, metadata, trace};

/// The description of an agent.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The last part of `ocf:rust:<name>`.
    pub name: &'static str,
    /// The agent's own version, not the version of the OCF standard.
    pub version: &'static str,
    /// One line, for lists.
    pub short: &'static str,
    /// The whole description, in ASCII.
    pub long: &'static str,
    /// The agent's own parameters.
    pub parameters: &'static [Parameter],
    /// Every action with its advice on timeout and interval. The frame adds `validate-all` and `meta-data`. pcs copies
    /// each entry into the cluster's configuration, so a second monitor here is one that really runs.
    pub actions: &'static [ActionDefaults],
}

/// The role that an action's advice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotionRole {
    /// The promoted instance of a promotable clone.
    Promoted,
    /// Any other instance of a promotable clone.
    Unpromoted,
}

impl PromotionRole {
    /// Returns the word in the meta-data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promoted => "Promoted",
            Self::Unpromoted => "Unpromoted",
        }
    }
}

/// Advice on one action. All times are in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionDefaults {
    /// The action that the advice is on.
    pub action: Action,
    /// How long the action may take.
    pub timeout: u32,
    /// How often a recurring monitor is called.
    pub interval: Option<u32>,
    /// The check level (`OCF_CHECK_LEVEL`) of a monitor.
    pub depth: Option<u32>,
    /// How long after a start the first recurring monitor is called.
    pub start_delay: Option<u32>,
    /// The role in which the action is called.
    pub role: Option<PromotionRole>,
}

impl ActionDefaults {
    /// Returns advice for any action but `monitor`.
    pub const fn new(action: Action, timeout: u32) -> Self {
        Self { action, timeout, interval: None, depth: None, start_delay: None, role: None }
    }

    /// Returns advice for a recurring monitor of check level 0.
    pub const fn monitor(timeout: u32, interval: u32) -> Self {
        Self { interval: Some(interval), depth: Some(0), ..Self::new(Action::Monitor, timeout) }
    }

    /// Sets the role. Either every monitor of an agent has a role or none has: crmsh finds no advice at all when they
    /// are mixed.
    pub const fn role(self, role: PromotionRole) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Sets the delay of the first recurring monitor.
    pub const fn start_delay(self, seconds: u32) -> Self {
        Self { start_delay: Some(seconds), ..self }
    }
}

/// The actions that the frame adds to every agent that does not declare them itself.
const UNIVERSAL: [ActionDefaults; 2] =
    [ActionDefaults::new(Action::ValidateAll, 20), ActionDefaults::new(Action::MetaData, 5)];

impl Description {
    /// Whether `action` is answered at all.
    pub fn offers(&self, action: Action) -> bool {
        action.is_universal() || self.actions.iter().any(|advice| advice.action == action)
    }

    /// Returns the agent's parameters and then those of the frame, which every agent has.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        self.parameters.iter().chain(&trace::PARAMETERS)
    }

    /// Returns the parameter of that name, the frame's included.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.all_parameters().find(|parameter| parameter.name == name)
    }

    pub(super) fn all_actions(&self) -> impl Iterator<Item = ActionDefaults> {
        let missing = UNIVERSAL.into_iter().filter(|universal| self.advice(universal.action).is_none());
        self.actions.iter().copied().chain(missing)
    }

    fn advice(&self, action: Action) -> Option<&ActionDefaults> {
        self.actions.iter().find(|advice| advice.action == action)
    }

    /// Returns the meta-data document of OCF 1.1.
    pub fn metadata(&self) -> String {
        metadata::to_xml(self)
    }

    /// Returns the manual page, which says the same in Markdown.
    pub fn manual(&self) -> String {
        manual::to_markdown(self)
    }

    /// Returns the manual page for `man`.
    pub fn man_page(&self) -> String {
        man_page::to_roff(self)
    }

    /// Returns the mistakes in the description itself, one sentence each. The tests of an agent assert that there are
    /// none: `assert_eq!(…, [""; 0])`.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !self.metadata().is_ascii() {
            mistakes.push(format!("{}: text that is not ASCII", self.name));
        }
        for action in [Action::Start, Action::Stop, Action::Monitor] {
            if !self.offers(action) {
                mistakes.push(format!("{}: action {action} is missing", self.name));
            }
        }
        if self.offers(Action::Promote) != self.offers(Action::Demote) {
            mistakes.push(format!("{}: promote and demote come together", self.name));
        }
        for parameter in self.parameters {
            mistakes.extend(self.parameter_mistakes(parameter).map(|text| format!("{}: {text}", parameter.name)));
        }
        mistakes
    }

    fn parameter_mistakes(&self, parameter: &Parameter) -> impl Iterator<Item = String> {
        let well_named = !parameter.name.is_empty()
            && parameter.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !parameter.name.starts_with(|c: char| c.is_ascii_digit());
        let twins = self.all_parameters().filter(|other| other.name == parameter.name).count();
        let described = !parameter.short.is_empty() && !parameter.long.is_empty();
        let reloads = !parameter.reloadable || self.offers(Action::ReloadAgent);
        let target = match parameter.support {
            ParameterSupport::AliasOf(name) => {
                self.parameter(name).is_some_and(|other| other.support == ParameterSupport::Current)
            }
            ParameterSupport::Current | ParameterSupport::Obsolete | ParameterSupport::Refused(_) => true,
        };
        let discreet = match parameter.support {
            ParameterSupport::AliasOf(name) => {
                parameter.secret || self.parameter(name).is_none_or(|other| !other.secret)
            }
            ParameterSupport::Current | ParameterSupport::Obsolete | ParameterSupport::Refused(_) => true,
        };
        let options = !matches!(parameter.kind, ParameterKind::Select([]));
        let checks = [
            (well_named, "the name is no name of an environment variable".to_owned()),
            (twins == 1, "declared twice".to_owned()),
            (described, "a description is missing".to_owned()),
            (reloads, "reloadable, but the agent has no reload-agent".to_owned()),
            (target, "alias of nothing".to_owned()),
            (discreet, "not secret, but alias of a secret".to_owned()),
            (options, "a selection of nothing".to_owned()),
            (!(parameter.required && parameter.default.is_some()), "required, but there is a default".to_owned()),
        ];
        let default = parameter.default.and_then(|value| parameter.kind.check(value).err());
        checks
            .into_iter()
            .filter(|(holds, _)| !holds)
            .map(|(_, text)| text)
            .chain(default.map(|expected| format!("the default is not {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    const BASE: Description = Description {
        name: "dummy",
        version: "1.0",
        short: "s",
        long: "l",
        parameters: &[],
        actions: &[
            ActionDefaults::new(Action::Start, 20),
            ActionDefaults::new(Action::Stop, 20),
            ActionDefaults::monitor(20, 10),
        ],
    };

    #[test]
    fn a_sound_description_has_no_mistakes() {
        assert_eq!(BASE.mistakes(), [""; 0]);
        assert!(!BASE.offers(Action::ReloadAgent));
        assert!(BASE.offers(Action::ValidateAll));
    }

    #[test]
    fn each_mistake_is_found() {
        const BAD: [(Parameter, &str); 8] = [
            (
                Parameter::new("a-b", ParameterKind::Text, "s", "l"),
                "a-b: the name is no name of an environment variable",
            ),
            (Parameter::new("trace_ra", ParameterKind::Text, "s", "l"), "trace_ra: declared twice"),
            (Parameter::new("x", ParameterKind::Text, "s", ""), "x: a description is missing"),
            (
                Parameter::new("x", ParameterKind::Text, "s", "l").reloadable(),
                "x: reloadable, but the agent has no reload-agent",
            ),
            (Parameter::new("x", ParameterKind::Text, "s", "l").alias_of("y"), "x: alias of nothing"),
            (Parameter::new("x", ParameterKind::Select(&[]), "s", "l"), "x: a selection of nothing"),
            (
                Parameter::new("x", ParameterKind::Text, "s", "l").required().default("a"),
                "x: required, but there is a default",
            ),
            (Parameter::new("x", ParameterKind::Boolean, "s", "l").default("a"), "x: the default is not yes or no"),
        ];
        check_rows(&BAD, |(parameter, expected)| {
            let description = Description { parameters: std::slice::from_ref(parameter), ..BASE };
            assert_eq!(description.mistakes(), [*expected]);
        });
        const LEAK: [Parameter; 2] = [
            Parameter::new("passwd", ParameterKind::Text, "s", "l").secret(),
            Parameter::new("password", ParameterKind::Text, "s", "l").alias_of("passwd"),
        ];
        let description = Description { parameters: &LEAK, ..BASE };
        assert_eq!(description.mistakes(), ["password: not secret, but alias of a secret"]);
        assert_eq!(Description { long: "\u{e9}", ..BASE }.mistakes(), ["dummy: text that is not ASCII"]);
        assert_eq!(Description { actions: &BASE_WITHOUT_STOP, ..BASE }.mistakes(), ["dummy: action stop is missing"]);
    }

    const BASE_WITHOUT_STOP: [ActionDefaults; 2] =
        [ActionDefaults::new(Action::Start, 20), ActionDefaults::monitor(20, 10)];
}
