//! What the actions of a promotable clone do besides those of a plain resource: they take a role on, and leave it.

use std::time::Instant;

use super::kernel::OneIpvs;
use super::locks::DeclaringLock;
use super::role::{self, Sight, SyncOrder};
use super::score::{self, Fitness};
use super::{channel, source, unchecked};
use crate::daemon::SENDING_PATIENCE;
use crate::daemon::control;
use crate::daemon::protocol::ControlRequest;
use crate::model::SyncChannel;
use crate::netlink::Ipvs;
use crate::netlink::ipvs::SyncDaemons;
use crate::ocf::{Action, Call, Failure, PromotionRole, Status};
use crate::ownership::{self, Declaration, Registry, RoleRecord, SyncKnowledge};
use crate::system::{Lock, RunDir, node_attribute, seconds_since_boot, sysctl};

/// With which of its packets a connection is sent.
const THRESHOLD: &str = "net/ipv4/vs/sync_threshold";

/// Whether the cluster runs the resource as a promotable clone. Pacemaker says so by the number of instances that it may
/// promote, under the older name too. Its `crm_resource --force-start` says it only as the configuration of the clone does: an
/// instance that took itself for a plain resource then would end its sync daemon.
pub fn is_promotable(call: &Call) -> bool {
    let has_number = ["promoted_max", "master_max"].into_iter().any(|name| call.meta(name).is_some());
    has_number || call.meta_is_true("promotable")
}

/// The role that an action gives a resource.
#[derive(Debug, Clone, Copy)]
pub struct WantedRole {
    /// What the cluster calls it.
    pub role: PromotionRole,
    /// Whether the services have checks.
    pub has_checks: bool,
}

/// Gives this resource a role, and the sync daemon that belongs to it. A synchronisation that does not work is no reason to
/// refuse the role: monitor shows it and tries again.
pub fn take_on(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, wanted: WantedRole) -> Result<(), Failure> {
    let WantedRole { role, has_checks } = wanted;
    let promoted = role == PromotionRole::Promoted;
    let before = self::role(call, run_dir);
    let channel = usable_channel(call, before.as_ref(), channel::channel(call)?);
    set_threshold(call).unwrap_or_else(|failure| call.log().warning(failure));
    let parameters = Some(source::fingerprint(call));
    let before = before.unwrap_or_default();
    enter(call, run_dir, ipvs, RoleRecord { promoted, channel, parameters, has_checks, ..before })
}

/// Takes the active role on with what an earlier action has declared and programmed, when what the parameters say now cannot be
/// had (a file, a name server): the director that is left has to direct. `failure` says why.
pub fn promote_as_declared(call: &Call, run_dir: &RunDir, failure: Failure) -> Result<(), Failure> {
    let Some(record) = role(call, run_dir) else { return Err(failure) };
    let mut ipvs = OneIpvs::default();
    let table = super::monitor_table(call, run_dir, &mut ipvs);
    if !matches!(table, Ok(Status::Running | Status::Degraded(_))) {
        return Err(failure);
    }
    let _lock = DeclaringLock::acquire(call, run_dir)?;
    let Some(ipvs) = ipvs.get()? else { return Err(failure) };
    enter(call, run_dir, ipvs, RoleRecord { promoted: true, ..record })?;
    call.log().warning(format!("promoted with what was declared before: {failure}"));
    Ok(())
}

/// Returns the configured channel, unless there is one that works and the configured one cannot.
fn usable_channel(call: &Call, before: Option<&RoleRecord>, configured: Option<SyncChannel>) -> Option<SyncChannel> {
    let present = before.and_then(|before| before.channel.clone());
    match &configured {
        Some(channel) if present.is_some() && present != configured => match channel::look_at_interface(channel) {
            Ok(_) => configured,
            Err(failure) => {
                call.log().warning(failure);
                present
            }
        },
        _ => configured,
    }
}

fn set_threshold(call: &Call) -> Result<(), Failure> {
    if let Some(value) = channel::threshold(call)?
        && sysctl::read(THRESHOLD)? != value
    {
        sysctl::write(THRESHOLD, &value)?;
    }
    Ok(())
}

