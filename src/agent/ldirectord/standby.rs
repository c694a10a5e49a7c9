//! A health monitor stands by while another one of this node follows the declarations. That other one keeps what the
//! resource of this one promises, so start and monitor ask it.

use std::time::Instant;

use super::{ANSWER_TIME, POLL, alive, can_read_table, verdict};
use crate::daemon::control;
use crate::daemon::protocol::{ControlReply, ControlRequest, Liveness};
use crate::ocf::{Call, Failure};
use crate::ownership::Registry;
use crate::system::RunDir;

/// Where the health monitor of this call stands by, waits until the one that follows the declarations has put the
/// present ones in force and has checked their real servers: a group that is started would else direct clients to a
/// dead one.
///
/// # Errors
/// It fails when the own health monitor does not answer.
pub fn wait_for_leader(call: &Call, run_dir: &RunDir, deadline: Instant) -> Result<(), Failure> {
    // The own health monitor is asked each time: the other one may end meanwhile, and this one take over.
    while alive(run_dir, &call.instance)?.stands_by {
        let leader = leader(run_dir, &call.instance).map(|(instance, _)| instance);
        if leader.as_ref().is_some_and(|instance| has_checked(run_dir, instance)) {
            break;
        }
        if Instant::now() >= deadline {
            let name = leader.unwrap_or_else(|| "that follows the declarations".into());
            call.log().warning(format!(
                "health monitor {name}: wait until it has checked the declared services: it has not in time"
            ));
            break;
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Returns what is wrong with the health monitor that follows the declarations. Its own resource fails for what a
/// restart mends.
pub fn troubles_of_leader(call: &Call, run_dir: &RunDir) -> Vec<String> {
    let Some((instance, liveness)) = leader(run_dir, &call.instance) else {
        return vec!["standing by, and the health monitor that follows the declarations does not answer".into()];
    };
    let troubles = match verdict::troubles(&liveness, can_read_table) {
        Ok(troubles) => troubles,
        Err(failure) => vec![failure.to_string()],
    };
    let from = |trouble| format!("health monitor {instance}, which follows the declarations: {trouble}");
    troubles.into_iter().map(from).collect()
}

/// Returns the living health monitor that follows the declarations, other than `me`.
fn leader(run_dir: &RunDir, me: &str) -> Option<(String, Liveness)> {
    let registry = Registry::read_health_monitors(run_dir);
    let others = registry.followers().iter().filter(|instance| *instance != me);
    let mut answers =
        others.filter_map(|instance| alive(run_dir, instance).ok().map(|liveness| (instance.clone(), liveness)));
    answers.find(|(_, liveness)| !liveness.stands_by)
}

/// Whether the health monitor has put the declarations in force and has checked their real servers. One of an older
/// version does not know the question, and counts as ready, as in the start of that version.
fn has_checked(run_dir: &RunDir, instance: &str) -> bool {
    match control::ask(&run_dir.socket(instance), &ControlRequest::DeclarationsInForce, ANSWER_TIME) {
        Ok(ControlReply::DeclarationsInForce(settled)) => settled,
        Ok(_) => true,
        Err(_) => false,
    }
}
