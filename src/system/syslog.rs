//! Syslog without a library or a process: one datagram to /dev/log, with the numbers of RFC 5424 in the form of RFC
//! 3164.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// The socket at which syslog daemons listen.
pub const SOCKET: &str = "/dev/log";

/// The name of the facility `daemon`, where no other facility is set.
pub const DEFAULT_FACILITY: &str = "daemon";

/// The facility of system daemons.
const DAEMON: u8 = 3;

/// The facilities of RFC 5424 under the names of syslog.conf(5).
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    (DEFAULT_FACILITY, DAEMON),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Returns the number of a facility, or `None` for "none". A word that syslog does not know stands for the facility of
/// system daemons, so that the log is not lost.
pub fn facility_number(name: &str) -> Option<u8> {
    if name.eq_ignore_ascii_case("none") {
        return None;
    }
    let known = FACILITIES.iter().find(|(word, _)| name.eq_ignore_ascii_case(word));
    Some(known.map_or(DAEMON, |(_, number)| *number))
}

/// Sends one line of `severity` (RFC 5424 §6.2.1). It does not block: a syslog daemon that hangs would otherwise hang
/// an action into its timeout, or the health monitor in the middle of its checks.
pub fn send(socket: &Path, facility: u8, severity: u8, line: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    let now = jiff::Zoned::now().strftime("%b %e %H:%M:%S");
    let priority = facility << 3 | severity;
    sender.send_to(format!("<{priority}>{now} {line}").as_bytes(), socket).map(|_| ())
}
