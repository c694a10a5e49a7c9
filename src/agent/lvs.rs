//! `ocf:rust:lvs`: virtual services and real servers in the kernel's IPVS table.
//!
//! What it declares is written to `<run>/services/<instance>.cf` before the kernel is touched: from there `stop` knows
//! what to remove whatever became of the parameters, and the health monitor what to look after. Where a health
//! monitor looks after a service, its real servers are the monitor's to move in and out.

mod description;

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::{self, Config};
use crate::director;
use crate::model::{ServiceEntry, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::ownership::{self, Care, Owner, keys};
use crate::plan::{self, Scope};
use crate::system::RunDir;

pub struct Lvs;

impl Agent for Lvs {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        match (call.text("configfile"), level) {
            (Some(_), ValidationLevel::Consistency) => refuse_both(call),
            // Names are looked up on the node that runs the resource only.
            (None, ValidationLevel::Consistency) => load_parameters(call, &config::AnyName::default()).map(|_| ()),
            (_, ValidationLevel::Local) => load(call).map(|_| ()),
        }
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        let config = load(call)?;
        let wanted = keys(&config);
        refuse_conflicts(&run_dir, call, &wanted)?;
        let mut ipvs = Ipvs::open_loading()?;
        director::prepare(&config, |text| call.log().info(text))?;
        let before = ownership::declaration(&run_dir, &call.instance).map(|old| keys(&old)).unwrap_or_default();
        let gone: Vec<ServiceKey> = before.into_iter().filter(|key| !wanted.contains(key)).collect();
        // Before the new declaration takes the place of the old one: killed in between, nobody would know of them.
        let observed = observe(&mut ipvs, &gone)?;
        super::apply(call, &mut ipvs, &plan::deletions(&gone, &observed))?;
        run_dir.services().write(&call.instance, &config::render(&config))?;
        let observed = observe(&mut ipvs, &wanted)?;
        let desired = leave_to_monitors(&run_dir, table(&config), &observed);
        super::apply(call, &mut ipvs, &plan::table_changes(&desired, &observed, Scope::Services))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        let owned = owned_keys(&run_dir, call);
        if let Some(mut ipvs) = Ipvs::open()? {
            let observed = observe(&mut ipvs, &owned)?;
            super::apply(call, &mut ipvs, &plan::deletions(&owned, &observed))?;
        }
        // Last: killed before, the next stop still knows what is ours.
        super::forget(call, &run_dir.services());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let run_dir = RunDir::system();
        let Some(text) = run_dir.services().read(&call.instance)? else { return Ok(Status::Stopped) };
        let Some(mut ipvs) = Ipvs::open()? else { return Ok(Status::Stopped) };
        let path = run_dir.services().file(&call.instance);
        let parsed = config::parse_file(text.as_bytes(), &config::SystemResolver::new()).ok();
        // Without a service, the comparison would find nothing wrong with a table that has none of ours.
        let config = parsed
            .filter(|config| !config.services.is_empty())
            .ok_or_else(|| Failure::generic(format!("{}: read: damaged; start writes it again", path.display())))?;
        let observed = observe(&mut ipvs, &keys(&config))?;
        if observed.is_empty() {
            return Ok(Status::Stopped);
        }
        let desired = accept_monitored(&run_dir, &config, &observed);
        let differences = plan::differences(&desired, &observed);
        if !differences.is_empty() {
            return Err(Failure::generic(differences.join("; ")));
        }
        let abandoned = abandoned(&run_dir, &config, &observed);
        Ok(if abandoned.is_empty() { Status::Running } else { Status::Degraded(abandoned.join("; ")) })
    }
}

/// The configuration that the parameters or the `configfile` describe.
fn load(call: &Call) -> Result<Config, Failure> {
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
    match config::survives_rendering(&config, &config::AnyName::default()) {
        true => Ok(config),
        false => Err(Failure::bad_here(format!(
            "configfile {path}: declare its services: a combination of request, receive and double quotes is ambiguous"
        ))),
    }
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

fn refuse_conflicts(run_dir: &RunDir, call: &Call, wanted: &[ServiceKey]) -> Result<(), Failure> {
    let conflicts = ownership::conflicts(run_dir, &Owner::Lvs(call.instance.clone()), wanted);
    if conflicts.is_empty() { Ok(()) } else { Err(Failure::bad_here(conflicts.join("; "))) }
}

/// The table as declared: every real server at its weight, no fallback.
fn table(config: &Config) -> Table {
    let entry = |service: &config::Service| {
        let reals = service.real_servers.iter().map(|real| (real.real_server.key, real.real_server.clone()));
        (service.service.key, ServiceEntry { service: service.service.clone(), real_servers: reals.collect() })
    };
    config.services.iter().map(entry).collect()
}

/// A service that a living monitor looks after keeps the real servers that it has: starting it again must not put a
/// server back that the monitor took out.
fn leave_to_monitors(run_dir: &RunDir, mut desired: Table, observed: &Table) -> Table {
    for (key, entry) in &mut desired {
        if let Some(held) = observed.get(key).filter(|_| ownership::care(run_dir, key) == Care::Monitor) {
            entry.real_servers = held.real_servers.clone();
        }
    }
    desired
}

/// What a monitor of health may have made of the declaration is right: any declared real server in or out, at any
/// weight, and the fallback. Anything else in the service is not.
fn accept_monitored(run_dir: &RunDir, config: &Config, observed: &Table) -> Table {
    let mut desired = table(config);
    for service in &config.services {
        let key = service.service.key;
        let (Some(entry), Some(held)) = (desired.get_mut(&key), observed.get(&key)) else { continue };
        if ownership::care(run_dir, &key) != Care::Owner {
            let mut known: BTreeSet<_> = entry.real_servers.keys().copied().collect();
            known.extend(service.fallback.iter().map(|fallback| fallback.key));
            let held = held.real_servers.iter().filter(|(key, _)| known.contains(key));
            entry.real_servers = held.map(|(key, real)| (*key, real.clone())).collect();
        }
    }
    desired
}

/// Services whose health monitor has ended while real servers were out: nobody will bring those back.
fn abandoned(run_dir: &RunDir, config: &Config, observed: &Table) -> Vec<String> {
    let mut declared = table(config);
    declared.retain(|key, _| ownership::care(run_dir, key) == Care::Nobody);
    let differences = plan::differences(&declared, observed);
    differences.into_iter().map(|difference| format!("{difference}, and its health monitor has ended")).collect()
}

/// What stop removes: what the last start declared; without that, what the parameters say, as far as nobody else has
/// declared it.
fn owned_keys(run_dir: &RunDir, call: &Call) -> Vec<ServiceKey> {
    if let Some(config) = ownership::declaration(run_dir, &call.instance) {
        return keys(&config);
    }
    let foreign = ownership::owners(run_dir);
    let wanted = load(call).map(|config| keys(&config)).unwrap_or_default();
    wanted.into_iter().filter(|key| !foreign.contains_key(key)).collect()
}

fn observe<'a>(ipvs: &mut Ipvs, keys: impl IntoIterator<Item = &'a ServiceKey>) -> Result<Table, Failure> {
    let mut observed = Table::new();
    for key in keys {
        if let Some(entry) = ipvs.service(key)? {
            observed.insert(*key, entry);
        }
    }
    Ok(observed)
}
