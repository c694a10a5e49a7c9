//! `ocf:rust:ldirectord`: the health monitor daemon.
//!
//! With a `configfile` it is a whole ldirectord: it creates the virtual services, checks, and removes them on stop.
//! Without one it looks after what the `lvs` resources of this node have declared.

pub(super) mod process;
mod standby;
mod verdict;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::control;
use crate::daemon::protocol::{Liveness, Reply, Request};
use crate::director;
use crate::model::ServiceKey;
use crate::netlink::Ipvs;
use crate::ocf::{Action, ActionDefaults, Agent, Call, Description, Failure, Kind, Parameter, Status, ValidationLevel};
use crate::ownership::{self, MonitorRecord, Owner, Registry};
use crate::system::{Lock, RunDir};

/// A monitor that lives answers within a second, whatever its checks do; one that does not within this time is hung.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long the start of a monitor that stands by waits for the one that follows the declarations. Longer than the checks
/// of healthy real servers take.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Between two questions whether a monitor has started.
const POLL: Duration = Duration::from_millis(50);
/// What the original and its agent read when no file is named (ocf:heartbeat:ldirectord).
const DEFAULT_FILE: &str = "/etc/ha.d/ldirectord.cf";

pub struct Ldirectord;

pub(super) const DESCRIPTION: Description = Description {
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
        let deadline = Instant::now() + (call.timeout / 2).min(LONGEST_WAIT);
        if let Some(path) = call.text("configfile") {
            let me = Owner::Ldirectord(call.instance.clone());
            let conflicts = Registry::read(&run_dir).conflicts(&me, &load_keys(path)?);
            if !conflicts.is_empty() {
                return Err(Failure::bad_here(conflicts.join("; ")));
            }
        }
        if Lock::is_held(&run_dir.lock(&call.instance))? {
            while alive(&run_dir, &call.instance)?.starting && Instant::now() < deadline {
                std::thread::sleep(POLL);
            }
            call.log().info("runs already");
        } else {
            Ipvs::open_loading()?;
            process::start(call, None)?;
        }
        if let Some(warning) = forgotten_file(call, &run_dir) {
            call.log().warning(warning);
        }
        standby::wait_for_leader(call, &run_dir, deadline)
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
        let mut troubles = verdict::troubles(&liveness, can_read_table)?;
        troubles.extend(forgotten_file(call, &run_dir));
        if liveness.stands_by {
            troubles.extend(standby::troubles_of_leader(call, &run_dir));
        }
        Ok(if troubles.is_empty() { Status::Running } else { Status::Degraded(troubles.join("; ")) })
    }
}

/// Whether this process can read what the monitor cannot: then a restart of the monitor mends it.
fn can_read_table() -> bool {
    Ipvs::open().and_then(|ipvs| ipvs.map(|mut ipvs| ipvs.version()).transpose()).is_ok_and(|version| version.is_some())
}

fn load_keys(path: &str) -> Result<Vec<ServiceKey>, Failure> {
    let config = director::load_file(Path::new(path));
    config.map(|config| ownership::keys(&config)).map_err(|error| Failure::bad_here(format!("configfile {error:#}")))
}

/// What the monitor of that instance says of itself; else why it must be started anew.
fn alive(run_dir: &RunDir, instance: &str) -> Result<Liveness, Failure> {
    let answer = control::ask(&run_dir.socket(instance), &Request::Alive, ANSWER_TIME);
    let reply =
        answer.map_err(|error| Failure::generic(format!("health monitor: ask whether it is alive: {error:#}")))?;
    let Reply::Alive(liveness) = reply else {
        return Err(Failure::generic("health monitor: ask whether it is alive: the answer makes no sense"));
    };
    verdict::refuse_standstill(&liveness)?;
    Ok(liveness)
}

/// An administrator who comes from ocf:heartbeat:ldirectord expects its default file to be read.
fn forgotten_file(call: &Call, run_dir: &RunDir) -> Option<String> {
    let is_idle = call.text("configfile").is_none() && run_dir.services().instances().is_empty();
    (is_idle && Path::new(DEFAULT_FILE).exists()).then(|| {
        format!(
            "{DEFAULT_FILE}: not read: this resource has no configfile, and no ocf:rust:lvs resource has declared a service \
             on this node: set configfile={DEFAULT_FILE} to have its services"
        )
    })
}

/// Without a monitor: stopped, unless a killed one left virtual services of its own, which a stop has to remove.
fn left_behind(call: &Call, run_dir: &RunDir) -> Result<Status, Failure> {
    let keys = orphans(call, run_dir);
    let Some(mut ipvs) = Ipvs::open()?.filter(|_| !keys.is_empty()) else { return Ok(Status::Stopped) };
    let left: Vec<String> = ipvs
        .services()?
        .iter()
        .filter(|service| keys.contains(&service.key))
        .map(|service| service.key.to_string())
        .collect();
    match left.is_empty() {
        true => Ok(Status::Stopped),
        false => {
            Err(Failure::generic(format!("health monitor: died and left virtual service {} behind", left.join(", "))))
        }
    }
}

/// Virtual services that the end of the monitor should have removed: those that its record names, and no others.
fn orphans(call: &Call, run_dir: &RunDir) -> Vec<ServiceKey> {
    let record: Option<MonitorRecord> = run_dir.monitors().read_json(&call.instance);
    let removed = record.map(|record| record.removed_at_stop).unwrap_or_default();
    removed.iter().filter_map(|text| text.parse().ok()).collect()
}

/// What a monitor that was killed could not do itself. The record of one that only followed `lvs` resources stays, so
/// that they go on accepting what it made of their real servers, but what it knew of them does not: the next monitor
/// comes to a table that nobody has watched in between.
fn clean_up(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    super::changes::delete_services(call, &orphans(call, run_dir))?;
    match run_dir.monitors().read_json::<MonitorRecord>(&call.instance) {
        Some(record) if record.owns_services => super::forget(call, &run_dir.monitors()),
        Some(record) => {
            if let Err(error) = run_dir.monitors().write_json(&call.instance, &record.without_knowledge()) {
                call.log().warning(error);
            }
        }
        None => {}
    }
    Ok(())
}
