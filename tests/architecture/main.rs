//! What ARCHITECTURE.md promises, held against the source: that the pure layer is pure, and that the document names what
//! there is.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod document;
mod purity;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|cause| panic!("{path}: read: {cause}"))
}

/// Every file below a folder of the repository, by its path from the repository's root. What the suite has written is none: it
/// may have the whole root of a Debian, whose links lead in circles.
fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&repository().join(folder), &mut found);
    let relative = |path: PathBuf| path.strip_prefix(repository()).ok().map(|path| path.display().to_string());
    let mut names: Vec<String> = found.into_iter().filter_map(relative).collect();
    names.sort();
    names
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path == repository().join("cts/out") => {}
            path if path.is_dir() && !path.is_symlink() => collect(&path, found),
            path => found.push(path),
        }
    }
}