/// Gives up the active role. The table stays: the next director that becomes active finds it complete.
pub fn demote(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let stopped = || Failure::not_running("not started on this node");
    if role(call, run_dir).is_some_and(|record| record.promoted && record.channel.is_some()) {
        send_latest_connections(run_dir);
    }
    let _lock = DeclaringLock::acquire(call, run_dir)?;
    if ownership::declaration(run_dir, &call.instance) == Declaration::Absent {
        return Err(stopped());
    }
    let record = role(call, run_dir).unwrap_or_default();
    let mut ipvs = Ipvs::open()?.ok_or_else(stopped)?;
    enter(call, run_dir, &mut ipvs, RoleRecord { promoted: false, ..record })
}

/// Has the health monitor send the connections that are too young for the kernel to have sent them. One that cannot, or is too
/// old to know how, is as good: nothing holds a demotion up.
fn send_latest_connections(run_dir: &RunDir) {
    let end = Instant::now() + SENDING_PATIENCE;
    for health_monitor in Registry::read_health_monitors(run_dir).followers() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let _sent_or_not = control::ask(&run_dir.socket(health_monitor), &ControlRequest::SendLatest, left);
    }
}

/// Ends the sync daemon of this resource and forgets its role.
pub fn leave(call: &Call, run_dir: &RunDir) -> Result<(), Failure> {
    let record = match role(call, run_dir) {
        Some(record) => record,
        None if !run_dir.roles().file(&call.instance).exists() => return Ok(()),
        // A record that cannot be understood says that there was a role; the parameters say with which channel.
        None => RoleRecord { channel: channel::channel(call).unwrap_or_default(), ..RoleRecord::default() },
    };
    if let Some(mut ipvs) = Ipvs::open()? {
        for order in role::orders(Some(&record), &ipvs.sync_daemons()?, &RoleRecord::default()) {
            execute(call, &mut ipvs, &order)?;
        }
    }
    if record.score.is_some()
        && let Err(cause) = score::tell(call, None)
    {
        call.log().warning(cause);
    }
    crate::agent::forget(call, &run_dir.roles());
    Ok(())
}

/// Whether an instance that is not promoted has to take on parameters that have changed since it was started, or the role itself,
/// of which the record is lost. Pacemaker has an instance that was demoted reload nothing, but it monitors it again at once. The
/// contents of a file are not followed, nor what becomes of a name.
pub fn is_behind(call: &Call, run_dir: &RunDir) -> bool {
    if call.is_probe || !call.problems().is_empty() {
        return false;
    }
    match role(call, run_dir) {
        Some(role) => {
            !role.promoted && (role.parameters != Some(source::fingerprint(call)) || has_new_channel(call, &role))
        }
        // Where the cluster takes it for the promoted one it has it promoted again.
        None => is_promotable(call) && call.meta("role") != Some("Promoted") && is_declared(call, run_dir),
    }
}

fn is_declared(call: &Call, run_dir: &RunDir) -> bool {
    run_dir.services().file(&call.instance).exists()
}

/// Whether another channel is configured than the one that is used.
fn has_new_channel(call: &Call, role: &RoleRecord) -> bool {
    channel::channel(call).is_ok_and(|channel| channel != role.channel)
}

/// What one look shows of the synchronisation.
pub struct Seen {
    /// The role for which it was looked.
    promoted: bool,
    channel: Option<SyncChannel>,
    running: SyncDaemons,
    /// The index of the interface, or why it can carry no connections; `None` for a role without a channel.
    interface: Option<Result<u32, Failure>>,
}

impl Seen {
    fn look(role: &RoleRecord, ipvs: Option<&mut Ipvs>) -> Result<Self, Failure> {
        let running = ipvs.map_or_else(|| Ok(SyncDaemons::default()), Ipvs::sync_daemons)?;
        let interface = role.channel.as_ref().map(channel::look_at_interface);
        Ok(Self { promoted: role.promoted, channel: role.channel.clone(), running, interface })
    }

    /// Whether it was looked for this role: another action may have changed it since.
    fn is_of(&self, role: &RoleRecord) -> bool {
        (self.promoted, &self.channel) == (role.promoted, &role.channel)
    }
}

