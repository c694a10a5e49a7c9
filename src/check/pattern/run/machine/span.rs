//! Several bytes of one set, without a way to come back to for each of them.

use super::{Entry, Machine, Next};
use crate::check::pattern::byte_set::ByteSet;
use crate::check::pattern::program::{Address, Instruction, Memo, Span};
use crate::check::pattern::run::Exhausted;
use crate::check::pattern::syntax::Greed;

impl Machine<'_> {
    pub(super) fn span(&mut self, span: &Span, at: Address, place: usize) -> Result<Next, Exhausted> {
        let Span { set, min, max, greed, memo } = *span;
        if !self.visits.is_first(memo, place) {
            return Ok(Next::Back);
        }
        let most = if greed == Greed::Lazy { min } else { max };
        // A possessive one must go to its end, wherever others have been.
        let end = self.end_of_span(place, set, most, memo.filter(|_| greed != Greed::Possessive));
        self.spend((end - place) / 8)?;
        if end - place < min {
            return Ok(Next::Back);
        }
        let call = self.call;
        match greed {
            Greed::Lazy => self.push(Entry::Longer { at, place: end, more: max - min, call })?,
            Greed::Greedy if end - place > min => {
                self.push(Entry::Shorter { at: at + 1, place: end - 1, least: place + min, call })?;
            }
            Greed::Greedy | Greed::Possessive => {}
        }
        Ok(Next::At(at + 1, end))
    }

    /// A span that has a memo has no limits, so from a place that it has been at all others were tried.
    fn end_of_span(&mut self, place: usize, set: ByteSet, most: usize, memo: Memo) -> usize {
        let mut end = place;
        while end - place < most && self.is_in(set, end) && self.visits.is_first(memo, end + 1) {
            end += 1;
        }
        end
    }

    /// The span ends at `place` or earlier: where the byte that must follow does.
    pub(super) fn shorter(&mut self, at: Address, place: usize, least: usize) -> Result<(Address, usize), Exhausted> {
        let next = match self.program.code.get(at) {
            Some(Instruction::Set(set)) => *set,
            _ => ByteSet::ALL,
        };
        let mut end = place;
        while end > least && !self.is_in(next, end) {
            end -= 1;
        }
        self.spend((place - end) / 8)?;
        if end > least {
            self.push(Entry::Shorter { at, place: end - 1, least, call: self.call })?;
        }
        Ok((at, end))
    }

    /// One byte more for a lazy span.
    pub(super) fn longer(
        &mut self,
        at: Address,
        place: usize,
        more: usize,
    ) -> Result<Option<(Address, usize)>, Exhausted> {
        let program = self.program;
        let Some(Instruction::Span(Span { set, memo, .. })) = program.code.get(at) else { return Ok(None) };
        if more == 0 || !self.is_in(*set, place) || !self.visits.is_first(*memo, place + 1) {
            return Ok(None);
        }
        self.push(Entry::Longer { at, place: place + 1, more: more.saturating_sub(1), call: self.call })?;
        Ok(Some((at + 1, place + 1)))
    }
}
