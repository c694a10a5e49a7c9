//! The nodes of the cluster that are in it now, with the addresses that corosync has for them, asked by its own program.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::process::Command;
use std::time::Instant;

use crate::system::program;

/// It answers for the corosync of this node, without another one.
const PROGRAM: &str = "corosync-cmapctl";
const MEMBERS: &str = "runtime.members.";

/// One node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// One of each link, in the order of the links.
    pub addresses: Vec<IpAddr>,
}

/// The nodes of the cluster, as one of them sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// The addresses of this node; none where it is not in the cluster.
    pub own: Vec<IpAddr>,
    pub others: Vec<Member>,
}

impl Members {
    /// Sorts out which of the nodes is this one, by the addresses that this host has.
    pub fn of(all: Vec<Member>, addresses: &BTreeSet<IpAddr>) -> Self {
        let is_own = |member: &Member| member.addresses.iter().any(|address| addresses.contains(address));
        let (own, others): (Vec<Member>, Vec<Member>) = all.into_iter().partition(is_own);
        let own = own.into_iter().next().map(|member| member.addresses).unwrap_or_default();
        // One that is in no cluster is asked by none.
        Self { others: if own.is_empty() { Vec::new() } else { others }, own }
    }

    /// Returns the place of the other node that has this address.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        self.others.iter().position(|member| member.addresses.contains(&address))
    }
}

/// Asks corosync for the nodes. Where it does not run there are none.
///
/// # Errors
/// Fails when the program does not answer by the deadline.
pub fn ask(deadline: Instant) -> io::Result<Vec<Member>> {
    match program::run(Command::new(PROGRAM).arg(MEMBERS), deadline) {
        Ok(ended) if ended.status.success() => Ok(read(&ended.text)),
        Ok(_) => Ok(Vec::new()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(io::Error::new(cause.kind(), format!("{PROGRAM}: {cause}"))),
    }
}

/// Reads lines such as `runtime.members.2.ip (str) = r(0) ip(10.9.0.12) ` and `runtime.members.2.status (str) = joined`.
fn read(text: &str) -> Vec<Member> {
    let mut nodes: BTreeMap<u32, (Vec<IpAddr>, bool)> = BTreeMap::new();
    for line in text.lines() {
        let Some((name, value)) = line.strip_prefix(MEMBERS).and_then(|line| line.split_once(" = ")) else { continue };
        let Some((id, field)) = name.split_once('.') else { continue };
        let Ok(id) = id.parse() else { continue };
        let (addresses, is_joined) = nodes.entry(id).or_default();
        match field.split(' ').next() {
            Some("ip") => *addresses = self::addresses(value),
            Some("status") => *is_joined = value.trim() == "joined",
            _ => {}
        }
    }
    let joined = nodes.into_values().filter(|(addresses, is_joined)| *is_joined && !addresses.is_empty());
    joined.map(|(addresses, _)| Member { addresses }).collect()
}

fn addresses(value: &str) -> Vec<IpAddr> {
    let words = value.split_whitespace().filter_map(|word| word.strip_prefix("ip(")?.strip_suffix(')'));
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "runtime.members.1.config_version (u64) = 0
runtime.members.1.ip (str) = r(0) ip(10.9.0.11) r(1) ip(fd09::11) 
runtime.members.1.join_count (u32) = 1
runtime.members.1.status (str) = joined
runtime.members.2.config_version (u64) = 0
runtime.members.2.ip (str) = r(0) ip(10.9.0.12) r(1) ip(fd09::12) 
runtime.members.2.join_count (u32) = 1
runtime.members.2.status (str) = joined
runtime.members.3.ip (str) = r(0) ip(10.9.0.13) 
runtime.members.3.status (str) = left
";

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn the_others_are_those_that_have_joined_but_this_node() {
        let own = BTreeSet::from(["127.0.0.1", "fd09::11"].map(address));
        let members = Members::of(read(ANSWER), &own);
        assert_eq!(members.own, ["10.9.0.11", "fd09::11"].map(address));
        assert_eq!(members.others, [Member { addresses: ["10.9.0.12", "fd09::12"].map(address).to_vec() }]);
        assert_eq!(members.find(address("fd09::12")), Some(0));
        crate::testing::check_rows(["10.9.0.11", "10.9.0.13", "10.9.0.99"], |stranger| {
            assert_eq!(members.find(address(stranger)), None, "this node, one that has left, one of no cluster");
        });
    }

    #[test]
    fn a_node_that_is_not_in_the_cluster_has_no_others() {
        assert_eq!(Members::of(read(ANSWER), &BTreeSet::from([address("10.9.0.99")])), Members::default());
        crate::testing::check_rows(
            ["", "Can't get key", "runtime.members.x.ip (str) = r(0) ip(10.9.0.11)", "runtime.members.1.status"],
            |text| assert_eq!(read(text), []),
        );
    }
}
