//! `ocf:rust:ldirectord` runs the health monitor.
//!
//! With a `configfile` it is a whole ldirectord: it creates the virtual services, checks their real servers, and
//! removes the services on stop. Without one it looks after what the `lvs` resources of this node have declared.

pub(super) mod process;
mod standby;
mod verdict;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::control;
use crate::daemon::protocol::{ControlReply, ControlRequest, Liveness};
use crate::director;
use crate::model::ServiceKey;
use crate::netlink::Ipvs;
use crate::ocf::{
    Action, ActionDefaults, Agent, Call, Description, Failure, Parameter, ParameterKind, Status, ValidationLevel,
};
use crate::ownership::{self, HealthRecord, Registry, ServiceOwner};
use crate::system::{Lock, RunDir, node_attribute};

pub use verdict::LATE;

/// A health monitor that lives answers within a second, whatever its checks do; one that does not answer within this
/// time hangs.
pub const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long the start of a health monitor that stands by waits for the one that follows the declarations. The time is
/// longer than the checks of healthy real servers take.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The time between two questions whether a health monitor has started, or has checked what is declared.
const POLL: Duration = Duration::from_millis(50);
/// The file that the original and its agent read when none is named (ocf:heartbeat:ldirectord).
const DEFAULT_FILE: &str = "/etc/ha.d/ldirectord.cf";

