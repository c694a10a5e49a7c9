//! Which addresses a resource of the cluster puts up. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cib::Primitive;

/// The agents that put addresses up.
const AGENTS: [&str; 2] = ["ocf:rust:vip", "ocf:heartbeat:IPaddr2"];

/// Whether the resource puts this address up.
pub fn holds(resource: &Primitive, address: IpAddr) -> bool {
    ranges(resource).any(|(first, last)| first <= address && address <= last)
}

/// Returns the addresses that it puts up, at most so many.
pub fn addresses(resource: &Primitive, most: usize) -> Vec<IpAddr> {
    ranges(resource).flat_map(|(first, last)| between(first, last)).take(most).collect()
}

/// The first and the last address of each word `ADDRESS[-LAST][/PREFIX][@NIC]`. What the agent refuses is its own to say.
fn ranges(resource: &Primitive) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    let list = resource.parameters.get("ip").filter(|_| AGENTS.contains(&resource.agent.as_str()));
    let words = list.map(String::as_str).unwrap_or_default().split([' ', ',', '\n', '\t']);
    words.filter_map(|word| {
        let word = word.split(['/', '@']).next()?;
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        (first.is_ipv4() == last.is_ipv4()).then_some((first, last))
    })
}

fn between(first: IpAddr, last: IpAddr) -> Box<dyn Iterator<Item = IpAddr>> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Box::new((first.to_bits()..=last.to_bits()).map(|bits| Ipv4Addr::from_bits(bits).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Box::new((first.to_bits()..=last.to_bits()).map(|bits| Ipv6Addr::from_bits(bits).into()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_the_agent_reads_it() {
        let list =
            "10.9.0.1, 10.9.0.250-10.9.1.1/24@eth0 2001:db8::1-2001:db8::3 x 10.9.0.9-10.9.0.8 10.9.0.1-2001:db8::1";
        let mut vip = Primitive { agent: "ocf:rust:vip".into(), ..Primitive::default() };
        vip.parameters.insert("ip".into(), list.into());
        let found = addresses(&vip, 100);
        assert_eq!(found.len(), 1 + 8 + 3, "{found:?}");
        assert!(found.iter().all(|address| holds(&vip, *address)));
        assert_eq!(addresses(&vip, 2).len(), 2);
        let at = |text: &str| text.parse().expect(text);
        assert!(holds(&vip, at("10.9.1.0")) && !holds(&vip, at("10.9.1.2")) && !holds(&vip, at("::ffff:10.9.0.1")));
        vip.agent = "ocf:rust:realserver".into();
        assert_eq!(addresses(&vip, 100), [] as [IpAddr; 0]);
    }
}
