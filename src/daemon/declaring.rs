//! While an `lvs` resource declares its services, or programs the kernel's table with them, the health monitor neither
//! reads nor writes: it would find half a declaration or half a table.
//!
//! One `lvs` at a time declares, under `services/.declaring.lock`, which the health monitor takes for its own turns.
//! Several may program the table at once: each action holds `services/<lvs>.lock` from before its declaration to its
//! last change. A process that has the first lock and finds none of the others held has the declared services to
//! itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::system::{FileError, Lock, RunDir};

/// How long the health monitor keeps out of the way. An ordinary `lvs start` takes milliseconds; a hanging one must
/// neither hide new declarations from the health monitor nor keep dead real servers in the table.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The time after which a process that still declares or programs is reported: no table takes so long.
const OVERDUE: Duration = Duration::from_secs(5);
/// How often the locks are looked at: a look costs a few system calls for each declaration.
const LOOK: Duration = Duration::from_secs(1);

/// Takes the lock that keeps every `lvs` from declaring. `None` means that an `lvs` declares or programs now.
///
/// # Errors
/// Fails when the run directory cannot be written.
pub fn try_hold(run_dir: &RunDir) -> Result<Option<Lock>, FileError> {
    let Some(lock) = Lock::try_acquire(&run_dir.declaring_lock()?)? else { return Ok(None) };
    let is_programmed = programming_locks(run_dir).any(|path| Lock::is_held(&path).unwrap_or(false));
    Ok((!is_programmed).then_some(lock))
}

/// Takes the lock like [`try_hold`], and waits up to [`PATIENCE`] for it. After that, or where the lock of a resource
/// cannot be had, it takes the lock of the declarations alone, if that can be had, and says in a sentence why the wait
/// was in vain.
pub fn hold(run_dir: &RunDir) -> Held {
    /// The pause between two attempts: short against what the locks are held for, long against the cost of asking.
    const POLL: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_hold(run_dir) {
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            Ok(None) => {
                let lock = run_dir.declaring_lock().and_then(|path| Lock::try_acquire(&path)).ok().flatten();
                return Held { _lock: lock, waited_in_vain: true };
            }
            Ok(lock) => return Held { _lock: lock, waited_in_vain: false },
            Err(_) => return Held { _lock: None, waited_in_vain: false },
        }
    }
}

/// What [`hold`] could have. The lock is free again when this is dropped.
#[must_use = "the lock is free again when this is dropped"]
#[derive(Debug)]
pub struct Held {
    _lock: Option<Lock>,
    waited_in_vain: bool,
}

impl Held {
    /// Returns what the log shall say when the wait was in vain.
    pub fn warning(&self) -> Option<String> {
        self.waited_in_vain.then(|| {
            format!(
                "WARNING: lvs resources: wait {} s until none of them declares or programs: one still does; what the \
                 kernel holds of its services may be half of it",
                PATIENCE.as_secs()
            )
        })
    }
}

/// Returns the locks of the resources whose declarations there are.
fn programming_locks(run_dir: &RunDir) -> impl Iterator<Item = PathBuf> {
    let folder = run_dir.services();
    folder.instances().into_iter().map(move |instance| folder.lock_of(&instance))
}

/// Another process that declares or programs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    path: PathBuf,
    /// `None` means that the process has not written its number yet.
    process: Option<Pid>,
}

fn holder(run_dir: &RunDir) -> Option<Holder> {
    let declaring = run_dir.declaring_lock().ok();
    let held =
        declaring.into_iter().chain(programming_locks(run_dir)).filter(|path| Lock::is_held(path).unwrap_or(false));
    let mut holders = held.map(|path| Holder { process: Lock::holder(&path).ok().flatten(), path });
    // The kernel thread of this health monitor holds the first lock while it writes.
    holders.find(|holder| holder.process != Some(Pid::this()))
}

/// Watches for a process that takes too long: it hangs, and what it was to declare is not declared.
#[derive(Debug, Default)]
pub struct Overdue {
    looked: Option<Instant>,
    held: Option<(Holder, Instant)>,
    trouble: Option<String>,
}

