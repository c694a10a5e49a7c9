//! One turn of the loop: it does what is due now, and says when the loop shall wake up again.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::start::{StartProgress, StartVerdict};
use super::{Core, LoopEnd, LoopMessage};
use crate::daemon::declaring;
use crate::daemon::event::{DaemonPhase, Event};
use crate::daemon::kernel::{KernelOrder, WriteGuard};
use crate::daemon::presence::InstanceStanding;
use crate::netlink::ipvs::ComparisonDepth;
use crate::plan::TableRole;
use crate::system::memory;

/// The shortest time between two writes to the kernel, for all results that came meanwhile: much shorter than any
/// check, and much longer than a write.
const TICK: Duration = Duration::from_millis(25);
/// The search for what to write takes at most one part in this many of the loop's time.
const WRITING_SHARE: u32 = 20;
/// How often the run directory and the record are looked at, and how long a kernel that failed is left alone.
const BEAT: Duration = Duration::from_secs(1);
/// How often the whole table is compared, when that costs little.
const COMPARISON: Duration = Duration::from_secs(1);
/// A comparison takes at most one part in this many of the time: a table of tens of thousands of entries is compared less
/// often than one of ten.
const COMPARISON_SHARE: u32 = 20;
/// The longest time between two comparisons, however long one took: only a comparison tries again what has failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often the table is read by netlink alone, which tells what /proc/net/ip_vs leaves out and costs ten times as
/// much.
const THOROUGH: Duration = Duration::from_secs(60);
/// The shortest time between two updates of what other processes are told.
const PUBLICATION: Duration = Duration::from_millis(100);

/// When the loop's recurring duties are due.
#[derive(Debug)]
pub struct Clock {
    write_at: Instant,
    compare_at: Instant,
    thorough_at: Instant,
    /// Whether the comparison under way is a thorough one.
    is_thorough: bool,
    /// Since when nothing could be written because of a declaration that is being made.
    postponed: Option<Instant>,
    /// Whether the log has the end of the patience with that declaration.
    is_impatience_said: bool,
    beat_at: Instant,
    publish_at: Instant,
    /// When time alone changes something.
    change_at: Option<Instant>,
    /// Whether something has happened since the last turn.
    is_busy: bool,
}

impl Clock {
    pub fn new(now: Instant) -> Self {
        Self {
            write_at: now,
            compare_at: now,
            thorough_at: now + THOROUGH,
            is_thorough: false,
            postponed: None,
            is_impatience_said: false,
            beat_at: now,
            publish_at: now,
            change_at: None,
            is_busy: false,
        }
    }

    /// Returns how long the loop may sleep. While the kernel takes no order nothing is due for it: its answer wakes the
    /// loop.
    pub fn wait(&self, now: Instant, kernel_is_free: bool) -> Duration {
        let for_kernel = [Some(self.compare_at), self.is_busy.then_some(self.write_at)];
        let for_kernel = for_kernel.into_iter().flatten().filter(|_| kernel_is_free);
        let due = for_kernel.chain(self.change_at).chain([self.beat_at]).min().unwrap_or(now);
        due.saturating_duration_since(now).max(Duration::from_millis(1))
    }

    pub fn something_happened(&mut self) {
        self.is_busy = true;
    }

    pub fn postpone_writing(&mut self, now: Instant) {
        self.write_at = now + TICK;
        self.postponed.get_or_insert(now);
    }

    /// Notes that everything is written, or that nothing has to be written any more: the next process that declares
    /// gets the full patience.
    pub fn nothing_waits(&mut self) {
        self.postponed = None;
        self.is_impatience_said = false;
    }

    /// Whether a declaration has been in the making for too long: then only what is declared counts, and not the lock
    /// of the process that declares.
    fn is_out_of_patience(&self, now: Instant) -> bool {
        self.postponed.is_some_and(|since| now.saturating_duration_since(since) > declaring::PATIENCE)
    }

    /// Notes that a comparison has ended, which took `took`.
    pub fn compared(&mut self, now: Instant, took: Duration) {
        let pause = COMPARISON.max(took * COMPARISON_SHARE);
        if std::mem::take(&mut self.is_thorough) {
            self.thorough_at = now + THOROUGH.max(pause);
        }
        self.compare_at = now + pause.min(LONGEST_PAUSE);
    }

    /// Brings the next comparison forward: what the kernel has refused is tried again soon, since the cause may pass.
    pub fn retry_failures(&mut self, now: Instant) {
        self.compare_at = self.compare_at.min(now + COMPARISON);
    }

    pub fn compare_soon(&mut self, now: Instant) {
        self.compare_at = self.compare_at.min(now + TICK);
    }

    pub fn retry_kernel(&mut self, now: Instant) {
        self.write_at = now + BEAT;
        self.compare_at = now + BEAT;
    }

    fn depth(&mut self, now: Instant) -> ComparisonDepth {
        if now < self.thorough_at {
            return ComparisonDepth::Quick;
        }
        self.is_thorough = true;
        ComparisonDepth::Thorough
    }
}

