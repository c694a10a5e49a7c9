//! What the kernel refused at the last start (`<run>/services/<instance>.refused`). From there `monitor` knows that an
//! entry is missing for a reason that another start would not mend.

use crate::agent::changes::RefusedChanges;
use crate::ocf::Failure;
use crate::ownership::Refusal;
use crate::system::RunDir;

/// Writes down what was refused; nothing is left of an earlier start.
pub fn note(run_dir: &RunDir, instance: &str, refused: &RefusedChanges) -> Result<(), Failure> {
    let list = refused.list();
    let folder = run_dir.refusals();
    let done = if list.is_empty() { folder.remove(instance) } else { folder.write_json(instance, &list) };
    Ok(done?)
}

/// Reads what was refused. The list is empty when there is no file, or it cannot be understood: what is missing is then
/// missing for no known reason.
pub fn read(run_dir: &RunDir, instance: &str) -> Vec<Refusal> {
    run_dir.refusals().read_json(instance).unwrap_or_default()
}
