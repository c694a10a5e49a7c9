//! Whether a file holds a text that is only about to be written.

use std::fmt;
use std::io::BufRead;

/// Takes a text piece by piece and reads the file beside it. Neither is in memory as a whole: a text of half a megabyte
/// costs a short process more to have than to make.
pub struct Comparison<R> {
    reader: R,
}

impl<R: BufRead> Comparison<R> {
    /// `false` also when the file cannot be read to its end. `write` is given a writer that fails at the first difference.
    pub fn holds(reader: R, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> bool {
        let mut comparison = Self { reader };
        write(&mut comparison).is_ok() && comparison.reader.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}

impl<R: BufRead> fmt::Write for Comparison<R> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let held = self.reader.fill_buf().map_err(|_| fmt::Error)?;
            let length = held.len().min(rest.len());
            let (piece, tail) = rest.split_at(length);
            if length == 0 || held.get(..length) != Some(piece) {
                return Err(fmt::Error);
            }
            self.reader.consume(length);
            rest = tail;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn only_the_same_text_is_held_however_it_is_cut() {
        let held = "virtual=192.0.2.1:80";
        for capacity in [1, 3, 7, 64] {
            for (pieces, same) in [
                (&["virtual=192.0.2.1:80"][..], true),
                (&["virt", "", "ual=192.0.2.1", ":80"], true),
                (&["virtual=192.0.2.1"], false),
                (&["virtual=192.0.2.1:80", "0"], false),
                (&["virtual=192.0.2.2:80"], false),
                (&[], false),
            ] {
                let reader = BufReader::with_capacity(capacity, held.as_bytes());
                let write = |out: &mut dyn fmt::Write| pieces.iter().try_for_each(|piece| out.write_str(piece));
                assert_eq!(Comparison::holds(reader, write), same, "{capacity} {pieces:?}");
            }
        }
    }
}
