//! Which real servers an operator means. Pure but for the names of hosts.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use anyhow::{anyhow, bail};

use super::known::KnownServers;
use crate::config::Resolver;
use crate::director::SystemResolver;
use crate::model::{Family, Order, OrderSubject, RealServerKey, ServiceKey};

/// The most real servers that an error names.
const NAMED: usize = 8;

/// A real server as the operator has written it.
#[derive(Debug)]
pub struct ServerWord {
    text: String,
    /// The addresses that it may mean; none where a name was not found.
    addresses: Vec<IpAddr>,
    port: Option<u16>,
}

/// In which virtual services the operator means it.
#[derive(Debug, Clone, Copy)]
pub enum ServiceFilter<'a> {
    /// In all that have it.
    All,
    /// In this one.
    One(&'a str),
    /// In the only one that has it.
    Clear,
}

impl ServerWord {
    /// Reads an address or a name, which is looked up; each with a port or without.
    pub fn read(text: &str, known: &KnownServers) -> Self {
        let families: BTreeSet<Family> = known.servers.iter().map(|(_, real)| Family::of(real.address)).collect();
        let look_up = |name: &str| {
            let resolver = SystemResolver::new();
            families.iter().filter_map(|family| resolver.host(name, *family).ok()).collect()
        };
        Self::parse(text, look_up)
    }

    fn parse(text: &str, look_up: impl Fn(&str) -> Vec<IpAddr>) -> Self {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let (addresses, port) = if let Ok(address) = bare.parse() {
            (vec![address], None)
        } else if let Ok(socket) = text.parse::<SocketAddr>() {
            (vec![socket.ip()], Some(socket.port()))
        } else {
            match text.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
                Some((name, port)) => (look_up(name), Some(port)),
                None => (look_up(text), None),
            }
        };
        Self { text: text.to_owned(), addresses, port }
    }

    fn means(&self, real: &RealServerKey) -> bool {
        self.addresses.contains(&real.address) && self.port.is_none_or(|port| port == real.port)
    }
}

/// Returns the subject of an order about a real server that this node knows.
///
/// # Errors
/// Fails when there is none, with those that are meant perhaps, and when it is not clear in which service.
pub fn known(word: &ServerWord, filter: &ServiceFilter<'_>, known: &KnownServers) -> anyhow::Result<OrderSubject> {
    let service = filter.service(known.servers.iter().map(|(service, _)| *service))?;
    let meant: Vec<_> = known.servers.iter().filter(|(_, real)| word.means(real)).collect();
    let services: BTreeSet<ServiceKey> = meant.iter().map(|(service, _)| *service).collect();
    let meant = meant.into_iter().find(|(own, _)| service.is_none_or(|service| service == *own));
    let Some((_, real)) = meant else {
        match service {
            Some(service) => bail!("{service} has no such real server; it has {}", close(word, known, Some(service))),
            None => bail!("no virtual service of this node has it; there are {}", close(word, known, None)),
        }
    };
    if matches!(filter, ServiceFilter::Clear) && services.len() > 1 {
        let names: Vec<String> = services.iter().map(|service| format!("--service \"{service}\"")).collect();
        bail!("{} virtual services have it: say --all-services, or one of {}", services.len(), names.join(", "));
    }
    Ok(OrderSubject { address: real.address, port: word.port, service })
}

/// Returns the subject whose orders end: of a real server that this node knows, or of one about which there is an order.
///
/// # Errors
/// Fails when there is neither.
pub fn ordered(
    word: &ServerWord,
    filter: &ServiceFilter<'_>,
    servers: &KnownServers,
    orders: &[Order],
) -> anyhow::Result<OrderSubject> {
    let in_orders = orders.iter().filter_map(|order| order.subject.service);
    let service = filter.service(servers.servers.iter().map(|(service, _)| *service).chain(in_orders))?;
    let known = servers.servers.iter().filter(|(_, real)| word.means(real)).map(|(_, real)| real.address);
    let ordered = orders.iter().map(|order| order.subject.address).filter(|address| word.addresses.contains(address));
    match known.chain(ordered).next() {
        Some(address) => Ok(OrderSubject { address, port: word.port, service }),
        None => bail!(
            "no order is about it, and no virtual service of this node has it; there are {}",
            close(word, servers, None)
        ),
    }
}

impl ServiceFilter<'_> {
    /// Returns the service that is named; `None` stands for all of them.
    fn service(&self, known: impl Iterator<Item = ServiceKey>) -> anyhow::Result<Option<ServiceKey>> {
        let Self::One(word) = self else { return Ok(None) };
        let known: BTreeSet<ServiceKey> = known.collect();
        let is_meant = |key: &&ServiceKey| {
            let name = key.to_string();
            name == *word || name.split_once(' ').is_some_and(|(_, rest)| rest == *word)
        };
        let meant: Vec<&ServiceKey> = known.iter().filter(is_meant).collect();
        let names = |keys: &[&ServiceKey]| keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ");
        match meant.as_slice() {
            [one] => Ok(Some(**one)),
            [] => {
                let all: Vec<&ServiceKey> = known.iter().take(NAMED).collect();
                Err(anyhow!("--service \"{word}\": no such virtual service on this node; there are {}", names(&all)))
            }
            several => Err(anyhow!("--service \"{word}\": which of {}?", names(several))),
        }
    }
}

