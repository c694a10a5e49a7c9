//! Reads a `keepalived.conf` (keepalived.conf(5), keepalived 2.2 to 2.4): virtual servers with their groups, real servers and
//! checkers become sections; everything else becomes a remark that says what does it here.
//!
//! Lines become statements ([`lines`], [`block`]), a statement becomes settings, settings become a section.

mod address;
mod block;
mod checker;
mod global;
mod lines;
mod real_server;
mod timing;
mod virtual_server;

use std::collections::HashMap;

use super::draft::Writer;
use super::{Conversion, Remark};
use block::Statement;

/// A file that an `include` names.
#[derive(Debug, Clone)]
pub struct IncludedFile {
    /// Its path.
    pub name: String,
    /// What it says, or why it cannot be read.
    pub text: Result<String, String>,
}

/// The text to read, and what is around it.
pub struct KeepalivedSource<'a> {
    /// The path of the file, for remarks and for `${_PWD}`.
    pub file: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Which of the lines that begin with `@` count; `None`: none, with a remark for each.
    pub config_id: Option<&'a str>,
    /// Reads the files that match a pattern, which is relative to the folder of the file that is given first.
    pub include: &'a dyn Fn(&str, &str) -> Vec<IncludedFile>,
}

/// Makes a `ldirectord.cf` of a `keepalived.conf`.
pub fn import_keepalived(source: &KeepalivedSource) -> Conversion {
    let mut remarks = Vec::new();
    let statements = block::parse(lines::read(source, &mut remarks), &mut remarks);
    let groups: HashMap<&str, &Statement> = statements
        .iter()
        .filter(|statement| statement.keyword() == "virtual_server_group")
        .filter_map(|statement| Some((statement.argument(1)?, statement)))
        .collect();
    let mail = global::mail(&statements);
    let mut writer = Writer::default();
    for statement in &statements {
        match statement.keyword() {
            "virtual_server" => {
                virtual_server::drafts(statement, &groups, &mail, &mut remarks)
                    .into_iter()
                    .for_each(|draft| writer.add(draft));
            }
            "virtual_server_group" if is_used(statement, &statements) => {}
            "virtual_server_group" => {
                remarks.push(Remark::left_out(&statement.place, &statement.head(), "no virtual server has this group"));
            }
            _ => global::remark(statement, &mut remarks),
        }
    }
    writer.finish(&format!("Imported from {}, a configuration of keepalived.", source.file), remarks)
}

fn is_used(group: &Statement, statements: &[Statement]) -> bool {
    statements.iter().any(|statement| {
        statement.keyword() == "virtual_server"
            && statement.argument(1) == Some("group")
            && statement.argument(2) == group.argument(1)
    })
}
