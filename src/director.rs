//! This node as a director: its configuration files and the names in them, the kernel settings that a configuration needs,
//! and what its kernel would refuse.

mod dns;
mod load;
mod names;
mod trial;

use std::collections::BTreeSet;

use crate::config::Config;
use crate::model::Sysctl;
use crate::netlink::Ipvs;
use crate::plan;
use crate::system::{FileError, sysctl};

pub use dns::DnsNames;
pub use load::{
    ConfigText, NameMissing, described, load_file, load_file_of_resource, read_file, refuse_executed_files,
    refuse_followed_names,
};
pub use names::SystemResolver;
pub use trial::refusals;

/// Sets what is missing and gives `log` a sentence for each setting. Nothing is set back when the services go: another
/// program may rely on it by then, and ip_forward=0 would cut off every host that is routed through this node.
///
/// # Errors
///
/// Fails when a setting cannot be read or written.
pub fn prepare(config: &Config, mut log: impl FnMut(String)) -> Result<(), FileError> {
    let needed = config.services.iter().flat_map(|service| {
        let reals = service.real_servers.iter().map(|real| &real.real_server);
        plan::director_sysctls(&service.service, reals)
    });
    for setting in needed.collect::<BTreeSet<_>>() {
        if setting == plan::BACKUP_ONLY && sends_and_receives() {
            let reason = "sync daemons run in both states, and this director would direct nothing any more";
            log(format!("{}: left as it is: {reason}", setting.name));
            continue;
        }
        ensure(&setting, &mut log)?;
    }
    Ok(())
}

/// Sets what is missing for a director that takes TCP connections over without having heard of them, and gives `log` a sentence
/// for it.
///
/// # Errors
///
/// Fails when the setting cannot be read or written.
pub fn prepare_stateless(config: &Config, log: impl FnOnce(String)) -> Result<(), FileError> {
    let setting = plan::stateless_sysctl(config.services.iter().map(|service| &service.service));
    setting.map_or(Ok(()), |setting| ensure(&setting, log))
}

fn ensure(setting: &Sysctl, log: impl FnOnce(String)) -> Result<(), FileError> {
    if let Some(former) = sysctl::ensure(setting)? {
        log(format!("{}: set to {} (was {former})", setting.name, setting.value));
    }
    Ok(())
}

/// Whether the sync daemon of the active director and that of a standby run both, as some scripts have them on every
/// node. When that cannot be found out, none counts as running.
fn sends_and_receives() -> bool {
    let asked = Ipvs::open_loaded().and_then(|ipvs| ipvs.map(|mut ipvs| ipvs.sync_daemons()).transpose());
    asked.ok().flatten().is_some_and(|daemons| daemons.master.is_some() && daemons.backup.is_some())
}
