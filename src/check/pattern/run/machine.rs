//! Follows one way through the instructions until it fails, and then the latest that was left for later.

mod control;
mod span;

use std::mem;

use super::memo::Visits;
use super::{Exhausted, STACK, STEPS};
use crate::check::pattern::byte_set::{ByteSet, is_word};
use crate::check::pattern::program::{Address, Instruction, Program, Register};
use crate::check::pattern::syntax::{Assertion, Group};

/// Of a register without a place.
const NONE: usize = usize::MAX;

pub struct Machine<'a> {
    program: &'a Program,
    body: &'a [u8],
    registers: Vec<usize>,
    stack: Vec<Entry>,
    /// Calls that have not ended, and those that have and could be entered again.
    calls: Vec<Call>,
    /// The innermost that has not ended, by its index; [`NONE`]: none has begun.
    call: usize,
    /// Numbers that `calls` keeps.
    kept: usize,
    visits: Visits,
    steps: usize,
}

struct Call {
    group: Group,
    /// Where in the body it was called.
    place: usize,
    /// Where to go on.
    after: Address,
    caller: usize,
    /// What a call finds it leaves.
    registers: Vec<usize>,
}

/// What to do when a way led nowhere, the latest first.
enum Entry {
    /// Try this one.
    Way { at: Address, place: usize, call: usize },
    /// Try a span that ends earlier, but not before `least`.
    Shorter { at: Address, place: usize, least: usize, call: usize },
    /// Try a span that ends later, by `more` bytes at most. `at` is the span itself.
    Longer { at: Address, place: usize, more: usize, call: usize },
    /// Forget what the way did to a register,
    Restore { register: Register, value: usize },
    /// or that it called.
    Uncall,
}

impl Entry {
    fn is_choice(&self) -> bool {
        matches!(self, Self::Way { .. } | Self::Shorter { .. } | Self::Longer { .. })
    }
}

enum Next {
    /// The instruction and the place in the body.
    At(Address, usize),
    /// This way leads nowhere.
    Back,
    Matched,
}

impl<'a> Machine<'a> {
    pub fn new(program: &'a Program, body: &'a [u8]) -> Self {
        Self {
            program,
            body,
            registers: vec![NONE; program.registers],
            stack: Vec::new(),
            calls: Vec::new(),
            call: NONE,
            kept: 0,
            visits: Visits::new(program.memos, body.len()),
            steps: 0,
        }
    }

