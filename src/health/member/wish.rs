//! What a real server that is well wants of its weight, as far as it counts.

use crate::model::Advice;

/// Good checks in a row that have to advise more weight before it is given: what wavers would else change the kernel's table with
/// each check.
const BETTER_CHECKS: u32 = 3;

/// The wish in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// `None`: the whole weight.
    advice: Option<Advice>,
    /// Good checks in a row that have advised more.
    better: u32,
    /// The least that these have advised; the inner `None` is the whole weight.
    least: Option<Option<Advice>>,
}

impl Wish {
    /// Returns what stands for a real server that wanted so much of its weight when an earlier health monitor asked it.
    pub fn known_before(percent: u8) -> Self {
        let advice = Advice { percent, lets_in: true, reason: "before the health monitor started".into() };
        Self { advice: Some(advice), ..Self::default() }
    }

    /// Whether it gets no clients.
    pub fn is_drained(&self) -> bool {
        self.percent() == 0
    }

    /// Whether it would let in a real server that gets no clients.
    pub fn lets_in(&self) -> bool {
        self.advice.as_ref().is_none_or(|advice| advice.lets_in)
    }

    /// Returns the share of the weight, in per cent.
    pub fn percent(&self) -> u8 {
        percent_of(self.advice.as_ref())
    }

    /// Returns the part of a configured weight.
    pub fn weight_of(&self, configured: u32) -> u32 {
        self.advice.as_ref().map_or(configured, |advice| advice.weight_of(configured))
    }

    /// Begins the row of good checks anew.
    pub fn break_row(&mut self) {
        (self.better, self.least) = (0, None);
    }

    /// Makes the next good check count as the last one of its row: an empty service cannot wait.
    pub fn is_urgent(&mut self) {
        self.better = BETTER_CHECKS - 1;
    }

    /// Takes the advice of a good check, and returns whether the weight changes. Less counts at once, and more when
    /// [`BETTER_CHECKS`] in a row have said so, as much as all of them; but for a real server that `comes` in.
    pub fn take(&mut self, advice: Option<&Advice>, comes: bool) -> bool {
        let (before, percent) = (self.percent(), percent_of(advice));
        let stays_drained = before == 0 && advice.is_some_and(|advice| !advice.lets_in);
        let mut wanted = advice.cloned();
        if percent > before && !stays_drained && !comes {
            self.better += 1;
            let earlier = self.least.take().filter(|least| percent_of(least.as_ref()) < percent);
            wanted = earlier.unwrap_or(wanted);
            if self.better < BETTER_CHECKS {
                self.least = Some(wanted);
                return false;
            }
        }
        self.break_row();
        self.advice = wanted;
        if let Some(advice) = self.advice.as_mut().filter(|_| stays_drained) {
            advice.percent = 0;
        }
        self.percent() != before
    }

    /// Returns what it is, and why; `None` where there is nothing to say.
    pub fn text(&self) -> Option<String> {
        let advice = self.advice.as_ref()?;
        let mut text = match advice.percent {
            0 => format!("drained: {}", advice.reason),
            Advice::FULL.. => advice.reason.clone(),
            percent => format!("{percent} % of its weight: {}", advice.reason),
        };
        if self.better > 0 {
            text.push_str(&format!(" (better in {} of {BETTER_CHECKS} checks)", self.better));
        }
        Some(text)
    }
}

fn percent_of(advice: Option<&Advice>) -> u8 {
    advice.map_or(Advice::FULL, |advice| advice.percent)
}
