//! Tables of tests: every row that fails is reported, not only the first one.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `check` for each row of a table, and fails with all rows for which it panicked.
pub fn check_rows<Row: Debug>(rows: impl IntoIterator<Item = Row>, mut check: impl FnMut(Row)) {
    let mut failed = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let name = format!("row {index} {row:?}");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(row))) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked");
            failed.push(format!("{name}: {text}"));
        }
    }
    assert!(failed.is_empty(), "{} rows fail:\n{}", failed.len(), failed.join("\n"));
}
