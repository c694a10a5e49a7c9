//! What a real server that is well wants of its director.

/// What a check says of a real server beyond that it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The share of the configured weight that the real server can bear, in per cent: 0 to 100. 0 drains it: it is well, and wants
    /// no new clients.
    pub percent: u8,
    /// Whether a real server that gets no clients may get some by this. Where it may not, one that serves goes on, and one that
    /// does not stays out: the check has seen too little of it, or it is between two bounds.
    pub lets_in: bool,
    /// Why, in words for people.
    pub reason: String,
}

impl Advice {
    /// The whole weight.
    pub const FULL: u8 = 100;

    /// Returns the part of a configured weight. Only 0 per cent makes 0 of it: a rounded 0 would drain by accident.
    pub fn weight_of(&self, configured: u32) -> u32 {
        let percent = u64::from(self.percent.min(Self::FULL));
        let rounded = (u64::from(configured) * percent + 50) / 100;
        let part = u32::try_from(rounded).unwrap_or(configured);
        if percent > 0 && configured > 0 { part.max(1) } else { part }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn advice(percent: u8) -> Advice {
        Advice { percent, lets_in: true, reason: "busy".into() }
    }

    #[test]
    fn a_weight_is_rounded_and_is_0_for_0_per_cent_alone() {
        let rows = [(0, 7, 0), (1, 7, 1), (49, 1, 1), (50, 7, 4), (35, 10, 4), (34, 10, 3), (100, 7, 7), (50, 0, 0)];
        for (percent, configured, weight) in rows {
            assert_eq!(advice(percent).weight_of(configured), weight, "{percent} % of {configured}");
        }
        assert_eq!(advice(100).weight_of(u32::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn more_per_cent_is_never_less_weight(percent in 0..100_u8, configured: u32) {
            let (less, more) = (advice(percent).weight_of(configured), advice(percent + 1).weight_of(configured));
            prop_assert!(less <= more && more <= configured);
            prop_assert_eq!(less == 0, percent == 0 || configured == 0);
        }
    }
}
