//! The thread that looks, so that the screen obeys keys while a health monitor or the kernel takes its time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;

use super::model::{Counters, Look};
use crate::cli::status;

/// The pause between two looks, where they are quick.
const PAUSE: Duration = Duration::from_secs(1);
/// A look is followed by a pause of so many times what it has taken: of a processor it never has more than a few per cent.
const SHARE: u32 = 24;

/// The services whose counters are wanted: each costs a question. `None` stands for all.
pub type Counted = Option<Vec<String>>;

/// The end of the screen. When it is dropped the thread ends, after the look that it is at.
pub struct Looks {
    /// What was seen, or why nothing was.
    pub seen: Receiver<anyhow::Result<Look>>,
    counted: Sender<Counted>,
    last: Counted,
}

impl Looks {
    /// Says whose counters are wanted from the next look on.
    pub fn count(&mut self, counted: Counted) {
        if self.last != counted {
            self.last.clone_from(&counted);
            // A thread that has ended is noticed where its looks are missed.
            let _ = self.counted.send(counted);
        }
    }
}

/// Starts to look again and again.
///
/// # Errors
/// Fails when the thread cannot be started.
pub fn start(began: Instant) -> anyhow::Result<Looks> {
    let ((seen, looks), (counted, wanted)) = (channel(), channel());
    let run = move || {
        let mut counted = Some(Vec::new());
        loop {
            let start = Instant::now();
            if seen.send(look(began, counted.as_deref())).is_err() {
                return;
            }
            let until = Instant::now() + pause(start.elapsed());
            loop {
                match wanted.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(services) => counted = services,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    };
    thread::Builder::new().name("look".into()).spawn(run).context("look: start its thread")?;
    Ok(Looks { seen: looks, counted, last: Some(Vec::new()) })
}

fn pause(taken: Duration) -> Duration {
    (taken * SHARE).max(PAUSE)
}

/// Looks once. `began` is the beginning of the time that looks have.
///
/// # Errors
/// Fails when this user may not look, and when the kernel cannot be read.
pub fn look(began: Instant, counted: Option<&[String]>) -> anyhow::Result<Look> {
    let overview = status::look()?;
    let names = counted.unwrap_or(&overview.held);
    let counters: Counters = status::traffic(names)?;
    Ok(Look { at: began.elapsed(), time: SystemTime::now(), overview, counters })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_looks_are_seldom_so_that_they_take_a_few_per_cent_of_a_processor() {
        crate::testing::check_rows([(0, 1000), (10, 1000), (100, 2400), (1000, 24_000)], |(taken, expected)| {
            assert_eq!(pause(Duration::from_millis(taken)), Duration::from_millis(expected));
        });
    }
}
