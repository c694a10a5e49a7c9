//! What a pool leaves to the next health monitor, as `found.rs` begins with what the one before has left.

use super::{Pool, ReducedWeight};
use crate::health::Member;
use crate::model::RealServerKey;

impl Pool {
    /// Returns the real servers that the next health monitor shall trust.
    pub fn known_up(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_up)
    }

    /// Returns the real servers that the next health monitor need not wait for.
    pub fn known_down(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_down)
    }

    /// Returns why real servers that are well have less than their whole weight, for the next health monitor.
    pub fn known_reduced(&self) -> impl Iterator<Item = (RealServerKey, ReducedWeight)> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        let reduced = members.filter(|(real, member)| !real.disabled && member.is_known_up()).map(|(real, member)| {
            let key = real.real_server.key;
            (key, ReducedWeight { advised: member.advised(), rising_since: self.ramps.since(&key) })
        });
        reduced.filter(|(_, reduced)| *reduced != ReducedWeight::default())
    }

    fn keys_of(&self, is_one: fn(&Member) -> bool) -> impl Iterator<Item = RealServerKey> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        let ones = members.filter(move |(real, member)| !real.disabled && is_one(member));
        ones.map(|(real, _)| real.real_server.key)
    }
}
