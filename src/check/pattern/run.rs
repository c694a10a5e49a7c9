//! The machine that looks for a match: one way after the other, as Perl, but with an end to its time and memory.
//!
//! The daemon's only thread runs it, so a pattern such as `(a|a)*\1b` must give up within a fraction of a second.

mod machine;
mod memo;

use super::program::Program;
use machine::Machine;

/// Instructions of one search, and bytes that one instruction skips, in eighths. They take about a tenth of a second.
pub const STEPS: usize = 20_000_000;

/// Ways not yet tried, and values to put back before they are. They take about 32 MB.
pub const STACK: usize = 1_000_000;

/// Calls within calls, times the registers that each of them keeps.
pub const KEPT: usize = 1_000_000;

/// Why the machine gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    Steps,
    Memory,
    /// A group that calls itself before it has matched anything.
    Recursion,
}

/// Whether the program matches somewhere in `body`.
pub fn search(program: &Program, body: &[u8]) -> Result<bool, Exhausted> {
    let mut machine = Machine::new(program, body);
    if program.is_anchored {
        return machine.matches_at(0);
    }
    for start in 0..=body.len() {
        let is_possible = match (program.first, body.get(start)) {
            (None, _) => true,
            (Some(first), Some(byte)) => first.contains(*byte),
            (Some(_), None) => false,
        };
        if is_possible && machine.matches_at(start)? {
            return Ok(true);
        }
    }
    Ok(false)
}
