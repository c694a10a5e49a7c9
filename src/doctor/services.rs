//! What is wrong with the configuration of virtual services by itself. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::finding::Finding;
use super::kernel::KernelFacts;
use super::observe::Configured;
use crate::model::{Protocol, ServiceKey};

/// More services in one of the kernel's 256 places than this are a chain that each new connection walks along.
const CROWD: usize = 32;

/// Returns what is wrong.
pub fn findings(configured: &[Configured], kernel: &KernelFacts) -> Vec<Finding> {
    let mut found: Vec<Finding> = configured.iter().filter_map(unreadable).collect();
    found.extend(claimed_twice(configured));
    // Kernels with this setting have as many places as they need.
    if !kernel.settings.contains_key("net/ipv4/vs/svc_lfactor") {
        found.extend(crowded(configured));
    }
    found
}

fn unreadable(one: &Configured) -> Option<Finding> {
    let cause = one.config.as_ref().err()?;
    let fix = match &one.file {
        Some(file) => format!("lvs-agents check-config {}", file.display()),
        None => format!(
            "crm_resource --resource {} --set-parameter … (crm_resource --validate says what is wrong)",
            one.name
        ),
    };
    let why = "it does not start with this configuration; what runs keeps the one before";
    Some(Finding::error(&one.name, format!("the configuration is refused: {cause}"), why, fix))
}

fn keys(one: &Configured) -> impl Iterator<Item = ServiceKey> {
    one.config.iter().flat_map(|config| &config.services).map(|service| service.service.key)
}

fn claimed_twice(configured: &[Configured]) -> Vec<Finding> {
    let mut owners: BTreeMap<ServiceKey, &Configured> = BTreeMap::new();
    let mut found = Vec::new();
    for one in configured.iter().filter(|one| one.is_resource) {
        for key in keys(one) {
            match owners.insert(key, one) {
                Some(other) if other.name != one.name => {
                    let what = format!("{} and {} both claim it", other.name, one.name);
                    let why = "on a node that runs both the second one does not start";
                    let fix = format!("take it out of the parameters or the file of {} or {}", other.name, one.name);
                    found.push(Finding::error(format!("virtual service {key}"), what, why, fix));
                }
                _ => {}
            }
        }
    }
    found
}

/// Virtual services that the kernel looks for in one place.
fn crowded(configured: &[Configured]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in configured {
        let mut places: BTreeMap<u32, Vec<ServiceKey>> = BTreeMap::new();
        keys(one)
            .filter_map(|key| Some((place(&key)?, key)))
            .for_each(|(place, key)| places.entry(place).or_default().push(key));
        let Some(worst) = places.values().max_by_key(|keys| keys.len()).filter(|keys| keys.len() > CROWD) else {
            continue;
        };
        let total: usize = places.values().map(Vec::len).sum();
        let what = format!("{} of its {total} virtual services share one place of the kernel's 256", worst.len());
        let why = "the kernel walks along all of them for each new connection: it goes by the last byte of the address and by \
                   the port";
        let fix = "give the virtual services addresses that differ in the last byte (lvs-agents check-config --explain shows them)";
        found.push(Finding::warning(&one.name, what, why, fix));
    }
    found
}

/// Returns the place of a service by address (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_svc_hashkey`), but for a number that is the
/// same for all of a network namespace.
fn place(key: &ServiceKey) -> Option<u32> {
    let ServiceKey::Address { protocol, address, port } = key else { return None };
    let protocol = match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    };
    let folded = match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32
        }
    };
    let port = u32::from(*port);
    Some((protocol ^ folded ^ (port >> 8) ^ port) & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::observe::testing::configured;

    #[test]
    fn addresses_that_differ_in_the_last_byte_have_places_of_their_own() {
        let file = |address: &dyn Fn(u32) -> String| {
            let text: String = (0..40)
                .map(|at| format!("virtual={}:80\n\treal=10.0.0.1:80 gate\n\tchecktype=on\n", address(at)))
                .collect();
            vec![configured("f", &text)]
        };
        let crowd = crowded(&file(&|at| format!("10.9.{at}.1")));
        assert_eq!(crowd.len(), 1);
        assert_eq!(crowd[0].what, "40 of its 40 virtual services share one place of the kernel's 256");
        assert_eq!(crowded(&file(&|at| format!("10.9.0.{}", at + 1))), []);
    }

    #[test]
    fn a_service_that_two_resources_claim_is_named_and_so_is_a_configuration_that_is_refused() {
        let text = "virtual=10.9.0.1:80\n\treal=10.0.0.1:80 gate\n\tchecktype=on\n";
        let mut two = vec![configured("a", text), configured("b", text), configured("c", "virtual=x\n")];
        assert_eq!(claimed_twice(&two), [], "files alone");
        two.iter_mut().for_each(|one| one.is_resource = true);
        let found = findings(&two, &KernelFacts::default());
        let objects: Vec<&str> = found.iter().map(|finding| finding.object.as_str()).collect();
        assert_eq!(objects, ["c", "virtual service tcp 10.9.0.1:80"]);
    }
}
