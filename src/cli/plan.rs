//! `lvs-agents plan` shows what a start or a reload would change in the kernel now, and changes nothing.

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use serde::Serialize;

use super::{DIFFERENT, ExitStatus, SUCCESS};
use crate::agent::{self, Preview};
use crate::director;
use crate::model::{Change, RealServer, RealServerKey, ServiceKey};
use crate::plan;
use crate::system::RunDir;

/// One entry of the table that would change.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Row {
    /// As `status` names it.
    service: String,
    /// `None`: the virtual service itself.
    real_server: Option<String>,
    action: RowAction,
    /// What the entry is or would be.
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum RowAction {
    Add,
    Change,
    Delete,
}

/// Everything that would change.
#[derive(Debug, Serialize)]
struct Rows {
    changes: Vec<Row>,
}

/// Prints the changes. `subject` is a file, or the name of an `lvs` resource that has been started here. The exit status says
/// whether there are any.
pub fn run(subject: &str, json: bool, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let rows = Rows { changes: rows(&preview(subject)?) };
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?,
        false => rows.changes.iter().try_for_each(|row| writeln!(out, "{}", line(row)))?,
    }
    Ok(if rows.changes.is_empty() { SUCCESS } else { DIFFERENT })
}

fn preview(subject: &str) -> anyhow::Result<Preview> {
    let path = Path::new(subject);
    if subject.contains('/') || path.exists() {
        return Ok(agent::preview_of_file(director::load_file_of_resource(path)?)?);
    }
    match agent::preview_of_resource(subject)? {
        Some(preview) => Ok(preview),
        None => {
            let started = RunDir::system().services().instances();
            let started = if started.is_empty() { "none".into() } else { started.join(", ") };
            bail!(
                "{subject}: no such file, and no lvs resource that has been started on this node (started: {started})"
            )
        }
    }
}

/// A row for each change, service by service.
fn rows(preview: &Preview) -> Vec<Row> {
    let mut order: Vec<(ServiceKey, Option<RealServerKey>, Row)> =
        preview.changes.iter().map(|change| (*change.service(), real_server(change), row(change, preview))).collect();
    order.sort_by_key(|(service, real, _)| (*service, *real));
    order.into_iter().map(|(_, _, row)| row).collect()
}

fn real_server(change: &Change) -> Option<RealServerKey> {
    match change {
        Change::AddService(_) | Change::EditService(_) | Change::DeleteService(_) => None,
        Change::AddRealServer(_, real) | Change::EditRealServer(_, real) => Some(real.key),
        Change::DeleteRealServer(_, real) => Some(*real),
    }
}

fn row(change: &Change, preview: &Preview) -> Row {
    let (action, detail) = match change {
        Change::AddService(service) => (RowAction::Add, service.scheduler.to_string()),
        Change::AddRealServer(_, real) => (RowAction::Add, entry(real)),
        Change::EditService(_) | Change::EditRealServer(..) => (RowAction::Change, difference(change, preview)),
        Change::DeleteService(key) => {
            let scheduler = preview.observed.get(key).map(|held| held.service.scheduler.to_string());
            (RowAction::Delete, scheduler.unwrap_or_default())
        }
        Change::DeleteRealServer(key, real) => {
            let held = preview.observed.get(key).and_then(|held| held.real_servers.get(real));
            (RowAction::Delete, held.map(entry).unwrap_or_default())
        }
    };
    let real_server = real_server(change).map(|real| real.to_string());
    Row { service: change.service().to_string(), real_server, action, detail }
}

/// What a line of the configuration says behind the address.
fn entry(real: &RealServer) -> String {
    format!("{} {}{}", real.forwarding, real.weight, real.forwarding.options())
}

/// `weight is 1, must be 3`.
fn difference(change: &Change, preview: &Preview) -> String {
    let key = change.service();
    let Some(desired) = preview.desired.get(key) else { return String::new() };
    let real = real_server(change);
    let differences = plan::entry_differences(desired, preview.observed.get(key));
    let found = differences.into_iter().find(|difference| difference.real_server().copied() == real);
    found.and_then(|difference| difference.settings()).unwrap_or_default()
}

fn line(row: &Row) -> String {
    let sign = match row.action {
        RowAction::Add => '+',
        RowAction::Change => '~',
        RowAction::Delete => '-',
    };
    match &row.real_server {
        None => format!("{sign} {}  {}", row.service, row.detail),
        Some(real) => format!("{sign}   {}  {real}  {}", row.service, row.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServiceEntry, Table};
    use crate::plan::TableRole;
    use crate::testing::{real_server, virtual_service};

    fn table(key: &str, reals: &[(u8, u32)]) -> Table {
        let service = virtual_service(key);
        let reals = reals.iter().map(|(host, weight)| real_server(*host, *weight)).map(|real| (real.key, real));
        Table::from([(service.key, ServiceEntry { real_servers: reals.collect(), service })])
    }

    #[test]
    fn each_entry_that_changes_has_a_line_that_says_how() {
        let (old, one, two) = ("tcp 192.0.2.99:80", "tcp 192.0.2.100:80", "tcp 192.0.2.101:80");
        let mut observed = table(one, &[(1, 1), (2, 1), (3, 3)]);
        observed.extend(table(old, &[(1, 1)]));
        let mut desired = table(one, &[(1, 1), (2, 5), (4, 7)]);
        desired.extend(table(two, &[(1, 1)]));
        let mut changes = plan::deletions(&[virtual_service(old).key]);
        changes.extend(plan::table_changes(&desired, &observed, TableRole::OwnsServices));
        let lines: Vec<String> = rows(&Preview { changes, desired, observed }).iter().map(line).collect();
        let expected = [
            "- tcp 192.0.2.99:80  wrr",
            "~   tcp 192.0.2.100:80  192.0.2.2:80  weight is 1, must be 5",
            "-   tcp 192.0.2.100:80  192.0.2.3:80  gate 3",
            "+   tcp 192.0.2.100:80  192.0.2.4:80  gate 7",
            "+ tcp 192.0.2.101:80  wrr",
            "+   tcp 192.0.2.101:80  192.0.2.1:80  gate 1",
        ];
        assert_eq!(lines, expected);
    }
}
