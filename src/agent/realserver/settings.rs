//! Kernel settings that the instances of a node share: the first one that changes a value remembers it, the last one
//! that needs the setting puts it back.

use super::record::{self, Record};
use super::wanted::Wanted;
use crate::ocf::{Call, Failure};
use crate::plan::InterfaceSetting;
use crate::system::{FileError, sysctl};

/// Remembers the values that [`set`] is going to change.
pub fn remember(record: &mut Record) -> Result<(), Failure> {
    for setting in record.wanted.settings() {
        let present = sysctl::read(&setting.name())?;
        if !accepts(&setting, &present) {
            record.remember(setting.name(), present);
        }
    }
    Ok(())
}

/// Each for its own interface, even where the value of `all` would do today: that one is another instance's or the
/// administrator's to take back.
pub fn set(call: &Call, wanted: &Wanted) -> Result<(), Failure> {
    for setting in wanted.settings() {
        let (name, value) = (setting.name(), setting.value());
        let present = sysctl::read(&name)?;
        if !accepts(&setting, &present) {
            sysctl::write(&name, &value)?;
            call.log().info(format!("{name}: set to {value} (was {present})"));
        }
    }
    Failure::collect(wanted.settings().iter().map(check))
}

/// # Errors
/// When what counts, the higher of the interface's value and that of `all`, will not do.
pub fn check(setting: &InterfaceSetting) -> Result<(), Failure> {
    let (own, all) = (sysctl::read(&setting.name())?, sysctl::read(&setting.name_for_all())?);
    let (name, number) = match (number(&own), number(&all)) {
        (own, all) if all > own => (setting.name_for_all(), all),
        (own, _) => (setting.name(), own),
    };
    if setting.accepts(number) {
        return Ok(());
    }
    Err(Failure::generic(format!("{name}: is {number}, must be {}", setting.value())))
}

/// For each setting that this instance, or one before it, changed: hands the former value to another instance that
/// needs the setting, else puts it back. A value that somebody has changed since is theirs and stays. Called when the
/// addresses are gone: a setting that stays as it is harms nobody then, and is no reason for fencing.
pub fn give_back(call: &Call, record: &Record) {
    let mut others = record::others(&call.instance);
    for (name, former) in &record.former {
        let heir = others.iter_mut().find(|(_, other)| setting_of(&other.wanted, name).is_some());
        let done = match heir {
            Some((instance, heir)) => {
                heir.remember(name.clone(), former.clone());
                record::folder().write_json(instance, heir)
            }
            None => put_back(call, setting_of(&record.wanted, name), former),
        };
        done.unwrap_or_else(|error| call.log().warning(error));
    }
}

fn put_back(call: &Call, setting: Option<InterfaceSetting>, former: &str) -> Result<(), FileError> {
    let Some(setting) = setting else { return Ok(()) };
    let name = setting.name();
    // An interface that is gone has taken its settings along.
    if sysctl::read(&name).is_ok_and(|present| present == setting.value()) {
        sysctl::write(&name, former)?;
        call.log().info(format!("{name}: set back to {former}"));
    }
    Ok(())
}

fn setting_of(wanted: &Wanted, name: &str) -> Option<InterfaceSetting> {
    wanted.settings().into_iter().find(|setting| setting.name() == name)
}

fn accepts(setting: &InterfaceSetting, value: &str) -> bool {
    setting.accepts(number(value))
}

/// The kernel writes nothing but numbers here.
fn number(text: &str) -> i32 {
    text.parse().unwrap_or_default()
}
