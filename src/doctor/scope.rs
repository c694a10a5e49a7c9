//! What is looked at: everything, or what the subjects name and what belongs to it. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cib::{Cib, Primitive};
use super::observe::Configured;
use super::vip;
use crate::model::ServiceKey;

/// More addresses of one resource are not asked for.
const MOST_ADDRESSES: usize = 256;

/// The names of the resources that are looked at; `None` stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Option<BTreeSet<String>>);

impl Scope {
    /// Returns the resources that the subjects name: by their own names, by those of their groups and clones, and by their file.
    pub fn of(subjects: &[String], cib: Option<&Cib>) -> Self {
        if subjects.is_empty() {
            return Self(None);
        }
        let mut names: BTreeSet<String> = subjects.iter().cloned().collect();
        if let Some(cib) = cib {
            names.extend(subjects.iter().flat_map(|subject| cib.members(subject)));
            let reads = |one: &&Primitive| one.parameters.get("configfile").is_some_and(|file| subjects.contains(file));
            names.extend(cib.primitives.iter().filter(reads).map(|one| one.id.clone()));
        }
        Self(Some(names))
    }

    /// Whether this resource is looked at.
    pub fn has(&self, resource: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(resource))
    }

    /// Returns what of these services is looked at: all that a resource has, those that a health monitor checks, and those at
    /// an address.
    pub fn narrow(&self, cib: Option<&Cib>, mut one: Configured) -> Option<Configured> {
        if self.has(&one.name) {
            return Some(one);
        }
        let named = cib.into_iter().flat_map(|cib| &cib.primitives).filter(|resource| self.has(&resource.id));
        let named: Vec<&Primitive> = named.collect();
        if named.iter().any(|resource| resource.follows_declarations()) && cib?.primitive(&one.name)?.is_lvs() {
            return Some(one);
        }
        let config = one.config.as_mut().ok()?;
        config.services.retain(|service| {
            let address = address_of(&service.service.key);
            address.is_some_and(|address| named.iter().any(|resource| vip::holds(resource, address)))
        });
        (!config.services.is_empty()).then_some(one)
    }

    /// Returns the virtual IPs: those of the services, and those that resources put up.
    pub fn virtual_ips(&self, cib: Option<&Cib>, configured: &[Configured]) -> BTreeSet<IpAddr> {
        let services = configured.iter().flat_map(|one| &one.config).flat_map(|config| &config.services);
        let of_services = services.filter_map(|service| address_of(&service.service.key));
        let resources = cib.into_iter().flat_map(|cib| &cib.primitives).filter(|resource| self.has(&resource.id));
        of_services.chain(resources.flat_map(|resource| vip::addresses(resource, MOST_ADDRESSES))).collect()
    }
}

fn address_of(key: &ServiceKey) -> Option<IpAddr> {
    match key {
        ServiceKey::Address { address, .. } => Some(*address),
        ServiceKey::Fwmark { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::cib;
    use crate::doctor::observe::testing::configured;
    use crate::testing::check_rows;

    const TWO: &str = r#"<cib><configuration><resources>
<group id="a"><primitive id="a-lvs" class="ocf" provider="rust" type="lvs"/><primitive id="a-vip" class="ocf" provider="rust" type="vip">
<instance_attributes><nvpair name="ip" value="10.9.0.1"/></instance_attributes></primitive></group>
<primitive id="b-lvs" class="ocf" provider="rust" type="lvs"/><primitive id="health" class="ocf" provider="rust" type="ldirectord"/>
<primitive id="file" class="ocf" provider="rust" type="ldirectord"><instance_attributes><nvpair name="configfile" value="/etc/x.cf"/>
</instance_attributes></primitive></resources></configuration></cib>"#;

    #[test]
    fn a_subject_stands_for_what_belongs_to_it_and_for_nothing_else() {
        let cib = cib::read(TWO).expect("a cib");
        let section = |address: &str| format!("virtual={address}:80\n\treal=10.9.0.21:80 gate\n\tchecktype=connect\n");
        let sources = [
            configured("a-lvs", &(section("10.9.0.1") + &section("10.9.0.2"))),
            configured("b-lvs", &section("10.9.0.3")),
            configured("file", &section("10.9.0.4")),
        ];
        let all = "a-lvs=10.9.0.1 a-lvs=10.9.0.2 b-lvs=10.9.0.3 file=10.9.0.4";
        check_rows(
            [
                ("", all),
                ("a-lvs", "a-lvs=10.9.0.1 a-lvs=10.9.0.2"),
                ("a", "a-lvs=10.9.0.1 a-lvs=10.9.0.2"),
                ("a-vip", "a-lvs=10.9.0.1"),
                ("health", "a-lvs=10.9.0.1 a-lvs=10.9.0.2 b-lvs=10.9.0.3"),
                ("/etc/x.cf", "file=10.9.0.4"),
                ("nobody", ""),
            ],
            |(subject, expected)| {
                let subjects: Vec<String> = subject.split_whitespace().map(str::to_owned).collect();
                let scope = Scope::of(&subjects, Some(&cib));
                let kept: Vec<Configured> =
                    sources.iter().cloned().filter_map(|one| scope.narrow(Some(&cib), one)).collect();
                let mut found = Vec::new();
                for one in &kept {
                    let services = one.config.iter().flat_map(|config| &config.services);
                    let addresses = services.filter_map(|service| address_of(&service.service.key));
                    found.extend(addresses.map(|address| format!("{}={address}", one.name)));
                }
                assert_eq!(found.join(" "), expected);
                assert_eq!(scope.has("a-vip"), ["", "a", "a-vip"].contains(&subject));
            },
        );
        let of_vip = Scope::of(&["a-vip".into()], Some(&cib)).virtual_ips(Some(&cib), &[]);
        assert_eq!(of_vip, BTreeSet::from([IpAddr::from([10, 9, 0, 1])]), "without any service too");
    }
}
