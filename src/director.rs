//! Makes this node fit to direct: the kernel settings that a configuration needs.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::plan;
use crate::system::{FileError, sysctl};

/// Sets what is missing and tells `log` of it. Nothing is set back when the services go: somebody else may rely on it
/// by then, and ip_forward=0 would cut off whoever is routed through this node.
pub fn prepare(config: &Config, mut log: impl FnMut(String)) -> Result<(), FileError> {
    let needed = config.services.iter().flat_map(|service| {
        let reals = service.real_servers.iter().map(|real| &real.real_server);
        plan::director_sysctls(&service.service, reals, service.quiescent)
    });
    for setting in needed.collect::<BTreeSet<_>>() {
        if let Some(former) = sysctl::ensure(&setting)? {
            log(format!("{}: set to {} (was {former})", setting.name, setting.value));
        }
    }
    Ok(())
}
