//! The events of one health monitor, read as they come, through rotations and restarts.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;

use crate::daemon::events::EventRecord;
use crate::system::ObservedFolder;

/// An event, and the line as it was written: programs get the fields of a later version too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub record: EventRecord,
    pub raw: String,
}

/// The file that is being read.
struct Opened {
    file: File,
    inode: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

/// The events of one health monitor.
pub struct EventSource {
    folder: ObservedFolder,
    opened: Option<Opened>,
}

impl Opened {
    /// Opens the file; `None` where there is none, and where this user may not look.
    fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        match File::open(path) {
            Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
            opened => {
                let file = opened.with_context(|| format!("{}: open", path.display()))?;
                let inode = file.metadata().with_context(|| format!("{}: look at", path.display()))?.ino();
                Ok(Some(Self { file, inode, rest: Vec::new() }))
            }
        }
    }

    /// Adds the lines that are whole now. A line that is no event, such as one that was cut, is skipped.
    fn read(&mut self, lines: &mut Vec<Line>) -> anyhow::Result<()> {
        self.file.read_to_end(&mut self.rest).context("events: read")?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let unfinished = self.rest.split_off(whole);
        for line in std::mem::replace(&mut self.rest, unfinished).split(|byte| *byte == b'\n') {
            if let Ok(record) = serde_json::from_slice(line) {
                lines.push(Line { record, raw: String::from_utf8_lossy(line).into_owned() });
            }
        }
        Ok(())
    }
}

impl EventSource {
    pub fn new(folder: ObservedFolder) -> Self {
        Self { folder, opened: None }
    }

    /// Returns the events since the last call; at the first one, all that are there.
    ///
    /// # Errors
    /// Fails when a file that is there cannot be read.
    pub fn read_new(&mut self) -> anyhow::Result<Vec<Line>> {
        let (mut lines, path) = (Vec::new(), self.folder.events());
        if let Some(opened) = &mut self.opened {
            let is_same = inode(&path).is_none_or(|inode| inode == opened.inode);
            // What was written before the file became the earlier one is read now: nothing is written to that any more.
            opened.read(&mut lines)?;
            if is_same {
                return Ok(lines);
            }
        }
        let Some(mut next) = Opened::open(&path)? else {
            // In the middle of a rotation there is the earlier file alone.
            if self.opened.is_none()
                && let Some(mut earlier) = Opened::open(&self.folder.earlier_events())?
            {
                earlier.read(&mut lines)?;
                self.opened = Some(earlier);
            }
            return Ok(lines);
        };
        let known = self.opened.as_ref().map(|opened| opened.inode);
        if let Some(mut earlier) = Opened::open(&self.folder.earlier_events())?
            && ![known, Some(next.inode)].contains(&Some(earlier.inode))
        {
            earlier.read(&mut lines)?;
        }
        next.read(&mut lines)?;
        self.opened = Some(next);
        Ok(lines)
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.ino())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;
    use crate::system::RunDir;
    use crate::testing::Scratch;

    fn line(number: usize) -> String {
        format!(
            "{{\"version\":1,\"time\":\"2026-11-27T10:52:26Z\",\"instance\":\"db\",\"kind\":\"up\",\"what\":\"{number}\"}}\n"
        )
    }

    fn numbers(source: &mut EventSource) -> Vec<String> {
        source.read_new().expect("read").into_iter().map(|line| line.record.what.into_owned()).collect()
    }

    fn lab(name: &str) -> (Scratch, ObservedFolder, EventSource) {
        let scratch = Scratch::new(name);
        let folder = RunDir::at(scratch.path()).observed("db");
        let source = EventSource::new(folder.clone());
        (scratch, folder, source)
    }

    #[test]
    fn lines_are_read_once_and_only_when_they_are_whole() {
        let (_scratch, folder, mut source) = lab("source");
        assert_eq!(numbers(&mut source), [""; 0], "no health monitor has run");
        folder.append_events(&(line(1) + &line(2))).expect("write");
        assert_eq!(numbers(&mut source), ["1", "2"]);
        assert_eq!(numbers(&mut source), [""; 0]);
        let (head, tail) = (line(3).split_at(20).0.to_owned(), line(3).split_at(20).1.to_owned());
        let mut file = OpenOptions::new().append(true).open(folder.events()).expect("open");
        file.write_all(head.as_bytes()).expect("write");
        assert_eq!(numbers(&mut source), [""; 0]);
        file.write_all(tail.as_bytes()).expect("write");
        assert_eq!(numbers(&mut source), ["3"]);
        file.write_all(head.as_bytes()).expect("killed in the middle");
        folder.append_events(&line(4)).expect("write");
        file.write_all(b"no event\n").expect("write");
        assert_eq!(numbers(&mut source), ["4"]);
    }

    #[test]
    fn in_the_middle_of_a_rotation_the_earlier_file_is_read_and_what_comes_then() {
        let (_scratch, folder, mut source) = lab("source-middle");
        folder.append_events(&line(1)).expect("write");
        fs::rename(folder.events(), folder.earlier_events()).expect("rename");
        assert_eq!(numbers(&mut source), ["1"]);
        assert_eq!(numbers(&mut source), [""; 0]);
        folder.append_events(&line(2)).expect("write");
        assert_eq!(numbers(&mut source), ["2"]);
    }

    #[test]
    fn nothing_is_lost_when_the_file_is_full_and_nothing_comes_twice() {
        let (_scratch, folder, mut source) = lab("source-full");
        let rotate = || fs::rename(folder.events(), folder.earlier_events()).expect("rename");
        let append = |number: usize| folder.append_events(&line(number)).expect("write");
        append(1);
        assert_eq!(numbers(&mut source), ["1"]);
        append(2);
        rotate();
        assert_eq!(numbers(&mut source), ["2"], "there is no new file yet");
        append(3);
        assert_eq!(numbers(&mut source), ["3"]);
        append(4);
        rotate();
        append(5);
        rotate();
        append(6);
        assert_eq!(numbers(&mut source), ["4", "5", "6"], "full twice between two looks");
        assert_eq!(numbers(&mut EventSource::new(folder.clone())), ["5", "6"], "what is still there");
        fs::remove_dir_all(folder.path()).expect("the run directory is lost");
        assert_eq!(numbers(&mut source), [""; 0]);
        append(7);
        assert_eq!(numbers(&mut source), ["7"]);
    }
}
