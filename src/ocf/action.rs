//! The words that a cluster manager says to an agent.

use std::fmt;

/// An action of the OCF resource agent API 1.1, as given in argv\[1\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Starts the resource.
    Start,
    /// Stops the resource.
    Stop,
    /// The action is recurring, or a probe when its interval is 0 or absent
    /// ([`Call::is_probe`](super::Call::is_probe)).
    Monitor,
    /// Promotes the resource.
    Promote,
    /// Demotes the resource.
    Demote,
    /// Tells a clone instance what happens to the others.
    Notify,
    /// Instance parameters marked reloadable were changed. (The older `reload` means that the service's own
    /// configuration file changed; no agent here answers to it.)
    ReloadAgent,
    /// Checks the parameters.
    ValidateAll,
    /// Prints the meta-data.
    MetaData,
    /// The action is not in the standard, but every agent in the field has it.
    Usage,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Stop,
        Self::Monitor,
        Self::Promote,
        Self::Demote,
        Self::Notify,
        Self::ReloadAgent,
        Self::ValidateAll,
        Self::MetaData,
        Self::Usage,
    ];

    /// Returns the word on the command line and in the meta-data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Monitor => "monitor",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Notify => "notify",
            Self::ReloadAgent => "reload-agent",
            Self::ValidateAll => "validate-all",
            Self::MetaData => "meta-data",
            Self::Usage => "usage",
        }
    }

    /// Returns the action of that name, or `None` for any other word. Case matters, as in every other agent.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether the frame answers the action for every agent, declared or not.
    pub(super) const fn is_universal(self) -> bool {
        matches!(self, Self::ValidateAll | Self::MetaData | Self::Usage)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn every_name_reads_back_and_nothing_else_does() {
        check_rows(Action::ALL, |action| {
            assert_eq!(Action::from_name(action.name()), Some(action));
        });
        check_rows(["", "Start", "reload", "status", "meta_data", "stop "], |word| {
            assert_eq!(Action::from_name(word), None, "{word}");
        });
    }
}
