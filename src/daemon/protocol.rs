//! The control socket's language: one JSON line asks, and one answers. It is also the format of `lvs-agents status
//! --json`.
//!
//! A health monitor of one version and an agent of the next speak it with each other while an upgrade is under way: a
//! field is never renamed or given another meaning, a new one has a default, and unknown ones are skipped. A request
//! that the health monitor does not know is answered with [`ControlReply::Failed`].

use serde::{Deserialize, Serialize};

use crate::model::Order;

/// Version of this language: version 1 had no `version` at all, and none of the fields that have a default in
/// [`Liveness`].
pub const VERSION: u32 = 3;

/// The first version whose health monitors obey operators' orders.
pub const ORDERS_VERSION: u32 = 3;

/// What can be asked of a health monitor. A request with arguments is a variant with fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlRequest {
    /// Asks whether the health monitor is alive, and what is wrong. It is answered within a second, whatever the checks
    /// and the loop do.
    Alive,
    /// Asks for every service with its real servers.
    Status,
    /// Reads the configuration again. It is answered when that is in force or refused.
    Reload,
    /// Leaves the table as promised and ends. It is answered when the table is written.
    Stop,
    /// Asks whether the present declarations are in force and every service of theirs has been checked. Its word on the
    /// wire is `settled`.
    #[serde(rename = "settled")]
    DeclarationsInForce,
    /// Sends the connections whose packets came last to the standbys, once and for a part of a second: this node is about to
    /// be demoted. It is answered when that is over.
    SendLatest,
}

/// What can be asked at the observe socket, in the words of [`ControlRequest`]. What changes anything has no word here: it
/// is not refused, it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObserveRequest {
    /// See [`ControlRequest::Alive`].
    Alive,
    /// See [`ControlRequest::Status`]. The answer is at most a second old.
    Status,
}

/// An answer of the health monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlReply {
    /// The answer to [`ControlRequest::Alive`].
    Alive(Box<Liveness>),
    /// The answer to [`ControlRequest::Status`].
    Status(Box<HealthMonitorStatus>),
    /// The request was executed.
    Done,
    /// The request failed, for this reason.
    Failed(String),
    /// The answer to [`ControlRequest::DeclarationsInForce`].
    #[serde(rename = "settled")]
    DeclarationsInForce(bool),
}

/// Whether the health monitor does its work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Liveness {
    /// [`VERSION`] of the health monitor that answers; 0 stands for version 1.
    #[serde(default)]
    pub version: u32,
    /// For how long the loop or the checks have stood still, in seconds; 0 while they run.
    pub late_seconds: f64,
    /// Why the kernel's table as a whole cannot be read or written, when that has lasted.
    pub kernel_error: Option<String>,
    /// Why a check could not be made: a fault of this node, not of a real server.
    pub check_error: Option<String>,
    /// Why the last configuration was refused in whole or in part; the one before is in force.
    pub configuration_error: Option<String>,
    /// By how much checks start later than they are due: this machine cannot ask as often as it was told.
    #[serde(default)]
    pub checks_late_seconds: f64,
    /// The virtual services that the kernel does not hold as it shall.
    #[serde(default)]
    pub faults: Vec<ServiceFault>,
    /// The virtual services that neither a real server nor a fallback serves.
    #[serde(default)]
    pub unserved: Vec<String>,
    /// Another health monitor of this node follows the declarations; this one waits for its end.
    #[serde(default)]
    pub stands_by: bool,
    /// No configuration is in force yet.
    #[serde(default)]
    pub starting: bool,
    /// Its start is not over yet, or its end has begun: clients may not be served.
    #[serde(default)]
    pub starts_or_ends: bool,
    /// What keeps the declarations from being followed as they are made.
    #[serde(default)]
    pub following_error: Option<String>,
    /// What keeps a file, a command or a mail of the configuration, or the own record, from being written, run or sent.
    #[serde(default)]
    pub sink_errors: Vec<String>,
    /// The entries of the table that stay as other programs have made them.
    #[serde(default)]
    pub drifts: Vec<EntryDrift>,
    /// The virtual services whose rules answer a state that a person has to look at: a quorum is lost, more real servers fail
    /// than may leave, several are up where only one may serve, another director reaches what fails here, or none has said so.
    #[serde(default)]
    pub alarms: Vec<ServiceFault>,
}

/// An entry of the table that another program has changed and that stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EntryDrift {
    /// The virtual service, as [`ServiceStatus::service`] names it.
    pub service: String,
    /// The real server; `None` stands for the virtual service itself.
    #[serde(default)]
    pub real_server: Option<String>,
    /// What the kernel has: `weight 0`.
    pub kernel: String,
    /// What it should have: `3`.
    pub configured: String,
    /// When that was found, in seconds since 1970.
    pub since: u64,
    /// The command by which an operator does the same, if there is one.
    #[serde(default)]
    pub command: Option<String>,
}