/// The agent `ocf:rust:ldirectord`.
pub struct LdirectordAgent;

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
            ParameterKind::Text,
            "configuration file",
            "A ldirectord.cf. Not set: the services of the ocf:rust:lvs resources on the same node.",
        )
        .unique(),
        Parameter::new(
            "logfile",
            ParameterKind::Text,
            "log file",
            "Path, or syslog facility, for when the configuration file names none. Default: /var/log/ldirectord.log",
        ),
        Parameter::new(
            "metrics",
            ParameterKind::Text,
            "address of the metrics",
            "ADDRESS:PORT on which Prometheus and a browser can read the state (/metrics and /), for when the configuration \
             file names none. Not set: nowhere. Everything that can connect there can read it.",
        ),
        Parameter::new(
            "observe_group",
            ParameterKind::Text,
            "group that may observe",
            "A group of the node, by name or number, whose members may read status and events (lvs-agents status, lvs-agents \
             events) and change nothing, for when the configuration file names none. Not set: root only.",
        ),
        Parameter::new(
            "attribute_dampening",
            ParameterKind::Time,
            "dampening of the node attributes",
            "Set: each virtual service has an attribute of this node, such as lvs-weight-tcp_10.9.0.100_3306, whose value is the \
             weight that its healthy real servers have together here, for crm_mon -A, alerts and rules. A change reaches the \
             cluster when it has lasted so long; 5s suits most. At most 100 services have one. Not set: no attributes.",
        ),
        Parameter::new(
            "ldirectord",
            ParameterKind::Text,
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

/// The parameters of `ocf:rust:ldirectord`, each read once from the call, under the names of the description.
pub(super) struct LdirectordParameters {
    configfile: Option<String>,
    logfile: Option<String>,
    metrics: Option<String>,
    observe_group: Option<String>,
    attribute_dampening: Option<String>,
}

impl LdirectordParameters {
    pub(super) fn of(call: &Call) -> Self {
        let text = |name| call.text(name).map(str::to_owned);
        Self {
            configfile: text("configfile"),
            logfile: text("logfile"),
            metrics: text("metrics"),
            observe_group: text("observe_group"),
            attribute_dampening: call
                .is_set("attribute_dampening")
                .then(|| call.time("attribute_dampening").as_millis().to_string()),
        }
    }
}

impl Agent for LdirectordAgent {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        match (LdirectordParameters::of(call).configfile, level) {
            (Some(path), ValidationLevel::Local) => load_keys(&path).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let (run_dir, parameters) = (RunDir::system(), LdirectordParameters::of(call));
        let deadline = Instant::now() + (call.timeout / 2).min(LONGEST_WAIT);
        if let Some(path) = &parameters.configfile {
            let me = ServiceOwner::Ldirectord(call.instance.clone());
            let conflicts = Registry::read(&run_dir).conflicts(&me, &load_keys(path)?);
            if !conflicts.is_empty() {
                return Err(Failure::bad_here(conflicts.join("; ")));
            }
        }
        if has_started(&run_dir, &call.instance, deadline)? {
            call.log().info("runs already");
        } else {
            Ipvs::open_loading()?;
            process::start(call, &parameters, None)?;
        }
        if let Some(warning) = forgotten_file(&parameters, &run_dir) {
            call.log().warning(warning);
        }
        match parameters.configfile {
            Some(_) => Ok(()),
            None => standby::wait_for_leader(call, &run_dir, deadline),
        }
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
        troubles.extend(forgotten_file(&LdirectordParameters::of(call), &run_dir));
        if liveness.stands_by {
            troubles.extend(standby::troubles_of_leader(call, &run_dir));
        }
        Ok(if troubles.is_empty() { Status::Running } else { Status::Degraded(troubles.join("; ")) })
    }
}

/// Whether this process can read what the health monitor cannot: then a restart of the health monitor mends it.
fn can_read_table() -> bool {
    Ipvs::open().and_then(|ipvs| ipvs.map(|mut ipvs| ipvs.version()).transpose()).is_ok_and(|version| version.is_some())
}

fn load_keys(path: &str) -> Result<Vec<ServiceKey>, Failure> {
    let config = director::load_file_of_resource(Path::new(path));
    config.map(|config| ownership::keys(&config)).map_err(|error| Failure::bad_here(format!("configfile {error:#}")))
}

/// Returns what the health monitor of that instance says of itself, or why it must be started anew.
fn alive(run_dir: &RunDir, instance: &str) -> Result<Liveness, Failure> {
    let answer = control::ask(&run_dir.socket(instance), &ControlRequest::Alive, ANSWER_TIME);
    let reply =
        answer.map_err(|error| Failure::generic(format!("health monitor: ask whether it is alive: {error:#}")))?;
    let ControlReply::Alive(liveness) = reply else {
        return Err(Failure::generic("health monitor: ask whether it is alive: the answer makes no sense"));
    };
    verdict::refuse_standstill(&liveness)?;
    Ok(*liveness)
}

/// Whether the health monitor of that instance runs. A start of it that is under way is waited for, and so is an end.
///
/// # Errors
/// Fails when it runs at the deadline and does not answer.
pub(super) fn has_started(run_dir: &RunDir, instance: &str, deadline: Instant) -> Result<bool, Failure> {
    while Lock::is_held(&run_dir.lock(instance))? {
        let is_late = Instant::now() >= deadline;
        match alive(run_dir, instance) {
            Ok(liveness) if is_late || !liveness.starts_or_ends => return Ok(true),
            Err(failure) if is_late => return Err(failure),
            // Its socket comes a moment after its lock, and goes a moment before it.
            _ => std::thread::sleep(POLL),
        }
    }
    Ok(false)
}

/// Warns of a default file that is not read: an administrator who comes from ocf:heartbeat:ldirectord expects it to be
/// read.
fn forgotten_file(parameters: &LdirectordParameters, run_dir: &RunDir) -> Option<String> {
    let is_idle = parameters.configfile.is_none() && run_dir.services().instances().is_empty();
    (is_idle && Path::new(DEFAULT_FILE).exists()).then(|| {
        format!(
            "{DEFAULT_FILE}: not read: this resource has no configfile, and no ocf:rust:lvs resource has declared a service \
             on this node: set configfile={DEFAULT_FILE} to have its services"
        )
    })
}

/// Answers where no health monitor runs: it is stopped, unless a killed one left virtual services of its own, which a
/// stop has to remove.
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

/// Returns the virtual services that the end of the health monitor should have removed: those that its record names,
/// and no others.
fn orphans(call: &Call, run_dir: &RunDir) -> Vec<ServiceKey> {
    let record: Option<HealthRecord> = run_dir.monitors().read_json(&call.instance);
    let removed = record.map(|record| record.removed_at_stop).unwrap_or_default();
    removed.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Takes away the node attributes that a health monitor could not take away itself. The cluster forgets them with the node at
/// the latest: a stop must not fail for them.
fn forget_attributes(call: &Call, run_dir: &RunDir) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let Some(names) = run_dir.node_attributes().read_json::<Vec<String>>(&call.instance) else { return };
    let deadline = Instant::now() + PATIENCE.min(call.timeout / 4);
    let removed = names.iter().try_for_each(|name| node_attribute::remove(name, deadline));
    let forgotten = run_dir.node_attributes().remove(&call.instance).map_err(|error| error.to_string());
    for cause in [removed, forgotten].into_iter().filter_map(Result::err) {
        call.log().warning(cause);
    }
}

/// Does what a health monitor that was killed could not do itself. The record of one that only followed `lvs` resources
/// stays, so that they go on accepting what it made of their real servers. Of one with services of its own stays what is
/// drained of those that are still there. What it knew of the real servers does not stay: the next health monitor comes
/// to a table that no process has watched in between.
fn clean_up(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    forget_attributes(call, run_dir);
    super::changes::delete_services(call, &orphans(call, run_dir))?;
    let Some(record) = run_dir.monitors().read_json::<HealthRecord>(&call.instance) else { return Ok(()) };
    let remains = if record.owns_services { record.after_end() } else { Some(record.without_knowledge()) };
    let written = match remains {
        Some(record) => run_dir.monitors().write_json(&call.instance, &record),
        None => run_dir.monitors().remove(&call.instance),
    };
    if let Err(error) = written {
        call.log().warning(error);
    }
    Ok(())
}
