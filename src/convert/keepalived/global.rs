//! What stands outside of virtual servers: mails, the kernel's sync daemon, and everything of VRRP, which `vip` and the
//! cluster do here.

use super::block::Statement;
use crate::convert::draft::Draft;
use crate::convert::{Place, Remark};

/// Mails about real servers, as `global_defs` has them.
#[derive(Debug, Default)]
pub(super) struct Mail {
    lines: Vec<(Place, String)>,
    /// What counts where a virtual server does not say it.
    is_on: bool,
}

/// Reads the mails of `global_defs`; without an address there are none.
pub(super) fn mail(statements: &[Statement]) -> Mail {
    let inside =
        || statements.iter().filter(|statement| statement.keyword() == "global_defs").flat_map(|one| &one.block);
    let find = |keyword: &str| inside().find(|statement| statement.keyword() == keyword);
    let Some(to) = find("notification_email") else { return Mail::default() };
    let addresses: Vec<&str> = to.block.iter().map(Statement::keyword).collect();
    let mut lines = vec![(to.place.clone(), format!("emailalert={}", addresses.join(", ")))];
    let mut say = |keyword: &str, number: usize, directive: &str| {
        let word = find(keyword).and_then(|statement| Some((statement, statement.argument(number)?)));
        lines.extend(word.map(|(statement, word)| (statement.place.clone(), format!("{directive}={word}"))));
    };
    say("notification_email_from", 1, "emailalertfrom");
    say("smtp_server", 1, "smtp");
    say("smtp_server", 2, "smtp_port");
    let switch = find("smtp_alert_checker").or_else(|| find("smtp_alert"));
    Mail { lines, is_on: switch.is_none_or(Statement::is_on) }
}

impl Mail {
    /// Writes the directives, where the virtual server or one of its real servers wants mails.
    pub fn say(&self, virtual_server: &Statement, draft: &mut Draft) {
        let reals = virtual_server.block.iter().filter(|statement| statement.keyword() == "real_server");
        let switches: Vec<bool> = [virtual_server]
            .into_iter()
            .chain(reals)
            .filter_map(|statement| Some(statement.find("smtp_alert")?.is_on()))
            .collect();
        let wants = if switches.is_empty() { self.is_on } else { switches.contains(&true) };
        for (place, line) in self.lines.iter().filter(|_| wants) {
            draft.say(place, line);
        }
    }
}

/// Says what becomes of a statement that is no virtual server.
pub(super) fn remark(statement: &Statement, remarks: &mut Vec<Remark>) {
    match statement.keyword() {
        "global_defs" => remarks.extend(statement.block.iter().filter_map(global)),
        "vrrp_instance" => remarks.push(statement.otherwise(instance(statement))),
        "vrrp_sync_group" => {
            remarks.push(statement.otherwise("resources that move together are a group or have a colocation"));
        }
        "vrrp_script" | "vrrp_track_process" | "track_file" | "vrrp_track_file" | "track_bfd" => {
            let why = "what moves the addresses is a resource of its own with a colocation, or a location rule";
            remarks.push(statement.left_out(why));
        }
        "static_ipaddress" | "static_routes" | "static_rules" | "static_track_group" => {
            remarks.push(statement.left_out("it belongs to the network configuration of the node"));
        }
        "SSL" => remarks.push(statement.left_out("a check over TLS shows no certificate of its own")),
        "bfd_instance" => remarks.push(statement.left_out("there is no BFD: the cluster finds a dead node")),
        // Processes of keepalived itself.
        "net_namespace"
        | "net_namespace_ipvs"
        | "namespace_with_ipsets"
        | "instance"
        | "use_pid_dir"
        | "linkbeat_use_polling"
        | "child_wait_time"
        | "garp_group"
        | "interface_up_down_delays" => {
            remarks.push(statement.otherwise("concerns the processes of keepalived"));
        }
        _ => remarks.push(statement.unknown()),
    }
}

fn global(statement: &Statement) -> Option<Remark> {
    Some(match statement.keyword() {
        "notification_email" | "notification_email_from" | "smtp_server" | "smtp_alert" | "smtp_alert_checker" => {
            return None;
        }
        "lvs_sync_daemon" => sync_daemon(statement),
        "lvs_timeouts" => statement.left_out("ipvsadm --set sets them, once on each node"),
        "lvs_flush" | "lvs_flush_on_stop" | "lvs_flush_onstop" => {
            statement.otherwise("a resource changes and removes its own services only")
        }
        "smtp_helo_name"
        | "smtp_connect_timeout"
        | "smtp_alert_vrrp"
        | "notify_fifo"
        | "lvs_notify_fifo"
        | "notify_fifo_script"
        | "lvs_notify_fifo_script"
        | "startup_script"
        | "shutdown_script" => Remark::left_out(&statement.place, statement.keyword(), "no place for it here"),
        keyword if keyword.starts_with("vrrp_") || keyword.starts_with("garp_") => {
            statement.otherwise("VRRP is not used: the cluster decides, and vip announces (arp_count, arp_interval)")
        }
        "router_id"
        | "script_user"
        | "enable_script_security"
        | "process_names"
        | "use_pid_dir"
        | "default_interface"
        | "checker_priority"
        | "checker_no_swap"
        | "checker_rt_priority"
        | "max_auto_priority"
        | "dynamic_interfaces" => statement.otherwise("concerns the processes of keepalived"),
        _ => statement.unknown(),
    })
}

/// `lvs_sync_daemon INTERFACE [INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]`.
fn sync_daemon(statement: &Statement) -> Remark {
    let interface = statement.argument(1).unwrap_or_default();
    let mut parameters = format!("sync_interface={interface}");
    for pair in statement.arguments().windows(2) {
        if let [name, value] = pair
            && ["id", "maxlen", "port", "ttl", "group"].contains(&name.as_str())
        {
            parameters += &format!(" sync_{name}={value}");
        }
    }
    statement.otherwise(format!("a promotable lvs does this: {parameters}"))
}

/// The addresses of a VRRP instance, as `ocf:rust:vip` has them.
fn instance(statement: &Statement) -> String {
    let nic = statement.find("interface").and_then(|inner| inner.argument(1));
    let blocks = ["virtual_ipaddress", "virtual_ipaddress_excluded"].map(|name| statement.find(name));
    let mut addresses = Vec::new();
    for inner in blocks.into_iter().flatten().flat_map(|block| &block.block) {
        let device = inner.arguments().windows(2).find_map(|pair| match pair {
            [name, device] if name == "dev" => Some(device),
            _ => None,
        });
        let own = device.filter(|device| Some(device.as_str()) != nic).map(|device| format!("@{device}"));
        addresses.push(format!("{}{}", inner.keyword(), own.unwrap_or_default()));
    }
    let nic = nic.map(|nic| format!(" nic={nic}")).unwrap_or_default();
    format!(
        "its addresses are a resource, ocf:rust:vip ip=\"{}\"{nic}, and the cluster decides which node has them: \
         lvs-agents export writes the commands",
        addresses.join(", ")
    )
}
