//! Which servers hold a thread beyond its deadline.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A thread whose read ended at the deadline needs a moment to say so.
const GRACE: Duration = Duration::from_millis(200);

/// Deadlines of the running threads of each target. Several checks of one server may run at once (two virtual services
/// with different queries); their number is that of the configured checks, as long as none is overdue.
static RUNNING: Mutex<Option<HashMap<SocketAddr, Vec<Instant>>>> = Mutex::new(None);

/// The right to run one thread; returned by dropping it, in a panic too.
#[derive(Debug)]
pub struct Slot {
    target: SocketAddr,
    deadline: Instant,
}

impl Slot {
    /// `None` while a thread of this target is overdue.
    pub fn take(target: SocketAddr, deadline: Instant) -> Option<Self> {
        let mut guard = lock();
        let deadlines = guard.get_or_insert_default().entry(target).or_default();
        let now = Instant::now();
        if deadlines.iter().any(|running| *running + GRACE < now) {
            return None;
        }
        deadlines.push(deadline);
        Some(Self { target, deadline })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut guard = lock();
        let running = guard.get_or_insert_default();
        let Some(deadlines) = running.get_mut(&self.target) else { return };
        if let Some(at) = deadlines.iter().position(|deadline| *deadline == self.deadline) {
            deadlines.swap_remove(at);
        }
        if deadlines.is_empty() {
            running.remove(&self.target);
        }
    }
}

fn lock() -> MutexGuard<'static, Option<HashMap<SocketAddr, Vec<Instant>>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdue_thread_blocks_its_target_until_it_ends() {
        let [one, other] = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        let now = Instant::now();
        let punctual = Slot::take(one, now + Duration::from_secs(60)).expect("first");
        let second = Slot::take(one, now + Duration::from_secs(60)).expect("two checks of one server at once");
        let overdue = Slot::take(one, now - Duration::from_secs(1)).expect("third");
        assert!(Slot::take(one, now).is_none());
        assert!(Slot::take(other, now).is_some(), "another server");
        drop(overdue);
        assert!(Slot::take(one, now).is_some());
        drop((punctual, second));
        assert!(lock().as_ref().is_some_and(|running| !running.contains_key(&one)), "nothing is kept");
    }
}
