//! Transient attributes of this node in the cluster, by pacemaker's own program: its sockets speak a private language. They
//! vanish when the node leaves the cluster. An action and a check must not fail for one.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::program;

const PROGRAM: &str = "attrd_updater";
const SOCKETS: &str = "/proc/net/unix";

/// Gives the attribute this value at once.
///
/// # Errors
/// Says what the program answered.
pub fn set(name: &str, value: &str, deadline: Instant) -> Result<(), String> {
    run(name, &["-U", value], deadline).map(drop)
}

/// Gives the attribute this value; the cluster hears of it when the value has been the same for as long as `dampening`. That
/// goes with each write: the cluster's memory of it is lost with the program that has it, and to repeat it has no effect.
///
/// # Errors
/// Says what the program answered.
pub fn set_dampened(name: &str, value: &str, dampening: Duration, deadline: Instant) -> Result<(), String> {
    run(name, &["-B", value, "-d", &format!("{}ms", dampening.as_millis())], deadline).map(drop)
}

/// Takes the attribute away.
///
/// # Errors
/// Says what the program answered.
pub fn remove(name: &str, deadline: Instant) -> Result<(), String> {
    run(name, &["-D"], deadline).map(drop)
}

/// Returns the number of the socket at which the process listens that keeps the attributes of this node, pacemaker's
/// `pacemaker-attrd`: another number is another process, which has forgotten them. `None` where none listens, or the kernel does
/// not say.
pub fn keeper() -> Option<u64> {
    keeper_among(&fs::read_to_string(SOCKETS).ok()?)
}

/// Reads the kernel's list of local sockets: `unix(7)`, and `unix_seq_show` in `net/unix/af_unix.c`. One that listens has the
/// flag `__SO_ACCEPTCON` (0x10000). An abstract name begins with `@` and is filled up with more of them.
fn keeper_among(sockets: &str) -> Option<u64> {
    const LISTENS: &str = "00010000";
    sockets.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, _, _, LISTENS, _, _, inode, path] = fields.as_slice() else { return None };
        let name = path.trim_end_matches('@').trim_start_matches('@');
        (name == "attrd" || name.ends_with("/attrd")).then(|| inode.parse().ok())?
    })
}

/// Whether the cluster has this value, or will when it has been dampened.
///
/// # Errors
/// Says what the program answered, also where there is no such attribute.
pub fn has(name: &str, value: &str, deadline: Instant) -> Result<bool, String> {
    run(name, &["-Q"], deadline).map(|text| text.contains(&format!("value=\"{value}\"")))
}

fn run(name: &str, arguments: &[&str], deadline: Instant) -> Result<String, String> {
    let cause = match program::run(Command::new(PROGRAM).args(["-n", name]).args(arguments), deadline) {
        Ok(ended) if ended.status.success() => return Ok(ended.text),
        Ok(ended) => ended.status.to_string(),
        Err(cause) => cause.to_string(),
    };
    Err(format!("{PROGRAM} {name}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 prints it on a node of a cluster, shortened.
    const NODE: &str = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 12001 @cib_rw@@@@@@@@@@@
0000000000000000: 00000003 00000000 00000000 0001 03 12300 @attrd@@@@@@@@@@@@
0000000000000000: 00000002 00000000 00010000 0001 01 12002 @attrd@@@@@@@@@@@@
0000000000000000: 00000002 00000000 00000000 0002 01 12003
";

    #[test]
    fn the_keeper_of_attributes_is_the_socket_that_listens() {
        let line = |flags, inode: &str, path| format!("0: 00000002 00000000 {flags} 0001 01 {inode} {path}\n");
        crate::testing::check_rows(
            [
                (NODE.to_owned(), Some(12002)),
                // libqb makes files of its sockets where it is told to.
                (line("00010000", "7", "/run/crm/attrd"), Some(7)),
                (line("00010000", "7", "@attrd"), Some(7)),
                (line("00010000", "7", "@my-attrd@@"), None),
                (line("00010000", "7", "@attrd_api"), None),
                (line("00000000", "7", "@attrd"), None),
                (line("00010000", "-7", "@attrd"), None),
                (String::new(), None),
            ],
            |(sockets, expected)| assert_eq!(keeper_among(&sockets), expected),
        );
    }
}
