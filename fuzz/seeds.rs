//! What the fuzz targets have in common. They run with the other tests, for a second each (`BOLERO_RANDOM_TEST_TIME_MS` says
//! otherwise), and under a fuzzer that is guided by coverage: `./dev fuzz`.
//!
//! The inputs that a target starts from are committed in `__fuzz__/TARGET/corpus`, an input that once broke it in
//! `__fuzz__/TARGET/crashes`; both are tried first, every time.

use std::fs;
use std::path::Path;

/// The committed inputs of one target, from which others are made: random bytes alone end at the first length field.
pub(crate) struct Seeds(Vec<Vec<u8>>);

impl Seeds {
    pub(crate) fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/__fuzz__").join(target).join("corpus");
        let entries = fs::read_dir(&folder).unwrap_or_else(|cause| panic!("{}: list: {cause}", folder.display()));
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{}: no input", folder.display());
        Self(files.iter().map(|file| fs::read(file).expect("an input")).collect())
    }

    /// Tries the bytes as they are, and then as orders to change one of the committed inputs in a few places.
    pub(crate) fn each(&self, bytes: &[u8], target: impl Fn(&[u8])) {
        target(bytes);
        if let Some(changed) = self.changed(bytes) {
            target(&changed);
        }
    }

    fn changed(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let [choice, other, count, orders @ ..] = bytes else { return None };
        let pick = |number: &u8| self.0.get(usize::from(*number) % self.0.len());
        let (mut input, other) = (pick(choice)?.clone(), pick(other)?);
        let (orders, _) = orders.as_chunks::<4>();
        for order in orders.iter().take(usize::from(count % 9)) {
            change(&mut input, *order, other);
        }
        Some(input)
    }
}

/// One change at one place: what a broken, an old or a hostile sender could have sent in place of a good input.
fn change(input: &mut Vec<u8>, [kind, high, low, value]: [u8; 4], other: &[u8]) {
    let at = usize::from(u16::from_be_bytes([high, low])) % (input.len() + 1);
    let end = (at + usize::from(value)).min(input.len());
    match kind % 7 {
        0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = value),
        1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
        2 => input.insert(at, value),
        3 => input.truncate(at),
        4 => drop(input.drain(at..end)),
        5 => input.extend_from_within(at..end),
        _ => drop(input.splice(at.., other.iter().skip(at).copied())),
    }
}
