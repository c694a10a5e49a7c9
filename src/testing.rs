//! What tests of several modules need.

use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::model::{ForwardingMethod, RealServer, RealServerKey, VirtualService};

/// A directory of its own for one test, removed with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lvs-agents-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("scratch directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Path of a file in it, as an environment variable has it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Real server 192.0.2.`host`:80 by direct routing.
pub(crate) fn real_server(host: u8, weight: u32) -> RealServer {
    RealServer {
        key: RealServerKey { address: [192, 0, 2, host].into(), port: 80 },
        forwarding: ForwardingMethod::Gate,
        local: false,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

/// A virtual service with every default, by the text of its key.
pub(crate) fn virtual_service(key: &str) -> VirtualService {
    let key = key.parse().expect("a service key");
    VirtualService { key, scheduler: Default::default(), persistence: None, flags: Default::default() }
}

/// Checks every row of a table, and fails with all rows whose check panics: their messages stand above the list.
pub(crate) fn assert_all_rows<Row: Debug>(rows: impl IntoIterator<Item = Row>, mut check: impl FnMut(Row)) {
    let mut failed = Vec::new();
    for row in rows {
        let text = format!("{row:?}");
        if catch_unwind(AssertUnwindSafe(|| check(row))).is_err() {
            failed.push(text);
        }
    }
    assert!(failed.is_empty(), "{} rows fail:\n{}", failed.len(), failed.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failing_row_of_a_table_is_reported() {
        let run = catch_unwind(|| assert_all_rows([1, 2, 3, 4], |number| assert!(number % 2 == 1)));
        let report = run.expect_err("two rows fail").downcast::<String>().expect("a message");
        assert_eq!(*report, "2 rows fail:\n2\n4");
    }
}
