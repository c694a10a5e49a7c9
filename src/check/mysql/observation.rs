//! What a server says of itself, read in as few statements as possible. What it does not know, since it is another product or
//! another version, is missing here and never an error.

use std::collections::BTreeMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Error, Row, Value};

/// Most rows that are kept of one statement: no server has as many sources or members.
const MOST_ROWS: usize = 256;

/// Variables of MySQL, MariaDB, Percona Server, Galera and Group Replication. Each server shows those that it has.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only', \
    'innodb_read_only', 'offline_mode', 'max_connections', 'wsrep_on', 'wsrep_desync', 'wsrep_reject_queries', \
    'pxc_maint_mode', 'group_replication_group_name')";

const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'wsrep_ready', 'wsrep_connected', \
    'wsrep_cluster_status', 'wsrep_local_state', 'wsrep_flow_control_requested', 'wsrep_flow_control_status')";

const MEMBERS: &str = "SELECT MEMBER_ID = @@global.server_uuid, MEMBER_STATE FROM \
    performance_schema.replication_group_members";

/// One server at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// Variables and status variables, by their names in lower case.
    pub values: BTreeMap<String, String>,
    /// What the server replicates from; `None` where that was not asked for.
    pub sources: Option<Vec<Source>>,
    /// The age of the last heartbeat in seconds; the inner `None` stands for a table without a row.
    pub heartbeat: Option<Option<f64>>,
    /// The members of the replication group, as this one sees them; empty without one.
    pub members: Vec<Member>,
}

/// One source of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `Yes`, `No`, or what the thread does instead.
    pub io_running: String,
    /// `Yes` or `No`.
    pub sql_running: String,
    /// `None`: the server does not know it.
    pub seconds_behind: Option<u64>,
}

/// A member of a replication group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub is_self: bool,
    pub state: String,
}

/// Asks the server what it is, and how it does.
///
/// # Errors
/// Fails with what the server or the connection has against one of the statements.
pub fn state(connection: &mut Conn) -> Result<Observation, Error> {
    let mut seen = Observation::default();
    for statement in [VARIABLES, STATUS] {
        let pairs = rows(connection, statement)?.into_iter().filter_map(|row| Some((text(&row, 0)?, text(&row, 1)?)));
        seen.values.extend(pairs.map(|(name, value)| (name.to_lowercase(), value)));
    }
    if seen.values.get("group_replication_group_name").is_some_and(|name| !name.is_empty()) {
        seen.members = rows(connection, MEMBERS)?.iter().map(member).collect();
    }
    Ok(seen)
}

/// Asks a server of this state how far it is behind: by a table of heartbeats, or by its own word.
///
/// # Errors
/// As [`state`].
pub fn lag(connection: &mut Conn, heartbeat: Option<&str>, state: &Observation) -> Result<Observation, Error> {
    if let Some(table) = heartbeat {
        let age = format!("SELECT TIMESTAMPDIFF(MICROSECOND, MAX(ts), UTC_TIMESTAMP(6)) FROM {table}");
        let microseconds = rows(connection, &age)?.first().and_then(|row| text(row, 0)?.parse::<f64>().ok());
        let heartbeat = Some(microseconds.map(|microseconds| microseconds / 1e6));
        return Ok(Observation { heartbeat, ..Observation::default() });
    }
    let statement = sources_statement(state.values.get("version").map_or("", String::as_str));
    let sources = rows(connection, statement)?.iter().filter(|row| !is_of_group(row)).map(source).collect();
    Ok(Observation { sources: Some(sources), ..Observation::default() })
}

/// MariaDB shows one connection of several unless it is asked for all. MySQL has new words since 8.0.22, and since 8.4 no others.
fn sources_statement(version: &str) -> &'static str {
    if version.to_lowercase().contains("mariadb") {
        return "SHOW ALL SLAVES STATUS";
    }
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let numbers: Vec<u32> = version.split('.').take(3).map(digits).collect();
    if numbers.as_slice() >= [8, 0, 22].as_slice() { "SHOW REPLICA STATUS" } else { "SHOW SLAVE STATUS" }
}

/// Reads all rows, and keeps the first ones.
fn rows(connection: &mut Conn, statement: &str) -> Result<Vec<Row>, Error> {
    let mut kept = Vec::new();
    for row in connection.query_iter(statement)? {
        let row = row?;
        if kept.len() < MOST_ROWS {
            kept.push(row);
        }
    }
    Ok(kept)
}

fn text(row: &Row, column: usize) -> Option<String> {
    match row.as_ref(column)? {
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// The value of the first of these columns that there is: the words have changed with the versions.
fn named(row: &Row, names: [&str; 2]) -> Option<String> {
    let columns = row.columns_ref();
    let place = names.iter().find_map(|name| columns.iter().position(|column| column.name_str() == *name))?;
    text(row, place)
}

/// Group Replication has channels of its own, which know no lag.
fn is_of_group(row: &Row) -> bool {
    named(row, ["Channel_Name", "Channel_name"]).is_some_and(|name| name.starts_with("group_replication_"))
}

fn source(row: &Row) -> Source {
    Source {
        io_running: named(row, ["Replica_IO_Running", "Slave_IO_Running"]).unwrap_or_default(),
        sql_running: named(row, ["Replica_SQL_Running", "Slave_SQL_Running"]).unwrap_or_default(),
        seconds_behind: named(row, ["Seconds_Behind_Source", "Seconds_Behind_Master"])
            .and_then(|seconds| seconds.parse().ok()),
    }
}

fn member(row: &Row) -> Member {
    Member { is_self: text(row, 0).as_deref() == Some("1"), state: text(row, 1).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_asked_in_its_own_words() {
        for (version, statement) in [
            ("10.11.6-MariaDB-0+deb12u1", "SHOW ALL SLAVES STATUS"),
            ("11.4.2-mariadb", "SHOW ALL SLAVES STATUS"),
            ("5.7.44-log", "SHOW SLAVE STATUS"),
            ("8.0.21", "SHOW SLAVE STATUS"),
            ("8.0.22", "SHOW REPLICA STATUS"),
            ("8.4.0-1.el9", "SHOW REPLICA STATUS"),
            ("9.1.0", "SHOW REPLICA STATUS"),
            ("", "SHOW SLAVE STATUS"),
        ] {
            assert_eq!(sources_statement(version), statement, "{version}");
        }
    }
}
