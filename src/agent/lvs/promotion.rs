//! What the actions of a promotable clone do besides those of a plain resource: they take a role on, and leave it.

use super::locks::DeclaringLock;
use super::role::{self, SyncOrder};
use super::score::{self, Fitness};
use super::{bring_up, channel};
use crate::model::SyncChannel;
use crate::netlink::Ipvs;
use crate::netlink::ipvs::SyncDaemons;
use crate::ocf::{Action, Call, Failure, PromotionRole, Status};
use crate::ownership::{self, Declaration, RoleRecord, SyncKnowledge};
use crate::system::{RunDir, sysctl};

/// With which of its packets a connection is sent.
const THRESHOLD: &str = "net/ipv4/vs/sync_threshold";

/// Whether the cluster runs the resource as a promotable clone. Pacemaker says so by the number of instances that it may
/// promote, under the older name too.
pub fn is_promotable(call: &Call) -> bool {
    ["promoted_max", "master_max"].into_iter().any(|name| call.meta(name).is_some())
}

/// Gives this resource a role, and the sync daemon that belongs to it.
pub fn take_on(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, role: PromotionRole) -> Result<(), Failure> {
    if let Some(value) = channel::threshold(call)?
        && sysctl::read(THRESHOLD)? != value
    {
        sysctl::write(THRESHOLD, &value)?;
    }
    let wanted = RoleRecord {
        promoted: role == PromotionRole::Promoted,
        channel: channel::channel(call)?,
        ..RoleRecord::default()
    };
    enter(call, run_dir, ipvs, wanted)
}

/// Gives up the active role. The table stays: the next director that becomes active finds it complete.
pub fn demote(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let stopped = || Failure::not_running("not started on this node");
    let _lock = DeclaringLock::acquire(call, run_dir)?;
    if ownership::declaration(run_dir, &call.instance) == Declaration::Absent {
        return Err(stopped());
    }
    let record = role(call, run_dir).unwrap_or_default();
    let mut ipvs = Ipvs::open()?.ok_or_else(stopped)?;
    enter(call, run_dir, &mut ipvs, RoleRecord { promoted: false, ..record })
}

/// Ends the sync daemon of this resource and forgets its role.
pub fn leave(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let Some(record) = role(call, run_dir) else { return Ok(()) };
    if let Some(mut ipvs) = Ipvs::open()? {
        // Nothing is wanted, so nothing that another program runs is in the way.
        let orders = role::orders(Some(&record), &ipvs.sync_daemons()?, &RoleRecord::default()).unwrap_or_default();
        execute(call, &mut ipvs, &orders)?;
    }
    if record.score.is_some()
        && let Err(cause) = score::tell(call, None)
    {
        call.log().warning(cause);
    }
    crate::agent::forget(call, &run_dir.roles());
    Ok(())
}

/// Whether an instance that is not promoted has to take on parameters that have changed since it was started. Pacemaker has an
/// instance that was demoted reload nothing, but it monitors it again at once. The contents of a file are not followed.
pub fn has_new_parameters(call: &Call, run_dir: &RunDir, role: &RoleRecord) -> bool {
    if call.is_probe || role.promoted || call.is_set("configfile") || !call.problems().is_empty() {
        return false;
    }
    // One that cannot be understood is new: the attempt to take it on says why not.
    let is_declared =
        |mut ipvs| bring_up::load(call, run_dir, &mut ipvs).is_ok_and(|(_, undeclared)| undeclared.is_none());
    let same_services = Ipvs::open().is_ok_and(|ipvs| ipvs.is_none_or(is_declared));
    !same_services || channel::channel(call).is_ok_and(|channel| channel != role.channel)
}

/// Returns the role that the resource has; `None` for one that is not promotable, or does not run.
pub fn role(call: &Call, run_dir: &RunDir) -> Option<RoleRecord> {
    run_dir.roles().read_json(&call.instance)
}

