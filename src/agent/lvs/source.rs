//! What the parameters or the `configfile` of an `lvs` resource describe.

use std::path::Path;

use super::description;
use crate::config::{self, Config};
use crate::ocf::{Call, Failure, ValidationLevel};
use crate::ownership;

/// What is to be declared.
pub struct Source {
    pub config: Config,
    /// The same in the configuration language, with every name resolved.
    pub text: String,
}

impl Source {
    /// `before`: the text that was declared last. The same text again is known to be readable.
    pub fn load(call: &Call, before: Option<&str>) -> Result<Self, Failure> {
        let config = load(call)?;
        let text = config::render(&config);
        if before != Some(&text) {
            check_text(call, &config, &text)?;
        }
        Ok(Self { config, text })
    }
}

pub fn validate(call: &Call, level: ValidationLevel) -> Result<(), Failure> {
    match (call.text("configfile"), level) {
        (Some(_), ValidationLevel::Consistency) => refuse_both(call),
        // Names are looked up on the node that runs the resource only.
        (None, ValidationLevel::Consistency) => load_parameters(call, &config::AnyName::default()).map(|_| ()),
        (_, ValidationLevel::Local) => Source::load(call, None).map(|_| ()),
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
