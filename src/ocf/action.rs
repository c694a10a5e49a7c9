//! The words that a cluster manager says to an agent.

use std::fmt;

/// An action of the OCF resource agent API 1.1, as given in argv\[1\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop,
    /// Recurring, or a probe when its interval is 0 or absent ([`Call::is_probe`](super::Call::is_probe)).
    Monitor,
    Promote,
    Demote,
    Notify,
    /// Instance parameters marked reloadable were changed. (The older `reload` means that the service's own
    /// configuration file changed; nothing here answers to it.)
    ReloadAgent,
    ValidateAll,
    MetaData,
    /// Not of the standard; every agent in the field has it.
    Usage,
}

impl Action {
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

    /// The word on the command line and in the meta-data.
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

    /// `None` for a word that is no action. Case matters, as in every other agent.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Actions that the frame answers for every agent, declared or not.
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

    #[test]
    fn every_name_reads_back_and_nothing_else_does() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
        }
        for word in ["", "Start", "reload", "status", "meta_data", "stop "] {
            assert_eq!(Action::from_name(word), None, "{word}");
        }
    }
}