/// Starts and stops sync daemons as the role of this resource says, and notes whether a health monitor runs, unless another
/// action of the resource is under way. What goes wrong is in what [`judge`] says. Returns what it has seen where it is still so.
pub fn mend(call: &Call, run_dir: &RunDir, ipvs: &mut OneIpvs) -> Option<Seen> {
    role(call, run_dir)?;
    let _lock = Lock::try_acquire(&run_dir.services().lock_of(&call.instance)).ok()??;
    let (record, ipvs) = (role(call, run_dir)?, ipvs.get().ok()??);
    let seen = Seen::look(&record, Some(ipvs)).ok()?;
    let interface_index = seen.interface.as_ref().and_then(|index| index.as_ref().ok()).copied();
    let wanted = RoleRecord { interface_index, ..record.clone() };
    let orders = role::orders(Some(&record), &seen.running, &wanted);
    let failed = orders.iter().filter(|order| execute(call, ipvs, order).is_err()).count();
    let is_checked = !Registry::read_health_monitors(run_dir).followers().is_empty();
    let unchecked_since = unchecked::since(&record, is_checked, seconds_since_boot());
    let interface_index = wanted.interface_index.filter(|_| failed == 0).or(record.interface_index);
    let new = RoleRecord { interface_index, unchecked_since, ..wanted };
    if new != record {
        run_dir.roles().write_json(&call.instance, &new).unwrap_or_else(|error| call.log().warning(error));
    }
    orders.is_empty().then_some(seen)
}

/// Returns the index of the interface on which the sync daemon of this role is to run, if it can carry connections.
fn interface_index(role: &RoleRecord) -> Option<u32> {
    role.channel.as_ref().and_then(|channel| channel::look_at_interface(channel).ok())
}

/// Returns the role that the resource has; `None` for one that is not promotable, or does not run.
pub fn role(call: &Call, run_dir: &RunDir) -> Option<RoleRecord> {
    run_dir.roles().read_json(&call.instance)
}

/// Returns the same in the cluster's words.
pub fn present_role(call: &Call, run_dir: &RunDir) -> Option<PromotionRole> {
    role(call, run_dir).map(|record| if record.promoted { PromotionRole::Promoted } else { PromotionRole::Unpromoted })
}

/// Returns what monitor answers, when `table` is its answer as far as the table is concerned. `seen` is what [`mend`] has returned.
pub fn judge(
    call: &Call,
    run_dir: &RunDir,
    ipvs: &mut OneIpvs,
    seen: Option<Seen>,
    table: Result<Status, Failure>,
) -> Result<Status, Failure> {
    let Some(role) = role(call, run_dir) else { return table };
    let seen = seen.filter(|seen| seen.is_of(&role));
    let Seen { running, interface, .. } = seen.map_or_else(|| Seen::look(&role, ipvs.get()?), Ok)?;
    let (interface_index, trouble) =
        interface.transpose().map_or_else(|failure| (None, Some(failure.to_string())), |index| (index, None));
    let mut troubles = Vec::from_iter(trouble);
    if has_new_channel(call, &role) {
        troubles.push("the connections are synchronised with other parameters than sync_* say now".to_owned());
    }
    troubles.extend(SyncKnowledge::read(run_dir).clash.map(|address| role::clash_text(&address)));
    troubles.extend(unchecked::trouble(&role, seconds_since_boot()));
    role::judge(&role, Sight { running, interface_index, backup_only: backup_only(), troubles }, table)
}

/// Returns what monitor answers for a resource without a role: it directs nothing either while the backup daemon of another
/// resource of this node runs. The kernel is asked only where there is one.
pub fn judge_beside_others(call: &Call, run_dir: &RunDir, status: Status, ipvs: &mut Ipvs) -> Status {
    if status != Status::Running || !others(call, run_dir).any(|role| role.channel.is_some()) {
        return status;
    }
    let blocked = ipvs.sync_daemons().ok().and_then(|running| role::in_the_way(&running, backup_only()));
    match blocked.filter(|_| role(call, run_dir).is_none()) {
        Some(reason) => Status::Degraded(reason),
        None => status,
    }
}

/// Returns the roles of the other resources of this node.
fn others(call: &Call, run_dir: &RunDir) -> impl Iterator<Item = RoleRecord> {
    let roles = run_dir.roles();
    let names = roles.instances().into_iter().filter(|other| *other != call.instance);
    names.filter_map(move |other| roles.read_json(&other))
}

fn backup_only() -> bool {
    sysctl::read("net/ipv4/vs/backup_only").is_ok_and(|value| value != "0")
}