/// What is wrong with one virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceFault {
    /// The virtual service, as [`ServiceStatus::service`] names it.
    pub service: String,
    /// What is wrong: each refused entry with the kernel's reason, or the state and its figures.
    pub cause: String,
    /// When the fault began, in seconds since 1970.
    pub since: u64,
}

/// What one health monitor does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HealthMonitorStatus {
    /// The name of its pacemaker resource, or `ldirectord`.
    pub instance: String,
    /// The number of its process.
    pub pid: u32,
    /// The version of lvs-agents that runs.
    pub version: String,
    /// The file, or the folder of declarations.
    pub source: String,
    /// Whether it does its work.
    pub liveness: Liveness,
    /// Every virtual service that it looks after, in the order of their keys.
    pub services: Vec<ServiceStatus>,
    /// The synchronisation of connections; `None` where an `lvs` resource wants none.
    #[serde(default)]
    pub sync: Option<SyncStatus>,
}

/// What this node sends or knows of the connections of the director.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncStatus {
    /// The `lvs` resource that has started the kernel's sync daemon.
    pub resource: String,
    /// The interface of the channel.
    pub interface: String,
    /// The number of the channel.
    pub sync_id: u8,
    /// Whether this node is the director.
    pub promoted: bool,
    /// How many connections the director has of which a standby can know; `None` where no director was heard.
    pub connections: Option<u32>,
    /// The share of them that this standby knows, in per cent; `None` on the director, and where none was heard.
    pub coverage: Option<u8>,
    /// Whether this standby has heard the director, and for 20 seconds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hears_no_more: bool,
    /// The standbys that the director has heard.
    pub standbys: Vec<StandbyStatus>,
    /// The address of another director with the same number, if there is one.
    pub clash: Option<String>,
}

/// One standby, as the director has heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StandbyStatus {
    /// Its address.
    pub address: String,
    /// How many connections it knows.
    pub known: u32,
    /// The share of the director's that this is, in per cent.
    pub coverage: u8,
}

/// One virtual service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceStatus {
    /// `tcp 10.0.0.1:80` or `fwmark 7 ipv6`.
    pub service: String,
    /// The scheduler's name, as `ipvsadm -s` takes it.
    pub scheduler: String,
    /// Its real servers, in the order of the configuration, and those that have left it and are drained.
    pub real_servers: Vec<RealServerStatus>,
    /// Its fallback, if it has one.
    pub fallback: Option<FallbackStatus>,
    /// Only one of its real servers may serve.
    #[serde(default)]
    pub single: bool,
    /// Its rules; `None` where no health monitor has told them.
    #[serde(default)]
    pub rules: Option<RulesStatus>,
}

/// The rules of a virtual service as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RulesStatus {
    /// The weight that has to serve, or the share of the configured weight: `1`, `50%`.
    pub quorum: String,
    /// The quorum is lost below `quorum` less this, and met again at `quorum` and this.
    pub hysteresis: String,
    /// What happens below the quorum: `fallback`, `keep`, `stop` or `command`.
    pub quorumaction: String,
    /// The share of the real servers, in per cent, that failed checks may take out.
    pub maxejected: u8,
}

/// One real server of a virtual service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RealServerStatus {
    /// Address and port: `10.0.0.2:80`.
    pub real_server: String,
    /// `gate`, `masq` or `ipip`.
    pub forwarding: String,
    /// The weight of the configuration.
    pub configured_weight: u32,
    /// The weight that the kernel shall hold; `None` means no entry.
    pub wanted_weight: Option<u32>,
    /// `up`, `down` or `unknown`; `draining` for one that has left the configuration.
    pub health: String,
    /// When `health` last changed, or the real server has left, in seconds since 1970.
    pub since: u64,
    /// Why it serves or not.
    pub reason: String,
    /// The operator's order that counts for it, if there is one.
    #[serde(default)]
    pub order: Option<OrderStatus>,
    /// It serves only while the others have not the weight of the quorum.
    #[serde(default)]
    pub backup: bool,
    /// The name in DNS whose records have it; `None` where its line names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<String>,
    /// The weight at which it serves while no rule of the service keeps it from that; `None`: its checks or a person keep it out.
    #[serde(default)]
    pub own_weight: Option<u32>,
}

