//! Captures, loops, lookarounds and calls.

use super::{Call, Entry, Machine, NONE, Next};
use crate::check::pattern::program::{Address, Instruction, Register};
use crate::check::pattern::run::{Exhausted, KEPT};
use crate::check::pattern::syntax::Group;

impl Machine<'_> {
    pub(super) fn back_reference(
        &mut self,
        at: Address,
        place: usize,
        captures: &[Register],
        fold: bool,
    ) -> Result<Next, Exhausted> {
        let range = |register: &Register| self.register(register + 1)..self.register(register + 2);
        let text = captures.iter().find_map(|register| self.body.get(range(register)));
        let Some(text) = text else { return Ok(Next::Back) };
        self.spend(text.len() / 8)?;
        let end = place + text.len();
        let is_same = self
            .body
            .get(place..end)
            .is_some_and(|found| if fold { found.eq_ignore_ascii_case(text) } else { found == text });
        Ok(if is_same { Next::At(at + 1, end) } else { Next::Back })
    }

    pub(super) fn remember(&mut self, at: Address, place: usize) -> Result<Next, Exhausted> {
        match self.program.code.get(at) {
            Some(Instruction::Open(register) | Instruction::Mark(register)) => self.set(*register, place)?,
            Some(Instruction::Close(register)) => {
                self.set(register + 1, self.register(*register))?;
                self.set(register + 2, place)?;
            }
            Some(Instruction::Forget(register)) => {
                self.set(register + 1, NONE)?;
                self.set(register + 2, NONE)?;
            }
            _ => {}
        }
        Ok(Next::At(at + 1, place))
    }

    /// Rounds of a loop. The one after an empty round would be as empty, and so is the last.
    pub(super) fn count(&mut self, instruction: &Instruction, at: Address, place: usize) -> Result<Next, Exhausted> {
        match instruction {
            Instruction::Count(counter) => {
                self.set(*counter, 0)?;
                self.set(counter + 1, NONE)?;
            }
            Instruction::Round { counter, min, max, is_lazy, exit } => {
                let rounds = self.register(*counter);
                let is_idle = self.register(counter + 1) == place;
                if rounds >= *min && (rounds >= *max || is_idle) {
                    return Ok(Next::At(*exit, place));
                }
                if rounds >= *min && *is_lazy {
                    self.try_later(at + 1, place)?;
                    return Ok(Next::At(*exit, place));
                }
                if rounds >= *min {
                    self.try_later(*exit, place)?;
                }
            }
            Instruction::NextRound(counter) => {
                self.set(*counter, self.register(*counter).saturating_add(1))?;
                self.set(counter + 1, place)?;
            }
            _ => {}
        }
        Ok(Next::At(at + 1, place))
    }

    pub(super) fn enclose(&mut self, instruction: &Instruction, at: Address, place: usize) -> Result<Next, Exhausted> {
        match instruction {
            Instruction::Enclose(register) => {
                let height = self.stack.len();
                self.set(*register, height)?;
                self.set(register + 1, place)?;
            }
            Instruction::Keep(register) => self.cut(self.register(*register))?,
            Instruction::Return(register) => {
                self.cut(self.register(*register))?;
                return Ok(Next::At(at + 1, self.register(register + 1)));
            }
            Instruction::Refuse(register) => {
                let height = self.register(*register);
                while self.stack.len() > height {
                    if let Some(entry) = self.stack.pop() {
                        self.undo(entry);
                    }
                }
                return Ok(Next::Back);
            }
            _ => {}
        }
        Ok(Next::At(at + 1, place))
    }

    /// Forgets the ways that were left for later above `height`, and keeps what restores registers.
    fn cut(&mut self, height: usize) -> Result<(), Exhausted> {
        let height = height.min(self.stack.len());
        self.spend(self.stack.len() - height)?;
        let above = self.stack.split_off(height);
        self.stack.extend(above.into_iter().filter(|entry| !entry.is_choice()));
        Ok(())
    }

    pub(super) fn call(
        &mut self,
        routine: Address,
        group: Group,
        at: Address,
        place: usize,
    ) -> Result<Next, Exhausted> {
        self.check_progress(group, place)?;
        let registers = self.registers.clone();
        self.kept += registers.len() + 1;
        self.spend(registers.len())?;
        if self.kept > KEPT {
            return Err(Exhausted::Memory);
        }
        self.calls.push(Call { group, place, after: at + 1, caller: self.call, registers });
        self.push(Entry::Uncall)?;
        self.call = self.calls.len() - 1;
        Ok(Next::At(routine, place))
    }

    /// A call that leads to the same call at the same place has no end. Perl gives up too.
    fn check_progress(&self, group: Group, place: usize) -> Result<(), Exhausted> {
        let mut index = self.call;
        while let Some(call) = self.calls.get(index).filter(|call| call.place == place) {
            if call.group == group {
                return Err(Exhausted::Recursion);
            }
            index = call.caller;
        }
        Ok(())
    }

    pub(super) fn end_call(&mut self, place: usize) -> Result<Next, Exhausted> {
        let Some(call) = self.calls.get(self.call) else { return Ok(Next::Back) };
        let (after, caller, registers) = (call.after, call.caller, call.registers.clone());
        self.spend(registers.len())?;
        for (register, value) in registers.into_iter().enumerate() {
            if self.register(register) != value {
                self.set(register, value)?;
            }
        }
        self.call = caller;
        Ok(Next::At(after, place))
    }
}
