//! The part that this node has in the synchronisation of connections, as the `lvs` agents have recorded it.

use std::collections::BTreeSet;

use crate::model::SyncChannel;
use crate::ownership::RoleRecord;
use crate::system::RunDir;

/// Returns the `lvs` resources that are promoted on this node, whether they synchronise connections or not.
pub fn promoted(run_dir: &RunDir) -> BTreeSet<String> {
    let roles = run_dir.roles();
    let is_promoted = |name: &String| roles.read_json(name).is_some_and(|record: RoleRecord| record.promoted);
    roles.instances().into_iter().filter(is_promoted).collect()
}

/// Who this node is on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPart {
    /// The `lvs` resource whose role this is.
    pub resource: String,
    pub is_promoted: bool,
    pub channel: SyncChannel,
}

impl SyncPart {
    /// Reads the part of this node; `None` means that connections are not synchronised. The kernel has one table and one
    /// daemon of each kind: where several resources are promotable, the first one that is promoted counts, else the first one.
    pub fn read(run_dir: &RunDir) -> Option<Self> {
        let roles = run_dir.roles();
        let parts = roles.instances().into_iter().filter_map(|resource| {
            let RoleRecord { promoted, channel, .. } = roles.read_json(&resource)?;
            Some(Self { resource, is_promoted: promoted, channel: channel? })
        });
        // Of equal ones the last is the maximum.
        parts.collect::<Vec<_>>().into_iter().rev().max_by_key(|part| part.is_promoted)
    }

    /// Whether this still is the part of this node.
    pub fn is_current(&self, run_dir: &RunDir) -> bool {
        let record: Option<RoleRecord> = run_dir.roles().read_json(&self.resource);
        record
            .is_some_and(|record| record.promoted == self.is_promoted && record.channel.as_ref() == Some(&self.channel))
    }

    /// Returns the port of the notices: the one after the kernel's, or before it where there is none after it.
    pub fn notice_port(&self) -> u16 {
        let port = self.channel.port;
        port.checked_add(1).unwrap_or(port - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn channel(id: u8) -> SyncChannel {
        let group = "224.0.0.81".parse().expect("address");
        SyncChannel { interface: "eth1".into(), id, group, port: 8848, ttl: 1, maxlen: 1472 }
    }

    #[test]
    fn the_part_is_that_of_the_promoted_resource_else_of_the_first() {
        let scratch = Scratch::new("part");
        let run_dir = RunDir::at(scratch.path());
        let write = |name: &str, promoted, channel| {
            run_dir
                .roles()
                .write_json(name, &RoleRecord { promoted, channel, ..RoleRecord::default() })
                .expect("write");
        };
        let part = || SyncPart::read(&run_dir).map(|part| (part.resource.clone(), part.is_promoted, part.channel.id));
        assert_eq!(part(), None);
        write("a", true, None);
        assert_eq!(part(), None, "connections are not synchronised");
        write("c", false, Some(channel(3)));
        write("b", false, Some(channel(2)));
        assert_eq!(part(), Some(("b".into(), false, 2)));
        let before = SyncPart::read(&run_dir).expect("a part");
        assert!(before.is_current(&run_dir));
        write("d", true, Some(channel(4)));
        assert_eq!(part(), Some(("d".into(), true, 4)));
        write("b", true, Some(channel(2)));
        assert_eq!(part(), Some(("b".into(), true, 2)));
        assert!(!before.is_current(&run_dir), "it was promoted");
        run_dir.roles().write("b", "{").expect("write");
        assert!(!before.is_current(&run_dir), "a half-written record promotes nobody");
    }

    #[test]
    fn the_notices_have_a_port_beside_the_kernels() {
        crate::testing::check_rows([(8848, 8849), (65534, 65535), (65535, 65534), (1, 2)], |(port, expected)| {
            let channel = SyncChannel { port, ..channel(1) };
            let part = SyncPart { resource: "a".into(), is_promoted: false, channel };
            assert_eq!(part.notice_port(), expected, "{port}");
        });
    }
}
