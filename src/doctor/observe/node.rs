//! This node's interfaces, addresses and networks, and the settings that it needs as a real server.

use super::{Facts, Unseen};
use crate::netlink::Route;
use crate::netlink::route::{Link, ObservedAddress};
use crate::plan::{self, InterfaceSetting};
use crate::system::sysctl;

/// The interfaces out of which packets of a tunnel come.
const TUNNELS: [&str; 1] = ["tunl0"];

pub(super) fn look(facts: &mut Facts) {
    if let Err(error) = read(facts) {
        facts.unseen.push(Unseen::new("network", error.to_string()));
    }
    facts.network.wrong_settings = wrong_settings(facts);
}

fn read(facts: &mut Facts) -> crate::netlink::Result<()> {
    let mut route = Route::open()?;
    let network = &mut facts.network;
    network.links = route.links()?;
    network.addresses = route.addresses_on(&network.links)?;
    network.routes = route.connected_routes()?;
    Ok(())
}

/// The settings that count for a packet are the higher ones of the interface and of `all`.
fn wrong_settings(facts: &Facts) -> Vec<(String, String)> {
    let network = &facts.network;
    // A real server has the virtual IP where no neighbour asks for it, and neighbours ask by ARP only for what is in a network
    // that they share with this node.
    let is_asked_elsewhere = |held: &ObservedAddress| {
        let asked = network.link_to(held.address.address);
        asked.is_some_and(|link| link.index != held.address.interface && network.has_neighbours(link))
    };
    let on = |names: &[&str], is_quiet: bool| {
        let held = network.addresses.iter().filter(|held| held.address.address.is_ipv4());
        held.filter(|held| !held.address.address.is_loopback() && is_asked_elsewhere(held)).any(|held| {
            let link = network.link(held.address.interface);
            link.is_some_and(|link| (is_quiet && (link.loopback || link.no_arp)) || names.contains(&link.name.as_str()))
        })
    };
    let (tunnelled, is_real_server) = (on(&TUNNELS, false), on(&TUNNELS, true));
    let asked: Vec<&Link> =
        network.links.iter().filter(|link| link.up && !link.loopback && link.mac.is_some()).collect();
    let quiet: Vec<String> = if is_real_server { vec!["all".into()] } else { Vec::new() };
    let tunnels: Vec<String> = if tunnelled { TUNNELS.map(str::to_owned).into() } else { Vec::new() };
    let settings = plan::real_server_settings(&quiet, &tunnels);
    let is_wrong = |setting: &InterfaceSetting| {
        let number = |name: String| sysctl::read(&name).ok().and_then(|value| value.parse::<i32>().ok());
        let all = number(setting.name_for_all())?;
        let own: Vec<i32> = match setting.interface.as_str() {
            "all" => asked.iter().filter_map(|link| number(setting.name_for(&link.name))).collect(),
            _ => number(setting.name()).into_iter().collect(),
        };
        Some(own.into_iter().any(|own| !accepts(setting, own.max(all))))
    };
    let wrong = settings.iter().filter(|setting| is_wrong(setting) == Some(true));
    wrong.map(|setting| (setting.name(), setting.value())).collect()
}

/// No filter at all lets through what comes out of a tunnel, too.
fn accepts(setting: &InterfaceSetting, value: i32) -> bool {
    setting.accepts(value) || (value == 0 && setting.name().ends_with("rp_filter"))
}
