//! A sample of the kernel's table of connections, by service and real server.

use std::ops::ControlFlow;

use crate::daemon::services::Samples;
use crate::model::{Protocol, RealServerKey, ServiceKey};
use crate::netlink::ipvs::each_connection;
use crate::sync::{Connection, ConnectionState, TcpState};

/// The lines that are read at most. The kernel takes 70 ms for so many, and for ten times as many a hundred times as long.
/// It keeps connections by a hash, so that the first ones are as good a sample as any.
const LINES: usize = 10_000;

/// Returns what the table has of the TCP services; nothing of them where it cannot be read, so that nothing is judged. `None`:
/// no sample was ordered.
pub fn take(services: &[ServiceKey]) -> Option<Samples> {
    let mut samples: Samples = services.iter().map(|key| (*key, Default::default())).collect();
    if samples.is_empty() {
        return None;
    }
    let mut lines = 0;
    let read = each_connection(|line| {
        if let Some(connection) = Connection::parse(line) {
            add(&mut samples, &connection);
        }
        lines += 1;
        if lines < LINES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    Some(if read.is_ok() { samples } else { Samples::default() })
}

fn add(samples: &mut Samples, Connection { state, ends, .. }: &Connection) {
    let ConnectionState::Tcp(state) = state else { return };
    let ((address, port), (real, real_port)) = (ends.service, ends.real_server);
    let key = ServiceKey::Address { protocol: Protocol::Tcp, address, port };
    let Some(of_service) = samples.get_mut(&key) else { return };
    let sample = of_service.entry(RealServerKey { address: real, port: real_port }).or_default();
    sample.connections += 1;
    sample.half_open += u64::from(*state == TcpState::SynRecv);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Sample;

    #[test]
    fn a_sample_that_was_ordered_is_one_even_where_the_table_cannot_be_read() {
        assert!(take(&[]).is_none());
        assert!(take(&["tcp 10.9.0.100:80".parse().expect("key")]).is_some(), "else it would be ordered again at once");
    }

    #[test]
    fn the_connections_of_the_services_are_counted_by_real_server_and_the_half_open_ones_of_these() {
        let key: ServiceKey = "tcp 10.9.0.100:80".parse().expect("key");
        let mut samples: Samples = [(key, Default::default())].into();
        for line in [
            "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData",
            "TCP 0A09001F 9C40 0A090064 0050 0A090015 0050 SYN_RECV        59",
            "TCP 0A09001F 9C41 0A090064 0050 0A090015 0050 ESTABLISHED    897",
            "TCP 0A09001F 9C42 0A090064 0050 0A090016 0050 FIN_WAIT       117",
            "TCP 0A09001F 9C43 0A090064 0051 0A090015 0050 SYN_RECV        59",
            "UDP 0A09001F 9C44 0A090064 0050 0A090015 0050 UDP            299",
            "TCP 0A09001F 0000 0A090064 0050 0A090015 0050 NONE            59",
        ] {
            if let Some(connection) = Connection::parse(line.as_bytes()) {
                add(&mut samples, &connection);
            }
        }
        let of = |connections, half_open| Sample { connections, half_open };
        let expected = [("10.9.0.21:80", of(2, 1)), ("10.9.0.22:80", of(1, 0))];
        let expected = expected.map(|(real, sample)| (real.parse().expect("real server"), sample));
        assert_eq!(samples, [(key, expected.into())].into());
    }
}
