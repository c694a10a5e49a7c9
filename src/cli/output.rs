//! Standard output, whose reader may go away: `lvs-agents status | head -1`.

use std::io::{ErrorKind, Result, Write};

/// Writes as long as there is a reader. One that has seen enough is no fault: what comes then is dropped, and the exit status
/// says what it says with a reader.
pub struct Output<W> {
    out: W,
    has_reader: bool,
}

impl<W: Write> Output<W> {
    pub fn new(out: W) -> Self {
        Self { out, has_reader: true }
    }

    /// Does `work` where there is a reader; `dropped` is the result where there is none.
    fn with_reader<T>(&mut self, dropped: T, work: impl FnOnce(&mut W) -> Result<T>) -> Result<T> {
        if !self.has_reader {
            return Ok(dropped);
        }
        match work(&mut self.out) {
            Err(cause) if cause.kind() == ErrorKind::BrokenPipe => {
                self.has_reader = false;
                Ok(dropped)
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.with_reader(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        self.with_reader((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_no_fault_and_a_full_disk_is_one() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut output = Output::new(writer);
        output.write_all(b"seen").expect("write");
        drop(reader);
        for _ in 0..2 {
            output.write_all(b"unseen").and_then(|()| output.flush()).expect("no fault");
        }
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        assert_eq!(Output::new(full).write_all(b"x").expect_err("full").kind(), ErrorKind::StorageFull);
    }
}
