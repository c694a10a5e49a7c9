//! Notices the end of a rush of checks. Pure.

/// The room in descriptors below which a rush leaves too little memory behind to be worth a look: some 10 MB of
/// conversations.
const WORTH: usize = 1024;

/// The most that ran at once since the last rush was over.
#[derive(Debug, Default)]
pub(super) struct Peak {
    most: usize,
}

impl Peak {
    /// Whether a rush is over, now that checks use this much room. The answer is true once for each rush.
    pub fn is_over(&mut self, used: usize) -> bool {
        self.most = self.most.max(used);
        let is_over = self.most >= WORTH && used <= self.most / 4;
        if is_over {
            self.most = used;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rush_ends_once_and_a_small_one_never() {
        let mut peak = Peak::default();
        let over = |uses: &[usize], peak: &mut Peak| uses.iter().map(|used| peak.is_over(*used)).collect::<Vec<_>>();
        assert_eq!(over(&[100, 1023, 0], &mut peak), [false; 3]);
        assert_eq!(over(&[4000, 2000, 1000, 10, 0], &mut peak), [false, false, true, false, false]);
        assert_eq!(over(&[1024, 256], &mut peak), [false, true]);
    }
}
