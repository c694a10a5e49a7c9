//! The description of `ocf:rust:realserver`.

use crate::ocf::{Action, ActionDefaults, Description, Parameter, ParameterKind};

/// The value of `nic` for every interface, which is also the kernel's name for the settings of all.
pub const EVERY_INTERFACE: &str = "all";

/// The value of `forwarding` for tunnels.
pub const TUNNELLING: &str = "ipip";

/// What the agent says of itself.
pub const DESCRIPTION: Description = Description {
    name: "realserver",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual IP on a real server",
    long: "Lets a real server answer for virtual IPs without announcing them: they become host addresses of the loopback \
           (forwarding method gate) or of the tunnel device (ipip), arp_ignore and arp_announce keep ARP for them away, \
           and rp_filter lets through what comes out of the tunnel. Use it as a clone on the real servers of a service. \
           An address that another interface of the node holds, because the node is the director at the moment, stays \
           there and counts as present. What it changed is undone when the last instance of the node stops.",
    parameters: &[
        Parameter::new(
            "ip",
            ParameterKind::Text,
            "virtual IP addresses",
            "IPv4 and IPv6 addresses, separated by blanks, commas or newlines; FIRST-LAST stands for a range. Those of the \
             loopback itself, such as 127.0.0.1, are refused.",
        )
        .required(),
        Parameter::new(
            "forwarding",
            ParameterKind::Select(&["gate", TUNNELLING]),
            "forwarding method",
            "How the director sends packets here. gate (direct routing): the addresses go on lo. ipip (tunnelling): they \
             go on tunl0 (IPv4) and ip6tnl0 (IPv6), which come with the kernel modules ipip and ip6_tunnel. These are \
             loaded where they are missing; a tunnel device that was set up stays so after stop.",
        )
        .default("gate"),
        Parameter::new(
            "nic",
            ParameterKind::Text,
            "interfaces without ARP for the addresses",
            "Interfaces that must neither answer ARP requests for the addresses nor use them in their own, separated by \
             blanks or commas. all means every interface, later ones too; one with a higher value of its own that answers \
             for the addresses nonetheless, such as arp_ignore=3, is a failure.",
        )
        .default(EVERY_INTERFACE),
    ],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
    ],
};
