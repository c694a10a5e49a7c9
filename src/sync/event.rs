//! What happens between directors and standbys, as the log tells it.

use std::fmt;
use std::net::IpAddr;

/// Something that an administrator wants to read about, once for each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncEvent {
    /// An `lvs` resource has become promoted on this node, or was found to be.
    Promoted {
        /// The resource.
        resource: String,
    },
    /// An `lvs` resource is no longer promoted on this node.
    Demoted {
        /// The resource.
        resource: String,
    },
    /// A standby has begun, or has ceased, to know nearly all connections of this director.
    StandbyKnows {
        /// The standby's address.
        standby: IpAddr,
        /// What it knows.
        coverage: Coverage,
    },
    /// This standby has begun, or has ceased, to know nearly all connections of the director.
    Knows {
        /// The director's address.
        director: IpAddr,
        /// What it knows.
        coverage: Coverage,
    },
    /// Two nodes send connections with the same sync id. The text names the other one, or both.
    Clash(String),
    /// That is over.
    ClashEnded,
    /// The director has too many connections to tell a standby of all.
    TooMany {
        /// How many it has.
        connections: u32,
    },
}

/// How many of the director's connections a standby knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Those that the standby knows; a standby may know some that the director has forgotten.
    pub known: u32,
    /// Those that the director has.
    pub connections: u32,
}

impl Coverage {
    /// A standby that knows this share, in per cent, has caught up.
    const WARM: u8 = 98;
    /// One that has caught up lags behind again when it knows less than this share.
    const COLD: u8 = 90;

    /// Returns the share in per cent, 0 to 100, rounded down: 100 means every single one.
    pub fn per_cent(self) -> u8 {
        let Self { known, connections } = self;
        match u64::from(known) * 100 / u64::from(connections).max(1) {
            _ if known >= connections => 100,
            share => u8::try_from(share).unwrap_or(100),
        }
    }

    /// Whether a standby is warm, when it was or was not before. The two limits lie apart: connections that come and go must
    /// not fill the log.
    pub fn is_warm(self, was: bool) -> bool {
        self.per_cent() >= if was { Self::COLD } else { Self::WARM }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % of {} connections", self.per_cent(), self.connections)
    }
}

impl SyncEvent {
    /// Whether it is a fault.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Clash(_) | Self::TooMany { .. })
    }
}

impl fmt::Display for SyncEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted { resource } => write!(f, "{resource}: promoted on this node"),
            Self::Demoted { resource } => write!(f, "{resource}: no longer promoted on this node"),
            Self::StandbyKnows { standby, coverage } => write!(f, "standby {standby} knows {coverage}"),
            Self::Knows { director, coverage } => write!(f, "this standby knows {coverage} of director {director}"),
            Self::Clash(others) => write!(
                f,
                "connection synchronisation: {others}: sends with the same sync id: only one director may be promoted, and \
                 each pair needs an id of its own"
            ),
            Self::ClashEnded => f.write_str("connection synchronisation: only one director sends again"),
            Self::TooMany { connections } => write!(
                f,
                "connection synchronisation: {connections} connections are too many to be read: a standby that joins now \
                 gets to know those that have traffic"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_per_cent_are_all() {
        crate::testing::check_rows(
            [
                (0, 0, 100),
                (5, 0, 100),
                (0, 1, 0),
                (9_999, 10_000, 99),
                (10_000, 10_000, 100),
                (10_001, 10_000, 100),
                (u32::MAX - 1, u32::MAX, 99),
                (u32::MAX, 1, 100),
            ],
            |(known, connections, expected)| {
                assert_eq!(Coverage { known, connections }.per_cent(), expected, "{known} of {connections}");
            },
        );
    }

    #[test]
    fn a_standby_is_warm_from_98_per_cent_on_until_it_knows_less_than_90() {
        crate::testing::check_rows(
            [(100, true, true), (98, true, true), (97, false, true), (90, false, true), (89, false, false)],
            |(known, comes, stays)| {
                let coverage = Coverage { known, connections: 100 };
                assert_eq!([coverage.is_warm(false), coverage.is_warm(true)], [comes, stays], "{known}");
            },
        );
    }

    #[test]
    fn each_event_is_a_sentence() {
        let coverage = Coverage { known: 995, connections: 1000 };
        let director: IpAddr = [10, 0, 0, 1].into();
        crate::testing::check_rows(
            [
                (
                    SyncEvent::StandbyKnows { standby: director, coverage },
                    false,
                    "standby 10.0.0.1 knows 99 % of 1000 connections",
                ),
                (
                    SyncEvent::Knows { director, coverage },
                    false,
                    "this standby knows 99 % of 1000 connections of director 10.0.0.1",
                ),
                (
                    SyncEvent::Clash("10.0.0.3".into()),
                    true,
                    "connection synchronisation: 10.0.0.3: sends with the same sync id: only one director may be promoted, \
                     and each pair needs an id of its own",
                ),
                (SyncEvent::ClashEnded, false, "connection synchronisation: only one director sends again"),
                (
                    SyncEvent::TooMany { connections: 100_001 },
                    true,
                    "connection synchronisation: 100001 connections are too many to be read: a standby that joins now gets \
                     to know those that have traffic",
                ),
            ],
            |(event, is_fault, sentence)| {
                assert_eq!((event.is_fault(), event.to_string().as_str()), (is_fault, sentence));
            },
        );
    }
}
