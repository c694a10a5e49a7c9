//! ARCHITECTURE.md names what there is.

use std::collections::HashSet;

use crate::{files_below, read, repository};

const DOCUMENT: &str = "ARCHITECTURE.md";
/// Files of `src/` that are no module of the picture: where it starts, and what tests have in common.
const NO_MODULES: [&str; 3] = ["lib", "main", "testing"];

/// The folders in which a place may be.
const FOLDERS: [&str; 6] = ["src", "tests", "cts", "ocf", "heartbeat-metadata", "docs"];

fn modules() -> Vec<String> {
    let files = files_below("src");
    let top = files.iter().filter_map(|path| path.strip_prefix("src/")?.strip_suffix(".rs"));
    top.filter(|name| !name.contains('/') && !NO_MODULES.contains(name)).map(str::to_owned).collect()
}

fn words(text: &str) -> HashSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').collect()
}

/// The document's blocks of code, and the document without them.
fn split(document: &str) -> (Vec<&str>, String) {
    let parts: Vec<&str> = document.split("```").collect();
    let blocks = parts.iter().skip(1).step_by(2).copied().collect();
    (blocks, parts.into_iter().step_by(2).collect())
}

/// What stands between backticks, word by word.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).collect()
}

/// Whether the word is meant as a file or folder of the repository, and not as one of a running node (`services/.lock`,
/// `vip/<vip>.json`, `/run`).
fn is_place(word: &str) -> bool {
    let of_a_node = word.starts_with(['/', '.']) || word.contains("/.") || word.contains(['<', '>', '=', ':']);
    let has_suffix = [".rs", ".md", ".sh", ".xml"].iter().any(|suffix| word.ends_with(suffix));
    let has_folder = word.ends_with('/') || word.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first));
    !of_a_node && (has_suffix || has_folder)
}

/// The places that are not in the tree. A place may leave out the folders that the sentence is about, as `core/turn.rs`
/// does, and have a name or star for any file of its folder.
fn missing<'a>(words: &[&'a str], files: &[String]) -> Vec<&'a str> {
    let exists = |word: &str| {
        let folder = word.rsplit_once('/').map_or("", |(folder, _)| folder);
        let place = if word.contains(['*']) || word.contains("NAME") { folder } else { word.trim_end_matches('/') };
        files.iter().any(|file| {
            let file = format!("/{file}");
            file.ends_with(&format!("/{place}")) || file.contains(&format!("/{place}/"))
        })
    };
    words.iter().copied().filter(|word| is_place(word) && !exists(word)).collect()
}

/// The items, such as `health::Pool`, whose name is not in the module that is to have it.
fn missing_items<'a>(words: &[&'a str], modules: &[String], files: &[String]) -> Vec<&'a str> {
    let exists = |word: &str| {
        let mut segments = word.split("::");
        let Some(module) = segments.next().filter(|module| modules.iter().any(|known| known == module)) else {
            return true;
        };
        let (root, folder) = (format!("src/{module}.rs"), format!("src/{module}/"));
        let mut inside = files.iter().filter(|file| **file == root || file.starts_with(&folder));
        let last = segments.last().unwrap_or_default();
        inside.any(|file| self::words(&read(file)).contains(last))
    };
    words.iter().copied().filter(|word| word.contains("::") && !exists(word)).collect()
}

fn all_files() -> Vec<String> {
    let top = std::fs::read_dir(repository()).expect("the repository").flatten();
    let names = top.filter_map(|entry| entry.file_name().into_string().ok());
    FOLDERS.iter().flat_map(|folder| files_below(folder)).chain(names).collect()
}

#[test]
fn the_picture_has_every_module() {
    let document = read(DOCUMENT);
    let (blocks, _) = split(&document);
    let picture = words(blocks.first().expect("a picture"));
    let modules = modules();
    assert!(modules.len() > 5, "{modules:?}");
    let absent: Vec<&String> = modules.iter().filter(|module| !picture.contains(module.as_str())).collect();
    assert!(absent.is_empty(), "{DOCUMENT}: not in the picture: {absent:?}");
}

#[test]
fn every_place_and_item_that_is_named_exists() {
    let document = read(DOCUMENT);
    let (_, text) = split(&document);
    let (words, files, modules) = (quoted(&text), all_files(), modules());
    let places = words.iter().filter(|word| is_place(word)).count();
    assert!(places > 20, "{DOCUMENT}: only {places} places were found: {words:?}");
    assert_eq!(missing(&words, &files), [""; 0], "{DOCUMENT}: places that are not in the tree");
    assert_eq!(missing_items(&words, &modules, &files), [""; 0], "{DOCUMENT}: items that are not in their module");
}

#[test]
fn a_place_that_is_gone_is_found() {
    let files = all_files();
    let there = [
        "model/change.rs",
        "cts/README.md",
        "agent/*.rs",
        "health/",
        "ocf/resource.d/rust",
        "heartbeat-metadata/NAME.xml",
    ];
    assert_eq!(missing(&there, &files), [""; 0]);
    assert_eq!(missing(&["services/.lock", "/run/lvs-agents", "vip/<vip>.json", "start/stop"], &files), [""; 0]);
    let gone = ["model/gone.rs", "gone/", "gone/*.rs", "del/change.rs"];
    assert_eq!(missing(&gone, &files), gone);
    let items = ["model::Check", "model::Gone", "std::gone"];
    assert_eq!(missing_items(&items, &modules(), &files), ["model::Gone"]);
}