/// Returns the real servers whose names are like the word, the likest ones first.
fn close(word: &ServerWord, known: &KnownServers, service: Option<ServiceKey>) -> String {
    let servers = known.servers.iter().filter(|(own, _)| service.is_none_or(|service| service == *own));
    let names: BTreeSet<String> = servers.map(|(_, real)| real.to_string()).collect();
    if names.is_empty() {
        return "none: neither does a health monitor run here nor is a virtual service declared".into();
    }
    let alike = |name: &str| name.chars().zip(word.text.chars()).take_while(|(one, other)| one == other).count();
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by_key(|name| std::cmp::Reverse(alike(name)));
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    names.truncate(NAMED);
    names.join(", ") + &more
}

/// Returns the arguments of the command line that mean this subject.
pub fn arguments(subject: &OrderSubject) -> String {
    let server = OrderSubject { service: None, ..*subject };
    subject.service.map_or_else(|| server.to_string(), |service| format!("{server} --service \"{service}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    fn servers(rows: &[(&str, &str)]) -> KnownServers {
        let row = |(service, real): &(&str, &str)| (service.parse().expect("key"), real.parse().expect("key"));
        KnownServers { servers: rows.iter().map(row).collect(), ..KnownServers::default() }
    }

    fn example() -> KnownServers {
        servers(&[
            ("tcp 192.0.2.1:80", "10.0.0.2:80"),
            ("tcp 192.0.2.1:80", "10.0.0.3:80"),
            ("tcp 192.0.2.1:443", "10.0.0.3:443"),
            ("udp 192.0.2.1:443", "10.0.0.3:443"),
            ("tcp [2001:db8::1]:80", "[2001:db8::2]:80"),
        ])
    }

    fn word(text: &str) -> ServerWord {
        ServerWord::parse(text, |name| match name {
            "web2" => vec!["10.0.0.2".parse().expect("address"), "2001:db8::2".parse().expect("address")],
            _ => vec![],
        })
    }

    fn shown(result: anyhow::Result<OrderSubject>) -> String {
        result.map_or_else(|error| format!("{error:#}"), |subject| subject.to_string())
    }

    #[test]
    fn a_real_server_is_known_by_address_or_name_and_one_that_is_not_clear_is_refused_with_what_to_say() {
        use ServiceFilter::{All, Clear, One};
        let unknown = "no virtual service of this node has it; there are";
        check_rows(
            [
                ("10.0.0.2", Clear, "10.0.0.2".to_owned()),
                ("10.0.0.2:80", Clear, "10.0.0.2:80".into()),
                ("web2:80", Clear, "2 virtual services have it: say --all-services, or one of --service \"tcp 192.0.2.1:80\", --service \"tcp [2001:db8::1]:80\"".into()),
                ("2001:db8::2", Clear, "2001:db8::2".into()),
                ("[2001:db8::2]", Clear, "2001:db8::2".into()),
                ("[2001:db8::2]:80", Clear, "[2001:db8::2]:80".into()),
                ("10.0.0.3", All, "10.0.0.3".into()),
                ("10.0.0.3:443", Clear, "2 virtual services have it: say --all-services, or one of --service \"tcp 192.0.2.1:443\", --service \"udp 192.0.2.1:443\"".into()),
                ("10.0.0.3:443", One("udp 192.0.2.1:443"), "10.0.0.3:443 in udp 192.0.2.1:443".into()),
                ("10.0.0.3", One("192.0.2.1:80"), "10.0.0.3 in tcp 192.0.2.1:80".into()),
                ("10.0.0.3", One("192.0.2.1:443"), "--service \"192.0.2.1:443\": which of \"tcp 192.0.2.1:443\", \"udp 192.0.2.1:443\"?".into()),
                ("10.0.0.2", One("tcp 192.0.2.1:443"), "tcp 192.0.2.1:443 has no such real server; it has 10.0.0.3:443".into()),
                ("10.0.0.3:81", Clear, format!("{unknown} 10.0.0.3:80, 10.0.0.3:443, 10.0.0.2:80, [2001:db8::2]:80")),
                ("web9", Clear, format!("{unknown} 10.0.0.2:80, 10.0.0.3:443, 10.0.0.3:80, [2001:db8::2]:80")),
            ],
            |(text, filter, expected)| assert_eq!(shown(known(&word(text), &filter, &example())), expected, "{text}"),
        );
        let nowhere = known(&word("10.0.0.2"), &Clear, &KnownServers::default());
        assert_eq!(
            shown(nowhere),
            format!("{unknown} none: neither does a health monitor run here nor is a virtual service declared")
        );
    }

    #[test]
    fn an_order_about_a_real_server_that_has_left_can_be_ended() {
        let order = Order::read("lvs-order-10.0.0.9_80_in_fwmark_7", "drain").expect("an order");
        let end = |text: &str, filter| shown(ordered(&word(text), &filter, &example(), std::slice::from_ref(&order)));
        assert_eq!(end("10.0.0.9", ServiceFilter::Clear), "10.0.0.9");
        assert_eq!(end("10.0.0.9:80", ServiceFilter::One("fwmark 7")), "10.0.0.9:80 in fwmark 7");
        assert_eq!(end("10.0.0.2:80", ServiceFilter::Clear), "10.0.0.2:80");
        assert!(end("10.0.0.8", ServiceFilter::Clear).starts_with("no order is about it"));
        assert_eq!(arguments(&order.subject), "10.0.0.9:80 --service \"fwmark 7\"");
    }
}
