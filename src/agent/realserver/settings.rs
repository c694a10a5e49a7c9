//! The kernel settings that the instances of a node share: the first instance that changes a value remembers it, the
//! last one that needs the setting puts it back.

use std::io::ErrorKind;

use super::description::EVERY_INTERFACE;
use super::record::{self, RealServerRecord};
use super::wanted::{Wanted, no_such_interface};
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure};
use crate::plan::InterfaceSetting;
use crate::system::{FileError, sysctl};

/// Remembers the values that [`set`] is going to change.
pub fn remember(record: &mut RealServerRecord) -> Result<(), Failure> {
    for setting in record.wanted.settings() {
        let present = sysctl::read(&setting.name())?;
        if !accepts(&setting, &present) {
            record.remember(setting.name(), present);
        }
    }
    Ok(())
}

/// Sets each value for its own interface, even where the value of `all` would do today: that one is for another
/// instance or the administrator to take back.
pub fn set(call: &Call, wanted: &Wanted) -> Result<(), Failure> {
    for setting in wanted.settings() {
        let (name, value) = (setting.name(), setting.value());
        let present = sysctl::read(&name)?;
        if !accepts(&setting, &present) {
            sysctl::write(&name, &value)?;
            call.log().info(format!("{name}: set to {value} (was {present})"));
        }
    }
    Ok(())
}

/// # Errors
/// The failure names every interface for which a setting will not do. What counts is the higher of its own value and
/// that of `all`.
pub fn check(wanted: &Wanted, links: &[Link]) -> Result<(), Failure> {
    Failure::collect(wanted.settings().iter().map(|setting| check_one(setting, links)))
}

fn check_one(setting: &InterfaceSetting, links: &[Link]) -> Result<(), Failure> {
    if setting.interface != EVERY_INTERFACE {
        if !links.iter().any(|link| link.name == setting.interface) {
            return Err(Failure::generic(no_such_interface(&setting.interface)));
        }
        let (own, all) = (number(&sysctl::read(&setting.name())?), number(&sysctl::read(&setting.name_for_all())?));
        let (name, value) = if all > own { (setting.name_for_all(), all) } else { (setting.name(), own) };
        return judge(setting, &name, value);
    }
    let all = number(&sysctl::read(&setting.name())?);
    judge(setting, &setting.name(), all)?;
    // On other interfaces there are no questions by ARP.
    let asked = links.iter().filter(|link| !link.loopback && !link.no_arp);
    Failure::collect(asked.map(|link| {
        let name = setting.name_for(&link.name);
        match sysctl::read(&name) {
            Ok(own) if number(&own) > all => judge(setting, &name, number(&own)),
            Ok(_) => Ok(()),
            // The interface is gone meanwhile.
            Err(error) if error.cause.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }))
}

fn judge(setting: &InterfaceSetting, name: &str, value: i32) -> Result<(), Failure> {
    match setting.accepts(value) {
        true => Ok(()),
        false => Err(Failure::generic(format!("{name}: is {value}, must be {}", setting.value()))),
    }
}

/// Gives back each setting that this instance, or one before it, changed: hands the former value to another instance
/// that needs the setting, else puts it back. A value that was changed by others since is theirs and stays. The
/// addresses are gone by then: a setting that stays as it is does no harm, and is not a reason for fencing.
pub fn give_back(call: &Call, record: &RealServerRecord) {
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
    if sysctl::set_back(&name, &setting.value(), former)? {
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

/// Reads the value of a setting. The kernel writes nothing but numbers here.
fn number(text: &str) -> i32 {
    text.parse().unwrap_or_default()
}
