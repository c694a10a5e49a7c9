//! What an `lvs` resource has declared at its last start.

use crate::config::{self, Config};
use crate::model::ServiceKey;
use crate::system::RunDir;

/// The file `<run>/services/<lvs>.cf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// There is no such file: this instance has declared nothing.
    Absent,
    /// The file is there and cannot be understood. One without a virtual service cannot: `lvs` declares no such thing.
    Damaged,
    Services(Config),
}

/// What the `lvs` resource of this name has declared at its last start.
pub fn declaration(run_dir: &RunDir, instance: &str) -> Declaration {
    match run_dir.services().read(instance) {
        Ok(None) => Declaration::Absent,
        Ok(Some(text)) => Declaration::of(&text),
        // It is there; that is all that is known of it.
        Err(_) => Declaration::Damaged,
    }
}

impl Declaration {
    /// From the text of the file, in which every name is resolved.
    pub fn of(text: &str) -> Self {
        match config::parse_file(text.as_bytes(), &config::SystemResolver::new()) {
            Ok(config) if !config.services.is_empty() => Self::Services(config),
            _ => Self::Damaged,
        }
    }

    /// The declared virtual services; none where nothing is known of them.
    pub fn keys(&self) -> Vec<ServiceKey> {
        match self {
            Self::Services(config) => keys(config),
            Self::Absent | Self::Damaged => Vec::new(),
        }
    }
}

pub fn keys(config: &Config) -> Vec<ServiceKey> {
    config.services.iter().map(|service| service.service.key).collect()
}
