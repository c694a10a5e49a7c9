//! How much time went by in which the checking thread could notice nothing: the processor was given to others, the
//! process was stopped, or one task held the thread.
//!
//! A check whose deadline passes meanwhile says nothing of the server, whose answer may have waited in vain. The thread
//! says at each turn when it means to take the next one; what it is late for that is stolen.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// A turn that is this late is an ordinary one of a busy machine: answers wait a little and are noticed. Only what goes
/// beyond is stolen. It is far below the shortest timeout (1 s) and far above the length of a turn.
const ORDINARY: Duration = Duration::from_millis(50);

/// What one thread knows of its own lag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lag {
    stolen: Duration,
    /// When the next turn is promised; `None` while the thread promises nothing.
    promised: Option<Instant>,
}

impl Lag {
    fn turn(self, now: Instant, next: Instant) -> Self {
        Self { stolen: self.stolen(now), promised: Some(next) }
    }

    /// The sum up to `now`, with what the present turn is late.
    fn stolen(self, now: Instant) -> Duration {
        let late = self.promised.map_or(Duration::ZERO, |promised| now.saturating_duration_since(promised));
        self.stolen + late.saturating_sub(ORDINARY)
    }
}

thread_local! {
    /// Checks run in one thread and learn of its lag without being handed it through every call.
    static LAG: Cell<Lag> = const { Cell::new(Lag { stolen: Duration::ZERO, promised: None }) };
}

/// To be called by the thread that runs the checks, at every turn: it is here at `now` and means to be back by `next`.
/// In a thread that never calls it nothing counts as stolen.
pub fn turn(now: Instant, next: Instant) {
    LAG.set(LAG.get().turn(now, next));
}

/// Time stolen from this thread, up to `now`, since some fixed instant.
pub(super) fn stolen(now: Instant) -> Duration {
    LAG.get().stolen(now)
}

/// Whether so much was stolen of a check's time that its silence proves nothing. A server that had more than half of
/// its time has had its chance: else a machine that is always a little late would never find a dead one.
pub(super) fn hides_an_answer(stolen: Duration, timeout: Duration) -> bool {
    stolen * 2 >= timeout && !stolen.is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_a_turn_is_late_beyond_the_ordinary_is_stolen() {
        let start = Instant::now();
        let mut lag = Lag::default();
        assert_eq!(lag.stolen(start + ms(5000)), Duration::ZERO, "nothing was promised");
        // Turns at these times, each of which promises the next in 10 ms.
        for (at, stolen) in [(0, 0), (10, 0), (70, 0), (180, 50), (190, 50), (3250, 3050), (3260, 3050)] {
            lag = lag.turn(start + ms(at), start + ms(at + 10));
            assert_eq!(lag.stolen, ms(stolen), "at {at} ms");
        }
        assert_eq!(lag.stolen(start + ms(3270)), ms(3050));
        assert_eq!(lag.stolen(start + ms(4320)), ms(4050), "the turn that is due counts before it is taken");
    }

    #[test]
    fn a_server_that_had_less_than_half_of_its_time_is_not_blamed() {
        for (stolen, timeout, hidden) in [
            (0, 1000, false),
            (0, 0, false),
            (499, 1000, false),
            (500, 1000, true),
            (3000, 1000, true),
            (3000, 6001, false),
            (3000, 6000, true),
        ] {
            assert_eq!(hides_an_answer(ms(stolen), ms(timeout)), hidden, "{stolen} of {timeout} ms");
        }
    }

    #[tokio::test]
    async fn a_check_that_runs_out_of_time_while_the_thread_is_held_blames_nobody() {
        use super::super::testing::*;
        use crate::check::FailureKind;
        use crate::model::Question;
        let full = FullListener::new();
        let check = check(Question::of("connect"), full.address, ms(400));
        turn(Instant::now(), Instant::now() + ms(10));
        let hold = async {
            tokio::task::yield_now().await;
            std::thread::sleep(ms(450));
        };
        let (result, ()) = tokio::join!(crate::check::run(&check), hold);
        let failure = result.expect_err("nobody answers");
        assert_eq!(failure.kind(), FailureKind::Internal, "{failure}");
        assert!(failure.to_string().contains("this machine was too busy to notice the answer in time"), "{failure}");
    }

    #[tokio::test]
    async fn an_answer_that_came_while_the_thread_was_held_counts() {
        use super::super::testing::check;
        use crate::model::Question;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let target = listener.local_addr().expect("address");
        let check = check(Question::of("connect"), target, ms(100));
        turn(Instant::now(), Instant::now() + ms(10));
        let hold = async {
            tokio::task::yield_now().await;
            std::thread::sleep(ms(400));
        };
        let (result, ()) = tokio::join!(crate::check::run(&check), hold);
        result.expect("connected long before it was noticed");
    }
}