/// An operator's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OrderStatus {
    /// Which real servers it is about: `10.0.0.2:80`, `10.0.0.2` or `10.0.0.2:80 in tcp 10.0.0.1:80`.
    pub subject: String,
    /// `drain`, `disable` or `weight 5`.
    pub order: String,
    /// When it was given, in seconds since 1970; 0 means that it is not known.
    pub since: u64,
    /// When it ends by itself, in seconds since 1970; `None` means that a person ends it.
    pub until: Option<u64>,
    /// Who gave it; may be empty.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
}

impl From<&Order> for OrderStatus {
    fn from(order: &Order) -> Self {
        let Order { subject, kind, since, until, by, reason } = order;
        Self {
            subject: subject.to_string(),
            order: kind.to_string(),
            since: *since,
            until: *until,
            by: by.clone(),
            reason: reason.clone(),
        }
    }
}

/// The fallback of a virtual service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FallbackStatus {
    /// Address and port.
    pub real_server: String,
    /// `gate`, `masq` or `ipip`.
    pub forwarding: String,
    /// Whether it is in the table now.
    pub serves: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as version 0.1.0 wrote it.
    const OLD_ALIVE: &str =
        r#"{"alive":{"late_seconds":0.0,"kernel_error":null,"check_error":null,"configuration_error":"line 3"}}"#;

    #[test]
    fn an_old_daemons_answer_is_understood() {
        let ControlReply::Alive(liveness) = serde_json::from_str(OLD_ALIVE).expect("understood") else {
            panic!("another reply")
        };
        let expected = Liveness { configuration_error: Some("line 3".into()), ..Default::default() };
        assert_eq!(*liveness, expected);
    }

    /// Version 0.1.0 reads its own fields, none of which had a default.
    #[test]
    fn an_old_agent_understands_our_answer() {
        #[derive(Deserialize)]
        struct OldLiveness {
            late_seconds: f64,
            kernel_error: Option<String>,
            check_error: Option<String>,
            configuration_error: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum OldReply {
            Alive(OldLiveness),
        }
        let fault = ServiceFault { service: "tcp 192.0.2.1:80".into(), cause: "refused".into(), since: 1 };
        let ours = Liveness { version: VERSION, faults: vec![fault], checks_late_seconds: 7.5, ..Default::default() };
        let text = serde_json::to_string(&ControlReply::Alive(ours.into())).expect("encoded");
        let OldReply::Alive(read) = serde_json::from_str(&text).expect("understood");
        assert_eq!(read.late_seconds, 0.0, "late checks are no hang");
        assert_eq!((read.kernel_error, read.check_error, read.configuration_error), (None, None, None));
    }

    /// Version 0.2.0 knew no synchronisation of connections.
    #[test]
    fn the_status_of_an_older_health_monitor_is_understood() {
        let liveness = OLD_ALIVE.trim_start_matches("{\"alive\":").trim_end_matches('}');
        let text = format!(
            r#"{{"status":{{"instance":"a","pid":1,"version":"0.2.0","source":"b","liveness":{liveness}}},"services":[]}}}}"#
        );
        let Ok(ControlReply::Status(status)) = serde_json::from_str(&text) else { panic!("not understood: {text}") };
        assert_eq!(status.sync, None);
    }

    #[test]
    fn requests_are_the_words_of_the_first_version() {
        crate::testing::check_rows(
            [
                (ControlRequest::Alive, "\"alive\""),
                (ControlRequest::Status, "\"status\""),
                (ControlRequest::Reload, "\"reload\""),
                (ControlRequest::Stop, "\"stop\""),
                (ControlRequest::DeclarationsInForce, "\"settled\""),
                (ControlRequest::SendLatest, "\"send-latest\""),
            ],
            |(request, word)| {
                assert_eq!(serde_json::to_string(&request).expect("encoded"), word);
            },
        );
    }

    #[test]
    fn no_request_that_changes_anything_can_be_read_at_the_observe_socket() {
        crate::testing::check_rows(
            [
                (ControlRequest::Alive, Some(ObserveRequest::Alive)),
                (ControlRequest::Status, Some(ObserveRequest::Status)),
                (ControlRequest::Reload, None),
                (ControlRequest::Stop, None),
                (ControlRequest::DeclarationsInForce, None),
                (ControlRequest::SendLatest, None),
            ],
            |(request, expected)| {
                let text = serde_json::to_string(&request).expect("encoded");
                assert_eq!(serde_json::from_str::<ObserveRequest>(&text).ok(), expected, "{text}");
            },
        );
    }

    #[test]
    fn a_field_of_a_later_version_is_skipped() {
        let later = OLD_ALIVE.replace("{\"late", "{\"promoted\":true,\"late");
        assert!(matches!(serde_json::from_str(&later), Ok(ControlReply::Alive(_))));
    }
}
