//! What can be said of the health monitor without its loop: the control socket answers from here, whatever the loop
//! does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::checker::Pulse;
use super::protocol::Liveness;

/// Shorter standstills are ordinary: the checking thread takes a turn each second where it has nothing to do.
const NOTICEABLE: Duration = Duration::from_secs(3);

/// The state that the loop writes and the control socket reads.
#[derive(Clone)]
pub struct LivenessView(Arc<SharedView>);

struct SharedView {
    state: Mutex<ViewState>,
    pulse: Box<dyn Fn() -> Pulse + Send + Sync>,
}

struct ViewState {
    liveness: Liveness,
    /// When the loop last took a turn.
    turn: Instant,
}

impl LivenessView {
    /// Creates the view. `pulse` returns how the checking thread does; it must not block.
    pub fn new(pulse: impl Fn() -> Pulse + Send + Sync + 'static) -> Self {
        let state = ViewState {
            liveness: Liveness { starting: true, starts_or_ends: true, ..Liveness::default() },
            turn: Instant::now(),
        };
        Self(Arc::new(SharedView { state: Mutex::new(state), pulse: Box::new(pulse) }))
    }

    /// Notes that the loop has taken a turn.
    pub fn note_turn(&self, now: Instant) {
        self.state().turn = now;
    }

    /// Takes what is wrong, as the loop knows it.
    pub fn publish(&self, liveness: Liveness) {
        self.state().liveness = liveness;
    }

    /// Returns what is wrong now, with how long the loop and the checks have stood still.
    pub fn liveness(&self, now: Instant) -> Liveness {
        let pulse = (self.0.pulse)();
        let late_seconds = self.standstill(&pulse, now).as_secs_f64();
        Liveness { late_seconds, checks_late_seconds: pulse.late.as_secs_f64(), ..self.state().liveness.clone() }
    }

    /// Whether neither the loop nor the checks have stood still for longer than is ordinary.
    pub fn moves(&self, now: Instant) -> bool {
        self.standstill(&(self.0.pulse)(), now).is_zero()
    }

    fn standstill(&self, pulse: &Pulse, now: Instant) -> Duration {
        standstill(now, self.state().turn.min(pulse.last_turn))
    }

    fn state(&self) -> MutexGuard<'_, ViewState> {
        // A panic while it was held leaves whole values: each is written in one assignment.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how long nothing has moved since `turn`; zero where that is ordinary.
fn standstill(now: Instant, turn: Instant) -> Duration {
    Some(now.saturating_duration_since(turn)).filter(|still| *still > NOTICEABLE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_stands_still_longest_counts() {
        let start = Instant::now();
        let after = move |seconds| start + Duration::from_secs(seconds);
        let view = LivenessView::new(move || Pulse { last_turn: after(9), late: Duration::from_secs(3) });
        view.note_turn(after(10));
        assert_eq!(view.liveness(after(10)).late_seconds, 0.0, "a second is ordinary");
        assert_eq!(view.liveness(after(20)).late_seconds, 11.0, "the checks");
        view.note_turn(after(5));
        assert_eq!(view.liveness(after(20)).late_seconds, 15.0, "the loop");
        assert_eq!(view.liveness(after(20)).checks_late_seconds, 3.0);
    }

    /// What a service manager hears of life depends on it.
    #[test]
    fn a_health_monitor_moves_only_while_both_its_loop_and_its_checks_do() {
        let start = Instant::now();
        let after = move |seconds| start + Duration::from_secs(seconds);
        let view = LivenessView::new(move || Pulse { last_turn: after(10), late: Duration::ZERO });
        crate::testing::check_rows(
            [(10, 11, true), (5, 11, false), (20, 20, false), (10, 14, false)],
            |(turn, now, moves)| {
                view.note_turn(after(turn));
                assert_eq!(view.moves(after(now)), moves, "the loop at {turn} s, the checks at 10 s, now {now} s");
            },
        );
    }
}
