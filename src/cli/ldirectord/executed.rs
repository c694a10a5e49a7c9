//! Files that execute others (`execute`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::subject::Subject;
use crate::config::{self, ExecutedFile, Origin, Problem};
use crate::director;

/// Finds the file that `name` means in a line `execute` of `by`.
pub fn subject(name: &str, by: &Path) -> Subject {
    Subject::find(Some(name.into()), by.parent().unwrap_or(Path::new("/")), Path::is_file)
}

/// Whether `from` is `target`, or executes it, itself or by another file: then each would start and stop the other for
/// ever, and neither is started for the other.
pub fn leads_to(from: &Path, target: &Path) -> bool {
    reaches(&whole(from), &whole(target), |file| {
        let text = director::read_file(file).unwrap_or_default();
        let subjects = config::executed_files(&text).into_iter().map(|executed| subject(&executed.name, file));
        subjects.filter_map(|subject| Some(whole(&subject.config?))).collect()
    })
}

/// Returns what is doubtful in the lines `execute` of a file.
pub fn doubts(executed: &[ExecutedFile], by: &Path) -> Vec<Problem> {
    let doubt = |ExecutedFile { origin, name }: &ExecutedFile| {
        let text = match subject(name, by).config {
            None => format!("not found in /etc/ha.d, /etc/ha.d/conf and {}", folder(by)),
            Some(file) if leads_to(&file, by) => "not started: it would start this file in turn".into(),
            Some(_) => return None,
        };
        Some(problem(*origin, name, &text))
    };
    executed.iter().filter_map(doubt).collect()
}

fn folder(file: &Path) -> String {
    file.parent().unwrap_or(Path::new("/")).display().to_string()
}

fn problem(origin: Origin, name: &str, text: &str) -> Problem {
    Problem { origin, text: format!("execute \"{name}\": {text}") }
}

/// The same for each path that leads to a file.
fn whole(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

fn reaches(from: &Path, target: &Path, executed: impl Fn(&Path) -> Vec<PathBuf>) -> bool {
    let (mut ahead, mut seen) = (vec![from.to_path_buf()], BTreeSet::new());
    while let Some(file) = ahead.pop() {
        if file == target {
            return true;
        }
        if !seen.contains(&file) {
            ahead.extend(executed(&file));
            seen.insert(file);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_however_long_it_is_and_one_beside_the_way_ends_the_search_too() {
        // Each word is a file and those that it executes.
        const FILES: [&str; 6] = ["ab", "bcd", "ca", "de", "ed", "ff"];
        let executed = |file: &Path| {
            let line = FILES.iter().find(|line| file.starts_with(line.get(..1).unwrap_or_default()));
            line.iter().flat_map(|line| line.chars().skip(1)).map(|name| PathBuf::from(name.to_string())).collect()
        };
        crate::testing::check_rows(
            [("b", "a", true), ("c", "b", true), ("d", "a", false), ("f", "f", true), ("f", "a", false)],
            |(from, target, expected)| {
                assert_eq!(reaches(Path::new(from), Path::new(target), executed), expected, "{from} to {target}");
            },
        );
    }
}
