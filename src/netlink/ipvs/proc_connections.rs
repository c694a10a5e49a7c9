//! The kernel's connections as text: how many there are, which costs a millisecond (`/proc/net/ip_vs`), and each of them,
//! which costs time that grows with the square of their number on most kernels (`/proc/net/ip_vs_conn`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::compare::{AT_ONCE, PROC_TABLE};

/// The table of connections of this thread's network namespace.
const PROC_CONNECTIONS: &str = "/proc/thread-self/net/ip_vs_conn";

/// Counts the connections of all real servers, active and inactive ones; persistence templates are none. Where other network
/// namespaces have services too, the kernel leaves out some of a table that takes more than one read.
///
/// # Errors
/// Fails when the table cannot be read: there is no IPVS.
pub fn count_connections() -> io::Result<u32> {
    count(BufReader::with_capacity(AT_ONCE, File::open(PROC_TABLE)?))
}

/// Gives every line of the table of connections to `take`, without its end, until that breaks off. The table is never in memory as a
/// whole. Returns the time that the kernel took to write it.
///
/// # Errors
/// Fails when the table cannot be read to its end.
pub fn each_connection(take: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<Duration> {
    each_line(TimedRead { source: File::open(PROC_CONNECTIONS)?, took: Duration::ZERO }, take)
}

fn each_line<R: Read>(source: TimedRead<R>, mut take: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<Duration> {
    let (mut source, mut line) = (BufReader::with_capacity(AT_ONCE, source), Vec::new());
    while source.read_until(b'\n', &mut line)? > 0 {
        if take(line.strip_suffix(b"\n").unwrap_or(&line)).is_break() {
            break;
        }
        line.clear();
    }
    Ok(source.into_inner().took)
}

/// A source that knows how long its reads have taken.
struct TimedRead<R> {
    source: R,
    took: Duration,
}

impl<R: Read> Read for TimedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let read = self.source.read(buffer);
        self.took += begun.elapsed();
        read
    }
}

fn count(mut source: impl BufRead) -> io::Result<u32> {
    let (mut sum, mut line) = (0u32, Vec::new());
    while source.read_until(b'\n', &mut line)? > 0 {
        sum = sum.saturating_add(connections(&line).unwrap_or(0));
        line.clear();
    }
    Ok(sum)
}

/// Reads the two last columns of `  -> 0A090101:0050      Route   1      12         345`.
fn connections(line: &[u8]) -> Option<u32> {
    let text = str::from_utf8(line.strip_prefix(b"  -> ")?).ok()?;
    let mut columns = text.split_ascii_whitespace().rev();
    let (inactive, active): (u32, u32) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
    active.checked_add(inactive)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A090064:0CEA rr
  -> 0A090015:0CEA      Route   1      12         3
  -> 0A090016:0CEA      Masq    0      0          70
FWM  00000007 wlc persistent 36000 FFFFFFFF
  -> [2001:0db8:0000:0000:0000:0000:0000:0015]:0000      Local   1      400        0
";

    #[test]
    fn the_connections_of_every_real_server_are_counted() {
        crate::testing::check_rows(
            [
                (TABLE.to_owned(), 485),
                (String::new(), 0),
                (TABLE.replace("400 ", "x "), 85),
                (TABLE.replace("  400 ", "  4294967295 "), u32::MAX),
                (TABLE.lines().take(5).collect::<Vec<_>>().join("\n"), 15),
            ],
            |(text, expected)| assert_eq!(count(text.as_bytes()).expect("read"), expected, "{text}"),
        );
    }

    #[test]
    fn every_line_is_given_until_the_taker_breaks_off() {
        let lines = |most: usize| {
            let mut taken = Vec::new();
            let source = TimedRead { source: TABLE.as_bytes(), took: Duration::ZERO };
            let read = each_line(source, |line| {
                taken.push(String::from_utf8_lossy(line).into_owned());
                if taken.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            read.expect("read");
            taken
        };
        assert_eq!(lines(100), TABLE.lines().collect::<Vec<_>>());
        assert_eq!(lines(3), TABLE.lines().take(3).collect::<Vec<_>>());
    }
}
