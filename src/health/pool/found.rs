//! What a pool begins with: what the kernel holds, and what the health monitor before this one knew.

use std::time::Instant;

use super::KnownHealth;
use super::settings::RealServerSettings;
use crate::health::{Admission, Member};
use crate::model::{Advice, RealServer};

/// Returns the health of a real server that no check of this health monitor has decided yet. `held` is the kernel's entry.
pub(super) fn member(
    real: &RealServerSettings,
    held: Option<&RealServer>,
    known: &KnownHealth,
    starts_up: bool,
    now: Instant,
) -> Member {
    let key = &real.real_server.key;
    let (was_up, was_down) = (known.up.contains(key), known.down.contains(key));
    let advised = known.reduced.get(key).and_then(|reduced| reduced.advised).filter(|_| was_up);
    let is_idle_as_wanted = || {
        real.real_server.weight == 0
            || advised == Some(0)
            || known.drained.contains(key)
            || (real.backup && !was_down)
            // One that is known as both was well, and had no clients by an order that has ended since.
            || (was_up && (was_down || known.quorum_lost))
    };
    let admission = match held {
        // Weight 0 is a failed real server that was quiesced, unless it is what the configuration, an operator, the real server
        // itself or a lost quorum asks for, or a backup that waits.
        Some(held) if held.weight > 0 || is_idle_as_wanted() => match was_up {
            true => Admission::KnownUp,
            false => Admission::Unchecked,
        },
        _ if was_down => Admission::KnownDown,
        _ => Admission::of_newcomer(starts_up),
    };
    let mut member = Member::new(admission, now);
    if let Some(percent) = advised.filter(|percent| *percent < Advice::FULL && admission == Admission::KnownUp) {
        member.keep_advice(percent);
    }
    member
}