/// Returns the same in the cluster's words.
pub fn present_role(call: &Call, run_dir: &RunDir) -> Option<PromotionRole> {
    role(call, run_dir).map(|record| if record.promoted { PromotionRole::Promoted } else { PromotionRole::Unpromoted })
}

/// Returns what monitor answers, when this is its answer as far as the table is concerned.
pub fn judge(call: &Call, run_dir: &RunDir, table: Result<Status, Failure>) -> Result<Status, Failure> {
    let Some(role) = role(call, run_dir) else { return table };
    let running = Ipvs::open()?.map_or_else(|| Ok(SyncDaemons::default()), |mut ipvs| ipvs.sync_daemons())?;
    role::judge(&role, &running, table).map(|status| role::with_clash(status, SyncKnowledge::read(run_dir).clash))
}

/// Tells the cluster how fit this director is. `answer` is what monitor answers.
pub fn publish_score(call: &Call, run_dir: &RunDir, answer: &Result<Status, Failure>) {
    let complete = match answer {
        Ok(Status::Stopped) => return,
        Ok(Status::FailedPromoted(_)) | Err(_) => false,
        Ok(_) => true,
    };
    let Some(role) = role(call, run_dir) else { return };
    let coverage = if role.promoted { Some(100) } else { SyncKnowledge::read(run_dir).coverage };
    let score = score::score(Fitness { complete, coverage, before: role.score });
    // By a probe a cluster that was restarted learns of what runs. It knows no scores then.
    let may_be_forgotten = call.is_probe || call.action == Action::Start;
    if role.score == Some(score) && !may_be_forgotten {
        return;
    }
    if let Err(cause) = score::tell(call, Some(score)) {
        call.log().warning(cause);
        return;
    }
    if let Err(error) = run_dir.roles().write_json(&call.instance, &RoleRecord { score: Some(score), ..role }) {
        call.log().warning(error);
    }
}

/// The record is written before a daemon is started: what was started is then known to whatever comes after a kill -9.
fn enter(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, wanted: RoleRecord) -> Result<(), Failure> {
    let record = role(call, run_dir);
    if let Some(channel) = &wanted.channel {
        refuse_second(call, run_dir, channel)?;
    }
    let orders = role::orders(record.as_ref(), &ipvs.sync_daemons()?, &wanted).map_err(Failure::bad_here)?;
    let (stops, starts): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| matches!(order, SyncOrder::Stop(_)));
    // A daemon that the new record does not name must be gone before it is written.
    execute(call, ipvs, &stops)?;
    run_dir.roles().write_json(&call.instance, &RoleRecord { score: record.and_then(|old| old.score), ..wanted })?;
    execute(call, ipvs, &starts)
}

/// The node has one sync daemon of each kind, whatever number of resources it has.
fn refuse_second(call: &Call, run_dir: &RunDir, channel: &SyncChannel) -> Result<(), Failure> {
    let roles = run_dir.roles();
    let others = roles.instances().into_iter().filter(|other| *other != call.instance);
    let mut syncing =
        others.filter(|other| roles.read_json(other).is_some_and(|role: RoleRecord| role.channel.is_some()));
    match syncing.next() {
        Some(other) => Err(Failure::bad_here(format!(
            "sync_interface \"{}\": lvs resource \"{other}\" synchronises the connections of this node already, and the kernel \
             does it once: put the services of both into one resource (configfile)",
            channel.interface
        ))),
        None => Ok(()),
    }
}

fn execute(call: &Call, ipvs: &mut Ipvs, orders: &[SyncOrder]) -> Result<(), Failure> {
    for order in orders {
        match order {
            SyncOrder::Stop(daemon) => ipvs.stop_sync_daemon(*daemon)?,
            SyncOrder::Start(daemon, channel) => ipvs.start_sync_daemon(*daemon, channel)?,
        }
        call.log().info(order);
    }
    Ok(())
}
