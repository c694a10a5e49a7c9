//! One pace for many processes: each takes the next free moment from a file that all of them share.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

use super::lock::whole_file;

/// A longer wait cannot come from the queue: the file is damaged, or holds the time of another machine's clock.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);
/// Moments that passed unused may be used later, as far back as this: a timer is never exact, and some are coarse.
const CREDIT: Duration = Duration::from_millis(10);

/// Keeps `gap` between the moments that it gives to the processes of this machine. When the file is missing, for
/// whatever reason, each process has a pace of its own.
#[derive(Debug)]
pub struct Pace {
    file: Option<File>,
    gap: Duration,
    last: Duration,
}

impl Pace {
    /// Opens the pace of the file `path`, which is created if it is missing, with `gap` between two moments.
    pub fn new(path: &Path, gap: Duration) -> Self {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        Self { file: file.ok(), gap, last: Duration::ZERO }
    }

    /// Returns at a moment that no other process has, `spread` after our last one or later.
    pub fn wait(&mut self, spread: Duration) {
        let own = (self.last + spread).max(now().saturating_sub(CREDIT));
        // Our own time comes first, so that the moments of the others do not wait for it.
        sleep_until(own);
        let shared = match self.file.as_ref().filter(|file| is_locked(file)) {
            Some(file) => {
                let moment = next_moment(read(file), now());
                // A moment that cannot be written is given to another process too, which does no harm.
                let _ = file.write_all_at(&(moment + self.gap).as_nanos().to_ne_bytes(), 0);
                unlock(file);
                moment
            }
            None => next_moment(self.last + self.gap, now()),
        };
        sleep_until(shared);
        self.last = own.max(shared);
    }
}

fn sleep_until(moment: Duration) {
    std::thread::sleep(moment.saturating_sub(now()));
}

/// Returns the next free moment, when the one after the last is `next`.
fn next_moment(next: Duration, now: Duration) -> Duration {
    if next > now + LONGEST_QUEUE { now } else { next.max(now.saturating_sub(CREDIT)) }
}

/// Returns the time since the machine started, which is the same for all processes.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

fn read(file: &File) -> Duration {
    let mut bytes = [0; 16];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => u64::try_from(u128::from_ne_bytes(bytes)).map_or(Duration::MAX, Duration::from_nanos),
        Err(_) => Duration::ZERO,
    }
}

/// Locks the file within a few attempts. A holder keeps the lock for microseconds, unless it was stopped meanwhile, and
/// then no other process shall wait for it.
fn is_locked(file: &File) -> bool {
    /// Each attempt is a system call.
    const ATTEMPTS: usize = 50;
    (0..ATTEMPTS).any(|_| {
        let is_ours = fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).is_ok();
        if !is_ours {
            std::thread::yield_now();
        }
        is_ours
    })
}

fn unlock(file: &File) {
    // Closing the file, which cannot fail, unlocks it too.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, check_rows};

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn the_next_moment_is_free_now_or_after_the_queue_and_never_absurdly_late() {
        check_rows(
            [
                (ms(0), ms(1000), ms(990)),
                (ms(995), ms(1000), ms(995)),
                (ms(1000), ms(1000), ms(1000)),
                (ms(1500), ms(1000), ms(1500)),
                (ms(90_000), ms(1000), ms(1000)),
                (Duration::MAX, ms(1000), ms(1000)),
                (ms(0), ms(3), ms(0)),
            ],
            |(next, now, expected)| {
                assert_eq!(next_moment(next, now), expected, "{next:?} at {now:?}");
            },
        );
    }

    /// Whatever the timer does, so many moments cannot pass faster than their gaps allow, less the credit.
    #[test]
    fn processes_share_the_pace_of_one_file() {
        let scratch = Scratch::new("pace");
        let path = scratch.path().join("pace");
        let began = now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut pace = Pace::new(&path, ms(1));
                    (0..25).for_each(|_| pace.wait(Duration::ZERO));
                });
            }
        });
        assert!(now() - began >= ms(100 - 1) - CREDIT, "{:?}", now() - began);
    }

    /// A process that spreads its moments takes no time from the others.
    #[test]
    fn a_spread_of_our_own_keeps_no_other_process_waiting() {
        let scratch = Scratch::new("spread");
        let path = scratch.path().join("pace");
        let (mut slow, mut quick) = (Pace::new(&path, ms(1)), Pace::new(&path, ms(1)));
        slow.wait(ms(300));
        let first = slow.last;
        slow.wait(ms(300));
        quick.wait(Duration::ZERO);
        assert!(slow.last >= first + ms(300) - CREDIT);
        assert!(quick.last <= now(), "its moment is free at once");
        // The moments of the file that were not used do not add up to haste.
        (0..5).for_each(|_| slow.wait(ms(20)));
        assert!(slow.last >= first + ms(300 + 5 * 20) - CREDIT * 2);
    }

    #[test]
    fn a_missing_or_damaged_file_keeps_no_process_waiting() {
        let scratch = Scratch::new("no-pace");
        Pace::new(&scratch.path().join("no/such/folder"), ms(1)).wait(Duration::ZERO);
        let path = scratch.path().join("pace");
        std::fs::write(&path, [0xff; 16]).expect("write");
        Pace::new(&path, ms(1)).wait(Duration::ZERO);
        std::fs::write(&path, [1; 3]).expect("write");
        Pace::new(&path, ms(1)).wait(Duration::ZERO);
    }
}