/// Tells the cluster how fit this director is. `answer` is what monitor answers.
pub fn publish_score(call: &Call, run_dir: &RunDir, answer: &Result<Status, Failure>) {
    let Some(role) = role(call, run_dir) else { return };
    let now = seconds_since_boot();
    let Some(fitness) = Fitness::of(&role, answer, SyncKnowledge::read(run_dir).coverage, now) else { return };
    let score = score::score(fitness);
    // By a probe a cluster that was restarted learns of what runs. It knows no scores then.
    let knows_none = call.is_probe || call.action == Action::Start;
    if role.score == Some(score) && !knows_none && !score::may_be_forgotten(&role, node_attribute::keeper, now) {
        return;
    }
    let keeper = node_attribute::keeper();
    if let Err(cause) = score::tell(call, Some(score)) {
        call.log().warning(cause);
        return;
    }
    // The cluster's program may have taken long: what the role is by now must not be undone.
    let Some(role) = self::role(call, run_dir) else { return };
    let told = RoleRecord { score: Some(score), score_told_at: Some(now), score_told_to: keeper, ..role };
    if let Err(error) = run_dir.roles().write_json(&call.instance, &told) {
        call.log().warning(error);
    }
}

/// The record comes first where it names the same channel as before: what runs is then known to whatever comes after a kill -9,
/// and a record that cannot be written leaves all as it was. A daemon on a channel that the new record does not name must be gone
/// before it is written.
fn enter(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, wanted: RoleRecord) -> Result<(), Failure> {
    let record = role(call, run_dir);
    let running = ipvs.sync_daemons()?;
    if let Some(reason) = role::in_the_way(&foreign(&running, &[record.as_ref(), Some(&wanted)]), backup_only())
        && wanted.promoted
    {
        return Err(Failure::generic(reason));
    }
    let wanted = RoleRecord { channel: wanted.channel.filter(|channel| is_only_one(call, run_dir, channel)), ..wanted };
    let since = record.as_ref().filter(|record| record.promoted).and_then(|record| record.promoted_since);
    let promoted_since = wanted.promoted.then(|| since.unwrap_or_else(seconds_since_boot));
    let wanted = RoleRecord { interface_index: interface_index(&wanted), promoted_since, ..wanted };
    let orders = role::orders(record.as_ref(), &running, &wanted);
    let (stops, starts): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| matches!(order, SyncOrder::Stop(_)));
    let write = || run_dir.roles().write_json(&call.instance, &wanted);
    let channel_of = |role: &RoleRecord| (role.channel.clone(), role.interface_index);
    let same_channel = record.as_ref().is_none_or(|before| channel_of(before) == channel_of(&wanted));
    if same_channel {
        write()?;
    }
    stops.iter().try_for_each(|order| execute(call, ipvs, order))?;
    if !same_channel {
        write()?;
    }
    for order in &starts {
        execute(call, ipvs, order).unwrap_or_else(|failure| call.log().warning(failure));
    }
    Ok(())
}

/// Those daemons that belong to none of the records.
fn foreign(running: &SyncDaemons, records: &[Option<&RoleRecord>]) -> SyncDaemons {
    let is_foreign = |channel: &SyncChannel| !records.iter().flatten().any(|record| role::is_ours(record, channel));
    let only = |channel: &Option<SyncChannel>| channel.clone().filter(&is_foreign);
    SyncDaemons { master: only(&running.master), backup: only(&running.backup) }
}

/// The node has one sync daemon of each kind, whatever number of resources it has.
fn is_only_one(call: &Call, run_dir: &RunDir, channel: &SyncChannel) -> bool {
    let roles = run_dir.roles();
    let others = roles.instances().into_iter().filter(|other| *other != call.instance);
    let mut syncing =
        others.filter(|other| roles.read_json(other).is_some_and(|role: RoleRecord| role.channel.is_some()));
    let Some(other) = syncing.next() else { return true };
    call.log().warning(format!(
        "sync_interface \"{}\": without effect: lvs resource \"{other}\" synchronises the connections of this node already, and \
         the kernel does it once: put the services of both into one resource (configfile)",
        channel.interface
    ));
    false
}

fn execute(call: &Call, ipvs: &mut Ipvs, order: &SyncOrder) -> Result<(), Failure> {
    match order {
        SyncOrder::Stop(daemon) => ipvs.stop_sync_daemon(*daemon)?,
        SyncOrder::Start(daemon, channel) => ipvs.start_sync_daemon(*daemon, channel)?,
    }
    call.log().info(order);
    Ok(())
}
