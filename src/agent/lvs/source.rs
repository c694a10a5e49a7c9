//! What the parameters or the `configfile` of an `lvs` resource describe.

use std::path::Path;

use super::description;
use crate::config::{self, Config};
use crate::ocf::{Call, Failure, ValidationLevel};
use crate::ownership;
use crate::system::RunDir;

/// The text that declares the configuration: in its own language, with every name resolved. `None`: it is declared already,
/// by the same text, which is known to be readable.
///
/// # Errors
/// When a reader of the text would not understand what was meant.
pub fn undeclared(call: &Call, run_dir: &RunDir, config: &Config) -> Result<Option<String>, Failure> {
    if run_dir.services().holds(&call.instance, |out| config::render_into(out, config)) {
        return Ok(None);
    }
    let text = config::render(config);
    check_text(call, config, &text)?;
    Ok(Some(text))
}

pub fn validate(call: &Call, level: ValidationLevel) -> Result<(), Failure> {
    match (call.text("configfile"), level) {
        (Some(_), ValidationLevel::Consistency) => refuse_both(call),
        // Names are looked up on the node that runs the resource only.
        (None, ValidationLevel::Consistency) => load_parameters(call, &config::AnyName::default()).map(|_| ()),
        (_, ValidationLevel::Local) => {
            let config = load(call)?;
            check_text(call, &config, &config::render(&config))
        }
    }
}

/// The configuration, with the names of this machine.
pub fn load(call: &Call) -> Result<Config, Failure> {
    refuse_both(call)?;
    if let Some(path) = call.text("configfile") {
        return load_file(path);
    }
    let resolver = config::SystemResolver::new();
    load_parameters(call, &resolver).map_err(|failure| match resolver.has_failed() {
        // A name server that does not answer this node now must not forbid the resource everywhere for ever.
        true => Failure::bad_here(failure.to_string()),
        false => failure,
    })
}

fn load_file(path: &str) -> Result<Config, Failure> {
    let config =
        config::load_file(Path::new(path)).map_err(|error| Failure::bad_here(format!("configfile {error:#}")))?;
    if config.services.is_empty() {
        return Err(Failure::bad_here(format!("configfile {path}: has no virtual service")));
    }
    Ok(config)
}

fn load_parameters(call: &Call, resolver: &dyn config::Resolver) -> Result<Config, Failure> {
    let directives = description::DIRECTIVES.iter();
    let set: Vec<(&'static str, String)> =
        directives.filter_map(|parameter| Some((parameter.name, call.text(parameter.name)?.to_owned()))).collect();
    if call.text("virtual").is_none() {
        return Err(Failure::bad_parameter("virtual: not set: name a virtual service, or a configfile"));
    }
    config::parse_parameters(&set, resolver).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::bad_parameter(lines.join("; "))
    })
}

fn refuse_both(call: &Call) -> Result<(), Failure> {
    match (call.text("configfile"), call.text("virtual")) {
        (Some(_), Some(_)) => {
            Err(Failure::bad_parameter("configfile, virtual: both are set: the services come from one"))
        }
        _ => Ok(()),
    }
}

/// The health monitor and `stop` read the declaration: what they would read otherwise than it was meant is refused. With
/// parameters, [`config::parse_parameters`] has looked already.
fn check_text(call: &Call, config: &Config, text: &str) -> Result<(), Failure> {
    let Some(path) = call.text("configfile") else { return Ok(()) };
    match ownership::reads_back(text, config) {
        true => Ok(()),
        false => Err(Failure::bad_here(format!(
            "configfile {path}: declare its services: a combination of request, receive and double quotes is ambiguous"
        ))),
    }
}