impl Overdue {
    /// Returns what is wrong now, in words that stay the same as long as the fault does.
    pub fn look(&mut self, run_dir: &RunDir, now: Instant) -> Option<String> {
        if self.looked.is_none_or(|looked| now >= looked + LOOK) {
            self.looked = Some(now);
            self.trouble = self.note(holder(run_dir), now);
        }
        self.trouble.clone()
    }

    fn note(&mut self, holder: Option<Holder>, now: Instant) -> Option<String> {
        let Some(holder) = holder else {
            self.held = None;
            return None;
        };
        let since = match &self.held {
            Some((known, since)) if *known == holder => *since,
            _ => now,
        };
        let is_overdue = now >= since + OVERDUE;
        let process = holder.process.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        let path = holder.path.display().to_string();
        self.held = Some((holder, since));
        is_overdue.then(|| {
            format!("{path}: lock: {process} has held it for more than {} s: end it if it hangs", OVERDUE.as_secs())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn run_dir(name: &str) -> (Scratch, RunDir) {
        let scratch = Scratch::new(name);
        let run_dir = RunDir::at(scratch.path());
        run_dir.services().write("one", "").expect("write");
        (scratch, run_dir)
    }

    fn is_free(run_dir: &RunDir) -> bool {
        try_hold(run_dir).expect("ask").is_some()
    }

    #[test]
    fn the_health_monitor_keeps_out_while_an_lvs_declares_or_programs() {
        let (_scratch, run_dir) = run_dir("declaring");
        assert!(is_free(&run_dir) && is_free(&run_dir), "it is given back");
        for path in [run_dir.declaring_lock().expect("folder"), run_dir.services().lock_of("one")] {
            let lock = Lock::try_acquire(&path).expect("lock").expect("free");
            assert!(!is_free(&run_dir), "{}", path.display());
            drop(lock);
            assert!(is_free(&run_dir));
        }
    }

    /// Such an `lvs` may be waiting for its turn to declare.
    #[test]
    fn an_lvs_that_has_declared_nothing_is_not_waited_for() {
        let (_scratch, run_dir) = run_dir("undeclared");
        let _lock = Lock::try_acquire(&run_dir.services().lock_of("other")).expect("lock").expect("free");
        assert!(is_free(&run_dir));
    }

    #[test]
    fn an_lvs_that_programs_for_ever_keeps_the_health_monitor_from_no_reading() {
        let (_scratch, run_dir) = run_dir("programming");
        let _lock = Lock::try_acquire(&run_dir.services().lock_of("one")).expect("lock").expect("free");
        let held = hold(&run_dir);
        assert!(held.warning().is_some_and(|text| text.contains("wait 2 s")), "{held:?}");
        assert_eq!(
            held._lock.expect("after some time").path(),
            run_dir.declaring_lock().expect("folder"),
            "no lvs declares meanwhile"
        );
    }

    #[test]
    fn one_process_that_holds_a_lock_too_long_is_named_until_it_lets_go() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let holder = |pid| Some(Holder { path: "a.lock".into(), process: Some(Pid::from_raw(pid)) });
        let mut overdue = Overdue::default();
        assert_eq!(overdue.note(holder(7), after(0)), None);
        assert_eq!(overdue.note(holder(7), after(4)), None);
        let words = "a.lock: lock: process 7 has held it for more than 5 s: end it if it hangs";
        for seconds in [5, 6, 600] {
            assert_eq!(overdue.note(holder(7), after(seconds)).as_deref(), Some(words));
        }
        assert_eq!(overdue.note(holder(8), after(601)), None, "the next one has just come");
        assert_eq!(overdue.note(None, after(602)), None);
        assert_eq!(overdue.note(holder(8), after(606)), None, "it let go in between");
    }

    #[test]
    fn this_health_monitor_itself_is_not_overdue() {
        let (_scratch, run_dir) = run_dir("itself");
        let path = run_dir.services().lock_of("one");
        let _lock = Lock::try_acquire(&path).expect("lock").expect("free");
        assert_eq!(holder(&run_dir), None);
        std::fs::write(&path, "4711\n").expect("write");
        assert_eq!(holder(&run_dir), Some(Holder { path, process: Some(Pid::from_raw(4711)) }));
    }
}
