//! The declaration of `ocf:rust:vip`.

use crate::ocf::{Action, ActionDefaults, Description, Kind, Parameter};

pub const DESCRIPTION: Description = Description {
    name: "vip",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual IPv4 and IPv6 addresses",
    long: "Puts one or many addresses on an interface and tells the neighbours (gratuitous ARP, unsolicited neighbour \
           advertisement) before start returns.",
    parameters: &[
        Parameter::new(
            "ip",
            Kind::Text,
            "addresses",
            "IPv4 and IPv6 addresses, separated by blanks or commas, each ADDRESS[/PREFIX][@NIC].",
        )
        .required()
        .unique(),
        Parameter::new(
            "cidr_netmask",
            Kind::Text,
            "prefix length",
            "Prefix length (24) or IPv4 netmask (255.255.255.0) of addresses that do not carry their own. Default: that of \
             the connected route, else 32 or 128.",
        ),
        Parameter::new("netmask", Kind::Text, "prefix length", "Older name of cidr_netmask.").alias_of("cidr_netmask"),
        Parameter::new(
            "nic",
            Kind::Text,
            "interface",
            "Interface of addresses that do not name their own. Default: that of the longest connected route.",
        ),
        Parameter::new("iflabel", Kind::Text, "label", "IPv4 label behind the interface's name, as in eth0:vip."),
        Parameter::new(
            "broadcast",
            Kind::Text,
            "broadcast address",
            "IPv4 broadcast address, + to derive it from the prefix, - for none.",
        ),
        Parameter::new(
            "arp_count",
            Kind::Integer { min: 0, max: 1000 },
            "number of announcements",
            "How often each address is announced after it was added. 0: not at all.",
        )
        .default("5"),
        Parameter::new(
            "arp_interval",
            Kind::Integer { min: 1, max: 60_000 },
            "time between announcements",
            "Milliseconds from one announcement of an address to the next.",
        )
        .default("200"),
        Parameter::new(
            "nodad",
            Kind::Boolean,
            "no duplicate address detection",
            "Use IPv6 addresses at once instead of waiting for duplicate address detection (1 to 2 s).",
        )
        .default("no"),
        Parameter::new(
            "noprefixroute",
            Kind::Boolean,
            "no connected route",
            "Let no connected route come with the addresses.",
        )
        .default("no"),
    ],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
    ],
};
