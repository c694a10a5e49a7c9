//! What a virtual service is: its address, real servers, scheduler and persistence.

use super::value;
use crate::config::directive::{Directive, Form, Kind, Scope};
use crate::config::words;
use crate::model::{Family, Persistence, ServiceKey};

/// One month, the longest persistence that ipvsadm(8) lets through (`MAX_TIMEOUT` of ipvsadm.c).
const LONGEST_PERSISTENCE: u32 = 31 * 24 * 60 * 60;

pub(super) const SERVICE: &[Directive] = &[
    Directive::new("virtual", Scope::Section, Form::Virtual(Family::Ipv4)).parameter(
        "virtual service",
        "The virtual service that clients connect to: ADDRESS:PORT, [IPV6]:PORT, or a firewall mark (a number). Several, \
         separated by commas or newlines, share all other parameters. A change restarts the resource: clients connect \
         elsewhere then, and the cluster moves what belongs to the address in its order.",
    )
    .names_services(),
    Directive::new("virtual6", Scope::Section, Form::Virtual(Family::Ipv6)),
    Directive::new("real", Scope::Section, Form::Real(Family::Ipv4)).parameter(
        "real servers",
        "The real servers, separated by commas or newlines, each: ADDRESS[:PORT] gate|masq|ipip|gue|gre [WEIGHT] \
         [backup] [l:LOWER] [u:UPPER] [tun-port:PORT] [tun-csum|tun-remcsum]. The weight is 1 when not given; 0 sends no \
         new connections there. backup: checked as the others, and used when these have not the weight of quorum, before \
         the fallback; it waits at weight 0. Above UPPER connections a real server gets no new ones until it has fewer than LOWER. The \
         port of gue is 6080 when not given; tun-remcsum is for gue only.",
    ),
    Directive::new("real6", Scope::Section, Form::Real(Family::Ipv6)),
    Directive::new("fallback", Scope::Both, Form::Fallback(Family::Ipv4)).parameter(
        "fallback server",
        "Server that is used while no real server is healthy: ADDRESS[:PORT] [gate|masq|ipip|gue|gre].",
    ),
    Directive::new("fallback6", Scope::Both, Form::Fallback(Family::Ipv6)),
    value("protocol", Scope::Section, Kind::Word(words::protocol))
        .derived_from("virtual")
        .declared(|service| match service.service.key {
            ServiceKey::Address { protocol, .. } => Some(protocol.to_string().into()),
            ServiceKey::Fwmark { .. } => Some(words::FIREWALL_MARK.into()),
        })
        .parameter(
            "transport protocol",
            "tcp, udp or sctp; for a firewall mark fwm. Default: tcp, udp for port 53. A change restarts the resource, as \
             it makes another virtual service.",
        )
        .names_services(),
    value("scheduler", Scope::Section, Kind::Scheduler)
        .default("wrr")
        .declared(|service| Some(service.service.scheduler.as_str().into()))
        .parameter("scheduler", "Scheduling method: rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos."),
    value("schedflags", Scope::Section, Kind::Word(words::scheduler_flags))
        .declared(|service| words::flags_text(service.service.flags.scheduler))
        .parameter("scheduler flags", "Flags of the scheduler, such as sh-port, mh-fallback, flag-1."),
    value("persistent", Scope::Section, Kind::AtMost(LONGEST_PERSISTENCE))
        .declared(|service| Some(service.service.persistence?.timeout.to_string().into()))
        .parameter(
            "persistence timeout",
            "Seconds for which a client stays with its real server after its last connection. Not set: no persistence.",
        ),
    value("netmask", Scope::Section, Kind::Netmask)
        .derived_from("persistent: one address")
        .declared(|service| {
            let Persistence { prefix_length, .. } = service.service.persistence?;
            Some(words::netmask(service.service.key.family(), prefix_length).into())
        })
        .parameter(
            "persistence granularity",
            "Clients of one network count as one: netmask or IPv6 prefix length.",
        ),
    value("persistence_engine", Scope::Section, Kind::Word(words::persistence_engine))
        .declared(|service| Some(service.service.persistence?.engine?.name().into()))
        .parameter(
            "persistence engine",
            "What tells clients apart with persistent: sip, the Call-ID of a SIP dialogue, UDP only. Not set: their address.",
        ),
    value("ops", Scope::Section, Kind::YesNo)
        .declared(|service| service.service.flags.one_packet.then_some("yes".into()))
        .parameter("one-packet scheduling", "Schedule each packet by itself; UDP only. yes or no."),
];
