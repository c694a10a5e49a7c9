//! The description of `ocf:rust:vip`: every parameter of ocf:heartbeat:IPaddr2 under its own name, and those that
//! IPaddr2 lacks.

use crate::ocf::{Action, ActionDefaults, Description, Parameter, ParameterKind};

/// The refusal of IPaddr2's clones that share one address, each node answering for a part of the clients.
const CLUSTERIP: &str = "refused: one address on several nodes at once (CLUSTERIP) was removed from Linux in 2023; \
                         balance the address's connections with ocf:rust:lvs instead";

/// Returns a parameter that only matters to CLUSTERIP.
const fn clusterip(name: &'static str) -> Parameter {
    const LONG: &str = "Of IPaddr2's CLUSTERIP, which was removed from Linux in 2023. Not accepted: use ocf:rust:lvs.";
    Parameter::new(name, ParameterKind::Text, "not accepted (CLUSTERIP)", LONG).refused(CLUSTERIP)
}

/// What the agent says of itself.
pub const DESCRIPTION: Description = Description {
    name: "vip",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual IPv4 and IPv6 addresses",
    long: "Puts one or many addresses on interfaces of this node and tells the neighbours (gratuitous ARP, unsolicited \
           neighbour advertisement) before start returns. All of them come, or none. Takes the place of \
           ocf:heartbeat:IPaddr2: its parameters have the same names and meaning.",
    parameters: &[
        Parameter::new(
            "ip",
            ParameterKind::Text,
            "addresses",
            "IPv4 and IPv6 addresses, separated by blanks, commas or newlines, each ADDRESS[-LAST][/PREFIX][@NIC]: \
             \"10.0.0.1 10.0.0.2/24 2001:db8::1@eth1 10.0.1.10-10.0.1.60\". A hundred addresses in one resource start, \
             stop and fail over much faster than a hundred resources. Needed, unless there is ip_file.",
        )
        .unique(),
        Parameter::new(
            "ip_file",
            ParameterKind::Text,
            "file of addresses",
            "Absolute path of a file with more addresses, written as in ip, where # begins a comment. It has to be the \
             same on every node. After an edit, start (crm_resource --force-start) applies the difference only.",
        ),
        Parameter::new(
            "cidr_netmask",
            ParameterKind::Text,
            "prefix length",
            "Prefix length (24) or IPv4 netmask (255.255.255.0) of addresses that do not carry their own; in a mixed list, \
             of the IPv4 addresses. Default: that of the connected route. On loopback: 32 or 128, and 8 in 127.0.0.0/8.",
        ),
        Parameter::new("netmask", ParameterKind::Text, "prefix length", "Older name of cidr_netmask.").alias_of("cidr_netmask"),
        Parameter::new(
            "nic",
            ParameterKind::Text,
            "interface",
            "Interface of addresses that do not name their own. Default: that of the longest connected route. \
             IPaddr2's old form NIC:LABEL is understood.",
        ),
        Parameter::new(
            "iflabel",
            ParameterKind::Text,
            "label",
            "IPv4 label behind the interface's name, as in eth0:vip. Together they have at most 15 characters. IPv6 \
             addresses have none.",
        )
        .reloadable(),
        Parameter::new(
            "broadcast",
            ParameterKind::Text,
            "broadcast address",
            "IPv4 broadcast address, + to derive it from the prefix, - for none. Default: that of the interface's own \
             address in the same network, else none.",
        ),
        Parameter::new(
            "proto",
            ParameterKind::Text,
            "protocol of routes",
            "Look for the interface among routes of this protocol only: kernel, static, dhcp ..., or a number.",
        ),
        Parameter::new(
            "metric",
            ParameterKind::Integer { min: 0, max: u32::MAX as i64 },
            "metric of the connected route",
            "Metric of the connected route that comes with the addresses. Default: the kernel's.",
        ),
        Parameter::new(
            "noprefixroute",
            ParameterKind::Boolean,
            "no connected route",
            "Let no connected route come with the addresses.",
        )
        .default("no"),
        Parameter::new(
            "flush_routes",
            ParameterKind::Boolean,
            "forget cached routes on stop",
            "Make the kernel forget what it has cached of routes when the addresses go.",
        )
        .default("no"),
        Parameter::new(
            "network_namespace",
            ParameterKind::Text,
            "network namespace",
            "Name (as in \"ip netns list\") or absolute path of the network namespace that has the interface.",
        ),
        Parameter::new(
            "check_link_status",
            ParameterKind::Boolean,
            "no carrier is a failure",
            "Start and monitor fail when none of the interfaces has a carrier. When some have none, monitor answers \
             \"degraded\" (190).",
        )
        .default("yes")
        .reloadable(),
        Parameter::new(
            "run_arping",
            ParameterKind::Boolean,
            "look for address conflicts",
            "Before start puts the addresses up, ask for 0.3 s whether another host has one of them (ARP and neighbour \
             discovery); if so, start fails and names the other host. Monitor with OCF_CHECK_LEVEL=10 asks as well. 2700 \
             addresses take a second more: the questions leave at the pace of the announcements.",
        )
        .default("no")
        .reloadable(),
        Parameter::new(
            "arp_count",
            ParameterKind::Integer { min: 0, max: 1000 },
            "number of announcements",
            "How often each address is announced after it was added, the first time before start returns: IPv4 by an ARP \
             request and a reply each time, IPv6 by a neighbour advertisement. 0: not at all.",
        )
        .default("5")
        .reloadable(),
        Parameter::new(
            "arp_interval",
            ParameterKind::Integer { min: 1, max: 60_000 },
            "time between announcements",
            "Milliseconds from one announcement of an address to the next. Many addresses are spread over it.",
        )
        .default("200")
        .reloadable(),
        Parameter::new(
            "arp_repeat_after",
            ParameterKind::Time,
            "when all announcements are repeated",
            "The whole series is sent once more after this time: a switch may have learned again from a late frame of the \
             failed node. 0: not repeated.",
        )
        .default("5s")
        .reloadable(),
        Parameter::new(
            "arp_count_refresh",
            ParameterKind::Integer { min: 0, max: 1000 },
            "number of announcements by monitor",
            "How often each monitor announces each address, against neighbours that have gone astray after a split brain.",
        )
        .default("0")
        .reloadable(),
        Parameter::new(
            "arp_gateway",
            ParameterKind::Boolean,
            "announce to the gateways themselves",
            "With each announcement, ask the gateways on the interface for their own address in the name of the virtual \
             one: for routers that ignore gratuitous ARP.",
        )
        .default("no")
        .reloadable(),
        Parameter::new(
            "nodad",
            ParameterKind::Boolean,
            "no duplicate address detection",
            "Use IPv6 addresses at once instead of waiting for the kernel's duplicate address detection (1 to 2 s).",
        )
        .default("no"),
        Parameter::new(
            "optimistic",
            ParameterKind::Boolean,
            "use during duplicate address detection",
            "Use IPv6 addresses while duplicate address detection goes on (RFC 4429). Needs the kernel setting \
             net.ipv6.conf.NIC.optimistic_dad=1; without it start waits as usual.",
        )
        .default("no"),
        Parameter::new(
            "preferred_lft",
            ParameterKind::Text,
            "IPv6 preferred lifetime",
            "forever, or the number of seconds after which an IPv6 address is not chosen as a source any more. \
             0: never chosen, which is the default while lvs_ipv6_addrlabel is on, else forever. A tunnel (forwarding \
             method ipip) whose outer source is the virtual IP leads to real servers that drop its packets, since they \
             have the address too.",
        ),
        Parameter::new(
            "lvs_ipv6_addrlabel",
            ParameterKind::Boolean,
            "keep IPv6 addresses from being sources",
            "Give IPv6 addresses a label of their own in the kernel's address selection (RFC 6724), so that this node does \
             not use them as the source of its own connections, and, where preferred_lft is not set, add them as deprecated. \
             The checks of real servers and tunnels to them need that: these have the address too, and would answer \
             themselves.",
        )
        .default("yes")
        .reloadable(),
        Parameter::new(
            "lvs_ipv6_addrlabel_value",
            ParameterKind::Integer { min: 1, max: u32::MAX as i64 - 1 },
            "label of IPv6 addresses",
            "The label for lvs_ipv6_addrlabel: one that \"ip addrlabel list\" does not show.",
        )
        .default("99")
        .reloadable(),
        Parameter::new(
            "lvs_support",
            ParameterKind::Boolean,
            "the node is a real server too",
            "Move the addresses off the loopback when they come to this node, and back onto it when they leave: for \
             directors that are real servers (direct routing). Where ocf:rust:realserver runs on the node, this is done in \
             any case.",
        )
        .default("no"),
        Parameter::new(
            "unique_clone_address",
            ParameterKind::Boolean,
            "another address for each clone instance",
            "Add the number of the clone instance to each address. For clones with meta globally-unique=true.",
        )
        .default("no"),
        Parameter::new("arp_bg", ParameterKind::Text, "no effect", "Of IPaddr2. The first announcement is always sent before start \
             returns, the others by a process in the background.").obsolete(),
        Parameter::new("arp_sender", ParameterKind::Text, "no effect", "Of IPaddr2. No other program sends announcements.")
            .obsolete(),
        Parameter::new("send_arp_opts", ParameterKind::Text, "no effect", "Of IPaddr2: options of arp_sender.").obsolete(),
        clusterip("mac"),
        clusterip("clusterip_hash"),
        clusterip("clusterip_hash_seed"),
        clusterip("clusterip_firewall"),
        clusterip("clusterip_table"),
        clusterip("clusterip_chain"),
        clusterip("clusterip_mac_mangle"),
    ],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
        ActionDefaults::new(Action::ReloadAgent, 20),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::vip::assignment::LONGEST_LABEL;

    #[test]
    fn the_text_of_iflabel_names_the_limit_that_start_applies() {
        let text = DESCRIPTION.parameter("iflabel").map(|parameter| parameter.long).unwrap_or_default();
        assert!(text.contains(&format!("at most {LONGEST_LABEL} characters")), "{text}");
    }
}
