//! `ocf:rust:ldirectord`: the health monitor daemon.
//!
//! With a `configfile` it is a whole ldirectord: it creates the virtual services, checks, and removes them on stop.
//! Without one it looks after what the `lvs` resources of this node have declared.

mod process;

use std::path::Path;
use std::time::Duration;

use crate::config;
use crate::daemon::control;
use crate::daemon::protocol::{Liveness, Reply, Request};
use crate::model::ServiceKey;
use crate::netlink::Ipvs;
use crate::ocf::{Action, ActionDefaults, Agent, Call, Description, Failure, Kind, Parameter, Status, ValidationLevel};
use crate::ownership::{self, MonitorRecord, Owner, Registry};
use crate::plan;
use crate::system::{Lock, RunDir};

/// How late a check may be before the monitor counts as hung: far beyond what a busy machine causes, far below the
/// time that a dead real server may go unnoticed.
const LATEST: Duration = Duration::from_secs(10);
/// A living monitor answers in less than a millisecond; one that does not within this time is hung.
const ANSWER_TIME: Duration = Duration::from_secs(5);

pub struct Ldirectord;

const DESCRIPTION: Description = Description {
    name: "ldirectord",
    version: env!("CARGO_PKG_VERSION"),
    short: "Health monitor for the real servers of Linux Virtual Server",
    long: "Checks real servers and takes those that fail out of the kernel's IPVS table until they are well again. With \
           configfile it is a whole ldirectord: it creates the virtual services of the file and removes them on stop. \
           Without it, it looks after the services that the ocf:rust:lvs resources of its node have declared.",
    parameters: &[
        Parameter::new(
            "configfile",
            Kind::Text,
            "configuration file",
            "A ldirectord.cf. Not set: the services of the ocf:rust:lvs resources on the same node.",
        )
        .unique(),
        Parameter::new(
            "logfile",
            Kind::Text,
            "log file",
            "Path, or syslog facility, for when the configuration file names none. Default: /var/log/ldirectord.log",
        ),
        Parameter::new(
            "ldirectord",
            Kind::Text,
            "path of ldirectord",
            "Accepted so that configurations of ocf:heartbeat:ldirectord load; the monitor is part of this agent.",
        )
        .obsolete(),
    ],
    actions: &[
        ActionDefaults::new(Action::Start, 60),
        ActionDefaults::new(Action::Stop, 30),
        ActionDefaults::monitor(20, 10),
    ],
};

impl Agent for Ldirectord {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        match (call.text("configfile"), level) {
            (Some(path), ValidationLevel::Local) => load_keys(path).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        if let Some(path) = call.text("configfile") {
            let me = Owner::Ldirectord(call.instance.clone());
            let conflicts = Registry::read(&run_dir).conflicts(&me, &load_keys(path)?);
            if !conflicts.is_empty() {
                return Err(Failure::bad_here(conflicts.join("; ")));
            }
        }
        if Lock::is_held(&run_dir.lock(&call.instance))? {
            return alive(&run_dir, &call.instance).map(|_| call.log().info("runs already"));
        }
        Ipvs::open_loading()?;
        process::start(call)
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        process::stop(call, &run_dir)?;
        clean_up(call, &run_dir)
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let run_dir = RunDir::system();
        if !Lock::is_held(&run_dir.lock(&call.instance))? {
            return left_behind(call, &run_dir);
        }
        let liveness = alive(&run_dir, &call.instance)?;
        if let Some(error) = liveness.kernel_error {
            return Err(Failure::generic(format!("health monitor: write the IPVS table: {error}")));
        }
        let ignored = liveness.configuration_error;
        let faults = [
            ignored.map(|error| format!("new configuration ignored, the one before is in force: {error}")),
            liveness.check_error.map(|error| format!("a check could not be made: {error}")),
        ];
        let faults: Vec<String> = faults.into_iter().flatten().collect();
        Ok(if faults.is_empty() { Status::Running } else { Status::Degraded(faults.join("; ")) })
    }
}

fn load_keys(path: &str) -> Result<Vec<ServiceKey>, Failure> {
    let config = config::load_file(Path::new(path));
    config.map(|config| ownership::keys(&config)).map_err(|error| Failure::bad_here(format!("configfile {error:#}")))
}

/// A monitor that answers and is not late; else why it must be started anew.
fn alive(run_dir: &RunDir, instance: &str) -> Result<Liveness, Failure> {
    let answer = control::ask(&run_dir.socket(instance), Request::Alive, ANSWER_TIME);
    let reply =
        answer.map_err(|error| Failure::generic(format!("health monitor: ask whether it is alive: {error:#}")))?;
    let Reply::Alive(liveness) = reply else {
        return Err(Failure::generic("health monitor: ask whether it is alive: the answer makes no sense"));
    };
    if liveness.late_seconds > LATEST.as_secs_f64() {
        let late = liveness.late_seconds;
        return Err(Failure::generic(format!("health monitor: a check is {late:.0} s late: the monitor hangs")));
    }
    Ok(liveness)
}

/// Without a monitor: stopped, unless a killed one left virtual services of its own, which a stop has to remove.
fn left_behind(call: &Call, run_dir: &RunDir) -> Result<Status, Failure> {
    let keys = orphans(call, run_dir);
    let Some(mut ipvs) = Ipvs::open()?.filter(|_| !keys.is_empty()) else { return Ok(Status::Stopped) };
    for key in &keys {
        if ipvs.service(key)?.is_some() {
            return Err(Failure::generic(format!("health monitor: died and left virtual service {key} behind")));
        }
    }
    Ok(Status::Stopped)
}

/// Virtual services that the end of the monitor should have removed: by its record; without one, those of the
/// configuration file that nobody else owns, as far as it can be read.
fn orphans(call: &Call, run_dir: &RunDir) -> Vec<ServiceKey> {
    if let Some(record) = run_dir.monitors().read_json::<MonitorRecord>(&call.instance) {
        return record.removed_at_stop.iter().filter_map(|text| text.parse().ok()).collect();
    }
    let Some(config) = call.text("configfile").and_then(|path| config::load_file(Path::new(path)).ok()) else {
        return Vec::new();
    };
    let foreign = Registry::read(run_dir);
    let ours = config.services.iter().filter(|service| service.cleanstop).map(|service| service.service.key);
    ours.filter(|key| foreign.owner_of(key).is_none()).collect()
}

/// What a monitor that was killed could not do itself. The record of one that only followed `lvs` resources stays, so
/// that they go on accepting what it made of their real servers.
fn clean_up(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let keys = orphans(call, run_dir);
    if let Some(mut ipvs) = Ipvs::open()?.filter(|_| !keys.is_empty()) {
        let observed = ipvs.table()?;
        super::apply(call, &mut ipvs, &plan::deletions(&keys, &observed))?;
    }
    let record: Option<MonitorRecord> = run_dir.monitors().read_json(&call.instance);
    if record.is_some_and(|record| record.owns_services) {
        super::forget(call, &run_dir.monitors());
    }
    Ok(())
}
