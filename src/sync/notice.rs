//! What directors and standbys tell each other of their connections: datagrams of our own, beside the kernel's.
//!
//! ```text
//! "lvsa" 4 · version 1 (1) · sync id 1 · kind 1 (1 standby, 2 director) · reserved 1 (0) · connections 4 · run 4
//! ```
//! Numbers are big-endian, lengths in bytes. A later version may append to it.

/// What it begins with: no message of the kernel's daemons does. A daemon that has this port too (`net.ipv4.vs.sync_ports`)
/// takes the third and fourth byte for a length that is not the datagram's, and drops it.
const MAGIC: &[u8; 4] = b"lvsa";
const VERSION: u8 = 1;
const STANDBY: u8 = 1;
const DIRECTOR: u8 = 2;

/// The length of a notice in bytes.
pub const NOTICE_LENGTH: usize = 16;

/// What one node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A standby knows so many connections.
    Standby {
        /// Connections, without persistence templates.
        connections: u32,
        /// A number that the sender has drawn when it began to stand by: one that starts anew is told everything anew.
        run: u32,
    },
    /// The director has so many connections that a standby can know.
    Director {
        /// Connections, without persistence templates and unfinished handshakes.
        connections: u32,
    },
}

impl Notice {
    /// Returns the datagram.
    pub fn encode(self, sync_id: u8) -> [u8; NOTICE_LENGTH] {
        let (kind, connections, run) = match self {
            Self::Standby { connections, run } => (STANDBY, connections, run),
            Self::Director { connections } => (DIRECTOR, connections, 0),
        };
        let [m1, m2, m3, m4] = *MAGIC;
        let ([c1, c2, c3, c4], [r1, r2, r3, r4]) = (connections.to_be_bytes(), run.to_be_bytes());
        [m1, m2, m3, m4, VERSION, sync_id, kind, 0, c1, c2, c3, c4, r1, r2, r3, r4]
    }

    /// Reads a datagram. `None` stands for what is no notice, one of another version, and one of another channel.
    pub fn decode(datagram: &[u8], sync_id: u8) -> Option<Self> {
        let notice = datagram.first_chunk::<NOTICE_LENGTH>()?;
        let [m1, m2, m3, m4, version, id, kind, _, c1, c2, c3, c4, r1, r2, r3, r4] = *notice;
        if ([m1, m2, m3, m4], version, id) != (*MAGIC, VERSION, sync_id) {
            return None;
        }
        let (connections, run) = (u32::from_be_bytes([c1, c2, c3, c4]), u32::from_be_bytes([r1, r2, r3, r4]));
        match kind {
            STANDBY => Some(Self::Standby { connections, run }),
            DIRECTOR => Some(Self::Director { connections }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_notice_is_the_same_bytes_in_every_version_of_this_program() {
        let standby = Notice::Standby { connections: 10_000, run: 0x0102_0304 };
        assert_eq!(&standby.encode(5), b"lvsa\x01\x05\x01\x00\x00\x00\x27\x10\x01\x02\x03\x04");
        let director = Notice::Director { connections: 10_000 };
        assert_eq!(&director.encode(5), b"lvsa\x01\x05\x02\x00\x00\x00\x27\x10\x00\x00\x00\x00");
    }

    #[test]
    fn what_is_of_another_program_version_kind_or_channel_is_nothing() {
        let right = Notice::Director { connections: 1 }.encode(5);
        let changed = |at: usize, value: u8| {
            let mut bytes = right;
            bytes[at] = value;
            Notice::decode(&bytes, 5)
        };
        crate::testing::check_rows([(0, 0), (4, 2), (4, 0), (5, 6), (6, 0), (6, 3)], |(at, value)| {
            assert_eq!(changed(at, value), None, "{at} {value}");
        });
        assert!((0..NOTICE_LENGTH).all(|length| Notice::decode(&right[..length], 5).is_none()));
        let longer = [right.as_slice(), b"more"].concat();
        assert_eq!(Notice::decode(&longer, 5), Some(Notice::Director { connections: 1 }));
    }

    proptest! {
        #[test]
        fn every_notice_reads_back(connections: u32, run: u32, sync_id: u8) {
            for notice in [Notice::Standby { connections, run }, Notice::Director { connections }] {
                prop_assert_eq!(Notice::decode(&notice.encode(sync_id), sync_id), Some(notice));
                prop_assert_eq!(Notice::decode(&notice.encode(sync_id), sync_id.wrapping_add(1)), None);
            }
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..64), sync_id: u8) {
            let _ = Notice::decode(&bytes, sync_id);
        }
    }
}
