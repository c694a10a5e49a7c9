//! What becomes of a virtual service when real servers go down.

use std::net::IpAddr;

use crate::model::{RealServerKey, Scheduler};

/// Real servers that go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The host.
    pub address: IpAddr,
    /// The port of a single real server; `None`: the whole host.
    pub port: Option<u16>,
}

impl Outage {
    /// Whether it takes this real server.
    pub fn takes(&self, real: &RealServerKey) -> bool {
        self.address == real.address && self.port.is_none_or(|port| port == real.port)
    }
}

/// A real server and its part of the load.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The real server.
    pub real_server: RealServerKey,
    /// Its weight; 0 where it serves no client.
    pub weight: u32,
    /// The share of new connections, in per cent.
    pub percent: f64,
}

/// Returns how a scheduler shares new connections by the weights, as far as these alone decide: all clients alike, and
/// connections that last equally long.
pub fn shares(scheduler: &Scheduler, weights: &[(RealServerKey, u32)]) -> Vec<Share> {
    let highest = weights.iter().map(|(_, weight)| *weight).max().unwrap_or(0);
    let part = |weight: u32| match scheduler.as_str() {
        _ if weight == 0 => 0.0,
        // net/netfilter/ipvs/ip_vs_{rr,lc,dh}.c: a weight is 0 or not.
        "rr" | "lc" | "dh" => 1.0,
        // ip_vs_{fo,ovf}.c: the highest weight takes all; ovf, until it has as many connections.
        "fo" | "ovf" => f64::from(u8::from(weight == highest)),
        _ => f64::from(weight),
    };
    let whole: f64 = weights.iter().map(|(_, weight)| part(*weight)).sum();
    let percent = |weight| if whole > 0.0 { 100.0 * part(weight) / whole } else { 0.0 };
    weights
        .iter()
        .map(|(real_server, weight)| Share { real_server: *real_server, weight: *weight, percent: percent(*weight) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_rows, real_server};

    #[test]
    fn the_load_goes_to_those_that_are_left_as_the_scheduler_shares_it() {
        check_rows(
            [
                ("wrr", vec![1, 3], vec![25.0, 75.0]),
                ("wlc", vec![0, 3], vec![0.0, 100.0]),
                ("rr", vec![1, 3, 0], vec![50.0, 50.0, 0.0]),
                ("fo", vec![1, 3, 2], vec![0.0, 100.0, 0.0]),
                ("wrr", vec![0, 0], vec![0.0, 0.0]),
                ("wrr", vec![], vec![]),
            ],
            |(scheduler, weights, expected)| {
                let weights: Vec<_> =
                    weights.into_iter().zip(1..).map(|(weight, host)| (real_server(host, 1).key, weight)).collect();
                let shares = shares(&Scheduler::named(scheduler), &weights);
                assert_eq!(shares.iter().map(|share| share.percent).collect::<Vec<_>>(), expected, "{scheduler}");
            },
        );
    }

    #[test]
    fn a_host_goes_with_all_of_its_ports_and_a_port_alone() {
        let real = |text: &str| text.parse::<RealServerKey>().expect("a key");
        let all = ["192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80"].map(real);
        let address = [192, 0, 2, 1].into();
        let rows = [(None, [true, true, false]), (Some(81), [false, true, false]), (Some(99), [false; 3])];
        check_rows(rows, |(port, expected)| {
            assert_eq!(all.map(|real| Outage { address, port }.takes(&real)), expected);
        });
    }
}
