//! How many connections every real server of the table has, at the least cost: one read of `/proc/net/ip_vs`, and netlink
//! where the text does not say enough.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use super::compare::{AT_ONCE, PROC_TABLE};
use super::proc_table::{self, ForwardingWord, NextLine};
use super::{Connections, Ipvs, RealServerInUse, Result};
use crate::model::{ForwardingMethod, RealServerKey, ServiceKey};

/// A real server of the table, and its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// How packets reach it; `None` stands for the director itself.
    pub forwarding: Option<ForwardingMethod>,
    /// Its weight.
    pub weight: u32,
    /// Its connections. The number of persistence templates is 0 where the text told of it.
    pub connections: Connections,
}

/// Every real server of the table, by service.
pub type TableUsage = BTreeMap<ServiceKey, BTreeMap<RealServerKey, Usage>>;

impl From<RealServerInUse> for Usage {
    fn from(one: RealServerInUse) -> Self {
        let real = one.real_server;
        let forwarding = Some(real.forwarding).filter(|_| !real.local);
        Self { forwarding, weight: real.weight, connections: one.connections }
    }
}

impl Ipvs {
    /// Returns the connections of every real server.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the table.
    pub fn usage(&mut self) -> Result<TableUsage> {
        let file = File::open(PROC_TABLE).ok().map(|file| BufReader::with_capacity(AT_ONCE, file));
        if let Some(usage) = file.and_then(read) {
            return Ok(usage);
        }
        let mut usage = TableUsage::new();
        for service in self.services()? {
            let in_use = self.real_servers_in_use(&service.key)?.into_iter();
            usage.insert(service.key, in_use.map(|one| (one.real_server.key, one.into())).collect());
        }
        Ok(usage)
    }
}

/// Returns `None` where a line is not understood: the service of a mark, whose family the text does not tell, and a
/// tunnel, whose kind it does not.
fn read(mut source: impl BufRead) -> Option<TableUsage> {
    let (mut line, mut usage, mut section) = (Vec::new(), TableUsage::new(), None);
    if !proc_table::has_header(&mut source, &mut line) {
        return None;
    }
    loop {
        match proc_table::next_line(&mut source, &mut line) {
            NextLine::End => return Some(usage),
            NextLine::Cut => return None,
            NextLine::Whole => {}
        }
        match line.strip_prefix(b"  -> ") {
            Some(real) => {
                let (real, connections) = proc_table::real_server(real)?;
                let forwarding = match real.forwarding {
                    None => None,
                    Some(ForwardingWord::Masq) => Some(ForwardingMethod::Masq),
                    Some(ForwardingWord::Route) => Some(ForwardingMethod::Gate),
                    Some(ForwardingWord::Tunnel) => return None,
                };
                let servers: &mut BTreeMap<_, _> = usage.get_mut(&section?)?;
                servers.insert(real.key, Usage { forwarding, weight: real.weight, connections });
            }
            None => {
                let key = proc_table::service(&line)?.0?;
                usage.entry(key).or_default();
                section = Some(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> \
                          RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

    fn usage(lines: &str) -> Option<TableUsage> {
        read(format!("{HEADER}{lines}").as_bytes())
    }

    #[test]
    fn the_counts_of_each_real_server_are_read() {
        let text = "TCP  0A090064:0050 wrr\n  -> 0A090015:0050      Route   3      12         345\n  -> \
                    7F000001:0050      Local   1      0          7\nUDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr\n";
        let read = usage(text).expect("understood");
        let shown: Vec<String> = read
            .iter()
            .flat_map(|(service, reals)| reals.iter().map(move |(real, usage)| format!("{service} {real} {usage:?}")))
            .collect();
        let connections = |active, inactive| Connections { active, inactive, persistent: 0 };
        let expected = [
            (
                "10.9.0.21:80",
                Usage { forwarding: Some(ForwardingMethod::Gate), weight: 3, connections: connections(12, 345) },
            ),
            ("127.0.0.1:80", Usage { forwarding: None, weight: 1, connections: connections(0, 7) }),
        ];
        assert_eq!(shown, expected.map(|(real, usage)| format!("tcp 10.9.0.100:80 {real} {usage:?}")));
        assert_eq!(read.len(), 2, "a service without real servers is one too");
    }

    #[test]
    fn what_the_text_leaves_open_is_asked_by_netlink() {
        crate::testing::check_rows(
            [
                "FWM  00000007 wrr\n",
                "TCP  0A090064:0050 wrr\n  -> 0A090015:0050      Tunnel  3      12         345\n",
                "TCP  0A090064:0050 wrr\n  -> 0A090015:0050      Route   3      12         345",
                "  -> 0A090015:0050      Route   3      12         345\n",
                "TCP  0A090064:0050 wrr\n  -> 0A090015:0050      Route   3\n",
            ],
            |lines| assert_eq!(usage(lines), None, "{lines}"),
        );
        assert_eq!(read(&b"another header\n"[..]), None);
    }
}