    /// Whether a match begins at `start`. If none does, all ways were gone back, and everything is as before.
    pub fn matches_at(&mut self, start: usize) -> Result<bool, Exhausted> {
        self.call = NONE;
        let (mut at, mut place) = (0, start);
        loop {
            self.spend(1)?;
            match self.step(at, place)? {
                Next::At(next, further) => (at, place) = (next, further),
                Next::Matched => return Ok(true),
                Next::Back => match self.back()? {
                    Some(way) => (at, place) = way,
                    None => return Ok(false),
                },
            }
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), Exhausted> {
        self.steps += steps;
        if self.steps > STEPS { Err(Exhausted::Steps) } else { Ok(()) }
    }

    fn step(&mut self, at: Address, place: usize) -> Result<Next, Exhausted> {
        let program = self.program;
        let Some(instruction) = program.code.get(at) else { return Ok(Next::Back) };
        let go_on_if = |is_met| if is_met { Next::At(at + 1, place) } else { Next::Back };
        Ok(match instruction {
            Instruction::Set(set) if self.is_in(*set, place) => Next::At(at + 1, place + 1),
            Instruction::Set(_) | Instruction::Fail => Next::Back,
            Instruction::Match => Next::Matched,
            Instruction::Span(span) => return self.span(span, at, place),
            Instruction::Split { first, second, memo } => {
                if !self.visits.is_first(*memo, place) {
                    return Ok(Next::Back);
                }
                self.try_later(*second, place)?;
                Next::At(*first, place)
            }
            Instruction::Jump(to) => Next::At(*to, place),
            Instruction::Assert(assertion) => go_on_if(self.holds(*assertion, place)),
            Instruction::AtMark(register) => go_on_if(self.register(*register) == place),
            Instruction::Back(distance) => match place.checked_sub(*distance) {
                Some(start) => Next::At(at + 1, start),
                None => Next::Back,
            },
            Instruction::BackReference { captures, fold } => return self.back_reference(at, place, captures, *fold),
            Instruction::IfCapture { captures, otherwise } => {
                let is_there = captures.iter().any(|register| self.register(register + 2) != NONE);
                Next::At(if is_there { at + 1 } else { *otherwise }, place)
            }
            Instruction::IfCalled { groups, otherwise } => {
                let group = self.calls.get(self.call).map(|call| call.group);
                let is_inside = group.is_some_and(|group| groups.is_empty() || groups.contains(&group));
                Next::At(if is_inside { at + 1 } else { *otherwise }, place)
            }
            Instruction::Open(_) | Instruction::Close(_) | Instruction::Forget(_) | Instruction::Mark(_) => {
                return self.remember(at, place);
            }
            Instruction::LeaveIfEmpty { mark, exit } => {
                Next::At(if self.register(*mark) == place { *exit } else { at + 1 }, place)
            }
            Instruction::Count(_) | Instruction::Round { .. } | Instruction::NextRound(_) => {
                return self.count(instruction, at, place);
            }
            Instruction::Enclose(_) | Instruction::Keep(_) | Instruction::Return(_) | Instruction::Refuse(_) => {
                return self.enclose(instruction, at, place);
            }
            Instruction::Call { routine, group } => return self.call(*routine, *group, at, place),
            Instruction::EndCall => return self.end_call(place),
        })
    }

    fn is_in(&self, set: ByteSet, place: usize) -> bool {
        self.body.get(place).is_some_and(|byte| set.contains(*byte))
    }

    fn register(&self, register: Register) -> usize {
        self.registers.get(register).copied().unwrap_or(NONE)
    }

    fn set(&mut self, register: Register, value: usize) -> Result<(), Exhausted> {
        if let Some(old) = self.registers.get_mut(register) {
            let value = mem::replace(old, value);
            self.push(Entry::Restore { register, value })?;
        }
        Ok(())
    }

    fn push(&mut self, entry: Entry) -> Result<(), Exhausted> {
        if self.stack.len() >= STACK {
            return Err(Exhausted::Memory);
        }
        self.stack.push(entry);
        Ok(())
    }

    fn try_later(&mut self, at: Address, place: usize) -> Result<(), Exhausted> {
        self.push(Entry::Way { at, place, call: self.call })
    }

    /// The latest way that was left for later.
    fn back(&mut self) -> Result<Option<(Address, usize)>, Exhausted> {
        while let Some(entry) = self.stack.pop() {
            match entry {
                Entry::Way { at, place, call } => {
                    self.call = call;
                    return Ok(Some((at, place)));
                }
                Entry::Shorter { at, place, least, call } => {
                    self.call = call;
                    return self.shorter(at, place, least).map(Some);
                }
                Entry::Longer { at, place, more, call } => {
                    self.call = call;
                    if let Some(way) = self.longer(at, place, more)? {
                        return Ok(Some(way));
                    }
                }
                Entry::Restore { .. } | Entry::Uncall => self.undo(entry),
            }
        }
        Ok(None)
    }

    fn undo(&mut self, entry: Entry) {
        match entry {
            Entry::Restore { register, value } => {
                if let Some(old) = self.registers.get_mut(register) {
                    *old = value;
                }
            }
            Entry::Uncall => {
                let call = self.calls.pop();
                self.kept -= call.map_or(0, |call| call.registers.len() + 1);
            }
            Entry::Way { .. } | Entry::Shorter { .. } | Entry::Longer { .. } => {}
        }
    }

    fn holds(&self, assertion: Assertion, place: usize) -> bool {
        let before = place.checked_sub(1).and_then(|before| self.body.get(before));
        let after = self.body.get(place);
        let is_boundary = before.is_some_and(is_word) != after.is_some_and(is_word);
        match assertion {
            Assertion::Start => before.is_none(),
            // Perl: a line begins after a newline, unless the body ends there.
            Assertion::LineStart => before.is_none_or(|byte| *byte == b'\n' && after.is_some()),
            Assertion::End => after.is_none(),
            Assertion::FinalEnd => matches!(self.body.get(place..), None | Some([] | [b'\n'])),
            Assertion::LineEnd => after.is_none_or(|byte| *byte == b'\n'),
            Assertion::WordBoundary => is_boundary,
            Assertion::NoWordBoundary => !is_boundary,
        }
    }
}
