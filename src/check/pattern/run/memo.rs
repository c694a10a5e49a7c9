//! Which places of the body an instruction has been at.

/// Bits of the table, 8 MiB; a larger one is not kept, and [`super::STEPS`] alone ends the search.
const MOST: usize = 1 << 26;

pub struct Visits {
    bits: Vec<u64>,
    places: usize,
}

impl Visits {
    /// For `rows` instructions and the places between `length` bytes.
    pub fn new(rows: usize, length: usize) -> Self {
        let places = length.saturating_add(1);
        let bits = Some(rows.saturating_mul(places)).filter(|bits| *bits <= MOST).unwrap_or_default();
        Self { bits: vec![0; bits.div_ceil(64)], places }
    }

    /// Whether it is the first visit.
    pub fn is_first(&mut self, row: Option<usize>, place: usize) -> bool {
        let Some(row) = row else { return true };
        let bit = row * self.places + place;
        let Some(word) = self.bits.get_mut(bit / 64) else { return true };
        let mask = 1 << (bit % 64);
        let is_first = *word & mask == 0;
        *word |= mask;
        is_first
    }
}
