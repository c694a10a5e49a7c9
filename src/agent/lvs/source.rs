//! What the parameters or the `configfile` of an `lvs` resource describe.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::config::{self, Config};
use crate::director::{self, SystemResolver};
use crate::ocf::{Call, Failure, ValidationLevel};
use crate::system::{RunDir, secret_file};

/// The text that declares the configuration: in its own language, with every name resolved. `None`: it is declared already,
/// by the same text.
pub fn undeclared(call: &Call, run_dir: &RunDir, config: &Config) -> Option<String> {
    let is_declared = run_dir.services().holds(&call.instance, |out| config::render_into(out, config));
    (!is_declared).then(|| config::render(config))
}

pub fn validate(call: &Call, level: ValidationLevel) -> Result<(), Failure> {
    match (call.text("configfile"), level) {
        (Some(_), ValidationLevel::Consistency) => refuse_both(call),
        // Names are looked up on the node that runs the resource only.
        (None, ValidationLevel::Consistency) => {
            load_parameters(call, parameters(call), &config::AnyName::default()).map(|_| ())
        }
        (_, ValidationLevel::Local) => load(call).map(|_| ()),
    }
}

/// The configuration, with the names of this machine.
pub fn load(call: &Call) -> Result<Config, Failure> {
    refuse_both(call)?;
    if let Some(path) = call.text("configfile") {
        return load_file(path);
    }
    let (mut set, resolver) = (parameters(call), SystemResolver::new());
    secret_file::reveal(&call.instance, &mut set).map_err(Failure::bad_here)?;
    load_parameters(call, set, &resolver).map_err(|failure| match resolver.has_failed() {
        // A name server that does not answer this node now, or a password that it does not have, must not forbid the resource everywhere for ever.
        true => Failure::bad_here(failure.to_string()),
        false => failure,
    })
}

fn load_file(path: &str) -> Result<Config, Failure> {
    let config = director::load_file_of_resource(Path::new(path))
        .map_err(|error| Failure::bad_here(format!("configfile {error:#}")))?;
    if config.services.is_empty() {
        return Err(Failure::bad_here(format!("configfile {path}: has no virtual service")));
    }
    director::refuse_followed_names(&config).map_err(|why| Failure::bad_here(format!("configfile {path}: {why}")))?;
    Ok(config)
}

/// The directives among the parameters that are set.
fn parameters(call: &Call) -> Vec<(&'static str, String)> {
    let directives = config::DIRECTIVES.iter().filter(|directive| directive.is_parameter);
    directives.filter_map(|directive| Some((directive.name, written(call, directive.name)?.to_owned()))).collect()
}

fn load_parameters(
    call: &Call,
    set: Vec<(&'static str, String)>,
    resolver: &dyn config::Resolver,
) -> Result<Config, Failure> {
    if call.text("virtual").is_none() {
        return Err(Failure::bad_parameter("virtual: not set: name a virtual service, or a configfile"));
    }
    let config = config::parse_parameters(&set, resolver).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::bad_parameter(lines.join("; "))
    })?;
    director::refuse_followed_names(&config).map_err(Failure::bad_parameter)?;
    Ok(config)
}

/// Logs what was accepted but may not be what was meant.
pub fn tell_warnings(call: &Call, config: &Config) {
    let place = call.text("configfile").map(|path| format!("configfile {path}: ")).unwrap_or_default();
    config.warnings.iter().for_each(|warning| call.log().warning(format!("{place}{warning}")));
}

/// Returns a number that is another one for other parameters, as they are written: a name may mean another address each time that
/// it is looked up.
pub fn fingerprint(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    for parameter in super::description::DESCRIPTION.parameters {
        written(call, parameter.name).hash(&mut hasher);
    }
    hasher.finish()
}

fn refuse_both(call: &Call) -> Result<(), Failure> {
    match (call.text("configfile"), call.text("virtual")) {
        (Some(_), Some(_)) => {
            Err(Failure::bad_parameter("configfile, virtual: both are set: the services come from one"))
        }
        _ => Ok(()),
    }
}

/// What the user has written. The language knows its defaults, some of which depend on what else was written.
fn written<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.text(name).filter(|_| call.is_set(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ocf::Action;

    #[test]
    fn other_parameters_have_another_fingerprint_also_where_a_value_moves_to_another_name() {
        let of = |set: &[(&str, &str)]| {
            let call =
                Call::for_test(&super::super::description::DESCRIPTION, Action::Start, &set.iter().copied().collect());
            fingerprint(&call)
        };
        let all = [
            of(&[]),
            of(&[("OCF_RESKEY_virtual", "192.0.2.1:80")]),
            of(&[("OCF_RESKEY_virtual", "192.0.2.1:81")]),
            of(&[("OCF_RESKEY_real", "192.0.2.1:80")]),
            of(&[("OCF_RESKEY_sync_id", "7")]),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(of(&[("OCF_RESKEY_sync_id", "7")]), all[4]);
    }

    #[test]
    fn the_default_of_one_parameter_does_not_hide_the_value_of_another() {
        let environment = [
            ("OCF_RESKEY_virtual", "192.0.2.1:80"),
            ("OCF_RESKEY_real", "192.0.2.2 gate"),
            ("OCF_RESKEY_checktimeout", "3"),
        ];
        let environment = environment.into_iter().collect();
        let call = Call::for_test(&super::super::description::DESCRIPTION, Action::Start, &environment);
        let config = load(&call).expect("right");
        let timeouts: Vec<u64> = config.services.iter().map(|service| service.checktimeout.as_secs()).collect();
        assert_eq!(timeouts, [3], "negotiatetimeout is 30 only where checktimeout is not written either");
    }
}
