//! Kernel settings without which a configuration works only on the drawing board.

use crate::model::{Family, ForwardingMethod, Protocol, RealServer, ServiceKey, Sysctl, VirtualService};

const IPV4_FORWARDING: Sysctl = Sysctl::required("net/ipv4/ip_forward", "1");
const IPV6_FORWARDING: Sysctl = Sysctl::required("net/ipv6/conf/all/forwarding", "1");
/// Without it, packets of a connection whose real server was removed are dropped silently for up to 900 s instead of
/// being answered, and the client hangs (Documentation/networking/ipvs-sysctl.rst).
const EXPIRE_REMOVED: Sysctl = Sysctl::required("net/ipv4/vs/expire_nodest_conn", "1");
/// Without it, a persistence template keeps sending known clients to a real server of weight 0.
pub const EXPIRE_QUIESCED: Sysctl = Sysctl::required("net/ipv4/vs/expire_quiescent_template", "1");
/// Without it, a standby director that holds the table and is a real server of the active one directs what that one
/// has sent it, maybe straight back: a loop that only the packet's TTL ends. With it, a director whose sync daemon is
/// in backup state directs nothing; without a sync daemon it changes nothing.
pub const BACKUP_ONLY: Sysctl = Sysctl::optional("net/ipv4/vs/backup_only", "1");

/// Without it, a director that takes over resets every TCP connection of which it has not heard. With it, it schedules the next
/// packet of one as if the connection began with it.
const SLOPPY_TCP: Sysctl = Sysctl::required("net/ipv4/vs/sloppy_tcp", "1");

/// Returns what a director needs to take TCP connections over that nobody has told it of: the scheduler `mh` chooses the same
/// real server for a client on every director.
pub fn stateless_sysctl<'a>(services: impl IntoIterator<Item = &'a VirtualService>) -> Option<Sysctl> {
    let may_be_tcp =
        |key: &ServiceKey| !matches!(key, ServiceKey::Address { protocol: Protocol::Udp | Protocol::Sctp, .. });
    let mut services = services.into_iter();
    services.any(|service| service.scheduler.as_str() == "mh" && may_be_tcp(&service.key)).then_some(SLOPPY_TCP)
}

/// Returns what a director needs for one virtual service. Each of its real servers may get weight 0 and may be removed at any
/// time, if not by a check then by an operator's order.
pub fn director_sysctls<'a>(
    service: &VirtualService,
    real_servers: impl IntoIterator<Item = &'a RealServer>,
) -> Vec<Sysctl> {
    let real_servers: Vec<&RealServer> = real_servers.into_iter().collect();
    let masquerades = real_servers.iter().any(|real| real.forwarding == ForwardingMethod::Masq);
    let leaves_address = real_servers.iter().any(|real| real.forwarding != ForwardingMethod::Masq);
    let forwarding = match service.key.family() {
        Family::Ipv4 => IPV4_FORWARDING,
        Family::Ipv6 => IPV6_FORWARDING,
    };
    let candidates = [
        (masquerades, forwarding),
        (leaves_address, BACKUP_ONLY),
        (true, EXPIRE_REMOVED),
        (service.persistence.is_some(), EXPIRE_QUIESCED),
    ];
    candidates.into_iter().filter(|(needed, _)| *needed).map(|(_, sysctl)| sysctl).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Persistence, Scheduler};
    use crate::testing::{real_server, virtual_service};

    fn names(key: &str, forwarding: ForwardingMethod, persistent: bool) -> Vec<&'static str> {
        let persistence = persistent.then_some(Persistence::by_address(60, 32));
        let service = VirtualService { persistence, ..virtual_service(key) };
        let real = RealServer { forwarding, ..real_server(1, 1) };
        director_sysctls(&service, [&real]).iter().map(|sysctl| sysctl.name).collect()
    }

    #[test]
    fn each_configuration_gets_the_sysctls_that_it_needs() {
        use ForwardingMethod::{Gate, Ipip, Masq};
        let v4 = "tcp 192.0.2.9:80";
        const REMOVED: &str = "net/ipv4/vs/expire_nodest_conn";
        assert_eq!(names(v4, Gate, false), ["net/ipv4/vs/backup_only", REMOVED]);
        assert_eq!(names(v4, Ipip, false), ["net/ipv4/vs/backup_only", REMOVED]);
        let persistent = ["net/ipv4/vs/backup_only", REMOVED, "net/ipv4/vs/expire_quiescent_template"];
        assert_eq!(names(v4, Gate, true), persistent);
        assert_eq!(names(v4, Masq, false), ["net/ipv4/ip_forward", REMOVED]);
        assert_eq!(names("fwmark 7 ipv6", Masq, false), ["net/ipv6/conf/all/forwarding", REMOVED]);
    }

    #[test]
    fn tcp_by_mh_alone_is_taken_over_without_synchronisation() {
        crate::testing::check_rows(
            [
                ("tcp 192.0.2.9:80", "mh", true),
                ("fwmark 7", "mh", true),
                ("tcp 192.0.2.9:80", "wrr", false),
                ("udp 192.0.2.9:53", "mh", false),
                ("sctp 192.0.2.9:7", "mh", false),
            ],
            |(key, scheduler, expected)| {
                let service = VirtualService { scheduler: Scheduler::named(scheduler), ..virtual_service(key) };
                assert_eq!(stateless_sysctl([&service]).is_some(), expected, "{key} {scheduler}");
            },
        );
    }
}
