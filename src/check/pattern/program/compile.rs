//! Nodes to instructions, each in a place of its own: the code is as long as the pattern, whatever its repetitions.

use std::collections::BTreeMap;

use super::uses::{Uses, has_captures};
use super::{Instruction, Memo, Program, Register, Span};
use crate::check::pattern::byte_set::ByteSet;
use crate::check::pattern::syntax::{
    Condition, Count, Greed, Group, Look, Node, Reference, Syntax, first_bytes, is_anchored, length,
};

/// Instructions of one pattern. Only lookbehinds and groups that are called make more of them than the pattern has
/// characters.
const LONGEST: usize = 50_000;

/// As Perl.
const FARTHEST_BEHIND: u32 = 255;

pub fn compile(syntax: &Syntax) -> Result<Program, String> {
    let uses = Uses::of(syntax)?;
    let mut compiler =
        Compiler { uses: &uses, code: Vec::new(), captures: BTreeMap::new(), registers: 0, memos: 0, exact: 0 };
    for group in &uses.captures {
        let register = compiler.take_registers(3);
        compiler.captures.insert(*group, register);
    }
    compiler.exact = u32::from(uses.depends_on_captures);
    compiler.node(&syntax.root)?;
    compiler.push(Instruction::Match);
    compiler.routines()?;
    Ok(Program {
        registers: compiler.registers,
        memos: compiler.memos,
        first: first_bytes(&syntax.root),
        is_anchored: is_anchored(&syntax.root),
        code: compiler.code,
    })
}

struct Compiler<'a> {
    uses: &'a Uses<'a>,
    code: Vec<Instruction>,
    captures: BTreeMap<Group, Register>,
    registers: usize,
    memos: usize,
    /// Above 0 where what comes next depends on more than the place: no [`Memo`].
    exact: u32,
}

