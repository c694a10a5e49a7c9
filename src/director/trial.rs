//! What this node's kernel would refuse of a configuration, found out before the configuration is taken.
//!
//! Schedulers are tried in a network namespace of their own, which has a table of its own, and addresses are judged as
//! the kernel judges them. What cannot be found out is not objected to: the kernel has the last word in any case.

mod addresses;
mod schedulers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use crate::config::{Config, Origin, Problem, Service};
use crate::model::Scheduler;
pub use addresses::Addresses;

/// Returns every scheduler and address that the kernel would refuse, in the order of the lines. One problem names all
/// addresses of a line, and one line stands for all that have the same scheduler or address, so that a mistake in ten
/// thousand services is one problem. This costs a network namespace, one question for each distinct scheduler, and one
/// list of routes.
///
/// It tries nothing and objects to nothing where this process lacks the rights, or the kernel has no IPVS at the
/// moment. It may take some 10 ms, and seconds on a machine that is busy with namespaces: a loop that must not wait
/// cannot call it.
pub fn refusals(config: &Config) -> Vec<Problem> {
    let used = schedulers_in(config);
    let missing = schedulers::missing(used.keys().map(|scheduler| (*scheduler).clone()).collect());
    let mut problems = missing_schedulers(&used, &missing);
    let addresses = Addresses::of_this_node(destinations(config).map(|(_, _, address)| address));
    problems.extend(refused_addresses(config, &addresses));
    problems.sort();
    problems
}

/// Returns the first service with each scheduler, and how many there are.
fn schedulers_in(config: &Config) -> HashMap<&Scheduler, (&Service, usize)> {
    let mut used = HashMap::new();
    for service in &config.services {
        used.entry(&service.service.scheduler).or_insert((service, 0)).1 += 1;
    }
    used
}

fn missing_schedulers(used: &HashMap<&Scheduler, (&Service, usize)>, missing: &[Scheduler]) -> Vec<Problem> {
    let problem = |scheduler: &Scheduler| {
        let (first, count) = used.get(scheduler)?;
        let others = match count {
            1 => String::new(),
            _ => format!(" (of {count} virtual services)"),
        };
        let text = format!(
            "scheduler {scheduler}{others}: this kernel does not have it: is the module ip_vs_{scheduler} installed?"
        );
        let origin = match first.origin {
            Origin::Parameter(_) => Origin::Parameter("scheduler"),
            line => line,
        };
        Some(Problem { origin, text })
    };
    missing.iter().filter_map(problem).collect()
}

/// Addresses of one line that are refused for one reason.
struct RefusedAddresses {
    first: IpAddr,
    others: usize,
}

fn refused_addresses(config: &Config, addresses: &Addresses) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let mut refused: BTreeMap<(Origin, &str, &str), RefusedAddresses> = BTreeMap::new();
    for (origin, role, address) in destinations(config) {
        if !seen.insert((role, address)) {
            continue;
        }
        let Some(cause) = addresses.objection(address) else { continue };
        let entry = refused.entry((origin, role, cause));
        entry.and_modify(|refused| refused.others += 1).or_insert(RefusedAddresses { first: address, others: 0 });
    }
    let problem = |((origin, role, cause), RefusedAddresses { first, others }): (_, RefusedAddresses)| {
        let others = if others == 0 { String::new() } else { format!(" (and {others} more)") };
        Problem { origin, text: format!("{role} {first}{others}: the kernel refuses {cause}") }
    };
    refused.into_iter().map(problem).collect()
}

/// Returns every address that packets are sent to, and how messages name it. A fallback has the line of its virtual
/// service.
fn destinations(config: &Config) -> impl Iterator<Item = (Origin, &'static str, IpAddr)> + Clone {
    config.services.iter().flat_map(|service| {
        let reals = service.real_servers.iter();
        let reals = reals.map(|real| (real.origin, "real server", real.real_server.key.address));
        let origin = match service.origin {
            Origin::Parameter(_) => Origin::Parameter("fallback"),
            line => line,
        };
        reals.chain(service.fallback.iter().map(move |fallback| (origin, "fallback", fallback.key.address)))
    })
}

#[cfg(test)]
mod tests;
