use std::mem;

use super::memo::Visits;
use super::{Exhausted, KEPT, STACK, STEPS};
use crate::check::pattern::byte_set::{ByteSet, is_word};
use crate::check::pattern::program::{Address, Instruction, Memo, Program, Register};
use crate::check::pattern::syntax::{Assertion, Greed, Group};

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

    /// Whether a match begins at `start`.
    pub fn matches_at(&mut self, start: usize) -> Result<bool, Exhausted> {
        self.stack.clear();
        self.calls.clear();
        (self.call, self.kept) = (NONE, 0);
        self.registers.fill(NONE);
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
            Instruction::Span { set, min, max, greed, memo } => {
                return self.span(at, place, *set, *min, *max, *greed, *memo);
            }
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
            Instruction::Open(_) | Instruction::Close(_) | Instruction::Mark(_) => return self.remember(at, place),
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
                    if place > least {
                        self.push(Entry::Shorter { at, place: place - 1, least, call })?;
                    }
                    return Ok(Some((at, place)));
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

    #[expect(clippy::too_many_arguments, reason = "the fields of one instruction")]
    fn span(
        &mut self,
        at: Address,
        place: usize,
        set: ByteSet,
        min: usize,
        max: usize,
        greed: Greed,
        memo: Memo,
    ) -> Result<Next, Exhausted> {
        let most = if greed == Greed::Lazy { min } else { max };
        let rest = self.body.get(place..).unwrap_or_default();
        let length = rest.iter().take(most).take_while(|byte| set.contains(**byte)).count();
        self.spend(length / 8)?;
        let end = place + length;
        if length < min {
            return Ok(Next::Back);
        }
        match greed {
            Greed::Possessive => {}
            Greed::Lazy => {
                if !self.visits.is_first(memo, place) {
                    return Ok(Next::Back);
                }
                self.push(Entry::Longer { at, place: end, more: max - min, call: self.call })?;
            }
            Greed::Greedy => {
                // From here to the end each place is tried now; a row of its own means that there is no lower limit.
                if !self.visits.is_first(memo, place) {
                    return Ok(Next::Back);
                }
                if memo.is_some() {
                    (place + 1..=end).for_each(|place| {
                        self.visits.is_first(memo, place);
                    });
                }
                if length > min {
                    self.push(Entry::Shorter { at: at + 1, place: end - 1, least: place + min, call: self.call })?;
                }
            }
        }
        Ok(Next::At(at + 1, end))
    }

    fn longer(&mut self, at: Address, place: usize, more: usize) -> Result<Option<(Address, usize)>, Exhausted> {
        let program = self.program;
        let Some(Instruction::Span { set, memo, .. }) = program.code.get(at) else { return Ok(None) };
        if more == 0 || !self.is_in(*set, place) || !self.visits.is_first(*memo, place + 1) {
            return Ok(None);
        }
        self.push(Entry::Longer { at, place: place + 1, more: more.saturating_sub(1), call: self.call })?;
        Ok(Some((at + 1, place + 1)))
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

    fn back_reference(&mut self, at: Address, place: usize, captures: &[Register], fold: bool) -> Result<Next, Exhausted> {
        let range = |register: &Register| self.register(register + 1)..self.register(register + 2);
        let text = captures.iter().find_map(|register| self.body.get(range(register)));
        let Some(text) = text else { return Ok(Next::Back) };
        self.spend(text.len() / 8)?;
        let end = place + text.len();
        let is_same = self.body.get(place..end).is_some_and(|found| {
            if fold { found.eq_ignore_ascii_case(text) } else { found == text }
        });
        Ok(if is_same { Next::At(at + 1, end) } else { Next::Back })
    }

    fn remember(&mut self, at: Address, place: usize) -> Result<Next, Exhausted> {
        match self.program.code.get(at) {
            Some(Instruction::Open(register) | Instruction::Mark(register)) => self.set(*register, place)?,
            Some(Instruction::Close(register)) => {
                self.set(register + 1, self.register(*register))?;
                self.set(register + 2, place)?;
            }
            _ => {}
        }
        Ok(Next::At(at + 1, place))
    }

    /// Rounds of a loop. The one after an empty round would be as empty, and so is the last.
    fn count(&mut self, instruction: &Instruction, at: Address, place: usize) -> Result<Next, Exhausted> {
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

    fn enclose(&mut self, instruction: &Instruction, at: Address, place: usize) -> Result<Next, Exhausted> {
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

    fn call(&mut self, routine: Address, group: Group, at: Address, place: usize) -> Result<Next, Exhausted> {
        let registers = self.registers.clone();
        self.kept += registers.len() + 1;
        self.spend(registers.len())?;
        if self.kept > KEPT {
            return Err(Exhausted::Memory);
        }
        self.calls.push(Call { group, after: at + 1, caller: self.call, registers });
        self.push(Entry::Uncall)?;
        self.call = self.calls.len() - 1;
        Ok(Next::At(routine, place))
    }

    fn end_call(&mut self, place: usize) -> Result<Next, Exhausted> {
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