impl Compiler<'_> {
    fn push(&mut self, instruction: Instruction) -> usize {
        self.code.push(instruction);
        self.code.len() - 1
    }

    /// The address of the instruction that comes next.
    fn here(&self) -> usize {
        self.code.len()
    }

    /// An instruction that could not be written before this address was known.
    fn write(&mut self, address: usize, instruction: Instruction) {
        if let Some(place) = self.code.get_mut(address) {
            *place = instruction;
        }
    }

    fn take_registers(&mut self, count: usize) -> Register {
        self.registers += count;
        self.registers - count
    }

    fn memo(&mut self) -> Memo {
        (self.exact == 0).then(|| {
            self.memos += 1;
            self.memos - 1
        })
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        if self.code.len() > LONGEST {
            return Err("the pattern is too large".into());
        }
        match node {
            Node::Empty | Node::KeepOut => {}
            Node::Fail => {
                self.push(Instruction::Fail);
            }
            Node::Set(set) => {
                self.push(Instruction::Set(*set));
            }
            Node::Assert(assertion) => {
                self.push(Instruction::Assert(*assertion));
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Repeat { node, count, greed } => self.repeat(node, *count, *greed)?,
            Node::Capture(group, node) => self.capture(*group, node)?,
            Node::Atomic(node) => self.atomic(|compiler| compiler.node(node))?,
            Node::Look(look, node) => self.look(*look, node)?,
            Node::Condition { condition, yes, no } => self.condition(condition, yes, no)?,
            Node::BackReference { to, fold } => {
                let captures = self.registers_of(to);
                self.push(Instruction::BackReference { captures, fold: *fold });
            }
            Node::Call(to) => {
                let group = self.uses.groups(to, true)?.first().copied().unwrap_or_default();
                // The address follows in `routines`.
                self.push(Instruction::Call { routine: 0, group });
            }
        }
        Ok(())
    }

    fn alternate(&mut self, nodes: &[Node]) -> Result<(), String> {
        let Some((last, others)) = nodes.split_last() else { return Ok(()) };
        let mut ends = Vec::new();
        for node in others {
            let memo = self.memo();
            let split = self.push(Instruction::Fail);
            self.node(node)?;
            ends.push(self.push(Instruction::Fail));
            let second = self.here();
            self.write(split, Instruction::Split { first: split + 1, second, memo });
        }
        self.node(last)?;
        let end = self.here();
        ends.into_iter().for_each(|jump| self.write(jump, Instruction::Jump(end)));
        Ok(())
    }

    fn capture(&mut self, group: Group, node: &Node) -> Result<(), String> {
        let Some(register) = self.captures.get(&group).copied() else { return self.node(node) };
        self.push(Instruction::Open(register));
        self.node(node)?;
        self.push(Instruction::Close(register));
        Ok(())
    }

    fn registers_of(&self, reference: &Reference) -> Vec<Register> {
        let groups = self.uses.groups(reference, false).unwrap_or_default();
        groups.iter().filter_map(|group| self.captures.get(group)).copied().collect()
    }

    fn repeat(&mut self, node: &Node, count: Count, greed: Greed) -> Result<(), String> {
        if let Node::Set(set) = node {
            self.span(*set, count, greed);
            return Ok(());
        }
        if count.min == 0
            && let Some(register) = self.forgotten(node)
        {
            self.push(Instruction::Forget(register));
        }
        if greed == Greed::Possessive {
            return self.atomic(|compiler| compiler.repeat(node, count, Greed::Greedy));
        }
        let is_lazy = greed == Greed::Lazy;
        match (count.min, count.max) {
            (1, Some(1)) => self.node(node),
            (0, Some(0)) => Ok(()),
            (0, Some(1)) => {
                let split = self.push(Instruction::Fail);
                self.node(node)?;
                let end = self.here();
                self.split(split, split + 1, end, is_lazy);
                Ok(())
            }
            (0 | 1, None) => self.endless(node, count.min == 0, is_lazy),
            (min, max) => self.counted(node, min, max, is_lazy),
        }
    }

    /// Perl's: a group that always matches the same number of bytes is forgotten where a repetition takes none of it,
    /// `(b)?` in `(?:a(b)?)+\1`. All others keep what they matched before.
    fn forgotten(&self, node: &Node) -> Option<Register> {
        let Node::Capture(group, inside) = node else { return None };
        let (min, max) = length(inside);
        self.captures.get(group).copied().filter(|_| min > 0 && max == Some(min) && !has_captures(inside))
    }

    fn span(&mut self, set: ByteSet, count: Count, greed: Greed) {
        let min = count.min as usize;
        match count.max {
            Some(1) if min == 1 => {
                self.push(Instruction::Set(set));
            }
            Some(max) => {
                self.push(Instruction::Span(Span { set, min, max: max as usize, greed, memo: None }));
            }
            None => {
                if min > 0 {
                    self.push(Instruction::Span(Span { set, min, max: min, greed: Greed::Possessive, memo: None }));
                }
                let memo = self.memo();
                self.push(Instruction::Span(Span { set, min: 0, max: usize::MAX, greed, memo }));
            }
        }
    }

    fn split(&mut self, at: usize, inside: usize, outside: usize, is_lazy: bool) {
        let memo = self.memo();
        let (first, second) = if is_lazy { (outside, inside) } else { (inside, outside) };
        self.write(at, Instruction::Split { first, second, memo });
    }

    /// `*` and `+`
    fn endless(&mut self, node: &Node, may_be_none: bool, is_lazy: bool) -> Result<(), String> {
        let mark = (length(node).0 == 0).then(|| self.take_registers(1));
        let before = may_be_none.then(|| self.push(Instruction::Fail));
        let start = self.here();
        if let Some(mark) = mark {
            self.push(Instruction::Mark(mark));
        }
        self.node(node)?;
        let check = mark.map(|_| self.push(Instruction::Fail));
        let again = self.push(Instruction::Fail);
        let exit = self.here();
        if let (Some(mark), Some(check)) = (mark, check) {
            self.write(check, Instruction::LeaveIfEmpty { mark, exit });
        }
        self.split(again, start, exit, is_lazy);
        if let Some(before) = before {
            self.split(before, start, exit, is_lazy);
        }
        Ok(())
    }

    fn counted(&mut self, node: &Node, min: u32, max: Option<u32>, is_lazy: bool) -> Result<(), String> {
        let counter = self.take_registers(2);
        self.push(Instruction::Count(counter));
        let round = self.push(Instruction::Fail);
        self.push(Instruction::NextRound(counter));
        self.exact += 1;
        self.node(node)?;
        self.exact -= 1;
        self.push(Instruction::Jump(round));
        let (min, max) = (min as usize, max.map_or(usize::MAX, |max| max as usize));
        let exit = self.here();
        self.write(round, Instruction::Round { counter, min, max, is_lazy, exit });
        Ok(())
    }

    fn atomic(&mut self, inside: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        let register = self.enclose();
        inside(self)?;
        self.exact -= 1;
        self.push(Instruction::Keep(register));
        Ok(())
    }

    fn enclose(&mut self) -> Register {
        let register = self.take_registers(2);
        self.push(Instruction::Enclose(register));
        self.exact += 1;
        register
    }

    fn look(&mut self, look: Look, node: &Node) -> Result<(), String> {
        let register = self.enclose();
        let split = look.negative.then(|| self.push(Instruction::Fail));
        self.looked_for(look, node, register)?;
        self.push(if look.negative { Instruction::Refuse(register) } else { Instruction::Return(register) });
        let end = self.here();
        if let Some(split) = split {
            self.split(split, split + 1, end, false);
        }
        self.exact -= 1;
        Ok(())
    }

    /// Lookbehinds are tried from the farthest start to the nearest.
    fn looked_for(&mut self, look: Look, node: &Node, register: Register) -> Result<(), String> {
        if !look.behind {
            return self.node(node);
        }
        let (nearest, farthest) = length(node);
        let farthest = farthest
            .filter(|farthest| *farthest <= FARTHEST_BEHIND)
            .ok_or_else(|| format!("a lookbehind goes back by more than {FARTHEST_BEHIND} bytes"))?;
        let mut jumps = Vec::new();
        for distance in (nearest..=farthest).rev() {
            if distance != nearest {
                let split = self.here();
                self.push(Instruction::Split { first: split + 1, second: split + 3, memo: None });
            }
            self.push(Instruction::Back(distance as usize));
            if distance != nearest {
                jumps.push(self.push(Instruction::Fail));
            }
        }
        let start = self.here();
        jumps.into_iter().for_each(|jump| self.write(jump, Instruction::Jump(start)));
        self.node(node)?;
        self.push(Instruction::AtMark(register + 1));
        Ok(())
    }

    fn condition(&mut self, condition: &Condition, yes: &Node, no: &Node) -> Result<(), String> {
        let (yes, no) = match condition {
            Condition::Define => return self.node(no),
            Condition::Look(Look { negative: true, .. }, _) => (no, yes),
            _ => (yes, no),
        };
        let mut test = self.here();
        if let Condition::Look(look, node) = condition {
            let register = self.enclose();
            test = self.push(Instruction::Fail);
            self.looked_for(*look, node, register)?;
            self.push(Instruction::Return(register));
            self.exact -= 1;
        } else {
            self.push(Instruction::Fail);
        }
        self.node(yes)?;
        let jump = self.push(Instruction::Fail);
        let otherwise = self.here();
        self.node(no)?;
        let end = self.here();
        self.write(jump, Instruction::Jump(end));
        let instruction = match condition {
            Condition::Group(reference) => Instruction::IfCapture { captures: self.registers_of(reference), otherwise },
            Condition::Call(None) => Instruction::IfCalled { groups: Vec::new(), otherwise },
            Condition::Call(Some(reference)) => {
                Instruction::IfCalled { groups: self.uses.groups(reference, true)?, otherwise }
            }
            Condition::Look(..) | Condition::Define => {
                Instruction::Split { first: test + 1, second: otherwise, memo: None }
            }
        };
        self.write(test, instruction);
        Ok(())
    }

    /// A group that is called is there a second time, and ends by going back to the caller.
    fn routines(&mut self) -> Result<(), String> {
        self.exact = 1;
        let mut addresses = BTreeMap::new();
        for (group, node) in &self.uses.calls {
            addresses.insert(*group, self.here());
            self.node(node)?;
            self.push(Instruction::EndCall);
        }
        for instruction in &mut self.code {
            if let Instruction::Call { routine, group } = instruction {
                *routine = addresses.get(group).copied().unwrap_or_default();
            }
        }
        Ok(())
    }
}
