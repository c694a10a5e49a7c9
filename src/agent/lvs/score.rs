//! The promotion score: which director pacemaker should make the active one. Pacemaker adds its stickiness, twice for the active
//! one, so the levels lie far enough apart for it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::ocf::Call;
use crate::ownership::RoleRecord;
use crate::system::{RunDir, program};

/// What is known of this director when its score is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fitness {
    /// The resource is promoted here: this director has the connections themselves.
    pub promoted: bool,
    /// The table and the sync daemon are as they should be.
    pub complete: bool,
    /// Per cent of the active director's connections that this one knows; `None` where nothing counts them.
    pub coverage: Option<u8>,
}

/// From here on a director counts as one that knows all: connections come and go while they are counted.
const WARM: u8 = 95;

/// Returns the score. It is never negative: pacemaker would not promote the only director that is left.
fn score(fitness: Fitness) -> u32 {
    match fitness {
        Fitness { complete: false, .. } => 5,
        Fitness { promoted: true, .. } => 1100,
        Fitness { coverage: None, .. } => 100,
        Fitness { coverage: Some(percent), .. } if percent >= WARM => 1000,
        Fitness { coverage: Some(percent), .. } if percent >= WARM / 2 => 500,
        Fitness { .. } => 100,
    }
}

/// The time that the cluster gets to take a score. An action must not fail for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the cluster the score where it is another one than before, or where the cluster may have forgotten it (`again`).
/// Every change makes pacemaker plan anew.
pub fn publish(call: &Call, run_dir: &RunDir, fitness: Fitness, again: bool) {
    let Some(record) = run_dir.roles().read_json::<RoleRecord>(&call.instance) else { return };
    let score = score(fitness);
    if record.score == Some(score) && !again {
        return;
    }
    if let Err(cause) = tell(call, &["-U", &score.to_string()]) {
        call.log().warning(format!("promotion score {score}: tell the cluster: {cause}"));
        return;
    }
    if let Err(error) = run_dir.roles().write_json(&call.instance, &RoleRecord { score: Some(score), ..record }) {
        call.log().warning(error);
    }
}

/// Takes the score back.
pub fn remove(call: &Call) {
    if let Err(cause) = tell(call, &["-D"]) {
        call.log().warning(format!("promotion score: take it back: {cause}"));
    }
}

fn tell(call: &Call, what: &[&str]) -> Result<(), String> {
    const PROGRAM: &str = "attrd_updater";
    // The name that pacemaker gives to the score of an anonymous clone's instances.
    let name = format!("master-{}", call.instance);
    let mut command = Command::new(PROGRAM);
    command.args(["-n", &name]).args(what);
    let ended = program::run(&mut command, Instant::now() + PATIENCE.min(call.timeout / 4));
    match ended.map_err(|cause| format!("{PROGRAM}: {cause}"))?.status {
        status if status.success() => Ok(()),
        status => Err(format!("{PROGRAM}: {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn a_warmer_director_has_a_higher_score_and_none_is_negative() {
        check_rows(
            [
                (true, true, None, 1100),
                (true, false, Some(100), 5),
                (false, true, Some(100), 1000),
                (false, true, Some(95), 1000),
                (false, true, Some(94), 500),
                (false, true, Some(0), 100),
                (false, true, None, 100),
                (false, false, Some(100), 5),
            ],
            |(promoted, complete, coverage, expected)| {
                assert_eq!(score(Fitness { promoted, complete, coverage }), expected);
            },
        );
    }
}
