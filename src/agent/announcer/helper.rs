//! The process that repeats announcements. Each resource has at most one. It has a session of its own and keeps nothing
//! open that another process waits for. It ends with its series, with its addresses, or when `stop` ends it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use super::{Announcement, AnnouncementOrders, Round};
use crate::agent::{detach_from_starter, instance_argument};
use crate::netlink::{self, Route};
use crate::ocf::Call;
use crate::system::{Folder, Lock, RunDir, own_program, syslog};

/// How long the helper waits for its predecessor, which was killed before it was started and is gone in a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest time without a look at the addresses: when they are gone there is nothing to wait for.
const LOOK: Duration = Duration::from_secs(1);

/// Returns the folder that names the helper of each instance by its process id; the helper holds the lock of the same
/// instance.
fn folder() -> Folder {
    RunDir::system().announcers()
}

/// Starts the helper. Its orders go through a pipe, since thousands of addresses do not fit on a command line.
pub(super) fn spawn(call: &Call, orders: &AnnouncementOrders) -> io::Result<()> {
    let mut command = own_program("lvs-agents: announce");
    // Pacemaker kills the process group of an action that takes too long, and what reads the action's output waits for
    // its pipes to close.
    command.arg("announce").arg(instance_argument(&call.instance));
    // The helper needs nothing of what the cluster says to an action, passwords among it, and users who may look at a
    // process see its environment for as long as it lives.
    command.env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // The helper is named before it has its orders: it begins when no other one is named.
    folder().write(&call.instance, &child.id().to_string()).map_err(|error| error.cause)?;
    let text = serde_json::to_vec(orders)?;
    // If this process is killed here, the helper reads half a text and ends.
    child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(&text))
}

pub(super) fn is_at_work(call: &Call) -> bool {
    // When this cannot be told, there is one announcement more.
    Lock::is_held(&folder().lock_of(&call.instance)).unwrap_or(false)
}

/// Ends the helper of this instance, if there is one: a late frame would pull clients away from the new owner. A helper
/// that has only just been started finds itself named no more, and ends before it sends anything.
pub fn cancel(call: &Call) {
    let forgotten = folder().remove(&call.instance);
    let ended = Lock::kill_holder(&folder().lock_of(&call.instance)).map(drop);
    for error in [forgotten, ended].into_iter().filter_map(Result::err) {
        call.log().warning(error);
    }
}

/// Does the work of the helper, which reads its orders from standard input.
pub fn work(instance: &str) -> anyhow::Result<()> {
    detach_from_starter();
    // The call fails only for the leader of a group, which needs no session of its own to survive the group's end.
    let _ = nix::unistd::setsid();
    keep_only_the_right_to_send();
    let orders: AnnouncementOrders = serde_json::from_reader(io::stdin()).context("orders: read")?;
    let null = std::fs::File::open("/dev/null").context("/dev/null: open")?;
    nix::unistd::dup2_stdin(&null).context("standard input: close")?;
    let path = folder().lock_of(instance);
    // The lock is held to the end.
    let Some(_lock) = Lock::acquire(&path, PATIENCE)? else {
        warn(&format!("{}: lock: another helper holds it; only the first announcements were sent", path.display()));
        return Ok(());
    };
    let named = folder().read(instance)?;
    if named == Some(std::process::id().to_string()) { Ok(repeat(&orders)?) } else { Ok(()) }
}

/// Writes a line to syslog: the helper keeps nothing of the action's environment, which says where its log is.
fn warn(text: &str) {
    /// The severity of a warning (RFC 5424, section 6.2.1).
    const WARNING: u8 = 4;
    if let Some(facility) = syslog::facility_number(syslog::DEFAULT_FACILITY) {
        // There is no place to report that syslog does not listen.
        let _ = syslog::send(Path::new(syslog::SOCKET), facility, WARNING, &format!("lvs-agents: {text}"));
    }
}

/// Keeps, of an action's rights, only those on frames: the helper lives for seconds, reads what neighbours cannot
/// write, and changes nothing.
fn keep_only_the_right_to_send() {
    let Ok(own) = capabilities(None) else { return };
    let kept = own.permitted & CapabilitySet::NET_RAW;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    // A kernel that refuses to take rights leaves the helper as it was.
    let _ = set_capabilities(None, sets);
    let _ = set_no_new_privs(true);
}

fn repeat(orders: &AnnouncementOrders) -> Result<(), netlink::Error> {
    let began = Instant::now();
    let mut route = Route::open()?;
    let mut left = orders.addresses.clone();
    for offset in orders.series.offsets() {
        loop {
            let wait = offset.saturating_sub(began.elapsed());
            std::thread::sleep(wait.min(LOOK));
            keep_held(&mut left, &mut route)?;
            if left.is_empty() {
                return Ok(());
            }
            if wait <= LOOK {
                break;
            }
        }
        let spread = orders.series.interval / u32::try_from(left.len()).unwrap_or(u32::MAX);
        // There is no log for what fails here, and the next round comes anyway.
        Round::prepare(&mut route, orders)?.send(&left, spread, drop);
    }
    Ok(())
}

fn keep_held(left: &mut Vec<Announcement>, route: &mut Route) -> Result<(), netlink::Error> {
    let observed = route.addresses()?;
    let held: HashSet<Announcement> = observed.iter().map(|observed| Announcement::from(&observed.address)).collect();
    left.retain(|announcement| held.contains(announcement));
    Ok(())
}
