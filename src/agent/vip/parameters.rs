//! The parameters of `ocf:rust:vip`, each read once from the call, under the names of the description.

use std::ops::Deref;
use std::time::Duration;

use crate::agent::announcer::Series;
use crate::ocf::Call;

/// A call of the agent with its parameters. It stands for the [`Call`] where only the log, the instance or the time
/// limit matter.
pub struct VipCall<'a> {
    call: &'a Call,
    /// The parameters of the call.
    pub parameters: VipParameters,
}

impl<'a> VipCall<'a> {
    /// Reads the parameters of `call`.
    pub fn new(call: &'a Call) -> Self {
        Self { call, parameters: VipParameters::read(call) }
    }

    /// Returns the network namespace that the parameters name.
    pub fn namespace(&self) -> Option<&str> {
        self.parameters.network_namespace.as_deref()
    }
}

impl Deref for VipCall<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}

/// The values as the user gave them, or their defaults. Those whose kind is text are judged by [`super::requested`].
#[derive(Debug, Clone)]
pub struct VipParameters {
    /// The list of addresses, which may be empty.
    pub ip: String,
    /// A file with more addresses.
    pub ip_file: Option<String>,
    /// A prefix length or netmask.
    pub cidr_netmask: Option<String>,
    /// An interface, or `NIC:LABEL`.
    pub nic: Option<String>,
    /// The label behind the interface's name.
    pub iflabel: Option<String>,
    /// An address, `+` or `-`.
    pub broadcast: Option<String>,
    /// The protocol of the routes that tell the interface.
    pub proto: Option<String>,
    /// `forever`, or seconds.
    pub preferred_lft: Option<String>,
    /// The metric of the connected route.
    pub metric: Option<u32>,
    /// Whether no connected route comes with the addresses.
    pub noprefixroute: bool,
    /// Whether addresses are used without duplicate address detection.
    pub nodad: bool,
    /// Whether addresses are used during duplicate address detection.
    pub optimistic: bool,
    /// Whether the kernel forgets its cached routes when the addresses go.
    pub flush_routes: bool,
    /// The network namespace that has the interfaces.
    pub network_namespace: Option<String>,
    /// Whether an interface without carrier is a failure.
    pub check_link_status: bool,
    /// Whether start asks the network for conflicts.
    pub run_arping: bool,
    /// The announcements after a start.
    pub announcements: Series,
    /// The announcements by each monitor.
    pub refreshing: Series,
    /// Whether the gateways are asked for their addresses with each announcement.
    pub arp_gateway: bool,
    /// The label of IPv6 addresses in the address selection policy, while `lvs_ipv6_addrlabel` is on.
    pub policy_label: Option<u32>,
    /// Whether addresses on the loopback move aside.
    pub lvs_support: bool,
    /// Whether the number of the clone instance is added to each address.
    pub unique_clone_address: bool,
    /// The number of this clone instance.
    pub clone: Option<u32>,
    /// The number of clone instances in the cluster.
    pub clone_max: Option<u32>,
}

impl VipParameters {
    fn read(call: &Call) -> Self {
        let text = |name| call.text(name).map(str::to_owned);
        let meta = |name| call.meta(name).and_then(|text| text.parse().ok());
        let repeat_after = call.time("arp_repeat_after");
        let announcements = Series {
            count: call.number("arp_count"),
            interval: Duration::from_millis(call.number("arp_interval")),
            repeat_after: (!repeat_after.is_zero()).then_some(repeat_after),
        };
        Self {
            ip: text("ip").unwrap_or_default(),
            ip_file: text("ip_file"),
            cidr_netmask: text("cidr_netmask"),
            nic: text("nic"),
            iflabel: text("iflabel"),
            broadcast: text("broadcast"),
            proto: text("proto"),
            preferred_lft: text("preferred_lft"),
            metric: call.optional_number("metric"),
            noprefixroute: call.boolean("noprefixroute"),
            nodad: call.boolean("nodad"),
            optimistic: call.boolean("optimistic"),
            flush_routes: call.boolean("flush_routes"),
            network_namespace: text("network_namespace"),
            check_link_status: call.boolean("check_link_status"),
            run_arping: call.boolean("run_arping"),
            announcements,
            refreshing: Series { count: call.number("arp_count_refresh"), repeat_after: None, ..announcements },
            arp_gateway: call.boolean("arp_gateway"),
            policy_label: call.boolean("lvs_ipv6_addrlabel").then(|| call.number("lvs_ipv6_addrlabel_value")),
            lvs_support: call.boolean("lvs_support"),
            unique_clone_address: call.boolean("unique_clone_address"),
            clone: meta("clone"),
            clone_max: meta("clone_max"),
        }
    }
}
