//! The process that repeats announcements: of its own session, with nothing open that anybody waits for, one for each
//! resource. It ends with its series, with its addresses, or when `stop` ends it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use super::{Announcement, Orders, Round};
use crate::agent::{instance_argument, own_program, settle_in};
use crate::netlink::{self, Route};
use crate::ocf::Call;
use crate::system::{Folder, Lock, RunDir};

/// Its predecessor was killed before it was started, and is gone in a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest time without a look at the addresses: without them there is nothing to wait for.
const LOOK: Duration = Duration::from_secs(1);

/// Names the helper whose orders count, by its process id; that one holds the lock of the same instance.
fn folder() -> Folder {
    RunDir::system().announcers()
}

/// Orders go through a pipe: thousands of addresses are no command line.
pub(super) fn spawn(call: &Call, orders: &Orders) -> io::Result<()> {
    let mut command = own_program("lvs-agents: announce");
    // Pacemaker kills the group of an action that takes too long, and whoever reads the action's output waits for its
    // pipes to close.
    command.arg("announce").arg(instance_argument(&call.instance)).current_dir("/");
    // It needs nothing of what the cluster says to an action, passwords among it, and everybody who may look at a process
    // sees its environment for as long as it lives.
    command.env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Before it has its orders: it begins when nobody else is named.
    folder().write(&call.instance, &child.id().to_string()).map_err(|error| error.cause)?;
    let text = serde_json::to_vec(orders)?;
    // Killed here, the helper reads half a text and ends.
    child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(&text))
}

pub(super) fn is_at_work(call: &Call) -> bool {
    // Unknown is no: then there is one announcement more.
    Lock::is_held(&folder().lock_of(&call.instance)).unwrap_or(false)
}

/// Ends the helper of this instance, if there is one: a late frame would pull clients away from the new owner. One that
/// has only just been started finds itself named no more, and ends before it says anything.
pub fn cancel(call: &Call) {
    let forgotten = folder().remove(&call.instance);
    let ended = Lock::kill_holder(&folder().lock_of(&call.instance)).map(drop);
    for error in [forgotten, ended].into_iter().filter_map(Result::err) {
        call.log().warning(error);
    }
}

/// The helper itself: reads its orders from standard input.
pub fn work(instance: &str) -> anyhow::Result<()> {
    settle_in();
    // Fails only for the leader of a group, who needs no session of its own to survive the group's end.
    let _ = nix::unistd::setsid();
    keep_only_the_right_to_send();
    let orders: Orders = serde_json::from_reader(io::stdin()).context("orders: read")?;
    let null = std::fs::File::open("/dev/null").context("/dev/null: open")?;
    nix::unistd::dup2_stdin(&null).context("standard input: close")?;
    // Held to the end.
    let lock = Lock::acquire(&folder().lock_of(instance), PATIENCE)?;
    let named = folder().read(instance)?;
    if lock.is_none() || named != Some(std::process::id().to_string()) {
        return Ok(());
    }
    Ok(repeat(&orders)?)
}

/// Of an action's rights, those on frames: it lives for seconds, reads what neighbours cannot write, and changes nothing.
fn keep_only_the_right_to_send() {
    let Ok(own) = capabilities(None) else { return };
    let kept = own.permitted & CapabilitySet::NET_RAW;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    // A kernel that refuses to take rights leaves the helper as it was.
    let _ = set_capabilities(None, sets);
    let _ = set_no_new_privs(true);
}

fn repeat(orders: &Orders) -> Result<(), netlink::Error> {
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
        // Nobody hears of what fails here; the next round comes anyway.
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