impl Core<'_> {
    /// Does what is due.
    pub(super) fn turn(&mut self, now: Instant, inbox: &Receiver<LoopMessage>) -> anyhow::Result<Option<LoopEnd>> {
        if self.services.advance(now, &mut self.sinks) {
            self.record.outdate();
        }
        self.answer(|consultations| consultations.advance(now));
        let moments = [self.services.next_change(), self.consultations.next_change()];
        self.clock.change_at = moments.into_iter().flatten().min();
        self.use_kernel(now);
        if !self.readiness.is_reported() && !self.configuration.is_first() {
            self.end_start(now, inbox)?;
        }
        if self.phase == DaemonPhase::Reloading && self.is_ready(now) {
            self.begin_phase(DaemonPhase::Running);
        }
        if now >= self.clock.beat_at {
            self.clock.beat_at = now + BEAT;
            // Not by a timer of its own: a health monitor whose loop hangs, or whose checks do, is to be ended.
            if self.view.moves(now) {
                self.readiness.report_alive();
            }
            if self.keep_presence() == InstanceStanding::Superseded {
                return Ok(Some(LoopEnd::Superseded));
            }
            if let Some(loaded) = self.configuration.pending.take() {
                self.put_in_force(loaded, now)?;
            }
            self.tell_weights();
            if std::mem::take(&mut self.configuration.is_fresh) {
                memory::give_back();
            }
        }
        // Without a configuration in force there is nothing to say: the record would name no owner, and outlive the stop.
        if !self.configuration.is_first() && self.record.is_due(now) {
            self.write_record(now);
        }
        if now >= self.clock.publish_at {
            self.clock.publish_at = now + PUBLICATION;
            self.view.publish(self.liveness(now));
        }
        Ok(None)
    }

    /// Gives the kernel at most one order at a time: a write when something is dirty, else a comparison when one is
    /// due.
    fn use_kernel(&mut self, now: Instant) {
        if !self.kernel_is_free() {
            return;
        }
        if now >= self.clock.write_at {
            self.clock.is_busy = false;
            let changes = self.services.changes(now);
            // The search takes longer the more services are dirty: ten thousand real servers of one service are written
            // less often.
            self.clock.write_at = now + TICK.max(now.elapsed() * WRITING_SHARE);
            if changes.is_empty() {
                self.clock.nothing_waits();
            } else {
                let guard = self.guard(now);
                self.threads.kernel.order(KernelOrder::Write(changes), guard, now);
                return;
            }
        }
        if now >= self.clock.compare_at {
            let order = KernelOrder::Compare {
                desired: self.services.desired(now),
                depth: self.clock.depth(now),
                drifting: self.services.drifting(),
                counted: self.services.services_to_count(now),
                sampled: self.services.services_to_sample(now),
            };
            self.threads.kernel.order(order, None, now);
            self.clock.compare_at = now + COMPARISON;
        }
    }

    /// Whether the kernel takes an order and there is something to order.
    pub(super) fn kernel_is_free(&self) -> bool {
        !self.configuration.is_first() && !self.configuration.stands_by() && !self.threads.kernel.waits()
    }

    /// Returns the guard of a write for services of `lvs` resources: a health monitor that has not read the newest
    /// declarations yet must not undo what they say.
    fn guard(&mut self, now: Instant) -> Option<WriteGuard> {
        let in_force = &self.configuration.in_force;
        if in_force.role != Some(TableRole::MovesRealServers) {
            return None;
        }
        let (run_dir, stamp) = (self.options.run_dir.clone(), in_force.stamp);
        let heeds_locks = !self.clock.is_out_of_patience(now);
        if !heeds_locks && !std::mem::replace(&mut self.clock.is_impatience_said, true) {
            let waited = declaring::PATIENCE.as_secs();
            self.say(&format!(
                "WARNING: lvs resources: wait {waited} s until none of them declares or programs: one still does; real \
                 servers are moved all the same"
            ));
        }
        Some(WriteGuard { run_dir, stamp, heeds_locks })
    }

    /// Whether the kernel holds what is known to be right.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        !self.threads.kernel.waits() && !self.services.is_dirty() && self.services.are_decided(now)
    }

    /// Reports that clients can be served. A start fails when the kernel takes nothing of the table at all: the reason
    /// then reaches the cluster and not only the log.
    fn end_start(&mut self, now: Instant, inbox: &Receiver<LoopMessage>) -> anyhow::Result<()> {
        let has_failed = self.services.all_failed() || self.table_fault.is_some();
        let (is_ready, are_asked) = (self.is_ready(now), self.services.are_asked());
        let verdict = self.start.judge(now, StartProgress { has_failed, is_ready, are_asked });
        if verdict == StartVerdict::Waits {
            return Ok(());
        }
        if verdict == StartVerdict::Failed {
            let faults = self.services.faults().map(|(_, fault)| fault.cause.clone());
            let causes: Vec<String> = self.table_fault.iter().map(|fault| fault.cause.clone()).chain(faults).collect();
            let failure = self.stop(inbox).map(|failure| format!("; {failure}")).unwrap_or_default();
            bail!("{}{failure}", causes.join("; "));
        }
        self.begin_phase(DaemonPhase::Running);
        self.write_record(now);
        self.view.publish(self.liveness(now));
        // The log has everything that the start has done before the start returns.
        self.sinks.end_turn();
        self.threads.log.flush();
        self.readiness.report_ready();
        Ok(())
    }

    /// Tells the cluster the weights of healthy real servers. Those of a start or a reload that goes on are not known yet.
    fn tell_weights(&mut self) {
        if self.threads.attributes.are_wanted() && self.phase == DaemonPhase::Running && !self.configuration.stands_by()
        {
            let weights = self.services.pools().map(|pool| (pool.key(), || pool.healthy_weight()));
            self.threads.attributes.tell(weights).into_iter().for_each(|news| self.note_sink_news(news));
        }
    }

    fn write_record(&mut self, now: Instant) {
        let written = self.record.write(&self.configuration.in_force, None, &self.services, now);
        self.note_record_error(written.err().map(|error| error.to_string()));
    }

    /// Puts the lock and the socket back where they are missing. A run directory that cannot be written is logged once
    /// and does not stop the checks.
    fn keep_presence(&mut self) -> InstanceStanding {
        if !self.record.exists() {
            self.record.outdate();
        }
        let (standing, error) = match self.presence.keep() {
            Ok(standing) => (standing, None),
            Err(error) => (InstanceStanding::Kept, Some(format!("{error:#}"))),
        };
        if let InstanceStanding::Restored(sentence) = &standing {
            self.sinks.emit(Event::Fault { cause: sentence });
        }
        if let Some(cause) = error.as_ref().filter(|_| self.presence_error != error) {
            self.sinks.emit(Event::Fault { cause });
        }
        self.presence_error = error;
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_sleeps_until_the_beat_while_the_kernel_takes_no_order() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut clock = Clock { beat_at: after(1000), ..Clock::new(start) };
        clock.something_happened();
        assert_eq!(clock.wait(after(300), false), Duration::from_millis(700));
        assert_eq!(clock.wait(after(300), true), Duration::from_millis(1), "both a write and a comparison are due");
        clock.compared(after(300), Duration::from_millis(100));
        clock.is_busy = false;
        assert_eq!(clock.wait(after(300), true), Duration::from_millis(700));
        clock.beat_at = after(9000);
        assert_eq!(clock.wait(after(300), true), Duration::from_millis(2000), "twenty times what the last one took");
    }

    #[test]
    fn a_write_waits_two_seconds_for_an_lvs_that_declares_and_the_next_write_does_again() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut clock = Clock::new(start);
        for begin in [0, 60_000] {
            assert!(!clock.is_out_of_patience(after(begin)));
            for milliseconds in (0..=2000).step_by(25) {
                clock.postpone_writing(after(begin + milliseconds));
                assert!(!clock.is_out_of_patience(after(begin + milliseconds)), "{milliseconds} ms");
            }
            assert!(clock.is_out_of_patience(after(begin + 2001)));
            clock.nothing_waits();
        }
    }

    /// Returns the pauses after the quick comparisons of an hour that cost so much each, and the number of thorough
    /// ones, which cost `thorough`.
    fn hour(quick: Duration, thorough: Duration) -> (Vec<Duration>, usize) {
        let start = Instant::now();
        let (mut clock, mut now) = (Clock::new(start), start);
        let (mut pauses, mut count) = (Vec::new(), 0);
        while now < start + Duration::from_secs(3600) {
            let is_thorough = clock.depth(now) == ComparisonDepth::Thorough;
            let cost = if is_thorough { thorough } else { quick };
            now += cost;
            clock.compared(now, cost);
            match is_thorough {
                true => count += 1,
                false => pauses.push(clock.compare_at - now),
            }
            now = clock.compare_at;
        }
        (pauses, count)
    }

    #[test]
    fn a_comparison_comes_ten_seconds_after_the_last_one_at_the_latest() {
        crate::testing::check_rows(
            [(1, 1000), (50, 1000), (100, 2000), (500, 10_000), (30_000, 10_000)],
            |(milliseconds, expected)| {
                let (pauses, _) = hour(Duration::from_millis(milliseconds), Duration::from_millis(1));
                assert!(pauses.iter().all(|pause| pause.as_millis() == expected), "{milliseconds} ms: {:?}", pauses[0]);
            },
        );
    }

    #[test]
    fn once_a_minute_everything_is_read_whatever_the_quick_comparisons_cost() {
        crate::testing::check_rows([1, 100, 2000, 5000], |milliseconds| {
            let (_, thorough) = hour(Duration::from_millis(milliseconds), Duration::from_secs(1));
            assert!((48..=60).contains(&thorough), "{milliseconds} ms: {thorough}");
        });
        // An exception is a thorough comparison that would cost more than its share.
        let (_, thorough) = hour(Duration::from_millis(100), Duration::from_secs(30));
        assert!((5..=6).contains(&thorough), "{thorough}");
    }
}
