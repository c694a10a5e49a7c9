//! A pair of directors as the commands that make it: one table of resources and constraints, and two ways to write it, that
//! of crmsh and that of pcs.

mod shell;

pub use shell::Shell;

use std::net::IpAddr;

/// How the two directors share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairShape {
    /// Table and checks on both directors, the address beside the promoted one: docs/pair.md.
    Promotable,
    /// Table and address in a group on one director: docs/one-service.md.
    Simple,
}

/// What the commands are about.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// The names of all resources begin with it.
    pub name: &'a str,
    /// How the directors share the work.
    pub shape: PairShape,
    /// The parameters of `lvs` that say which services there are.
    pub services: &'a [(&'static str, String)],
    /// The addresses that clients connect to.
    pub addresses: &'a [IpAddr],
    /// The interface that has them; `None`: the one whose network they are of.
    pub nic: Option<&'a str>,
    /// The interface over which the directors tell each other of connections.
    pub sync_interface: Option<&'a str>,
}

/// One resource.
#[derive(Debug)]
struct Resource {
    name: String,
    agent: &'static str,
    parameters: Vec<(&'static str, String)>,
    monitors: &'static [Monitor],
    placement: Placement,
    /// It may not start before the constraints are there; pcs makes them one by one.
    waits: bool,
}

#[derive(Debug)]
struct Monitor {
    interval: &'static str,
    role: Option<&'static str>,
}

#[derive(Debug)]
enum Placement {
    Alone,
    Group(String),
    /// With its meta attributes.
    Clone {
        promotable: bool,
        meta: &'static [&'static str],
    },
}

/// What holds between resources.
#[derive(Debug)]
enum Constraint {
    /// The first runs where the second does, in this role if there is one.
    Colocation { name: String, resource: String, with: String, role: Option<&'static str> },
    /// One after the other, each with an action of its own where it is not the usual one.
    Order { name: String, is_mandatory: bool, steps: Vec<(Option<&'static str>, String)> },
}

/// The interval of each monitor is that of the documents. Both roles of a clone need one, and they must differ.
const EVERY_FIVE: &[Monitor] = &[Monitor { interval: "5s", role: None }];
const EVERY_TWO: &[Monitor] = &[Monitor { interval: "2s", role: None }];
const OF_BOTH_ROLES: &[Monitor] =
    &[Monitor { interval: "5s", role: Some("Promoted") }, Monitor { interval: "6s", role: Some("Unpromoted") }];

/// Returns the commands, one a line; a long one goes on in the next line behind a backslash.
pub fn commands(pair: &Pair, shell: Shell) -> String {
    let (resources, constraints) = table(pair);
    shell::write(shell, &resources, &constraints)
}

fn table(pair: &Pair) -> (Vec<Resource>, Vec<Constraint>) {
    let id = |part: &str| format!("{}-{part}", pair.name);
    let (lvs, health, vip) = (id("lvs"), id("health"), id("vip"));
    let mut services = pair.services.to_vec();
    services.extend(pair.sync_interface.map(|interface| ("sync_interface", interface.to_owned())));
    let resource = |name: &str, agent, parameters, monitors, placement| Resource {
        name: name.to_owned(),
        agent,
        parameters,
        monitors,
        placement,
        waits: false,
    };
    let addresses = addresses(pair);
    match pair.shape {
        PairShape::Promotable => {
            let promotable =
                Placement::Clone { promotable: true, meta: &["interleave=true", "resource-stickiness=100"] };
            let both = Placement::Clone { promotable: false, meta: &["interleave=true"] };
            let clone = format!("{lvs}-clone");
            (
                vec![
                    resource(&lvs, "lvs", services, OF_BOTH_ROLES, promotable),
                    resource(&health, "ldirectord", Vec::new(), EVERY_FIVE, both),
                    Resource { waits: true, ..resource(&vip, "vip", addresses, EVERY_TWO, Placement::Alone) },
                ],
                vec![
                    Constraint::Colocation {
                        name: id("vip-with-promoted"),
                        resource: vip.clone(),
                        with: clone.clone(),
                        role: Some("Promoted"),
                    },
                    Constraint::Order {
                        name: id("promoted-first"),
                        is_mandatory: true,
                        steps: vec![(Some("promote"), clone), (Some("start"), vip)],
                    },
                ],
            )
        }
        PairShape::Simple => {
            let group = || Placement::Group(pair.name.to_owned());
            let health_resource = resource(&health, "ldirectord", Vec::new(), EVERY_FIVE, Placement::Alone);
            (
                vec![
                    resource(&lvs, "lvs", services, EVERY_FIVE, group()),
                    Resource { waits: true, ..health_resource },
                    Resource { waits: true, ..resource(&vip, "vip", addresses, EVERY_TWO, group()) },
                ],
                vec![
                    Constraint::Colocation {
                        name: id("health-with-lvs"),
                        resource: health.clone(),
                        with: lvs.clone(),
                        role: None,
                    },
                    Constraint::Order {
                        name: id("checked-first"),
                        is_mandatory: false,
                        steps: [lvs, health, vip].map(|name| (None, name)).into(),
                    },
                ],
            )
        }
    }
}

/// The parameters of `vip`: each address is one of its own, in no network of the interface.
fn addresses(pair: &Pair) -> Vec<(&'static str, String)> {
    let length = |address: &IpAddr| if address.is_ipv6() { 128 } else { 32 };
    let lengths: std::collections::BTreeSet<u8> = pair.addresses.iter().map(length).collect();
    let one = |address: &IpAddr| match lengths.len() {
        1 => address.to_string(),
        _ => format!("{address}/{}", length(address)),
    };
    let list = pair.addresses.iter().map(one).collect::<Vec<_>>().join(", ");
    let mut parameters = vec![("ip", list)];
    if let (Some(length), 1) = (lengths.first(), lengths.len()) {
        parameters.push(("cidr_netmask", length.to_string()));
    }
    parameters.extend(pair.nic.map(|nic| ("nic", nic.to_owned())));
    parameters
}
