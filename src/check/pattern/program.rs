//! A pattern as instructions for [`run`](super::run).

mod compile;
mod uses;

use super::byte_set::ByteSet;
use super::syntax::{Assertion, Greed, Group, Syntax};

/// Index of an instruction.
pub type Address = usize;

/// Index of a register: see [`Program::registers`].
pub type Register = usize;

pub struct Program {
    pub code: Vec<Instruction>,
    /// How many numbers the machine keeps for loops, for the places that lookarounds come back to, and for captures: for
    /// each of these where it was opened latest, and the start and the end of its latest match.
    pub registers: usize,
    /// Of the table that [`Memo`] counts in.
    pub memos: usize,
    /// A match begins with one of these.
    pub first: Option<ByteSet>,
    /// A match begins at the start of the body.
    pub is_anchored: bool,
}

impl Program {
    /// # Errors
    /// What the pattern needs and the machine does not have.
    pub fn new(syntax: &Syntax) -> Result<Self, String> {
        compile::compile(syntax)
    }
}

/// Where what comes next depends on nothing but the instruction and the place in the body, no place needs a second
/// visit: the first did not lead to a match. This makes patterns without references linear. The number is a row in the
/// table of visits; `None`: what comes next depends on more, on a loop's count for example.
pub type Memo = Option<usize>;

/// Several bytes of one set.
pub struct Span {
    pub set: ByteSet,
    pub min: usize,
    /// `usize::MAX`: without limit.
    pub max: usize,
    pub greed: Greed,
    /// Only where `min` is 0 and there is no limit.
    pub memo: Memo,
}

pub enum Instruction {
    /// One byte of the set.
    Set(ByteSet),
    Span(Span),
    /// First this way, and if it does not lead to a match, the other.
    Split {
        first: Address,
        second: Address,
        memo: Memo,
    },
    Jump(Address),
    Assert(Assertion),
    /// Of a capture: see [`Program::registers`].
    Open(Register),
    Close(Register),
    Forget(Register),
    /// What the first of these captures that is there has matched.
    BackReference {
        captures: Vec<Register>,
        fold: bool,
    },
    /// The register becomes this place.
    Mark(Register),
    /// Goes on only at the place of the register.
    AtMark(Register),
    /// Leaves the loop after a round that matched nothing, since all others would be the same.
    LeaveIfEmpty {
        mark: Register,
        exit: Address,
    },
    /// A counted loop begins. Its registers: rounds begun, and the place where the latest of them began.
    Count(Register),
    /// Another round at the next instruction, or out.
    Round {
        counter: Register,
        min: usize,
        max: usize,
        is_lazy: bool,
        exit: Address,
    },
    /// A round begins.
    NextRound(Register),
    /// What is inside of it ends with one of the next two, and then has no other way. The register: how much was on the
    /// stack. The next register is the place.
    Enclose(Register),
    /// The end of an atomic group: stay at this place.
    Keep(Register),
    /// The end of a lookaround that found what it looked for: back to the place.
    Return(Register),
    /// The end of a lookaround that found what must not be there.
    Refuse(Register),
    /// That many bytes back.
    Back(usize),
    /// Goes on if one of these captures is there.
    IfCapture {
        captures: Vec<Register>,
        otherwise: Address,
    },
    /// Goes on inside a call, of one of these groups or (empty) of any.
    IfCalled {
        groups: Vec<Group>,
        otherwise: Address,
    },
    Call {
        routine: Address,
        group: Group,
    },
    EndCall,
    Fail,
    Match,
}
